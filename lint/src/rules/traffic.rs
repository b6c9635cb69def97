//! Rules about what leads users to the Services: Ingresses, routes, weights, and network policies.
//! Holds only what these rules share.

pub(super) mod bg701;
pub(super) mod bg702;
pub(super) mod bg703;
pub(super) mod bg704;
pub(super) mod bg705;

use std::collections::HashMap;

use crate::manifest::{Object, Place};
use crate::model::routing::{Backend, Routing, is_canary};
use crate::model::{Model, SetView};
use crate::set::Color;
use crate::yaml::NodeRef;

/// Words of hosts and paths that are not for users.
const FOR_TESTS: [&str; 13] = [
    "preview",
    "test",
    "testing",
    "tests",
    "staging",
    "stage",
    "idle",
    "standby",
    "inactive",
    "passive",
    "canary",
    "candidate",
    "smoke",
];

/// The set that a backend's Service belongs to, unless something of the set could not be read.
fn set_of<'m>(model: &'m Model, object: &Object, backend: &Backend<'m>) -> Option<SetView<'m>> {
    let namespace = backend.namespace.or(object.id.namespace.as_deref());
    let mut named = model.services_named(backend.service, namespace);
    named.find_map(|service| model.set_with_service(service.at))
}

/// The set and the color whose own Service a backend names.
fn color_of<'m>(model: &'m Model, object: &Object, backend: &Backend<'m>) -> Option<(SetView<'m>, Color)> {
    let set = set_of(model, object, backend)?;
    let is_own = |color: &Color| set.color_service(*color).is_some_and(|service| service.facts.name == backend.service);
    Color::ALL.into_iter().find(is_own).map(|color| (set, color))
}

/// Whether a host or path says that it is for tests: it carries the color's name, or a word for tests.
fn is_for_tests(text: &str, color: Color) -> bool {
    let text = text.to_ascii_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    text.contains(color.as_str()) || words.any(|word| FOR_TESTS.contains(&word))
}

/// A host and path in one Ingress.
#[derive(Clone, Copy)]
struct Claim<'m> {
    object: &'m Object,
    service: usize,
    color: Color,
    host: Option<NodeRef<'m>>,
    backend: NodeRef<'m>,
}

impl Claim<'_> {
    fn place(&self) -> Place {
        self.object.at(self.host.unwrap_or(self.backend))
    }
}

/// One host and path in two Ingresses, one for each color.
struct Collision<'m> {
    claim: String,
    active: Claim<'m>,
    idle: Claim<'m>,
}

impl Collision<'_> {
    fn concerns(&self, object: &Object) -> bool {
        std::ptr::eq(self.active.object, object) || std::ptr::eq(self.idle.object, object)
    }
}

/// The hosts and paths that two Ingresses claim, one for each color; once for the same two Ingresses.
fn collisions(model: &Model) -> Vec<Collision<'_>> {
    let mut claims: HashMap<(String, String), Vec<Claim<'_>>> = HashMap::new();
    let mut found: Vec<Collision<'_>> = Vec::new();
    for object in model.objects().iter().filter(|object| object.id.kind == "Ingress" && !is_canary(object)) {
        for rule in Routing::of(object).into_iter().flat_map(|routing| routing.rules) {
            let Some(backend) = rule.backends.first() else { continue };
            let Some((set, color)) = color_of(model, object, backend) else { continue };
            let service = |color| set.color_service(color).map(|service| service.at);
            let (Some(own), other) = (service(color), service(color.other())) else { continue };
            let text = |node: Option<&NodeRef<'_>>| node.and_then(|node| node.as_str().map(str::to_owned));
            let path = text(rule.paths.first()).unwrap_or_else(|| "/".to_owned());
            let host = rule.hosts.first().copied();
            let what =
                text(host.as_ref()).map_or_else(|| format!("{path} of any host"), |host| format!("{host}{path}"));
            let own = Claim { object, service: own, color, host, backend: backend.name };
            let earlier = claims.entry((what.clone(), class(object))).or_default();
            let rival = earlier.iter().find(|claim| {
                // Two of one name are one object in the cluster: the later one replaces the earlier.
                Some(claim.service) == other && claim.color == color.other() && claim.object.id != object.id
            });
            if let Some(rival) = rival.copied() {
                let (active, idle) = if set.active() == Some(color) { (own, rival) } else { (rival, own) };
                if !found.iter().any(|known| known.concerns(object) && known.concerns(rival.object)) {
                    found.push(Collision { claim: what, active, idle });
                }
            }
            earlier.push(own);
        }
    }
    found
}

/// The class of an Ingress, which says whose it is.
fn class(object: &Object) -> String {
    let field = object.root().at(&["spec", "ingressClassName"]);
    let class = field.or_else(|| object.root().at(&["metadata", "annotations", "kubernetes.io/ingress.class"]));
    class.and_then(NodeRef::as_str).unwrap_or_default().to_owned()
}
