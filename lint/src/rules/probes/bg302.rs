//! A probe asks a port that its container does not declare.
//!
//! ## Why
//!
//! The kubelet resolves a name among the ports of the container itself. A name that is not there fails every time: the
//! new color never becomes ready, or is restarted for ever. A number works without a declaration, and is often a
//! mistake; it is a warning.
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
//!         readinessProbe:
//!           httpGet: {path: /ready, port: web}   # the port is called `http`
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
//!         readinessProbe:
//!           httpGet: {path: /ready, port: http}
//! ```
//!
//! ## Configuration
//!
//! None. A number is not judged where the container declares no ports at all, nor where the other color declares it:
//! then it is the ports that differ (BG603).

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, has_misspelt};
use crate::rules::ports::{declared, is_number, is_undeclared, meant, of_container, place, targets_at, text};

/// `probe-port-undeclared`
pub(crate) static RULE: Rule = Rule {
    code: "BG302",
    name: "probe-port-undeclared",
    severity: Severity::Error,
    source: include_str!("bg302.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (member, probe) in super::all(set) {
        let Some((node, wanted)) = probe.port().and_then(|node| Some((node, text(node)?))) else { continue };
        let known = of_container(probe.container);
        if !is_undeclared(&known, &wanted, "TCP") || has_misspelt(probe.container, "ports") {
            continue;
        }
        let other = set.workloads().find(|(_, other)| other.at != member.at);
        let other = other.map(|(_, other)| declared(other.object)).unwrap_or_default();
        // Where a Service misses it as well, or only the other color has it, that is the defect, and is told as such.
        let missed = targets_at(set, member).any(|(_, (_, target, _))| target == wanted);
        let there = other.iter().any(|port| port.is(&wanted, "TCP"));
        if (missed && is_undeclared(&declared(member.object), &wanted, "TCP")) || (there && is_number(&wanted)) {
            continue;
        }
        let message = format!(
            "the {} probe of container {} of {} asks port {wanted}, which the container does not declare",
            probe.of,
            called(probe.container),
            member.facts.name
        );
        let meant = meant(&known, &wanted, &other);
        let finding = findings.report(member.object.at(node), message);
        if is_number(&wanted) {
            finding.severity(Severity::Warning);
        }
        let near = meant.and_then(|port| port.name.as_deref()).filter(|_| !there);
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => finding.help(format!("declare a container port named {wanted}")),
            None => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                finding.help(format!("declared there: {}", known.join(", ")))
            }
        };
        if let Some(port) = meant {
            finding.related(place(member.object, port), "the container declares this");
        }
    }
}
