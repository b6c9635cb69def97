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
use crate::set::Color;
use crate::yaml::NodeRef;

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
    let is_scaled = |object: &Object| {
        let is_scaler = object.is("autoscaling", "HorizontalPodAutoscaler") || object.is("keda.sh", "ScaledObject");
        let target = object.root().at(&["spec", "scaleTargetRef", "name"]).and_then(NodeRef::as_str);
        is_scaler && target.is_some_and(|name| name == blue.facts.name || name == green.facts.name)
    };
    let differ = of_blue != of_green && of_blue > 0 && of_green > 0 && blue.object.id != green.object.id;
    if !differ || set.model.objects().iter().any(is_scaled) {
        return;
    }
    let place = |object: &Object| match object.root().at(&["spec", "replicas"]) {
        Some(replicas) => object.at(replicas),
        None => object.at_key(object.root(), "spec"),
    };
    let idle = set.active().map_or(Color::Green, Color::other);
    let (own, other) = if idle == Color::Blue { (blue, green) } else { (green, blue) };
    let message = format!("replicas differ: {of_blue} on blue, {of_green} on green");
    let finding = findings.report(place(own.object), message);
    finding.help("run both colors at the same size before a switch, or scale both by an HPA");
    finding.related(place(other.object), format!("{} has this", idle.other()));
}

/// The replicas as the API server counts them: one where nothing is said.
fn replicas(object: &Object) -> Option<i64> {
    object.root().at(&["spec", "replicas"]).map_or(Some(1), NodeRef::as_int)
}
