//! The labels of a Deployment name another color than those of its pods.
//!
//! ## Why
//!
//! `kubectl get deployments -l color=green` and everything that selects Deployments by that label shows, scales or deletes the
//! color that serves.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata:
//!   name: shop-green
//!   labels: {app: shop, color: blue}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata:
//!   name: shop-green
//!   labels: {app: shop, color: green}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::{Color, color_named, counterpart};
use crate::yaml::NodeRef;

/// `metadata-color-disagrees`
pub(crate) static RULE: Rule = Rule {
    code: "BG104",
    name: "metadata-color-disagrees",
    severity: Severity::Warning,
    source: include_str!("bg104.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    if is_echo(set) {
        return;
    }
    for (_, member) in set.workloads() {
        let labels = &member.facts.labels;
        let Some(color) = set.set.color_labels.iter().find_map(|key| color_named(labels.get(key)?)) else { continue };
        let metadata = member.object.root().at(&["metadata", "labels"]);
        let wrong = metadata.into_iter().flat_map(NodeRef::entries).find(|(entry, value)| {
            let value = value.as_str().unwrap_or_default();
            let tells = set.set.color_labels.iter().any(|key| **key == *entry.key) || value.parse::<Color>().is_ok();
            tells && color_named(value) == Some(color.other())
        });
        let Some((entry, value)) = wrong else { continue };
        let (key, text) = (&entry.key, value.as_str().unwrap_or_default());
        let message = format!("{} has the label `{key}: {text}`, and its pods are {color}", member.facts.name);
        let finding = findings.report(member.object.at(value), message);
        if let Some(meant) = counterpart(text) {
            finding.help(format!("did you mean `{key}: {meant}`?"));
        }
    }
}
