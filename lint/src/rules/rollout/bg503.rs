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
//! None. A tag that has no number in it names a branch or an environment, and no version.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::init;
use crate::rules::meaning::is_version;

/// `mutable-image`
pub(crate) static RULE: Rule = Rule {
    code: "BG503",
    name: "mutable-image",
    severity: Severity::Warning,
    source: include_str!("bg503.rs"),
    check: Check::Set(check),
};

/// Words that say that what carries them is pushed again and again, whatever else a tag has.
const MOVING: [&str; 4] = ["latest", "snapshot", "nightly", "edge"];

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (_, member) in set.workloads() {
        let containers = member.object.containers().chain(init(member.object));
        for node in containers.filter_map(|container| container.get("image")) {
            let Some(image) = node.as_str().filter(|image| !is_placeholder(image) && !image.contains('@')) else {
                continue;
            };
            let file = image.rsplit('/').next().unwrap_or(image);
            let message = match file.split_once(':').map(|(_, tag)| tag) {
                None => format!("image {image} has no tag, which means `latest`"),
                Some(tag) if is_moving(tag) => format!("image {image} has the moving tag `{tag}`"),
                Some(_) => continue,
            };
            findings
                .report(member.object.at(node), message)
                .help("name a version or a digest, so that a rollback runs what ran");
        }
    }
}

/// Whether a tag names a branch, an environment or a color, and no version: it has no number, and is no hash.
fn is_moving(tag: &str) -> bool {
    let mut words = tag.split(['-', '_', '.']).map(str::to_ascii_lowercase);
    words.any(|word| MOVING.contains(&word.as_str()))
        || !(tag.contains(|c: char| c.is_ascii_digit()) || is_version(tag))
}
