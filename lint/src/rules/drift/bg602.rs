//! The pod templates of blue and green differ in what is neither image, color, version nor environment.
//!
//! ## Why
//!
//! After the switch users meet another configuration than before, and a rollback changes it back: what looks like a defect of
//! the new version is a difference of the manifests.
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
//!         securityContext: {runAsUser: 0}   # not on blue
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
//!         imagePullPolicy: IfNotPresent
//! ---
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         imagePullPolicy: IfNotPresent
//! ```
//!
//! ## Configuration
//!
//! None. Images, names and values that carry the color, version-like labels and annotations, and what the API server would add
//! by itself are meant to differ. Ports, probes, resources, environment and replicas have rules of their own.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::differences::{Area, Difference};

/// `template-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG602",
    name: "template-drift",
    severity: Severity::Warning,
    source: include_str!("bg602.rs"),
    check: Check::Differences(check),
};

fn check(set: SetView<'_>, differences: &[Difference<'_>], findings: &mut Findings<'_>) {
    for difference in differences.iter().filter(|difference| difference.area == Area::Other) {
        difference.report(set, findings, None);
    }
}
