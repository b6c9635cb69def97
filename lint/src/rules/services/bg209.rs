//! The active Service is of a kind, or has a setting, that makes a switch behave otherwise than expected.
//!
//! ## Why
//!
//! `publishNotReadyAddresses` sends users to pods that are not ready; a headless Service is resolved by clients, which keep the
//! old color's addresses; an `ExternalName` Service has no selector to switch. Session affinity and
//! `externalTrafficPolicy: Local` are often meant, and are reported with `--pedantic`.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec: {publishNotReadyAddresses: true}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec: {publishNotReadyAddresses: false}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::yaml::{NodeRef, Value};

/// `service-trap`
pub(crate) static RULE: Rule = Rule {
    code: "BG209",
    name: "service-trap",
    severity: Severity::Warning,
    source: include_str!("bg209.rs"),
    check: Check::Set(check),
};

/// A setting, its value, and what comes of it.
const TRAPS: [(&str, &str, Severity, &str); 6] = [
    ("publishNotReadyAddresses", "true", Severity::Warning, "users reach pods that are not ready"),
    (
        "clusterIP",
        "None",
        Severity::Warning,
        "clients resolve the pods themselves, and keep the old ones after a switch",
    ),
    ("type", "ExternalName", Severity::Warning, "its selector is not used, so a switch changes nothing"),
    ("sessionAffinity", "ClientIP", Severity::Info, "clients keep to a pod of their color until it is gone"),
    (
        "externalTrafficPolicy",
        "Local",
        Severity::Info,
        "nodes without a pod of the active color drop what reaches them",
    ),
    (
        "internalTrafficPolicy",
        "Local",
        Severity::Info,
        "clients on nodes without a pod of the active color get no answer",
    ),
];

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some(service) = set.active_service() else { return };
    let Some(spec) = service.object.root().get("spec") else { return };
    for (key, trap, severity, effect) in TRAPS {
        let is_trap = |node: &NodeRef<'_>| match node.value() {
            Value::Bool(value) => *value && trap == "true",
            _ => node.as_str() == Some(trap),
        };
        let Some(node) = spec.get(key).filter(is_trap) else { continue };
        let message = format!("the active Service {} has `{key}: {trap}`: {effect}", service.facts.name);
        findings.report(service.object.at(node), message).help(format!("take `{key}` out")).severity(severity);
    }
}
