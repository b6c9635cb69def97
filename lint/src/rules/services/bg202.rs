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

use crate::edit::New;
use crate::finding::{Applicability, Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::labeling::{is_canary, is_echo};
use crate::set::{Active, Color};

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
    let on_purpose = super::is_split_behind(set) || is_canary(blue) || is_canary(green);
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
    let (serving, applicability) = match serving(set) {
        Some(color) => (color, Applicability::Safe),
        None => (Color::Blue, Applicability::Unsafe),
    };
    let label = |key| Some((key, set.workload(serving)?.facts.labels.get(key)?));
    match set.set.color_label().and_then(label) {
        Some((key, value)) => {
            let selector = service.object.root().at(&["spec", "selector"]);
            let edit = selector.and_then(|selector| service.object.add(selector, &[key], New::Text(value), None));
            finding.help(format!("select one color: add `{key}: {value}` to the selector")).fix(applicability, edit)
        }
        None => finding.help("give the pods of each color a label of their own, and select one of them"),
    };
}

/// The color that alone can be meant: only it has pods, or the Service itself carries its label.
fn serving(set: SetView<'_>) -> Option<Color> {
    let replicas = |color| {
        let replicas = set.workload(color)?.object.root().at(&["spec", "replicas"])?;
        replicas.as_int()
    };
    let idle: Vec<Color> = Color::ALL.into_iter().filter(|color| replicas(*color) == Some(0)).collect();
    if let [idle] = idle.as_slice() {
        return Some(idle.other());
    }
    let key = set.set.color_label()?;
    let own = set.active_service()?.object.root().at(&["metadata", "labels", key])?.as_str()?;
    let has_label =
        |color: &Color| set.workload(*color).is_some_and(|w| w.facts.labels.get(key).is_some_and(|v| v == own));
    let mut named = Color::ALL.into_iter().filter(has_label);
    named.next().filter(|_| named.next().is_none())
}
