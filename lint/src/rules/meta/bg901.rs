//! A suppression suppresses nothing.
//!
//! ## Why
//!
//! What it was for is corrected, or it stands at the wrong place. The next finding there would be suppressed unseen.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop} # bluegreen-lint: ignore[BG005] our tool reads this field
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
//! None. A comment stands on a line of what is reported, on a line of its own above that, or above the object. One that
//! names a rule which does not run is not judged; neither is one about blue against green where not both were read.

use crate::finding::{Findings, Severity};
use crate::rule::{Check, Rule};
use crate::suppress::Suppression;

/// `unused-suppression`
pub(crate) static RULE: Rule = Rule {
    code: "BG901",
    name: "unused-suppression",
    severity: Severity::Warning,
    source: include_str!("bg901.rs"),
    check: Check::Suppression(check),
};

fn check(suppression: &Suppression, findings: &mut Findings<'_>) {
    if suppression.expired.is_some() || !suppression.mistakes.is_empty() {
        return;
    }
    let unused = suppression.rules.iter().filter(|named| named.judged && !named.used);
    let names: Vec<&str> = unused.map(|named| named.selector.as_str()).collect();
    if !names.is_empty() {
        let message = format!("this suppresses nothing: there is no finding of {} here", names.join(" and "));
        findings.report(suppression.place.clone(), message).help("take it out");
    }
}
