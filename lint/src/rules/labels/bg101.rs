//! The selector of one color's Deployment also matches the other color's pods.
//!
//! ## Why
//!
//! Two Deployments that claim the same pods count each other's: `kubectl rollout status`, autoscalers and budgets that use the
//! selector see both colors as one. The selector cannot be changed later without deleting the Deployment.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: null}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: null}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: green}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::manifest::Place;
use crate::model::SetView;
use crate::model::{Member, has_placeholder};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::{Color, Workload, same_namespace, selects};

/// `selector-missing-color`
pub(crate) static RULE: Rule = Rule {
    code: "BG101",
    name: "selector-missing-color",
    severity: Severity::Warning,
    source: include_str!("bg101.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    let one_namespace = same_namespace(blue.facts.namespace.as_deref(), green.facts.namespace.as_deref());
    let templated = [blue, green].iter().any(|member| has_placeholder(&member.facts.labels));
    if !one_namespace || templated || blue.object.id == green.object.id || is_echo(set) {
        return;
    }
    let takes = |own: Member<'_, Workload>, other: Member<'_, Workload>| {
        let narrowed = own.object.root().at(&["spec", "selector", "matchExpressions"]).is_some();
        !narrowed && selects(&own.facts.selector, &other.facts.labels)
    };
    let idle = set.active().map_or(Color::Green, Color::other);
    let (first, second) = if idle == Color::Blue { (blue, green) } else { (green, blue) };
    let both = takes(first, second) && takes(second, first);
    let (own, other) = match (takes(first, second), takes(second, first)) {
        (true, _) => (first, second),
        (false, true) => (second, first),
        _ => return,
    };
    let message = format!("the selector of {} also matches the pods of {}", own.facts.name, other.facts.name);
    let finding = findings.report(selector(own), message);
    let color = set.set.color_label().and_then(|key| Some((key, own.facts.labels.get(key)?)));
    match color {
        Some((key, value)) => finding.help(format!("add `{key}: {value}` to it, as on the pods")),
        None => finding.help("add the label that tells the colors apart"),
    };
    finding.related(selector(other), if both { "and this one the other way round" } else { "this one is narrower" });
}

fn selector(member: Member<'_, Workload>) -> Place {
    let spec = member.object.root().get("spec");
    spec.map_or_else(|| member.object.at_name(), |spec| member.object.at_key(spec, "selector"))
}
