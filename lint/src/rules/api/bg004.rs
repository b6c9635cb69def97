//! A value is of another type than the field: text for a number, a mapping for a list, a list for a quantity.
//!
//! ## Why
//!
//! The API server cannot decode the object and refuses it, mostly in the middle of a roll-out, when its neighbours are applied already.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop}
//!   ports: [{port: "80"}]
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop}
//!   ports: [{port: 80}]
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::Severity;
use crate::rule::{Check, Rule};

/// `wrong-type`
pub(crate) static RULE: Rule = Rule {
    code: "BG004",
    name: "wrong-type",
    severity: Severity::Error,
    source: include_str!("bg004.rs"),
    check: Check::Server,
};
