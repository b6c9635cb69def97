//! The chosen Kubernetes does not serve this apiVersion any more.
//!
//! ## Why
//!
//! The object was right once. A cluster that has been upgraded refuses it, and a roll-back of the application to such a manifest fails.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: policy/v1beta1
//! kind: PodDisruptionBudget
//! metadata: {name: shop}
//! spec:
//!   minAvailable: 1
//!   selector:
//!     matchLabels: {app: shop}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! metadata: {name: shop}
//! spec:
//!   minAvailable: 1
//!   selector:
//!     matchLabels: {app: shop}
//! ```
//!
//! ## Configuration
//!
//! `--kubernetes-version` says which version is meant; without it, it is the newest that is known.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `removed-version`
pub(crate) static RULE: Rule = Rule {
    code: "BG009",
    name: "removed-version",
    severity: Severity::Error,
    source: include_str!("bg009.rs"),
    check: Check::Server,
};
