//! An image has no tag, `latest`, or a tag that moves like a branch, and no digest.
//!
//! ## Why
//!
//! A rollback starts what the tag means then, not what ran before. And two pods of one color can run different versions.
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
//!         image: registry.example.com/shop:latest
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
//!         image: registry.example.com/shop:1.4.2
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::SetView;
use crate::rule::{Check, Rule};

/// `mutable-image`
pub(crate) static RULE: Rule = Rule {
    code: "BG503",
    name: "mutable-image",
    severity: Severity::Warning,
    source: include_str!("bg503.rs"),
    check: Check::Set(check),
};

/// Tags that are pushed again and again.
const MOVING: [&str; 16] = [
    "latest",
    "main",
    "master",
    "develop",
    "development",
    "dev",
    "stable",
    "edge",
    "nightly",
    "prod",
    "production",
    "staging",
    "test",
    "release",
    "blue",
    "green",
];

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (_, member) in set.workloads() {
        for node in member.object.containers().filter_map(|container| container.get("image")) {
            let Some(image) = node.as_str().filter(|image| !is_placeholder(image) && !image.contains('@')) else {
                continue;
            };
            let file = image.rsplit('/').next().unwrap_or(image);
            let message = match file.split_once(':').map(|(_, tag)| tag) {
                None => format!("image {image} has no tag, which means `latest`"),
                Some(tag) if MOVING.contains(&tag) => format!("image {image} has the moving tag `{tag}`"),
                Some(_) => continue,
            };
            findings
                .report(member.object.at(node), message)
                .help("name a version or a digest, so that a rollback runs what ran");
        }
    }
}
