//! An HPA scales by utilization, and a container does not request what would be utilized.
//!
//! ## Why
//!
//! Utilization is measured in percent of the request. Without one the HPA cannot count, and does nothing: the color
//! stays at its least size, however many users a switch brings.
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
//!   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-green}
//!   minReplicas: 2
//!   maxReplicas: 6
//!   metrics:
//!   - type: Resource
//!     resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         resources:
//!           requests: {cpu: null}
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
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         resources:
//!           requests: {cpu: 100m}
//! ```
//!
//! ## Configuration
//!
//! None. A limit counts as a request, as it does for the API server. Silent where a `LimitRange` in the files may supply
//! one.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{at_name, called};
use crate::rules::utilization::{is_starved, metrics};

/// `hpa-without-requests`
pub(crate) static RULE: Rule = Rule {
    code: "BG804",
    name: "hpa-without-requests",
    severity: Severity::Error,
    source: include_str!("bg804.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (_, member) in set.workloads() {
        for scaler in set.model.scalers_of(member) {
            for metric in metrics(scaler) {
                let containers = member.object.containers();
                let starved: Vec<_> =
                    containers.filter(|container| is_starved(set.model, member, *container, &metric)).collect();
                let Some(first) = starved.first() else { continue };
                let names: Vec<&str> = starved.iter().map(|container| called(*container)).collect();
                let (plural, verb) = if names.len() == 1 { ("", "requests") } else { ("s", "request") };
                let message = format!(
                    "{} scales {} by its utilization of {resource}, and container{plural} {} {verb} no {resource}",
                    scaler.object.id,
                    member.facts.name,
                    names.join(" and "),
                    resource = metric.resource
                );
                let finding = findings.report(metric.place, message);
                finding.help(format!("set resources.requests.{} on every container", metric.resource));
                finding.related(at_name(member.object, *first), "requests nothing of it");
            }
        }
    }
}
