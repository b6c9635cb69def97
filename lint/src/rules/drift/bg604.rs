//! The probes of blue and green differ.
//!
//! ## Why
//!
//! The color that passed its tests is judged ready or dead by another measure than the one that served before it.
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
//!         livenessProbe:
//!           periodSeconds: 60   # 10 on blue
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
//!         livenessProbe:
//!           periodSeconds: 10
//! ```
//!
//! ## Configuration
//!
//! None. What the API server would add, such as `periodSeconds: 10`, is no difference, and neither is a port that one color
//! names and the other numbers.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::differences::{Area, Difference};
use crate::rules::ports;

/// `probe-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG604",
    name: "probe-drift",
    severity: Severity::Warning,
    source: include_str!("bg604.rs"),
    check: Check::Differences(check),
};

fn check(set: SetView<'_>, differences: &[Difference<'_>], findings: &mut Findings<'_>) {
    for difference in differences.iter().filter(|difference| difference.area == Area::Probe) {
        let (blue, green) = (difference.blue.node, difference.green.node);
        let is_missing = difference.field == "readinessProbe" && (blue.is_none() || green.is_none());
        // A container that gets traffic without a readiness probe is reported as such.
        let reached =
            difference.container.is_some_and(|(container, init)| !init && ports::gets_traffic(set, container));
        if !(is_missing && reached) {
            difference.report(set, findings, None);
        }
    }
}
