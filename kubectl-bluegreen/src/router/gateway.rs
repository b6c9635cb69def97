//! The Gateway API: weights of `backendRefs` in its routes, and the word of every parent.
//! Writes weights and nothing else of a route; the Gateways themselves are somebody else's.

use serde_json::Value;

use super::weighted::{accepted_step, of_shape, weighted, weighted_routes, weighted_share};
use super::{Ask, Means, Refusal, Router, Stage, ends_to_give};
use crate::cluster::{ObjectRef, Resource};
use crate::observed::name;
use crate::weights::{Ends, Shape, inside, reference, rename_reference};

pub(super) const ROUTER: Router = Router {
    id: "gateway",
    covers: "what enters through Gateways, by the HTTPRoutes and GRPCRoutes that name the active Service",
    means: Means::ColorService,
    routes: |set| weighted_routes(set, &SHAPE),
    share: |set, color| weighted_share(set, color, &SHAPE),
    plan,
};

const SHAPE: Shape = Shape {
    resources: &[Resource::HttpRoutes, Resource::GrpcRoutes],
    lists: |route| inside(route, "/spec/rules", "backendRefs"),
    service: reference,
    rename: rename_reference,
    port: "/port",
    sum: None,
};

/// What the parents of a route say of it as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// All of them take it.
    Accepted(usize),
    /// One of them has not looked at it yet.
    Waiting(String),
    /// All of them take it, and one of them does not find something that it names.
    Unresolved(String),
    /// One of them does not take it.
    Rejected(String),
}

fn plan(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    if ask.share > 0 {
        ends_to_give(ask, "a route")?;
    }
    let service = ask.set.active_service().map_or("", |service| name(&service.metadata));
    let ends = Ends { namespace: ask.set.namespace(), active: service, color: "" };
    let ours = of_shape(ask.set, &SHAPE).filter(|route| !SHAPE.lists_to(route, ends).is_empty());
    let mut awaited = Vec::new();
    for route in ours.filter(|_| ask.share > 0) {
        match word(&route.object) {
            Word::Accepted(_) => {}
            // This tool has changed it a moment ago.
            Word::Waiting(_) if ask.before.routes.contains_key(&route.key()) => {
                awaited.push(accepted_step(route, false));
            }
            Word::Waiting(reason) | Word::Unresolved(reason) | Word::Rejected(reason) => {
                return Err(Refusal::new(
                    format!("{route} is not accepted as it is now: {reason}"),
                    format!("its traffic does not follow it: kubectl get {route} -o yaml"),
                ));
            }
        }
    }
    if !awaited.is_empty() {
        let then = Some(format!("look again, then give {} {} %", ask.color, ask.share));
        return Ok(Stage { steps: awaited, before: ask.before.clone(), then, ..Stage::default() });
    }
    weighted(ask, &SHAPE, true)
}

/// What the parents of a route in a list say: how it is accepted, or why not; nothing while it is not known. And the
/// version of the list.
///
/// A share that is given needs what the route names. Once it was taken out (`back`), what is missing is something else: what
/// the rest of the route says holds without it.
pub(crate) fn accepted(route: &ObjectRef, back: bool, list: &Value) -> (Option<Result<String, String>>, String) {
    let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
    let mut routes = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let object = routes.find(|object| text(object, "/metadata/name") == route.name);
    let answer = match object.map(word) {
        None => Some(Err("it is gone".to_owned())),
        Some(Word::Accepted(parents)) => Some(Ok(format!("{route} is accepted by all its Gateways ({parents})"))),
        Some(Word::Unresolved(reason)) if back => Some(Ok(format!(
            "{route} is accepted by all its Gateways, but something that it names is missing: {reason}"
        ))),
        Some(Word::Unresolved(reason) | Word::Rejected(reason)) => Some(Err(reason)),
        Some(Word::Waiting(_)) => None,
    };
    (answer, version.to_owned())
}

fn word(route: &Value) -> Word {
    let parents: Vec<&Value> = array(route, "/spec/parentRefs").collect();
    let (mut rejected, mut unresolved) = (None, None);
    for parent in &parents {
        let called = format!("gateway/{}", text(parent, "/name"));
        let words: Vec<&Value> =
            array(route, "/status/parents").filter(|status| is_of(status.get("parentRef"), parent)).collect();
        if words.is_empty() {
            return Word::Waiting(format!("{called} has not looked at it"));
        }
        for condition in ["Accepted", "ResolvedRefs"] {
            for status in &words {
                let found = array(status, "/conditions").find(|found| text(found, "/type") == condition);
                let current = found
                    .is_some_and(|found| found.get("observedGeneration").and_then(Value::as_i64) >= generation(route));
                let Some(found) = found.filter(|_| current) else {
                    return Word::Waiting(format!("{called} has not said {condition} of it as it is now"));
                };
                if text(found, "/status") != "True" {
                    let (reason, message) = (text(found, "/reason"), text(found, "/message"));
                    let known = if condition == "Accepted" { &mut rejected } else { &mut unresolved };
                    known.get_or_insert(format!("{called} says {condition} is false: {reason}: {message}"));
                }
            }
        }
    }
    match (rejected, unresolved) {
        (Some(reason), _) => Word::Rejected(reason),
        (None, Some(reason)) => Word::Unresolved(reason),
        _ if parents.is_empty() => Word::Waiting("it has no parent".to_owned()),
        _ => Word::Accepted(parents.len()),
    }
}

/// Whether a status is about a parent: what both say of it is the same.
fn is_of(status: Option<&Value>, parent: &Value) -> bool {
    let Some(status) = status else { return false };
    let same = |key: &str| match (status.get(key), parent.get(key)) {
        (Some(status), Some(parent)) => status == parent,
        // A namespace that is left out is the route's own.
        _ => key == "namespace" || status.get(key).is_none() == parent.get(key).is_none(),
    };
    ["name", "namespace", "sectionName", "port"].into_iter().all(same)
}

fn generation(route: &Value) -> Option<i64> {
    route.pointer("/metadata/generation").and_then(Value::as_i64)
}

fn array<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A route of generation 4 with two parents, and what they say.
    fn route(parents: &Value) -> Value {
        json!({"metadata": {"name": "shop", "generation": 4}, "spec": {"parentRefs": [{"name": "web"}, {"name": "web", "sectionName": "tls"}]},
            "status": {"parents": parents}})
    }

    fn parent(section: Option<&str>, accepted: (&str, i64), resolved: (&str, i64)) -> Value {
        let condition = |kind: &str, (status, generation): (&str, i64)| json!({"type": kind, "status": status, "reason": "Because", "message": "so it is", "observedGeneration": generation});
        let mut reference = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "web"});
        if let Some(section) = section {
            reference["sectionName"] = section.into();
        }
        json!({"parentRef": reference, "conditions": [condition("Accepted", accepted), condition("ResolvedRefs", resolved)]})
    }

    #[test]
    fn every_parent_must_take_the_route_as_it_is_now() {
        let good = || parent(None, ("True", 4), ("True", 4));
        let tls = |accepted, resolved| parent(Some("tls"), accepted, resolved);
        assert_eq!(word(&route(&json!([good(), tls(("True", 4), ("True", 5))]))), Word::Accepted(2));
        for waiting in [
            json!([]),
            json!([good()]),
            json!([good(), tls(("True", 3), ("True", 4))]),
            // What was false of the route as it was before may be mended by now.
            json!([good(), tls(("True", 4), ("False", 3))]),
            json!([good(), {"parentRef": {"name": "web", "sectionName": "tls"}, "conditions": []}]),
        ] {
            assert!(matches!(word(&route(&waiting)), Word::Waiting(_)), "{waiting}");
        }
        let rejected = word(&route(&json!([good(), tls(("True", 4), ("False", 4))])));
        assert_eq!(rejected, Word::Unresolved("gateway/web says ResolvedRefs is false: Because: so it is".to_owned()));
        let rejected = word(&route(&json!([parent(None, ("False", 4), ("True", 4)), tls(("True", 4), ("True", 4))])));
        assert_eq!(rejected, Word::Rejected("gateway/web says Accepted is false: Because: so it is".to_owned()));
    }
}
