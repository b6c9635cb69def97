//! The container ports of blue and green differ.
//!
//! ## Why
//!
//! After the switch a Service or a probe looks for a port that only the other color has.
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
//!         ports:
//!         - {name: http, containerPort: 8081}   # 8080 on blue
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
//!         ports:
//!         - {name: http, containerPort: 8080}
//! ```
//!
//! ## Configuration
//!
//! None. The order of ports does not matter.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::differences::{Area, Difference};

/// `port-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG603",
    name: "port-drift",
    severity: Severity::Warning,
    source: include_str!("bg603.rs"),
    check: Check::Differences(check),
};

fn check(set: SetView<'_>, differences: &[Difference<'_>], findings: &mut Findings<'_>) {
    for difference in differences.iter().filter(|difference| difference.area == Area::Ports) {
        difference.report(set, findings, None);
    }
}
