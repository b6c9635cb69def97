//! A key is twice in one mapping.
//!
//! ## Why
//!
//! The last one wins without a word, and the strict validation of the API server refuses the object. Which of the two values was meant is a guess.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata:
//!   name: shop
//!   labels: {color: blue, color: green}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata:
//!   name: shop
//!   labels: {color: blue}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::manifest::Place;
use crate::rule::{Check, Rule};
use crate::yaml::Problem;

/// `duplicate-key`
pub(crate) static RULE: Rule = Rule {
    code: "BG002",
    name: "duplicate-key",
    severity: Severity::Error,
    source: include_str!("bg002.rs"),
    check: Check::Text(check),
};

fn check(source: usize, problem: &Problem, findings: &mut Findings<'_>) {
    let Problem::DuplicateKey { key, first, second } = problem else { return };
    let place = |span| Place { source, span, path: String::new(), object: None };
    let finding = findings.report(place(*second), format!("`{key}` is twice in this mapping; only this one counts"));
    finding.help("remove one of the two").related(place(*first), "this one is lost");
}
