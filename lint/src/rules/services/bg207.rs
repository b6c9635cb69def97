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
//! None. A number is not judged where the pod template declares no ports at all; one that only one color declares is
//! reported as a difference of their ports (BG603).

use std::collections::BTreeSet;

use crate::finding::{Applicability, Findings, Severity};
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::ports::{Port, declared, is_number, is_undeclared, meant, place, targets_at};
use crate::set::{Service, Workload};
use crate::yaml::NodeRef;

/// `target-port-unresolved`
pub(crate) static RULE: Rule = Rule {
    code: "BG207",
    name: "target-port-unresolved",
    severity: Severity::Error,
    source: include_str!("bg207.rs"),
    check: Check::Set(check),
};

/// A port that pods do not declare, and all the Services that send there.
struct Unresolved<'m> {
    wanted: String,
    protocol: String,
    templates: Vec<Member<'m, Workload>>,
    services: Vec<(Member<'m, Service>, NodeRef<'m>)>,
}

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for of in unresolved(set) {
        let names = |members: &[Member<'_, Workload>]| {
            members.iter().map(|member| member.facts.name.as_str()).collect::<Vec<_>>().join(" and ")
        };
        let Some(((service, node), others)) = of.services.split_first() else { continue };
        let Some(template) = of.templates.first() else { continue };
        let (known, wanted) = (declared(template.object), &of.wanted);
        let other = set.workloads().find(|(_, member)| of.templates.iter().all(|template| template.at != member.at));
        let other = other.map(|(_, member)| declared(member.object)).unwrap_or_default();
        // A number that one color declares and the other does not is a difference of their ports, and told as such.
        let is_on_other = other.iter().any(|port| port.is(wanted, &of.protocol));
        if is_number(wanted) && is_on_other {
            continue;
        }
        let verb = if of.templates.len() == 1 { "does" } else { "do" };
        let message = format!(
            "the Service {} sends to port {wanted}, which {} {verb} not declare",
            service.facts.name,
            names(&of.templates)
        );
        let finding = findings.report(service.object.at(*node), message);
        if is_number(wanted) {
            finding.severity(Severity::Warning);
        }
        let meant = meant(&known, wanted, &other);
        let near = meant.and_then(|port| port.name.as_deref()).filter(|_| !is_on_other && !is_number(wanted));
        match near {
            Some(near) => {
                let is_only = others.is_empty() && is_only_near(set, &known, wanted, near);
                let edit = is_only.then(|| service.object.rewrite(*node, near)).flatten();
                finding.help(format!("did you mean `{near}`?")).fix(Applicability::Safe, edit)
            }
            None if known.is_empty() => finding.help(format!("declare a container port named {wanted}")),
            None => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                finding.help(format!("declared there: {}", known.join(", ")))
            }
        };
        for (service, node) in others {
            finding.related(service.object.at(*node), format!("{} sends there, too", service.facts.name));
        }
        if let Some(port) = meant {
            let message = format!("{} declares this", template.facts.name);
            finding.related(place(template.object, port), message);
        }
    }
}

/// Whether no other port has nearly the wanted name, and the pods of both colors declare the one that has.
fn is_only_near(set: SetView<'_>, known: &[Port<'_>], wanted: &str, near: &str) -> bool {
    let names: BTreeSet<&str> = known.iter().filter_map(|port| port.name.as_deref()).collect();
    let all = || {
        let mut templates = set.workloads().map(|(_, member)| declared(member.object));
        templates.all(|ports| ports.iter().any(|port| port.name.as_deref() == Some(near)))
    };
    names.iter().filter(|name| strsim::damerau_levenshtein(name, wanted) <= 2).count() == 1 && all()
}

/// What the Services ask for and pods do not declare, each once however many Services ask for it.
fn unresolved(set: SetView<'_>) -> Vec<Unresolved<'_>> {
    let mut all: Vec<Unresolved<'_>> = Vec::new();
    for service in set.services() {
        let mut asked: Vec<Unresolved<'_>> = Vec::new();
        for (_, template) in set.workloads() {
            let known = declared(template.object);
            let own = targets_at(set, template).filter(|(of, _)| of.at == service.at);
            for (_, (node, wanted, protocol)) in own.filter(|(_, (_, wanted, of))| is_undeclared(&known, wanted, of)) {
                match asked.iter_mut().find(|of| of.services.iter().any(|(_, at)| at.id() == node.id())) {
                    Some(of) => of.templates.push(template),
                    None => asked.push(Unresolved {
                        wanted,
                        protocol,
                        templates: vec![template],
                        services: vec![(service, node)],
                    }),
                }
            }
        }
        for of in asked {
            let same = |told: &&mut Unresolved<'_>| {
                told.wanted == of.wanted
                    && told.protocol == of.protocol
                    && of.templates.iter().all(|template| told.templates.iter().any(|at| at.at == template.at))
            };
            match all.iter_mut().find(same) {
                Some(told) => told.services.extend(of.services),
                None => all.push(of),
            }
        }
    }
    all
}
