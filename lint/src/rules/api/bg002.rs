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
//! Where all keys of an object are there twice, two objects have run together, and that is reported once.
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
    let place = |span| Place { source, span, path: String::new(), object: None };
    match problem {
        Problem::Syntax { .. } => {}
        Problem::DuplicateKey { key, first, second } => {
            let message = format!("`{key}` is twice in this mapping; only this one counts");
            findings
                .report(place(*second), message)
                .help("remove one of the two")
                .related(place(*first), "this one is lost");
        }
        Problem::RunTogether { first, second } => {
            let finding =
                findings.report(place(*second), "a second object begins here, and there is no `---` before it");
            finding.help("put a line `---` before it").related(place(*first), "this object is lost");
        }
    }
}
