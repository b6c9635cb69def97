//! A document is not YAML, or not a mapping with `apiVersion` and `kind`.
//!
//! ## Why
//!
//! Nothing of the document reaches the cluster: `kubectl apply` stops there, and the objects after it are not applied.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop
//! spec: {clusterIP: None}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec: {clusterIP: None}
//! ```
//!
//! ## Configuration
//!
//! None. A template that is no YAML before it is rendered is set aside; render it and lint the result.

use crate::finding::{Findings, Severity};
use crate::manifest::Place;
use crate::rule::{Check, Rule};
use crate::yaml::Problem;

/// `yaml-syntax`
pub(crate) static RULE: Rule = Rule {
    code: "BG001",
    name: "yaml-syntax",
    severity: Severity::Error,
    source: include_str!("bg001.rs"),
    check: Check::Text(check),
};

fn check(source: usize, problem: &Problem, findings: &mut Findings<'_>) {
    let Problem::Syntax { span, message } = problem else { return };
    let place = Place { source, span: *span, path: String::new(), object: None };
    findings.report(place, format!("this is not YAML that Kubernetes reads: {message}"));
}
