//! A field that the API server needs is missing or empty.
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
//!   selector:
//!     matchLabels: {app: shop}
//!   template:
//!     metadata:
//!       labels: {app: shop}
//!     spec:
//!       containers:
//!       - name: shop
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
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `missing-field`
pub(crate) static RULE: Rule = Rule {
    code: "BG006",
    name: "missing-field",
    severity: Severity::Error,
    source: include_str!("bg006.rs"),
    check: Check::Server,
};
