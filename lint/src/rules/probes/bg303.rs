//! Readiness is probed on another port than the Services send traffic to.
//!
//! ## Why
//!
//! A pod counts as ready when its probe says so. When the probe asks another port than users do, a switch goes to pods
//! whose port for users may not answer at all.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         ports:
//!         - {name: http, containerPort: 8080}
//!         - {name: admin, containerPort: 9090}
//!         readinessProbe:
//!           httpGet: {path: /ready, port: admin}   # the Services send to `http`
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         ports:
//!         - {name: http, containerPort: 8080}
//!         - {name: admin, containerPort: 9090}
//!         readinessProbe:
//!           httpGet: {path: /ready, port: http}
//! ```
//!
//! ## Configuration
//!
//! None. Containers that no Service of the set reaches are not judged.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, lasting, of_set};
use crate::rules::ports::{Port, declared, is_undeclared, of_container, targets_at, text};
use crate::rules::probes::Probe;
use crate::set::Workload;
use crate::yaml::NodeRef;

/// `probe-misses-service-port`
pub(crate) static RULE: Rule = Rule {
    code: "BG303",
    name: "probe-misses-service-port",
    severity: Severity::Warning,
    source: include_str!("bg303.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (member, container) in of_set(set) {
        let Some(probe) = Probe::find(container, "readiness") else { continue };
        let Some((node, asked)) = probe.port().and_then(|node| Some((node, text(node)?))) else { continue };
        let known = of_container(container);
        let targets = targets(set, member, container);
        // What is not declared is reported as such.
        let unjudged = is_placeholder(&asked) || is_undeclared(&known, &asked, "TCP") || targets.is_empty();
        let asked_number = number(&known, &asked);
        if unjudged || targets.iter().any(|(number, _)| *number == asked_number) {
            continue;
        }
        let names: Vec<&str> = targets.iter().map(|(_, name)| name.as_str()).collect();
        let message = format!(
            "readiness of container {} of {} is probed on port {asked}, and the Services send traffic to {}",
            called(container),
            member.facts.name,
            names.join(" and ")
        );
        findings
            .report(member.object.at(node), message)
            .help(format!("probe port {}, so that ready means that users get answers", names.join(" or ")));
    }
}

/// The ports of this container that the set's Services send to: the number, and how the Service calls it.
fn targets(set: SetView<'_>, member: Member<'_, Workload>, container: NodeRef<'_>) -> Vec<(String, String)> {
    let alone = lasting(member.object).count() == 1;
    let (own, all) = (of_container(container), declared(member.object));
    let mut targets: Vec<(String, String)> = Vec::new();
    for (_, (_, wanted, protocol)) in targets_at(set, member) {
        let here = own.iter().any(|port| port.is(&wanted, &protocol));
        let undeclared = is_undeclared(&all, &wanted, &protocol);
        let target = (number(&own, &wanted), wanted);
        if protocol == "TCP"
            && (here || (alone && !undeclared))
            && !is_placeholder(&target.1)
            && !targets.contains(&target)
        {
            targets.push(target);
        }
    }
    targets
}

/// A port as a number, where its name is declared.
fn number(known: &[Port<'_>], wanted: &str) -> String {
    let named = known.iter().find(|port| port.name.as_deref() == Some(wanted)).and_then(|port| port.number);
    named.map_or_else(|| wanted.to_owned(), |number| number.to_string())
}
