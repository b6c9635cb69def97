//! One `PodDisruptionBudget` counts the pods of both colors.
//!
//! ## Why
//!
//! The idle pods count as available: as long as they run, a drain may take all active ones. And while the idle color is
//! broken, they count as unavailable, and not one active pod can be moved.
//!
//! ## Bad
//!
//! ```yaml
//! kind: PodDisruptionBudget
//! metadata: {name: shop}
//! spec:
//!   minAvailable: 2
//!   selector:
//!     matchLabels: {app: shop}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: PodDisruptionBudget
//! metadata: {name: shop-blue}
//! spec:
//!   minAvailable: 1
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//! ---
//! kind: PodDisruptionBudget
//! metadata: {name: shop-green}
//! spec:
//!   minAvailable: 1
//!   selector:
//!     matchLabels: {app: shop, color: green}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::Model;
use crate::rule::{Check, Rule};
use crate::rules::budgets;
use crate::rules::labeling::is_echo;

/// `pdb-spans-colors`
pub(crate) static RULE: Rule = Rule {
    code: "BG806",
    name: "pdb-spans-colors",
    severity: Severity::Warning,
    source: include_str!("bg806.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    for budget in budgets::all(model).into_iter().filter(|budget| budget.blocked.is_none()) {
        let sets = budget.selected.iter().filter_map(|member| model.set_with_workload(member.at));
        let spanned = sets.filter(|set| !is_echo(*set)).filter_map(|set| set.both()).find(|(blue, green)| {
            let counts = |at: usize| budget.selected.iter().any(|member| member.at == at);
            counts(blue.at) && counts(green.at) && blue.object.id != green.object.id
        });
        let Some((blue, green)) = spanned else { continue };
        let object = budget.object;
        let message =
            format!("{} counts the pods of {} and of {} together", object.id, blue.facts.name, green.facts.name);
        let spec = object.root().get("spec").unwrap_or(object.root());
        let finding = findings.report(object.at_key(spec, "selector"), message);
        finding.help("give each color a budget of its own");
        finding.related(blue.object.at_name(), "blue counts").related(green.object.at_name(), "green counts");
    }
}
