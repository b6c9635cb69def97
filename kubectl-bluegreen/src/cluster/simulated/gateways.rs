//! What the controller of a Gateway does: says of a route whether it takes it, and whether its backends are there.
//! Sends no traffic; every Gateway that a route names is there and open, unless it was closed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::{State, number, stamp, text};
use crate::cluster::{ObjectRef, Resource};

/// Looks at a route and writes what its parents say of it.
pub(super) fn update(state: &mut State, object: &ObjectRef, epoch: Timestamp, at: Duration) {
    let Some(mut route) = state.objects.get(object).cloned() else { return };
    let array = |pointer: &str| route.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let generation = number(&route, "/metadata/generation");
    let missing = array("/spec/rules").iter().find_map(|rule| missing(state, object, rule));
    let condition = |kind: &str, failed: Option<(&str, String)>| {
        let status = if failed.is_none() { "True" } else { "False" };
        let (reason, message) = failed.unwrap_or((kind, String::new()));
        json!({"type": kind, "status": status, "reason": reason, "message": message,
            "observedGeneration": generation, "lastTransitionTime": stamp(epoch, at)})
    };
    let parent = |parent: &Value| {
        let name = text(parent, "/name").unwrap_or_default();
        let closed = state.closed_gateways.contains(name);
        let refusal = closed.then(|| ("NotAllowedByListeners", "no listener takes it".to_owned()));
        let unresolved = missing.clone().map(|service| ("BackendNotFound", format!("service {service} not found")));
        json!({"parentRef": parent, "controllerName": "simulated/gateway",
            "conditions": [condition("Accepted", refusal), condition("ResolvedRefs", unresolved)]})
    };
    let parents: Vec<Value> = array("/spec/parentRefs").iter().map(parent).collect();
    let known = route.pointer("/status/parents").and_then(Value::as_array).cloned().unwrap_or_default();
    let said = |parents: &[Value]| parents.iter().map(without_times).collect::<Vec<_>>();
    if said(&known) != said(&parents) {
        super::store::set(&mut route, "status", "parents", parents.into());
        state.put(object, route, at);
    }
}

fn without_times(parent: &Value) -> Value {
    let mut parent = parent.clone();
    for condition in parent.pointer_mut("/conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        condition.as_object_mut().map(|condition| condition.remove("lastTransitionTime"));
    }
    parent
}

/// A backend of a rule that is not there, or that has no such port.
fn missing(state: &State, route: &ObjectRef, rule: &Value) -> Option<String> {
    let backends = rule.get("backendRefs").and_then(Value::as_array).into_iter().flatten();
    let is_missing = |backend: &&Value| {
        let namespace = text(backend, "/namespace").unwrap_or(&route.namespace);
        let service = ObjectRef::new(Resource::Services, namespace, text(backend, "/name").unwrap_or_default());
        let ports = state.objects.get(&service).and_then(|service| service.pointer("/spec/ports")?.as_array());
        !ports.is_some_and(|ports| ports.iter().any(|port| port.get("port") == backend.get("port")))
    };
    let is_service = |backend: &&Value| text(backend, "/kind").is_none_or(|kind| kind == "Service");
    let missing = backends.filter(is_service).find(is_missing)?;
    text(missing, "/name").map(str::to_owned)
}
