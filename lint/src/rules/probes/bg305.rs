//! A probe may take longer than the time until the next one.
//!
//! ## Why
//!
//! Probes of one container never overlap: a slow answer delays the next question, and a pod is found out later than its
//! `periodSeconds` says. A switch then waits for, or trusts, an answer that is older than it looks.
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
//!           periodSeconds: 5
//!           timeoutSeconds: 10
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
//!           periodSeconds: 10
//!           timeoutSeconds: 5
//! ```
//!
//! ## Configuration
//!
//! None. Both may be equal; without `periodSeconds` it is 10.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::called;
use crate::yaml::NodeRef;

/// `probe-timing`
pub(crate) static RULE: Rule = Rule {
    code: "BG305",
    name: "probe-timing",
    severity: Severity::Warning,
    source: include_str!("bg305.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (member, probe) in super::all(set) {
        let Some(node) = probe.node.get("timeoutSeconds") else { continue };
        let Some((timeout, period)) = node.as_int().zip(probe.setting("periodSeconds")) else { continue };
        if timeout <= period {
            continue;
        }
        let message = format!(
            "the {} probe of container {} of {} may take {timeout} s, and is to run every {period} s",
            probe.of,
            called(probe.container),
            member.facts.name
        );
        let finding = findings.report(member.object.at(node), message);
        finding.help("make timeoutSeconds at most periodSeconds");
        if let Some(period) = probe.node.get("periodSeconds").filter(|period| NodeRef::as_int(*period).is_some()) {
            finding.related(member.object.at(period), "the next one is due after this");
        }
    }
}
