//! A container of a release set has no memory limit.
//!
//! ## Why
//!
//! Both colors run on the same nodes during a release. A leak in the new version then takes the memory of the old one, and the way back dies with it.
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
//!           requests: {cpu: 100m, memory: 128Mi}
//!           limits: null
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
//!           requests: {cpu: 100m, memory: 128Mi}
//!           limits: {memory: 256Mi}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Applicability, Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{at_name, called, from_twin, has_misspelt};

/// `missing-memory-limit`
pub(crate) static RULE: Rule = Rule {
    code: "BG402",
    name: "missing-memory-limit",
    severity: Severity::Warning,
    source: include_str!("bg402.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (color, member) in set.workloads() {
        for container in member.object.containers() {
            if container.at(&["resources", "limits", "memory"]).is_some() || has_misspelt(container, "resources") {
                continue;
            }
            let (place, called) = (at_name(member.object, container), called(container));
            let message = format!("container {called} of {} has no memory limit", member.facts.name);
            let edit = from_twin(set, color, container, &["resources", "limits", "memory"]);
            findings.report(place, message).help("set resources.limits.memory").fix(Applicability::Unsafe, edit);
        }
    }
}
