//! Requests or limits of blue and green differ.
//!
//! ## Why
//!
//! The color that passed its tests with less memory fails under the load that the other one carried.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         resources:
//!           limits: {memory: 200Mi}   # 256Mi on blue
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         resources:
//!           limits: {memory: 0.25Gi}
//! ```
//!
//! ## Configuration
//!
//! None. `1`, `1.0` and `1000m` are the same quantity. A request or memory limit that is missing on one color is reported
//! as missing.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::differences::{Area, Difference};

/// `resource-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG605",
    name: "resource-drift",
    severity: Severity::Warning,
    source: include_str!("bg605.rs"),
    check: Check::Differences(check),
};

fn check(set: SetView<'_>, differences: &[Difference<'_>], findings: &mut Findings<'_>) {
    for difference in differences.iter().filter(|difference| difference.area == Area::Resources) {
        let field = difference.field.strip_prefix("resources.").unwrap_or(&difference.field);
        let one_sided = difference.blue.node.is_none() || difference.green.node.is_none();
        let main = difference.container.is_some_and(|(_, init)| !init);
        // What is missing is reported as missing, with the way out.
        let is_missing = one_sided && main && matches!(field, "requests.cpu" | "requests.memory" | "limits.memory");
        if !is_missing {
            difference.report(set, findings, Some(field.to_owned()));
        }
    }
}
