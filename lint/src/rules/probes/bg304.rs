//! The liveness probe asks the same as the readiness probe, and is no more patient.
//!
//! ## Why
//!
//! Readiness takes a slow pod out of the Service until it has caught up. When liveness fails at the same moment, the
//! pod is restarted instead: under load right after a switch one pod after the other, until none is left.
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
//!           httpGet: {path: /healthz, port: http}
//!         livenessProbe:
//!           httpGet: {path: /healthz, port: http}
//!           initialDelaySeconds: null
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
//!           httpGet: {path: /healthz, port: http}
//!         livenessProbe:
//!           httpGet: {path: /healthz, port: http}
//!           failureThreshold: 10
//! ```
//!
//! ## Configuration
//!
//! None. A liveness probe of the same kind is fine where it lets more failures pass, or waits longer between them.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, of_set};
use crate::rules::ports::text;
use crate::rules::probes::Probe;
use crate::yaml::NodeRef;

/// `liveness-equals-readiness`
pub(crate) static RULE: Rule = Rule {
    code: "BG304",
    name: "liveness-equals-readiness",
    severity: Severity::Info,
    source: include_str!("bg304.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (member, container) in of_set(set) {
        let probes = Probe::find(container, "liveness").zip(Probe::find(container, "readiness"));
        let Some((liveness, readiness)) = probes else { continue };
        let asks = asked(liveness);
        let is_patient = patience(liveness).zip(patience(readiness)).is_none_or(|(of, than)| of > than);
        if asks.is_none() || asks != asked(readiness) || is_patient {
            continue;
        }
        let message = format!(
            "liveness of container {} of {} is probed as readiness is: a slow moment becomes a restart",
            called(container),
            member.facts.name
        );
        findings
            .report(member.object.at_own_key(liveness.node), message)
            .help("let liveness fail later, such as by a larger failureThreshold, or ask less of it")
            .related(member.object.at_own_key(readiness.node), "the same as this");
    }
}

/// What a probe asks, with defaults filled in.
fn asked(probe: Probe<'_>) -> Option<String> {
    let handlers = ["httpGet", "tcpSocket", "grpc", "exec"];
    let (kind, handler) = handlers.iter().find_map(|kind| Some((kind, probe.node.get(kind)?)))?;
    let of = |key: &str| handler.get(key).and_then(NodeRef::as_str);
    let detail = match *kind {
        "httpGet" => {
            format!("{} {} {}", of("scheme").unwrap_or("HTTP"), of("host").unwrap_or(""), of("path").unwrap_or("/"))
        }
        "exec" => handler.to_json().to_string(),
        _ => of("service").unwrap_or_default().to_owned(),
    };
    Some(format!("{kind} {} {detail}", handler.get("port").and_then(text).unwrap_or_default()))
}

/// For how many seconds a probe has to fail before it counts.
fn patience(probe: Probe<'_>) -> Option<i64> {
    probe.setting("failureThreshold")?.checked_mul(probe.setting("periodSeconds")?)
}
