//! A value that the API server refuses: out of its range, not among the known ones, no name, quantity or time, or at odds with another field.
//!
//! ## Why
//!
//! The API server refuses the object, mostly in the middle of a roll-out, when its neighbours are applied already.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop}
//! spec:
//!   strategy:
//!     type: Recreate
//!     rollingUpdate: {maxSurge: 1}
//!   selector:
//!     matchLabels: {app: shop}
//!   template:
//!     metadata:
//!       labels: {app: shop}
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
//! metadata: {name: shop}
//! spec:
//!   strategy:
//!     type: RollingUpdate
//!     rollingUpdate: {maxSurge: 1}
//!   selector:
//!     matchLabels: {app: shop}
//!   template:
//!     metadata:
//!       labels: {app: shop}
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

/// `invalid-value`
pub(crate) static RULE: Rule = Rule {
    code: "BG007",
    name: "invalid-value",
    severity: Severity::Error,
    source: include_str!("bg007.rs"),
    check: Check::Server,
};
