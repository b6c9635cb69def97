//! An HPA, VPA or `ScaledObject` targets a workload that is not there, while one is that it was probably meant for.
//!
//! ## Why
//!
//! Nothing scales the color that it was meant for: after a switch all users meet as many pods as there happen to be,
//! and no object reports an error that anybody sees.
//!
//! ## Bad
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
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-gren}
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
//! None. A target that is nothing like a workload of the files is not judged: it may be elsewhere.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::scaling::Scaler;
use crate::model::{Member, Model};
use crate::rule::{Check, Rule};
use crate::rules::meaning::colorless_words;
use crate::set::{Workload, color_named, counterpart, same_namespace};

/// `scale-target-missing`
pub(crate) static RULE: Rule = Rule {
    code: "BG801",
    name: "scale-target-missing",
    severity: Severity::Error,
    source: include_str!("bg801.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    let (near, colorless) = (OnceCell::new(), OnceCell::new());
    for scaler in model.objects().iter().filter_map(Scaler::of) {
        let unjudged = is_placeholder(scaler.name) || !is_workload(scaler.kind) || model.has_templated_workload();
        if unjudged || model.target_of(scaler).is_some() {
            continue;
        }
        let alike = colorless.get_or_init(|| by_colorless_name(model)).get(&colorless_words(scaler.name));
        let close = near.get_or_init(|| model.near_workloads()).to(scaler.name);
        let all = alike.into_iter().flatten().copied().chain(close);
        let mut meant: Vec<Member<'_, Workload>> = Vec::new();
        for member in all.filter_map(|at| model.workload(at)).filter(|member| is_meant(model, scaler, *member)) {
            if meant.iter().all(|other| other.at != member.at) {
                meant.push(member);
            }
        }
        // The scaler's own name may say which of them it is.
        let own = color_named(&scaler.object.id.name);
        if meant.iter().any(|member| own.is_some() && color_named(&member.facts.name) == own) {
            meant.retain(|member| color_named(&member.facts.name) == own);
        }
        report(scaler, &meant, findings);
    }
}

fn report(scaler: Scaler<'_>, meant: &[Member<'_, Workload>], findings: &mut Findings<'_>) {
    if meant.is_empty() {
        return;
    }
    let message = format!("{} targets {} {}, which is not there", scaler.object.id, scaler.kind, scaler.name);
    let of_kind = meant.iter().any(|member| member.facts.name == scaler.name);
    let node = if of_kind { scaler.kind_node().unwrap_or(scaler.target) } else { scaler.target };
    let finding = findings.report(scaler.object.at(node), message);
    let name =
        |member: &Member<'_, Workload>| format!("`{}`", if of_kind { &member.facts.kind } else { &member.facts.name });
    finding.help(format!("did you mean {}?", meant.iter().map(name).collect::<Vec<_>>().join(" or ")));
    for member in meant {
        finding.related(member.object.at_name(), "this one is there");
    }
}

/// Whether a scaler can have been meant for a workload of a set.
fn is_meant(model: &Model, scaler: Scaler<'_>, member: Member<'_, Workload>) -> bool {
    let Some(set) = model.set_with_workload(member.at) else { return false };
    // The other color of a set that has only one: that it is missing is the defect.
    let is_missing_color = set.both().is_none() && counterpart(&member.facts.name).as_deref() == Some(scaler.name);
    let one_namespace = same_namespace(member.facts.namespace.as_deref(), scaler.object.id.namespace.as_deref());
    let of_kind = member.facts.kind == scaler.kind || member.facts.name == scaler.name;
    one_namespace && of_kind && !is_missing_color
}

/// Whether a kind is one that the model reads as a workload.
fn is_workload(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "DaemonSet" | "Rollout")
}

/// The workloads of sets by the words of their names, colors aside and in any order.
fn by_colorless_name(model: &Model) -> HashMap<Vec<String>, Vec<usize>> {
    let mut by_name: HashMap<Vec<String>, Vec<usize>> = HashMap::new();
    for (at, member) in model.workloads().filter(|(at, _)| model.set_with_workload(*at).is_some()) {
        by_name.entry(colorless_words(&member.facts.name)).or_default().push(at);
    }
    by_name
}
