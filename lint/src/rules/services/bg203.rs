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
use crate::model::{Member, SetView, has_placeholder};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::{Color, Service, Workload, exchange_color, selects};

/// `switch-selects-nothing`
pub(crate) static RULE: Rule = Rule {
    code: "BG203",
    name: "switch-selects-nothing",
    severity: Severity::Error,
    source: include_str!("bg203.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    if set.set.color_labels.is_empty() || is_echo(set) {
        return;
    }
    let mut told: Vec<Miss<'_>> = Vec::new();
    for miss in set.user_services().filter_map(|service| miss(set, service)) {
        // Of two Services that would miss the same label one says it for both.
        match told.iter_mut().find(|first| first.labels == miss.labels) {
            Some(first) => first.others.push(miss.service),
            None => told.push(miss),
        }
    }
    for miss in told {
        report(&miss, findings);
    }
}

/// A Service that a switch would leave without pods.
struct Miss<'m> {
    service: Member<'m, Service>,
    /// The Services that would miss the same labels.
    others: Vec<Member<'m, Service>>,
    /// The color that the switch is to, and its workload.
    target: (Color, Member<'m, Workload>),
    /// The labels that it would ask for and the target does not have.
    labels: Vec<(String, String)>,
}

fn miss<'m>(set: SetView<'m>, service: Member<'m, Service>) -> Option<Miss<'m>> {
    let selector = &service.facts.selector;
    let mut selected = set.workloads().filter(|(_, member)| selects(selector, &member.facts.labels));
    let (active, _) = selected.next().filter(|_| selected.next().is_none())?;
    let target = set.workload(active.other())?;
    let labels = &target.facts.labels;
    if has_placeholder(labels) || has_placeholder(selector) {
        return None;
    }
    let wanted = exchange_color(selector, &set.set.color_labels, labels);
    let labels: Vec<_> = wanted.into_iter().filter(|(key, value)| labels.get(key) != Some(value)).collect();
    Some(Miss { service, others: Vec::new(), target: (active.other(), target), labels })
}

fn report(miss: &Miss<'_>, findings: &mut Findings<'_>) {
    let Miss { service, others, target: (color, other), labels: missing } = miss;
    let Some((key, value)) = missing.first() else { return };
    let labels = &other.facts.labels;
    let place = |service: Member<'_, Service>| {
        let node = service.object.root().at(&["spec", "selector", key]);
        node.map_or_else(|| service.object.at_name(), |node| service.object.at(node))
    };
    let explain = |(key, value): &(String, String)| match labels.get(key) {
        Some(has) => format!("it asks for `{key}: {value}`, and {} has `{key}: {has}`", other.facts.name),
        None => format!("it asks for `{key}: {value}`, and {} has no label `{key}`", other.facts.name),
    };
    let message = format!(
        "after a switch to {color} the active Service {} would select nothing: {}",
        service.facts.name,
        missing.iter().map(explain).collect::<Vec<_>>().join("; ")
    );
    let finding = findings.report(place(*service), message);
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
    for service in others {
        finding.related(place(*service), format!("{} asks for it, too", service.facts.name));
    }
}
