//! A color has no Service of its own.
//!
//! ## Why
//!
//! It cannot be tested before users see it: nothing sends requests to its pods alone.
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
//! ---
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: green}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green}
//!     spec:
//!       containers:
//!       - {name: shop, image: "registry.example.com/shop:1.0"}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   selector: {app: shop, color: green}
//! ```
//!
//! ## Configuration
//!
//! None. A preview Service without a color in its name counts as well.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::set::{Color, color_named};

/// `color-service-missing`
pub(crate) static RULE: Rule = Rule {
    code: "BG210",
    name: "color-service-missing",
    severity: Severity::Info,
    source: include_str!("bg210.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    let has_preview = Color::ALL
        .iter()
        .filter_map(|color| set.color_service(*color))
        .any(|service| color_named(&service.facts.name).is_none());
    if has_preview || blue.object.id == green.object.id {
        return;
    }
    for (color, member) in set.workloads().filter(|(color, _)| set.color_service(*color).is_none()) {
        let message =
            format!("no Service selects {} alone, so {color} cannot be tested before a switch", member.facts.name);
        findings.report(member.object.at_name(), message).help(format!("add a Service for {color}"));
    }
}
