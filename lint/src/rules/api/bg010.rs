//! A workload's selector does not match the labels of its own template.
//!
//! ## Why
//!
//! The workload would never find the pods that it makes, so the API server refuses it.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green}
//!     spec:
//!       containers:
//!       - name: shop
//!         image: registry.example.com/shop:1.4.2
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//!     spec:
//!       containers:
//!       - name: shop
//!         image: registry.example.com/shop:1.4.2
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `selector-template-mismatch`
pub(crate) static RULE: Rule = Rule {
    code: "BG010",
    name: "selector-template-mismatch",
    severity: Severity::Error,
    source: include_str!("bg010.rs"),
    check: Check::Server,
};
