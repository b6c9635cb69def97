//! With the color in its selector exchanged, the active Service would select nothing.
//!
//! ## Why
//!
//! A switch exchanges the color and nothing else. If another label of the selector differs between the colors, such as a version, the switch leaves the Service without endpoints and users without an answer.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue, version: v1}
//! ---
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue, version: v1}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green, version: v2}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//! ---
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue, version: v1}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green, version: v2}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::{SetView, has_placeholder};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::exchange_color;

/// `switch-selects-nothing`
pub(crate) static RULE: Rule = Rule {
    code: "BG203",
    name: "switch-selects-nothing",
    severity: Severity::Error,
    source: include_str!("bg203.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let (Some(service), Some(active)) = (set.active_service(), set.active()) else { return };
    let Some(other) = set.workload(active.other()) else { return };
    let templated = has_placeholder(&other.facts.labels) || has_placeholder(&service.facts.selector);
    if templated || set.set.color_labels.is_empty() || is_echo(set) {
        return;
    }
    let wanted = exchange_color(&service.facts.selector, &set.set.color_labels, &other.facts.labels);
    let labels = &other.facts.labels;
    let missing: Vec<_> = wanted.iter().filter(|(key, value)| labels.get(*key) != Some(*value)).collect();
    let Some(&(key, value)) = missing.first() else { return };
    let node = service.object.root().at(&["spec", "selector", key]);
    let place = node.map_or_else(|| service.object.at_name(), |node| service.object.at(node));
    let explain = |(key, value): &(&String, &String)| match labels.get(*key) {
        Some(has) => format!("it asks for `{key}: {value}`, and {} has `{key}: {has}`", other.facts.name),
        None => format!("it asks for `{key}: {value}`, and {} has no label `{key}`", other.facts.name),
    };
    let message = format!(
        "after a switch to {} the active Service {} would select nothing: {}",
        active.other(),
        service.facts.name,
        missing.iter().map(explain).collect::<Vec<_>>().join("; ")
    );
    let finding = findings.report(place, message);
    let near = |candidate: &&String| *candidate != key && strsim::damerau_levenshtein(candidate, key) <= 2;
    let near_value = |has: &&String| strsim::damerau_levenshtein(has, value) == 1 && value.len() > 3;
    match (labels.keys().find(near), labels.get(key).filter(near_value)) {
        (Some(near), _) => finding.help(format!("did you mean `{key}` where {} has `{near}`?", other.facts.name)),
        (None, Some(has)) => finding.help(format!("did {} mean `{key}: {value}` by `{key}: {has}`?", other.facts.name)),
        _ => finding.help(format!("take `{key}` out of the selector, or make it equal on both colors")),
    };
    let label = other.object.template().and_then(|template| template.at(&["metadata", "labels"])?.get(key));
    if let Some(label) = label {
        finding.related(other.object.at(label), format!("{} has this", other.facts.name));
    }
}
