//! A `targetPort` of a Service is not declared by a pod template that it selects, or will select after a switch.
//!
//! ## Why
//!
//! A name that no container declares leads nowhere: the Service has endpoints without that port. A number works without a declaration, and is often a mistake; it is a warning.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   ports:
//!   - {name: http, port: 80, targetPort: web}   # the container declares `http`
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   ports:
//!   - {name: http, port: 80, targetPort: http}
//! ```
//!
//! ## Configuration
//!
//! None. A number is not judged where the pod template declares no ports at all.

use std::collections::BTreeSet;

use crate::finding::{Applicability, Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::ports::{declared, target};
use crate::set::{Workload, selects};
use crate::yaml::NodeRef;

/// `target-port-unresolved`
pub(crate) static RULE: Rule = Rule {
    code: "BG207",
    name: "target-port-unresolved",
    severity: Severity::Error,
    source: include_str!("bg207.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for service in set.services() {
        let reached = |member: &Member<'_, Workload>| selects(&service.facts.selector, &member.facts.labels);
        let is_active = set.set.active_service.is_some()
            && set.active_service().is_some_and(|active| std::ptr::eq(active.facts, service.facts));
        let any = set.workloads().any(|(_, member)| reached(&member));
        let templates: Vec<_> = set.workloads().filter(|(_, member)| any && (is_active || reached(member))).collect();
        let ports = service.object.root().at(&["spec", "ports"]);
        for port in ports.into_iter().flat_map(NodeRef::items) {
            let Some((place_of, wanted, protocol)) = target(port) else { continue };
            if is_placeholder(&wanted) {
                continue;
            }
            let is_number = wanted.parse::<u32>().is_ok();
            let missing = templates.iter().filter(|(_, member)| {
                let known = declared(member.object);
                let templated = known.iter().any(|port| port.name.as_deref().is_some_and(is_placeholder));
                let unjudged = templated || (is_number && known.is_empty());
                !unjudged && !known.iter().any(|port| port.is(&wanted, &protocol))
            });
            let missing: Vec<_> = missing.collect();
            let Some((_, first)) = missing.first() else { continue };
            let names: Vec<&str> = missing.iter().map(|(_, member)| member.facts.name.as_str()).collect();
            let verb = if names.len() == 1 { "does" } else { "do" };
            let message = format!(
                "the Service {} sends to port {wanted}, which {} {verb} not declare",
                service.facts.name,
                names.join(" and ")
            );
            let finding = findings.report(service.object.at(place_of), message);
            if is_number {
                finding.severity(Severity::Warning);
            }
            let known = declared(first.object);
            let names: BTreeSet<&str> = known.iter().filter_map(|port| port.name.as_deref()).collect();
            let mut near = names.iter().filter(|name| strsim::damerau_levenshtein(name, &wanted) <= 2 && !is_number);
            let (near, other) = (near.next(), near.next());
            let is_known_to_all = |near: &str| {
                let knows = |object| declared(object).iter().any(|port| port.is(near, &protocol));
                templates.iter().all(|(_, member)| knows(member.object))
            };
            match near {
                Some(near) if other.is_none() && is_known_to_all(near) => finding
                    .help(format!("did you mean `{near}`?"))
                    .fix(Applicability::Safe, service.object.rewrite(place_of, near)),
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None if known.is_empty() => finding.help(format!("declare a container port named {wanted}")),
                None => {
                    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                    finding.help(format!("declared there: {}", known.join(", ")))
                }
            };
        }
    }
}
