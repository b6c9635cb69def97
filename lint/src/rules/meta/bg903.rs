//! A suppression names no rule that exists, or gives no reason.
//!
//! ## Why
//!
//! Without the right name it suppresses nothing, and without a reason nobody can tell later whether it still holds.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selektor: {app: shop} # bluegreen-lint: ignore[BG005]
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selektor: {app: shop} # bluegreen-lint: ignore[BG005] our tool reads this field
//! ```
//!
//! ## Configuration
//!
//! None. Several rules are separated by commas: codes, names, or groups. One without a reason suppresses all the same.

use crate::finding::{Findings, Severity};
use crate::rule::{Check, Rule};
use crate::suppress::Suppression;

/// `bad-suppression`
pub(crate) static RULE: Rule = Rule {
    code: "BG903",
    name: "bad-suppression",
    severity: Severity::Error,
    source: include_str!("bg903.rs"),
    check: Check::Suppression(check),
};

fn check(suppression: &Suppression, findings: &mut Findings<'_>) {
    for (mistake, help) in &suppression.mistakes {
        findings.report(suppression.place.clone(), format!("this suppression is not complete: {mistake}")).help(help);
    }
}
