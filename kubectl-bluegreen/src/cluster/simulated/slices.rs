//! What the EndpointSlice controller does: lists the pods that a Service selects.
//! A Service without a selector keeps the slices that it has, as on a real cluster.

use std::time::Duration;

use serde_json::{Value, json};

use super::kubelet::{is_ready, is_terminating};
use super::store::{State, text};
use crate::cluster::{ObjectRef, Resource};

/// Looks at a Service and writes its slice.
pub(super) fn update(state: &mut State, namespace: &str, service: &str, at: Duration) {
    let name = format!("{service}-ipv4");
    let slice = ObjectRef::new(Resource::EndpointSlices, namespace, &name);
    let Some(value) = state.objects.get(&ObjectRef::new(Resource::Services, namespace, service)).cloned() else {
        state.remove(&slice, at);
        return;
    };
    let selector = value.pointer("/spec/selector").and_then(Value::as_object).filter(|selector| !selector.is_empty());
    let Some(selector) = selector else { return };
    let eager = value.pointer("/spec/publishNotReadyAddresses").and_then(Value::as_bool) == Some(true);
    let selected = state.of(Resource::Pods, namespace).map(|(_, pod)| pod).filter(|pod| {
        selector
            .iter()
            .all(|(key, value)| pod.pointer("/metadata/labels").and_then(|labels| labels.get(key)) == Some(value))
            && !matches!(text(pod, "/status/phase"), Some("Failed" | "Succeeded"))
            && text(pod, "/status/podIP").is_some()
    });
    let endpoint = |pod: &Value| {
        let (ready, terminating) = (is_ready(pod), is_terminating(pod));
        json!({
            "addresses": [pod.pointer("/status/podIP")],
            "conditions": {"ready": (ready && !terminating) || eager, "serving": ready, "terminating": terminating},
            "nodeName": "simulated",
            "targetRef": {
                "kind": "Pod",
                "namespace": namespace,
                "name": pod.pointer("/metadata/name"),
                "uid": pod.pointer("/metadata/uid"),
            },
        })
    };
    let endpoints: Vec<Value> = selected.map(endpoint).collect();
    let port =
        |port: &Value| json!({"name": port.get("name"), "port": port.get("port"), "protocol": port.get("protocol")});
    let ports = value.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let ports: Vec<Value> = ports.map(port).collect();
    let mut new = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                "kubernetes.io/service-name": service,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
        },
        "endpoints": endpoints,
        "ports": ports,
    });
    if let Some(version) = state.objects.get(&slice).and_then(|slice| slice.pointer("/metadata/resourceVersion")) {
        super::store::set(&mut new, "metadata", "resourceVersion", version.clone());
    }
    let endpoints = |value: &Value| value.get("endpoints").cloned();
    if state.objects.get(&slice).and_then(endpoints) != endpoints(&new) {
        state.since.insert(slice.clone(), at);
    }
    state.put(&slice, new, at);
}
