//! Only one color has an HPA.
//!
//! ## Why
//!
//! After the switch all users meet a color that nothing scales: it fails under the load that the other one was scaled
//! up for.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec: {replicas: null}
//! ---
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! metadata: {name: shop-blue}
//! spec:
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-blue}
//!   minReplicas: 2
//!   maxReplicas: 6
//!   metrics:
//!   - type: Resource
//!     resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec: {replicas: null}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec: {replicas: null}
//! ---
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! metadata: {name: shop-blue}
//! spec:
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-blue}
//!   minReplicas: 2
//!   maxReplicas: 6
//!   metrics:
//!   - type: Resource
//!     resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
//! ---
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! metadata: {name: shop-green}
//! spec:
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-green}
//!   minReplicas: 2
//!   maxReplicas: 6
//!   metrics:
//!   - type: Resource
//!     resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
//! ```
//!
//! ## Configuration
//!
//! None. Silent while there is a scaler of which nobody can say what it is for.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::scaling::Scaler;
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::meaning::colorless_words;
use crate::rules::sizes::is_scaled;
use crate::set::{Color, Workload, color_named, same_namespace};

/// `hpa-one-color`
pub(crate) static RULE: Rule = Rule {
    code: "BG803",
    name: "hpa-one-color",
    severity: Severity::Warning,
    source: include_str!("bg803.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both().filter(|(blue, green)| blue.object.id != green.object.id) else { return };
    let (scaled, color, other) = match (is_scaled(set.model, blue), is_scaled(set.model, green)) {
        (true, false) => (blue, Color::Blue, green),
        (false, true) => (green, Color::Green, blue),
        _ => return,
    };
    if has_lost_scaler(set, other) {
        return;
    }
    let scalers: Vec<Scaler<'_>> = set.model.scalers_of(scaled).filter(|scaler| scaler.counts_pods()).collect();
    // Of two for one color the one that is named for the other color is wrong.
    let misled = scalers.iter().find(|scaler| color_named(&scaler.object.id.name) == Some(color.other()));
    let Some(scaler) = misled.or(scalers.first()) else { return };
    let message = format!("{} scales {}, and nothing scales {}", scaler.object.id, scaled.facts.name, other.facts.name);
    let finding = findings.report(scaler.object.at(scaler.target), message);
    finding.help(match misled {
        Some(_) => format!("did you mean `{}`?", other.facts.name),
        None => format!("give {} one as well", other.facts.name),
    });
    finding.related(other.object.at_name(), "not scaled");
}

/// Whether there is a scaler that may be meant for the workload, and does not say so.
fn has_lost_scaler(set: SetView<'_>, member: Member<'_, Workload>) -> bool {
    let (own, namespace) = (&member.facts.name, member.facts.namespace.as_deref());
    let may_be = |name: &str| {
        is_placeholder(name)
            || strsim::damerau_levenshtein(name, own) <= 1
            || colorless_words(name) == colorless_words(own)
    };
    set.model.lost_scalers().any(|object| {
        same_namespace(object.id.namespace.as_deref(), namespace)
            && Scaler::of(object).is_none_or(|scaler| may_be(scaler.name))
    })
}
