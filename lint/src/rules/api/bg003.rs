//! Text was wanted, and YAML reads what is written as a number, a boolean or something else.
//!
//! ## Why
//!
//! Kubernetes reads YAML 1.1: `on`, `yes` and `n` are booleans, `0777` is 511, `1e3` is 1000, `1.20` is 1.2. The API server refuses
//! the object, and what it shows is not what was written. Many other tools read YAML 1.2 and see nothing wrong.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, canary: on}
//!   ports: [{port: 80}]
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, canary: "on"}
//!   ports: [{port: 80}]
//! ```
//!
//! ## Configuration
//!
//! None. `--fix` puts the value in quotes. In JSON, where nothing is ambiguous, it is BG004.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `ambiguous-scalar`
pub(crate) static RULE: Rule = Rule {
    code: "BG003",
    name: "ambiguous-scalar",
    severity: Severity::Error,
    source: include_str!("bg003.rs"),
    check: Check::Server,
};
