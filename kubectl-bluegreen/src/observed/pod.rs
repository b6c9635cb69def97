//! What a single pod says of itself: whether it serves, whose it is, and which ports it has.
//! Knows no set and no color.

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod, PodSpec};

/// Whether the kubelet says that the pod is ready, readiness gates included.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True")
}

/// Whether the pod is being deleted.
#[must_use]
pub fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether the pod is ready, and will stay.
#[must_use]
pub fn serves(pod: &Pod) -> bool {
    is_ready(pod) && !is_terminating(pod)
}

/// Whether the pod has ended for good and only its record is left, as after an eviction.
#[must_use]
pub fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// The name of the Deployment that made the pod: its ReplicaSet is called after the Deployment and the template's hash.
#[must_use]
pub fn deployment_of(pod: &Pod) -> Option<&str> {
    let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    let hash = pod.metadata.labels.as_ref()?.get("pod-template-hash")?;
    (owner.kind == "ReplicaSet").then(|| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-')).flatten()
}

/// The containers that run for as long as the pod: its own, and after them the sidecars among its init containers.
pub fn lasting_containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    let is_sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    pod.containers.iter().chain(pod.init_containers.iter().flatten().filter(is_sidecar))
}

/// The port of a pod that a Service means by a name: the first one of that name and protocol.
#[must_use]
pub fn port_called<'p>(pod: &'p PodSpec, called: &str, protocol: &str) -> Option<&'p ContainerPort> {
    let mut ports = lasting_containers(pod).flat_map(|container| container.ports.iter().flatten());
    ports.find(|port| port.name.as_deref() == Some(called) && port.protocol.as_deref().unwrap_or("TCP") == protocol)
}

/// The UID of a pod.
#[must_use]
pub fn uid(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}
