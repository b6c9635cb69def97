//! The active Service, or another one beside it, selects the pods of both colors.
//!
//! ## Why
//!
//! Users get the old and the new version in turn, and there is nothing to switch: the idle color serves as soon as it has pods.
//! Of a Service beside the active one that holds when a route, a load balancer or a port of the nodes leads to it; otherwise
//! this is a warning.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: null}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//! ```
//!
//! ## Configuration
//!
//! None. Silent when a mesh splits the traffic behind the Service by subsets or weights, for a canary, which shares its
//! Service by the number of its pods, and beside an active Service for what is headless or named for something else than
//! users, such as `shop-metrics`, or selects the pods of yet another workload, whose Service it then is.

use crate::edit::New;
use crate::finding::{Applicability, Finding, Findings, Severity};
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::labeling::{is_canary, is_echo, names_canary};
use crate::set::{Active, Color, Service, Workload, same_namespace};
use crate::yaml::NodeRef;

/// `active-selects-both`
pub(crate) static RULE: Rule = Rule {
    code: "BG202",
    name: "active-selects-both",
    severity: Severity::Error,
    source: include_str!("bg202.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let (Some(active), Some((blue, green))) = (set.active_service(), set.both()) else { return };
    // Two of one name are one object in the cluster: the later one replaces the earlier.
    let same = blue.object.id == green.object.id;
    if same || is_canary(blue) || is_canary(green) || is_echo(set) {
        return;
    }
    if set.set.active == Some(Active::Both) && !super::is_split_behind(set, active) {
        report(set, active, "active Service", findings);
    }
    let selects_one = matches!(set.set.active, Some(Active::One(_)));
    for service in set.shared_services().filter(|_| selects_one) {
        if is_meant_for_both(set, service) {
            continue;
        }
        let finding = report(set, service, "Service", findings);
        finding.related(active.object.at_name(), "the active Service selects one color");
        if !is_for_users(set, service) {
            finding.severity(Severity::Warning);
        }
    }
}

/// Whether a Service beside the active one selects both colors on purpose: it finds pods rather than serves, a mesh splits
/// behind it, it is for a canary or an A/B test, or it is the Service of yet another workload.
fn is_meant_for_both(set: SetView<'_>, service: Member<'_, Service>) -> bool {
    let is_headless = service.object.root().at(&["spec", "clusterIP"]).and_then(NodeRef::as_str) == Some("None");
    is_headless
        || super::is_split_behind(set, service)
        || names_canary(&service.facts.name)
        || selects_others(set, service)
}

/// Whether a Service also selects the pods of a workload outside the set.
fn selects_others(set: SetView<'_>, service: Member<'_, Service>) -> bool {
    let own: Vec<usize> = set.workloads().map(|(_, member)| member.at).collect();
    let namespace = service.facts.namespace.as_deref();
    let is_other = |member: Member<'_, Workload>| {
        !own.contains(&member.at) && same_namespace(member.facts.namespace.as_deref(), namespace)
    };
    set.model.selected(&service.facts.selector).any(is_other)
}

/// Whether a Service is there for users for sure: a route leads to it, or a port of the nodes or a load balancer.
fn is_for_users(set: SetView<'_>, service: Member<'_, Service>) -> bool {
    let kind = service.object.root().at(&["spec", "type"]).and_then(NodeRef::as_str);
    matches!(kind, Some("LoadBalancer" | "NodePort")) || set.model.routes_to(&service.facts.name).next().is_some()
}

fn report<'f>(
    set: SetView<'_>,
    service: Member<'_, Service>,
    what: &str,
    findings: &'f mut Findings<'_>,
) -> &'f mut Finding {
    let spec = service.object.root().get("spec");
    let place = spec.map_or_else(|| service.object.at_name(), |spec| service.object.at_key(spec, "selector"));
    let called = |color| set.workload(color).map_or("", |member| &member.facts.name);
    let (name, blue, green) = (&service.facts.name, called(Color::Blue), called(Color::Green));
    let finding = findings.report(place, format!("the {what} {name} selects the pods of {blue} and of {green}"));
    // Where others serve as well, they would lose their users.
    let (serving, applicability) = match serving(set, service).filter(|_| !selects_others(set, service)) {
        Some(color) => (color, Applicability::Safe),
        None => (set.active().unwrap_or(Color::Blue), Applicability::Unsafe),
    };
    let label = |key| Some((key, set.workload(serving)?.facts.labels.get(key)?));
    match set.set.color_label().and_then(label) {
        Some((key, value)) => {
            let selector = service.object.root().at(&["spec", "selector"]);
            let edit = selector.and_then(|selector| service.object.add(selector, &[key], New::Text(value), None));
            finding.help(format!("select one color: add `{key}: {value}` to the selector")).fix(applicability, edit)
        }
        None => finding.help("give the pods of each color a label of their own, and select one of them"),
    }
}

/// The color that alone can be meant: only it has pods, or the Service itself carries its label.
fn serving(set: SetView<'_>, service: Member<'_, Service>) -> Option<Color> {
    let replicas = |color| {
        let replicas = set.workload(color)?.object.root().at(&["spec", "replicas"])?;
        replicas.as_int()
    };
    let idle: Vec<Color> = Color::ALL.into_iter().filter(|color| replicas(*color) == Some(0)).collect();
    if let [idle] = idle.as_slice() {
        return Some(idle.other());
    }
    let key = set.set.color_label()?;
    let own = service.object.root().at(&["metadata", "labels", key])?.as_str()?;
    let has_label =
        |color: &Color| set.workload(*color).is_some_and(|w| w.facts.labels.get(key).is_some_and(|v| v == own));
    let mut named = Color::ALL.into_iter().filter(has_label);
    named.next().filter(|_| named.next().is_none())
}
