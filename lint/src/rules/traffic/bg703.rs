//! The weights of a route's rule cannot be meant: all are zero, or those of an Istio rule do not sum to 100.
//!
//! ## Why
//!
//! With all weights at zero users get an error. Istio takes weights as percent; a sum that is not 100 means that
//! somebody has changed one of them and forgotten the other, and another share of the users than intended sees the new
//! version.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: {name: shop}
//! spec:
//!   parentRefs: [{name: gateway}]
//!   rules:
//!   - backendRefs:
//!     - {name: shop-blue, port: 80, weight: 0}
//!     - {name: shop-green, port: 80, weight: 0}
//! ---
//! kind: Service
//! metadata: {name: shop}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: HTTPRoute
//! metadata: {name: shop}
//! spec:
//!   parentRefs: [{name: gateway}]
//!   rules:
//!   - backendRefs:
//!     - {name: shop-blue, port: 80, weight: 90}
//!     - {name: shop-green, port: 80, weight: 10}
//! ---
//! kind: Service
//! metadata: {name: shop}
//! ```
//!
//! ## Configuration
//!
//! None. Only rules that send to a Service of a release set are judged.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::Model;
use crate::model::routing::{Routing, Rule as RouteRule};
use crate::rule::{Check, Rule};
use crate::rules::traffic::set_of;
use crate::yaml::NodeRef;

/// `bad-weights`
pub(crate) static RULE: Rule = Rule {
    code: "BG703",
    name: "bad-weights",
    severity: Severity::Error,
    source: include_str!("bg703.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    for object in model.objects() {
        let Some(routing) = Routing::of(object) else { continue };
        for rule in routing.rules.iter().filter(|rule| !rule.has_others) {
            let of_set = rule.backends.iter().any(|backend| set_of(model, object, backend).is_some());
            let Some(why) = defect(object, rule).filter(|_| of_set) else { continue };
            let weights: Vec<NodeRef<'_>> = rule.backends.iter().filter_map(|backend| backend.weight).collect();
            let Some(first) = weights.first().copied().or_else(|| Some(rule.backends.first()?.name)) else { continue };
            let finding = findings.report(object.at(first), format!("{why} in {}", object.id));
            finding.help("give each backend its share in percent");
            for weight in weights.iter().skip(1) {
                finding.related(object.at(*weight), "together with this");
            }
        }
    }
}

/// What is wrong with a rule's weights.
fn defect(object: &Object, rule: &RouteRule<'_>) -> Option<String> {
    let is_istio = object.group() == "networking.istio.io";
    let default = i64::from(!is_istio);
    let weights: Option<Vec<i64>> =
        rule.backends.iter().map(|backend| backend.weight.map_or(Some(default), NodeRef::as_int)).collect();
    let weights = weights.filter(|weights| !weights.is_empty())?;
    // Istio sends all to an only destination, whatever its weight.
    if is_istio && weights.len() == 1 {
        return None;
    }
    let sum = weights.iter().try_fold(0_i64, |sum, weight| sum.checked_add(*weight))?;
    if weights.iter().all(|weight| *weight == 0) {
        return Some("all weights of a rule are zero".to_owned());
    }
    (is_istio && sum != 100).then(|| format!("the weights of a rule sum to {sum}, and not to 100,"))
}
