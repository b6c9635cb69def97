//! `replicas` is set on a workload that an HPA scales.
//!
//! ## Why
//!
//! Every apply, and so every release, sets the number of pods back to what the file says, in the middle of the traffic
//! that the HPA scaled up for.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec: {replicas: 3}
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
//! None. A `ScaledObject` of KEDA counts as an HPA.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::model::scaling::Scaler;
use crate::rule::{Check, Rule};

/// `hpa-and-replicas`
pub(crate) static RULE: Rule = Rule {
    code: "BG802",
    name: "hpa-and-replicas",
    severity: Severity::Warning,
    source: include_str!("bg802.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (_, member) in set.workloads() {
        let scaler = set.model.scalers_of(member).find(|scaler: &Scaler<'_>| scaler.counts_pods());
        let replicas = member.object.root().at(&["spec", "replicas"]);
        let Some((scaler, replicas)) = scaler.zip(replicas) else { continue };
        let message = format!("{} sets `replicas`, and {} scales it", member.facts.name, scaler.object.id);
        let finding = findings.report(member.object.at(replicas), message);
        finding.help("take `replicas` out, and let the scaler's minimum say how many there are at least");
        finding.related(scaler.object.at(scaler.target), "scaled by this");
    }
}
