//! A container of a release set does not request cpu or memory.
//!
//! ## Why
//!
//! During a release both colors run side by side at full size. Without requests the scheduler does not know what that
//! takes: it may put all pods of the new color on one node, where they slow down the old color that still serves users.
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
//!           requests: null
//!           limits: {memory: 256Mi}
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
//! None. The API server takes a limit for the request that is missing; say it yourself, so that it stays when the limit
//! changes. Where an HPA cannot scale without the request, that is reported instead (BG804).

use crate::finding::{Applicability, Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{at_name, called, from_twin, has_misspelt};
use crate::rules::utilization::is_needed;

/// `missing-requests`
pub(crate) static RULE: Rule = Rule {
    code: "BG401",
    name: "missing-requests",
    severity: Severity::Warning,
    source: include_str!("bg401.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let model = set.model;
    for (color, member) in set.workloads() {
        for container in member.object.containers() {
            let has = |resource: &str| container.at(&["resources", "requests", resource]).is_some();
            let missing: Vec<&str> = ["cpu", "memory"].into_iter().filter(|resource| !has(resource)).collect();
            let told = is_needed(model, member, container);
            if missing.is_empty() || told || has_misspelt(container, "resources") {
                continue;
            }
            let (place, called) = (at_name(member.object, container), called(container));
            let message =
                format!("container {called} of {} requests no {}", member.facts.name, missing.join(" and no "));
            let edit = match missing.as_slice() {
                [resource] => from_twin(set, color, container, &["resources", "requests", resource]),
                _ => from_twin(set, color, container, &["resources", "requests"]),
            };
            findings
                .report(place, message)
                .help("set resources.requests, so that both colors can be placed side by side")
                .fix(Applicability::Unsafe, edit);
        }
    }
}
