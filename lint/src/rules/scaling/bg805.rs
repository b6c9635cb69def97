//! A `PodDisruptionBudget` never allows an eviction.
//!
//! ## Why
//!
//! A node with such a pod cannot be drained, and whoever drains it ends up deleting pods by force: all at once, the
//! active color's as well.
//!
//! ## Bad
//!
//! ```yaml
//! kind: PodDisruptionBudget
//! metadata: {name: shop-blue}
//! spec:
//!   maxUnavailable: 0
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: PodDisruptionBudget
//! metadata: {name: shop-blue}
//! spec:
//!   maxUnavailable: 1
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//! ```
//!
//! ## Configuration
//!
//! None. Where an HPA scales the pods, its maximum counts. A color that has no pods is not judged.

use crate::finding::{Findings, Severity};
use crate::model::Model;
use crate::rule::{Check, Rule};
use crate::rules::budgets::{self, Budget};

/// `pdb-blocks-all`
pub(crate) static RULE: Rule = Rule {
    code: "BG805",
    name: "pdb-blocks-all",
    severity: Severity::Warning,
    source: include_str!("bg805.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    for Budget { object, blocked, selected, .. } in budgets::all(model) {
        let Some((node, why)) = blocked else { continue };
        let finding = findings.report(object.at(node), format!("{} never allows an eviction: {why}", object.id));
        finding.help("let at least one pod go: `maxUnavailable: 1`");
        for member in selected {
            finding.related(member.object.at_name(), "its pods cannot be evicted");
        }
    }
}
