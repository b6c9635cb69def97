//! A field that the kind does not have.
//!
//! ## Why
//!
//! The strict validation of the API server refuses the object. Where it is switched off, the field is dropped without a
//! word: a `readinesProbe` is no probe.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         readinesProbe:
//!           httpGet: {path: /ready, port: http}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         readinessProbe:
//!           httpGet: {path: /ready, port: http}
//! ```
//!
//! ## Configuration
//!
//! `--kubernetes-version` says which version is meant; without it, it is the newest that is known.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `unknown-field`
pub(crate) static RULE: Rule = Rule {
    code: "BG005",
    name: "unknown-field",
    severity: Severity::Error,
    source: include_str!("bg005.rs"),
    check: Check::Server,
};
