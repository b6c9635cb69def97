//! Both colors run, with different `replicas`, and nothing scales them.
//!
//! ## Why
//!
//! A switch to the smaller color sends all users to fewer pods than served them before.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec: {replicas: 1}   # 2 on blue
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec: {replicas: 2}
//! ```
//!
//! ## Configuration
//!
//! None. A color with `replicas: 0` does not run, and an HPA or a `ScaledObject` for one of them decides by itself.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::has_misspelt;
use crate::rules::labeling::is_canary;
use crate::rules::sizes::{is_scaled, place, replicas};
use crate::set::Color;

/// `replica-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG607",
    name: "replica-drift",
    severity: Severity::Warning,
    source: include_str!("bg607.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    let (Some(of_blue), Some(of_green)) = (replicas(blue.object), replicas(green.object)) else { return };
    let differ = of_blue != of_green && of_blue > 0 && of_green > 0 && blue.object.id != green.object.id;
    let scaled = is_scaled(set.model, blue) || is_scaled(set.model, green);
    // The number of its pods is a canary's share.
    let shares = is_canary(blue) || is_canary(green);
    let misspelt = |object: &Object| object.root().get("spec").is_some_and(|spec| has_misspelt(spec, "replicas"));
    if !differ || scaled || shares || misspelt(blue.object) || misspelt(green.object) {
        return;
    }
    let idle = set.active().map_or(Color::Green, Color::other);
    let (own, other) = if idle == Color::Blue { (blue, green) } else { (green, blue) };
    let message = format!("replicas differ: {of_blue} on blue, {of_green} on green");
    let finding = findings.report(place(own.object), message);
    finding.help("run both colors at the same size before a switch, or scale both by an HPA");
    finding.related(place(other.object), format!("{} has this", idle.other()));
}
