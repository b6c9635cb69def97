//! The members of a release set are in different namespaces.
//!
//! ## Why
//!
//! A Service selects pods of its own namespace only: after a switch it has no endpoints.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop, namespace: web}   # the others say no namespace
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue, namespace: web}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green, namespace: web}
//! ---
//! kind: Service
//! metadata: {name: shop, namespace: web}
//! ---
//! kind: Service
//! metadata: {name: shop-blue, namespace: web}
//! ---
//! kind: Service
//! metadata: {name: shop-green, namespace: web}
//! ```
//!
//! ## Configuration
//!
//! None. Where a kustomization is beside the files, it may set the namespace, and a member without one is not reported.

use crate::finding::{Findings, Severity};
use crate::manifest::{Aside, Object};
use crate::model::SetView;
use crate::rule::{Check, Rule};

/// `namespace-split`
pub(crate) static RULE: Rule = Rule {
    code: "BG105",
    name: "namespace-split",
    severity: Severity::Warning,
    source: include_str!("bg105.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let workloads = set.workloads().map(|(_, member)| member.object);
    let members: Vec<&Object> = set.services().map(|member| member.object).chain(workloads).collect();
    let kustomized = set.model.manifests.aside.iter().any(|(_, aside)| *aside == Aside::Kustomize);
    let members: Vec<&Object> =
        members.into_iter().filter(|object| !kustomized || object.id.namespace.is_some()).collect();
    let count = |object: &Object| members.iter().filter(|other| other.id.namespace == object.id.namespace).count();
    // Of equally many the earlier one, so the active Service's, is where the others belong.
    let Some(most) = members.iter().rev().max_by_key(|object| count(object)) else { return };
    // Where nothing is said it is `default`, unless whoever applies it decides otherwise.
    let own = |object: &Object| object.id.namespace.clone().filter(|namespace| namespace != "default");
    let Some(odd) = members.iter().find(|object| own(object) != own(most)) else { return };
    let placed = |object: &Object| match &object.id.namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "without a namespace".to_owned(),
    };
    let message = format!("{} is {}, and {} is {}", odd.id, placed(odd), most.id, placed(most));
    let place = |object: &Object| match object.root().at(&["metadata", "namespace"]) {
        Some(namespace) => object.at(namespace),
        None => object.at_name(),
    };
    let finding = findings.report(place(odd), message);
    finding.help("put all members into one namespace: a Service selects pods of its own namespace only");
    finding.related(place(most), "the others are here");
}
