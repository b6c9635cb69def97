//! The active Service selects the pods of both colors.
//!
//! ## Why
//!
//! Users get the old and the new version in turn, and there is nothing to switch: the idle color serves as soon as it has pods.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: null}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//! ```
//!
//! ## Configuration
//!
//! None. Silent when a mesh splits the traffic behind the Service by subsets or weights, and for a canary, which shares its
//! Service by the number of its pods.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::Active;

/// `active-selects-both`
pub(crate) static RULE: Rule = Rule {
    code: "BG202",
    name: "active-selects-both",
    severity: Severity::Error,
    source: include_str!("bg202.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let (Some(service), Some((blue, green))) = (set.active_service(), set.both()) else { return };
    let name = &service.facts.name;
    // Two of one name are one object in the cluster: the later one replaces the earlier.
    let same = blue.object.id == green.object.id;
    let on_purpose = super::is_split_behind(set) || super::is_canary(blue) || super::is_canary(green);
    if set.set.active != Some(Active::Both) || same || on_purpose || is_echo(set) {
        return;
    }
    let place = service
        .object
        .root()
        .get("spec")
        .map_or_else(|| service.object.at_name(), |spec| service.object.at_key(spec, "selector"));
    let message =
        format!("the active Service {name} selects the pods of {} and of {}", blue.facts.name, green.facts.name);
    let finding = findings.report(place, message);
    match set.set.color_label().and_then(|key| Some((key, blue.facts.labels.get(key)?))) {
        Some((key, value)) => finding.help(format!("select one color: add `{key}: {value}` to the selector")),
        None => finding.help("give the pods of each color a label of their own, and select one of them"),
    };
}
