//! A suppression is past its day.
//!
//! ## Why
//!
//! Somebody accepted a defect until that day, and it is still there. The finding is reported again as well.
//!
//! ## Bad
//!
//! ```yaml
//! # .bluegreen.yaml
//! lint:
//!   suppress:
//!   - {rule: BG503, object: Deployment/shop-*, reason: until the registry keeps tags, expires: "2020-01-31"}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! # .bluegreen.yaml
//! lint:
//!   suppress:
//!   - {rule: BG503, object: Deployment/shop-*, reason: until the registry keeps tags, expires: "2999-01-31"}
//! ```
//!
//! ## Configuration
//!
//! `expires` is the last day on which it holds.

use crate::finding::{Findings, Severity};
use crate::rule::{Check, Rule};
use crate::suppress::Suppression;

/// `expired-suppression`
pub(crate) static RULE: Rule = Rule {
    code: "BG902",
    name: "expired-suppression",
    severity: Severity::Error,
    source: include_str!("bg902.rs"),
    check: Check::Suppression(check),
};

fn check(suppression: &Suppression, findings: &mut Findings<'_>) {
    if let Some(day) = suppression.expired {
        let names: Vec<&str> = suppression.rules.iter().map(|named| named.selector.as_str()).collect();
        let message = format!("the suppression of {} ended with {day}", names.join(" and "));
        let help = "correct what it was for and take it out, or give it another day";
        findings.report(suppression.place.clone(), message).help(help);
    }
}
