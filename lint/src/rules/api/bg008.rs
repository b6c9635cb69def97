//! The groups of Kubernetes itself have no such kind in this apiVersion.
//!
//! ## Why
//!
//! `kubectl apply` says that there are no matches for the kind, and applies the objects beside it. The kinds of custom resources are not
//! known here and passed over.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Deployment
//! metadata: {name: shop}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop}
//! spec:
//!   selector:
//!     matchLabels: {app: shop}
//!   template:
//!     metadata:
//!       labels: {app: shop}
//!     spec:
//!       containers:
//!       - name: shop
//!         image: registry.example.com/shop:1.4.2
//!         resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}
//! ```
//!
//! ## Configuration
//!
//! `--kubernetes-version` says which version is meant; without it, it is the newest that is known.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `unknown-kind`
pub(crate) static RULE: Rule = Rule {
    code: "BG008",
    name: "unknown-kind",
    severity: Severity::Error,
    source: include_str!("bg008.rs"),
    check: Check::Server,
};
