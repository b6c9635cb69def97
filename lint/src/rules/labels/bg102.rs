//! No label tells the pods of the two colors apart.
//!
//! ## Why
//!
//! No Service can select one color and not the other, so users get both versions in turn and there is nothing to switch.
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
//!       labels: {app: shop, color: null}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: null}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: null}
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
//! None. One color whose labels the other one has as well, and more, cannot be selected alone either.

use crate::finding::{Findings, Severity};
use crate::manifest::Place;
use crate::model::Member;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::labeling::indistinguishable;
use crate::set::Workload;

/// `colors-indistinguishable`
pub(crate) static RULE: Rule = Rule {
    code: "BG102",
    name: "colors-indistinguishable",
    severity: Severity::Error,
    source: include_str!("bg102.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some(color) = indistinguishable(set) else { return };
    let (Some(own), Some(other)) = (set.workload(color), set.workload(color.other())) else { return };
    let message = format!(
        "every label of the pods of {} is on those of {}, too: no Service can select {color} alone",
        own.facts.name, other.facts.name
    );
    let finding = findings.report(labels(own), message);
    let key = set.set.color_label().unwrap_or("color");
    finding.help(format!("give the pods of each color a label of their own, such as `{key}: {color}`"));
    finding.related(labels(other), format!("the labels of {}", color.other()));
}

fn labels(member: Member<'_, Workload>) -> Place {
    let template = member.object.template();
    match template.and_then(|template| template.get("metadata")) {
        Some(metadata) => member.object.at_key(metadata, "labels"),
        None => template.map_or_else(|| member.object.at_name(), |template| member.object.at_own_key(template)),
    }
}
