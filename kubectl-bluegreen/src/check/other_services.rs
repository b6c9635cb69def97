//! Refuses when another Service or route leads users to the color that serves: a switch would leave it behind.
//! Color Services, and whatever selects both colors, do not depend on the switch.

use k8s_openapi::api::core::v1::Service;

use super::{Check, Question, Status, Verdict};
use crate::observed::{Labels, SetView, name, selector, template_labels};
use crate::release::Color;
use crate::routes::{Backend, Route, Why};

pub(crate) const CHECK: Check = Check {
    id: "other-services",
    refuses: "another Service or route also leads to the color that serves, and would stay behind",
    run,
};

fn run(question: &Question<'_>) -> Verdict {
    let set = question.set;
    let Some(active) = set.base() else { return Verdict::skip("no single color serves") };
    let verdict = judge(set, active);
    // A share is of what it is of: what else leads to the color stays as it is, and is only to be known. And who goes back
    // from a bad version is not kept there by what goes back later.
    if (question.percent < 100 || question.way_back) && verdict.status == Status::Fail {
        Verdict { status: Status::Warn, ..verdict }
    } else {
        verdict
    }
}

fn judge(set: &SetView<'_>, active: Color) -> Verdict {
    let services = left_behind(set, active);
    if let Some(first) = services.first() {
        let list: Vec<String> = services.iter().map(|service| format!("service/{service}")).collect();
        let message = format!("{} would stay on {active}", list.join(", "));
        return Verdict::fail(
            message,
            format!("let service/{first} select what the active Service selects, or move it, too"),
        );
    }
    let of_color = set.color_service(active).map(|service| name(&service.metadata));
    let is_meant = |service: &str| has_word(service, active.as_str()) || is_declared(set, active, service);
    if let Some(service) = of_color.filter(|service| !is_meant(service)) {
        let message = format!(
            "service/{service} selects {active} and would stay there; its name does not say that it is meant to"
        );
        return Verdict::warn(
            message,
            "look whether users come in there: then let it select what the active Service selects",
        );
    }
    let routes = &set.observed.routes;
    if let Some(service) = of_color {
        let mut left =
            routes.to(set.namespace(), service).filter(|(route, backend)| backend.serves && !set.is_put_back(route));
        if let Some((route, _)) = left.find(|(route, backend)| !is_meant_for_one_color(route, backend, active)) {
            let message = format!("{route} sends users to service/{service}, which stays on {active}");
            return Verdict::fail(message, format!("let {route} name the active Service"));
        }
    }
    let hidden = routes.unknown_for(Why::NotAllowed);
    if hidden.is_empty() {
        return Verdict::pass("nothing else is seen to lead to the color that serves");
    }
    Verdict::skip(format!("no other Service stays behind; routes are unknown: reading {hidden} is not allowed"))
}

/// The Services, apart from the set's own, that select a color and not the other one.
pub(crate) fn left_behind<'o>(set: &SetView<'o>, active: Color) -> Vec<&'o str> {
    let is_own = |service: &Service| {
        set.services().any(|own| own.metadata.uid == service.metadata.uid && own.metadata.name == service.metadata.name)
    };
    let labels = |color: Color| set.deployment(color).map(template_labels);
    let selects =
        |service: &Service, color: Color| labels(color).is_some_and(|labels| matches(selector(service), labels));
    let services = set.observed.services.items.iter();
    let here = services.filter(|service| service.metadata.namespace.as_deref() == Some(set.namespace()));
    here.filter(|service| !is_own(service))
        .filter(|service| selects(service, active) && !selects(service, active.other()))
        .map(|service| name(&service.metadata))
        // One more Service that is named for the color is there to reach that color.
        .filter(|name| !has_word(name, active.as_str()))
        .collect()
}

/// Whether somebody has written down that a Service is this color's.
fn is_declared(set: &SetView<'_>, color: Color, service: &str) -> bool {
    set.declarations().any(|declared| match color {
        Color::Blue => declared.blue_service.as_deref() == Some(service),
        Color::Green => declared.green_service.as_deref() == Some(service),
    })
}

fn matches(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
}

/// A canary, or a host, path or header that carries the color's name, as for tests.
fn is_meant_for_one_color(route: &Route, backend: &Backend, color: Color) -> bool {
    route.canary || backend.conditions.iter().any(|text| has_word(text, color.as_str()))
}
