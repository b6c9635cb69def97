//! An Ingress or route for users goes to the Service of one color.
//!
//! ## Why
//!
//! A switch moves the active Service, and nobody who comes in by this route: they stay on a color that is about to be
//! replaced or removed.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Ingress
//! metadata: {name: shop}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop-blue, port: {number: 80}}}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Ingress
//! metadata: {name: shop}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop, port: {number: 80}}}
//! ---
//! kind: Ingress
//! metadata: {name: shop-blue}
//! spec:
//!   rules:
//!   - host: blue.shop.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop-blue, port: {number: 80}}}
//! ```
//!
//! ## Configuration
//!
//! None. Routes for tests are exempt: the host or path carries the color's name or a word such as `preview`, or headers
//! or a canary annotation choose them. So are routes that weigh both colors, which a switch moves as well.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::routing::{Backend, Routing, Rule as RouteRule, is_canary};
use crate::model::{Model, SetView};
use crate::rule::{Check, Rule};
use crate::rules::traffic::{collisions, color_of, is_for_tests};
use crate::set::{Color, color_named};
use crate::yaml::NodeRef;

/// `route-bypasses-active`
pub(crate) static RULE: Rule = Rule {
    code: "BG702",
    name: "route-bypasses-active",
    severity: Severity::Warning,
    source: include_str!("bg702.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    let collisions = collisions(model);
    let is_collision = |object: &Object| collisions.iter().any(|collision| collision.concerns(object));
    for object in model.objects().iter().filter(|object| !is_canary(object)) {
        let Some(routing) = Routing::of(object).filter(|_| !only_weighs(object) && !is_collision(object)) else {
            continue;
        };
        for rule in routing.rules.iter().filter(|rule| !rule.has_others && !rule.is_selective) {
            let Some((backend, set, color)) = bypass(model, object, rule) else { continue };
            let Some(active) = set.active_service() else { continue };
            if routing.fronts.contains(&active.facts.name) {
                continue;
            }
            let message = format!(
                "{} sends users to {}, the Service of {color}: a switch does not move them",
                object.id, backend.service
            );
            let finding = findings.report(object.at(backend.name), message);
            finding.help(format!(
                "send them to {}; if it is for tests, name the color in its host or path",
                active.facts.name
            ));
            finding.related(active.object.at_name(), "a switch moves this one");
        }
    }
}

/// Whether an object is there to weigh Services only; what leads to it is another one.
fn only_weighs(object: &Object) -> bool {
    matches!(object.id.kind.as_str(), "TrafficSplit" | "TraefikService")
}

/// The color Service that a rule for users sends all of its requests to.
fn bypass<'m>(model: &'m Model, object: &Object, rule: &RouteRule<'m>) -> Option<(Backend<'m>, SetView<'m>, Color)> {
    let [backend] = rule.backends.as_slice() else { return None };
    let (set, color) = color_of(model, object, backend)?;
    let mut texts = rule.hosts.iter().chain(&rule.paths).filter_map(|node| NodeRef::as_str(*node));
    let is_named = set.set.is_declared || color_named(backend.service) == Some(color);
    let is_exempt = texts.any(|text| is_for_tests(text, color)) || !is_named;
    (!is_exempt).then_some((*backend, set, color))
}
