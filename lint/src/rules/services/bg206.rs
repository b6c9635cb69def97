//! The active or a color Service also selects the pods of a workload outside the set.
//!
//! ## Why
//!
//! Users get answers from something that is no part of the release, and a switch does not change that.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-worker}   # no part of the set
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//!     spec:
//!       containers:
//!       - {name: worker, image: "registry.example.com/shop-worker:1.0"}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-worker}   # no part of the set
//! spec:
//!   selector:
//!     matchLabels: {app: shop-worker}
//!   template:
//!     metadata:
//!       labels: {app: shop-worker}
//!     spec:
//!       containers:
//!       - {name: worker, image: "registry.example.com/shop-worker:1.0"}
//! ```
//!
//! ## Configuration
//!
//! None. A canary shares its Service on purpose, and is not reported; nor is the active Service when a mesh splits the
//! traffic behind it by subsets or weights.

use crate::finding::{Findings, Severity};
use crate::manifest::Place;
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_canary;
use crate::set::{Active, Service, Workload, selects};

/// `foreign-workload-selected`
pub(crate) static RULE: Rule = Rule {
    code: "BG206",
    name: "foreign-workload-selected",
    severity: Severity::Error,
    source: include_str!("bg206.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    // A selector without a color is reported as such; with one it may well be narrow enough. What a mesh splits behind
    // the Service it splits between pods that it chooses itself.
    let is_both = set.set.active == Some(Active::Both);
    let active = set.active_service().filter(|active| is_both || super::is_split_behind(set, *active));
    let active = active.map(|active| &active.object.id);
    let mut told: Vec<(Vec<String>, Vec<Member<'_, Service>>)> = Vec::new();
    for service in set.services().filter(|service| Some(&service.object.id) != active) {
        let foreign = foreign(set, service);
        match told.iter_mut().find(|(names, _)| *names == foreign) {
            Some((_, services)) => services.push(service),
            None => told.push((foreign, vec![service])),
        }
    }
    for (foreign, services) in told.iter().filter(|(foreign, _)| !foreign.is_empty()) {
        let Some((first, others)) = services.split_first() else { continue };
        let names: Vec<&str> = services.iter().map(|service| service.facts.name.as_str()).collect();
        let (noun, verb) = if others.is_empty() { ("Service", "selects") } else { ("Services", "select") };
        let message = format!(
            "the {noun} {} also {verb} what is no part of this set: {}",
            names.join(" and "),
            foreign.join(", ")
        );
        let finding = findings.report(selector(*first), message);
        finding.help("select by a label that only this set's pods carry");
        for other in others {
            finding.related(selector(*other), "this one as well");
        }
        let workload = set.model.selected(&first.facts.selector).find(|member| foreign.contains(&called(*member)));
        if let Some(workload) = workload {
            finding.related(workload.object.at_name(), "selected as well");
        }
    }
}

/// The workloads outside the set that a Service of it selects, besides those of the set.
fn foreign(set: SetView<'_>, service: Member<'_, Service>) -> Vec<String> {
    let selector = &service.facts.selector;
    if !set.workloads().any(|(_, member)| selects(selector, &member.facts.labels)) {
        return Vec::new();
    }
    let is_own = |name: &str| set.workloads().any(|(_, member)| member.facts.name == name);
    let foreign = set.model.selected(selector).filter(|member| {
        let one_namespace = member.facts.namespace == service.facts.namespace;
        one_namespace && !is_canary(*member) && !is_own(&member.facts.name)
    });
    foreign.map(called).collect()
}

fn called(member: Member<'_, Workload>) -> String {
    format!("{} {}", member.facts.kind, member.facts.name)
}

fn selector(service: Member<'_, Service>) -> Place {
    let spec = service.object.root().get("spec");
    spec.map_or_else(|| service.object.at_name(), |spec| service.object.at_key(spec, "selector"))
}
