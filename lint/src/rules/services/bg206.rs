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
//! None. A canary shares its Service on purpose, and is not reported.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::set::{Active, selects};

/// `foreign-workload-selected`
pub(crate) static RULE: Rule = Rule {
    code: "BG206",
    name: "foreign-workload-selected",
    severity: Severity::Error,
    source: include_str!("bg206.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let members: Vec<&str> = set.workloads().map(|(_, member)| member.facts.name.as_str()).collect();
    // A selector without a color is reported as such; with one it may well be narrow enough.
    let skip_active = set.set.active == Some(Active::Both) && !super::is_split_behind(set);
    let active = set.active_service().filter(|_| skip_active).map(|active| &active.object.id);
    for service in set.services().filter(|service| Some(&service.object.id) != active) {
        let selector = &service.facts.selector;
        if !set.workloads().any(|(_, member)| selects(selector, &member.facts.labels)) {
            continue;
        }
        let foreign = set.model.selected(selector).filter(|member| {
            member.facts.namespace == service.facts.namespace
                && !super::is_canary(*member)
                && !members.contains(&member.facts.name.as_str())
        });
        let foreign: Vec<_> = foreign.collect();
        let Some(first) = foreign.first() else { continue };
        let names: Vec<String> =
            foreign.iter().map(|member| format!("{} {}", member.facts.kind, member.facts.name)).collect();
        let place = service
            .object
            .root()
            .get("spec")
            .map_or_else(|| service.object.at_name(), |spec| service.object.at_key(spec, "selector"));
        let message = format!(
            "the Service {} also selects what is no part of this set: {}",
            service.facts.name,
            names.join(", ")
        );
        let finding = findings.report(place, message);
        finding
            .help("select by a label that only this set's pods carry")
            .related(first.object.at_name(), "selected as well");
    }
}
