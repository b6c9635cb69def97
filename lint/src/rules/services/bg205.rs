//! A color Service selects no pod template of its set.
//!
//! ## Why
//!
//! The new version cannot be tested before users see it: requests to its own Service get no answer.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   selector: {app: shop, color: gren}
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
//! None.

use crate::finding::{Findings, Severity};
use crate::model::{SetView, has_placeholder};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::rules::services::miss;
use crate::set::{Color, selects};

/// `color-service-selects-nothing`
pub(crate) static RULE: Rule = Rule {
    code: "BG205",
    name: "color-service-selects-nothing",
    severity: Severity::Error,
    source: include_str!("bg205.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    if is_echo(set) || set.workloads().any(|(_, member)| has_placeholder(&member.facts.labels)) {
        return;
    }
    for color in Color::ALL {
        let Some(service) = set.color_service(color) else { continue };
        let selector = &service.facts.selector;
        if super::is_elsewhere(service, set) {
            continue;
        }
        let some = set.workloads().any(|(_, member)| selects(selector, &member.facts.labels));
        let Some(own) = set.workload(color).filter(|_| !some && !has_placeholder(selector)) else { continue };
        let mut miss = miss::nearest(service, std::iter::once(own));
        let message = format!("the Service {} of {color} selects no pod: {}", service.facts.name, miss.explanation);
        if set.model.selected(selector).next().is_some() {
            // It serves something else: whether that is meant, nobody can tell from here.
            miss.edit = None;
        }
        miss.report(findings, message);
    }
}
