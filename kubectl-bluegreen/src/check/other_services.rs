//! Refuses when another Service or Ingress leads users to the color that serves: a switch would leave it behind.
//! Color Services, and whatever selects both colors, do not depend on the switch.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;

use super::{Check, Question, Verdict};
use crate::observed::{Labels, SetView, backends, name, selector, template_labels};
use crate::release::Color;

pub(super) const CHECK: Check = Check {
    id: "other-services",
    refuses: "another Service or route also leads to the color that serves, and would stay behind",
    run,
};

/// Annotations of an Ingress that is a canary or a mirror: meant to go to one color.
const CANARY: &str = "nginx.ingress.kubernetes.io/canary";

fn run(question: &Question<'_>) -> Verdict {
    let set = question.set;
    let Some(active) = set.active() else { return Verdict::skip("no single color serves") };
    let services = left_behind(set, active);
    if let Some(first) = services.first() {
        let list: Vec<String> = services.iter().map(|service| format!("service/{service}")).collect();
        let message = format!("{} would stay on {active}", list.join(", "));
        return Verdict::fail(
            message,
            format!("let service/{first} select what the active Service selects, or move it, too"),
        );
    }
    let unnamed = set.color_service(active).map(|service| name(&service.metadata));
    if let Some(service) = unnamed.filter(|service| !has_word(service, active.as_str())) {
        let message = format!(
            "service/{service} selects {active} and would stay there; its name does not say that it is meant to"
        );
        return Verdict::warn(
            message,
            "look whether users come in there: then let it select what the active Service selects",
        );
    }
    let Some(ingresses) = &set.observed.ingresses else {
        return Verdict::skip("no other Service stays behind; routes are unknown: reading Ingresses is not allowed");
    };
    let color_service = set.color_service(active).map(|service| name(&service.metadata));
    let is_left = |ingress: &&Ingress| {
        ingress.metadata.namespace.as_deref() == Some(set.namespace())
            && backends(ingress).any(|backend| Some(backend) == color_service)
            && !is_meant_for_one_color(ingress, active)
    };
    match (ingresses.items.iter().find(is_left), color_service) {
        (Some(ingress), Some(service)) => {
            let called = name(&ingress.metadata);
            let message = format!("ingress/{called} sends users to service/{service}, which stays on {active}");
            Verdict::fail(message, "let the Ingress name the active Service")
        }
        _ => Verdict::pass("nothing else leads to the color that serves"),
    }
}

/// The Services, apart from the set's own, that select the color that serves and not the other one.
fn left_behind<'o>(set: &SetView<'o>, active: Color) -> Vec<&'o str> {
    let own = [set.active_service(), set.color_service(Color::Blue), set.color_service(Color::Green)];
    let is_own = |service: &Service| {
        own.iter()
            .flatten()
            .any(|own| own.metadata.uid == service.metadata.uid && own.metadata.name == service.metadata.name)
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

fn matches(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
}

/// A canary, or a host or path that carries the color's name, as for tests.
fn is_meant_for_one_color(ingress: &Ingress, color: Color) -> bool {
    let canary = ingress.metadata.annotations.as_ref().and_then(|annotations| annotations.get(CANARY));
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    let named = |text: Option<&String>| text.is_some_and(|text| has_word(text, color.as_str()));
    let mut rules = rules.peekable();
    canary.is_some_and(|value| value == "true")
        || (rules.peek().is_some()
            && rules.all(|rule| {
                let paths = rule.http.iter().flat_map(|http| &http.paths);
                named(rule.host.as_ref()) || paths.clone().all(|path| named(path.path.as_ref()))
            }))
}
