//! One color of a release set is not there.
//!
//! ## Why
//!
//! There is nothing to switch to, and nothing to roll back to.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//!     spec:
//!       containers:
//!       - {name: shop, image: "registry.example.com/shop:1.0"}
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//!   ports:
//!   - {port: 80, targetPort: 8080}
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
//!         image: registry.example.com/shop:1.1
//! ```
//!
//! ## Configuration
//!
//! None. A file that is named for its color and is linted by itself cannot hold the other one, and is not reported;
//! neither is a workload without a Service.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::set::{color_named, counterpart};

/// `missing-color`
pub(crate) static RULE: Rule = Rule {
    code: "BG601",
    name: "missing-color",
    severity: Severity::Warning,
    source: include_str!("bg601.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let mut there = set.workloads();
    let (Some((color, member)), None) = (there.next(), there.next()) else { return };
    let origin = &member.facts.origin;
    let file = origin.rsplit('/').next().unwrap_or(origin);
    let served = set.services().next().is_some();
    if !served || set.model.has_templated_workload() || (color_named(file) == Some(color) && set.model.is_one_file()) {
        return;
    }
    let (kind, name, other) = (&member.facts.kind, &member.facts.name, color.other());
    let message = format!("{kind} {name} is {color}, and there is no {other} beside it");
    let finding = findings.report(member.object.at_name(), message);
    let expected = counterpart(name).map(|name| format!(", such as {kind} {name}")).unwrap_or_default();
    finding.help(format!("add the {other} one{expected}, or lint the files of both colors together"));
}
