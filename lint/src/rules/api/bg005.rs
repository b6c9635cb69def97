//! A field that the kind does not have.
//!
//! ## Why
//!
//! The strict validation of the API server refuses the object. Where it is switched off, the field is dropped without a
//! word: a `readinesProbe` is no probe.
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
//!         readinesProbe:
//!           httpGet: {path: /ready, port: http}
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
//! None. Known are the fields of Deployment, Service, `HorizontalPodAutoscaler`, `PodDisruptionBudget` and Ingress.

use super::fields::TYPES;
use crate::finding::{Findings, Severity};
use crate::manifest::{Object, is_placeholder};
use crate::rule::{Check, Rule};
use crate::yaml::NodeRef;

/// `unknown-field`
pub(crate) static RULE: Rule = Rule {
    code: "BG005",
    name: "unknown-field",
    severity: Severity::Error,
    source: include_str!("bg005.rs"),
    check: Check::Object(check),
};

/// The kinds whose fields are known, with their apiVersions.
const KINDS: [(&str, &str); 5] = [
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "Ingress"),
];

fn check(object: &Object, findings: &mut Findings<'_>) {
    if KINDS.contains(&(object.id.api_version.as_str(), object.id.kind.as_str())) {
        walk(object, object.root(), &object.id.kind, findings);
    }
}

fn fields(of: &str) -> Option<&'static [(&'static str, &'static str)]> {
    let at = TYPES.binary_search_by_key(&of, |(name, _)| name).ok()?;
    TYPES.get(at).map(|(_, fields)| *fields)
}

fn walk(object: &Object, node: NodeRef<'_>, of: &str, findings: &mut Findings<'_>) {
    let Some(known) = fields(of) else { return };
    for item in node.items() {
        walk(object, item, of, findings);
    }
    for (entry, value) in node.entries() {
        if let Some((_, of)) = known.iter().find(|(name, _)| *name == &*entry.key) {
            walk(object, value, of, findings);
        } else if !is_placeholder(&entry.key) {
            let finding =
                findings.report(object.at_key(node, &entry.key), format!("{of} has no field `{}`", entry.key));
            let near = known
                .iter()
                .map(|(name, _)| (strsim::damerau_levenshtein(&name.to_lowercase(), &entry.key.to_lowercase()), *name));
            let near = near.min().filter(|(distance, _)| *distance <= 2.max(entry.key.len() / 4));
            match near {
                Some((_, name)) => finding.help(format!("did you mean `{name}`?")),
                None => finding.help("remove it, or move it to where it belongs"),
            };
        }
    }
}
