//! Two Ingresses, one for each color, claim the same host and path.
//!
//! ## Why
//!
//! Which of them wins is for the controller: the older one, the first by name, or both in turn. Users get a color that
//! nobody chose, and a change of either can flip it.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Ingress
//! metadata: {name: shop-blue}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop-blue, port: {number: 80}}}
//! ---
//! kind: Ingress
//! metadata: {name: shop-green}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop-green, port: {number: 80}}}
//! ---
//! kind: Service
//! metadata: {name: shop}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Ingress
//! metadata: {name: shop}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop, port: {number: 80}}}
//! ---
//! kind: Ingress
//! metadata: {name: shop-green}
//! spec:
//!   rules:
//!   - host: green.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop-green, port: {number: 80}}}
//! ---
//! kind: Service
//! metadata: {name: shop}
//! ```
//!
//! ## Configuration
//!
//! None. A canary annotation, and two ingress classes, are taken as meant.

use crate::finding::{Findings, Severity};
use crate::model::Model;
use crate::rule::{Check, Rule};
use crate::rules::traffic::collisions;

/// `host-collision`
pub(crate) static RULE: Rule = Rule {
    code: "BG705",
    name: "host-collision",
    severity: Severity::Warning,
    source: include_str!("bg705.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    for collision in collisions(model) {
        let (own, other) = (collision.idle, collision.active);
        let message =
            format!("{} and {} both claim {}, one for each color", own.object.id, other.object.id, collision.claim);
        let finding = findings.report(own.place(), message);
        finding
            .help("let one Ingress send to the active Service; for a share of the users, annotate the other as canary");
        finding.related(other.place(), "claimed here as well");
    }
}
