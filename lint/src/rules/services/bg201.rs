//! The active Service selects no pod template of its set.
//!
//! ## Why
//!
//! Users get no answer at all: the Service has no endpoints, and `kubectl apply` says nothing about it.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: bleu}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::{SetView, has_misspelt_selector, has_placeholder};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::rules::services::miss;
use crate::set::selects;

/// `active-selects-nothing`
pub(crate) static RULE: Rule = Rule {
    code: "BG201",
    name: "active-selects-nothing",
    severity: Severity::Error,
    source: include_str!("bg201.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    if is_echo(set) || set.workloads().any(|(_, member)| has_placeholder(&member.facts.labels)) {
        return;
    }
    for service in set.user_services() {
        let selector = &service.facts.selector;
        let selected = set.workloads().any(|(_, member)| selects(selector, &member.facts.labels));
        let is_misspelt = selector.is_empty() && has_misspelt_selector(service.object);
        if selected || is_misspelt || has_placeholder(selector) || super::is_elsewhere(service, set) {
            continue;
        }
        let mut miss = miss::nearest(service, set.workloads().map(|(_, member)| member));
        let message =
            format!("the active Service {} selects no pod of this set: {}", service.facts.name, miss.explanation);
        if set.model.selected(selector).next().is_some() {
            // It serves something else: whether that is meant, nobody can tell from here.
            miss.edit = None;
        }
        miss.report(findings, message);
    }
}
