//! What the kubelet does: starts pods, believes their probes, and ends them.
//! Looks at pods only.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::{State, Task, number, set, stamp, text};
use crate::cluster::{ObjectRef, Resource};

/// How long a pod goes on after it was asked to end, when nothing says otherwise.
const DRAIN: Duration = Duration::from_secs(3);

/// How the pods of an image behave.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// From being scheduled to running.
    pub start: Duration,
    /// Whether its readiness probes ever succeed.
    pub becomes_ready: bool,
    /// Whether its containers end again and again.
    pub crashes: bool,
    /// Whether its image cannot be pulled.
    pub pull_fails: bool,
    /// What its pods answer to HTTP requests once they are ready.
    pub status: u16,
    /// Which share of the users' requests they answer with an error, from 0 to 1.
    pub error_rate: f64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(1),
            becomes_ready: true,
            crashes: false,
            pull_fails: false,
            status: 200,
            error_rate: 0.0,
        }
    }
}

impl State {
    /// How a pod behaves, by its images.
    pub(super) fn behaviour(&self, pod: &Value) -> Behaviour {
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        let images: Vec<&str> = containers.filter_map(|container| text(container, "/image")).collect();
        let known =
            self.behaviours.iter().rev().find(|(part, _)| images.iter().any(|image| image.contains(part.as_str())));
        known.map(|(_, behaviour)| *behaviour).unwrap_or_default()
    }
}

/// The containers of a pod start.
pub(super) fn run(state: &mut State, object: &ObjectRef, epoch: Timestamp, at: Duration) {
    let Some(mut pod) = state.objects.get(object).cloned() else { return };
    if is_terminating(&pod) {
        return;
    }
    let behaviour = state.behaviour(&pod);
    if behaviour.pull_fails {
        containers(
            &mut pod,
            &json!({"waiting": {"reason": "ErrImagePull", "message": "failed to resolve reference: not found"}}),
            false,
            0,
        );
    } else if behaviour.crashes {
        containers(
            &mut pod,
            &json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}),
            false,
            3,
        );
        for status in pod.pointer_mut("/status/containerStatuses").and_then(Value::as_array_mut).into_iter().flatten() {
            set(status, "lastState", "terminated", json!({"exitCode": 1, "reason": "Error"}));
        }
    } else {
        set(&mut pod, "status", "phase", "Running".into());
        let running = json!({"running": {"startedAt": stamp(epoch, at)}});
        containers(&mut pod, &running, false, 0);
        if behaviour.becomes_ready {
            state.schedule(at + until_ready(&pod), Task::PodReady(object.clone()));
        } else {
            tell(state, &pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500", epoch, at);
        }
    }
    state.put(object, pod, at);
}

/// Counts a restart of every container of an image.
pub(super) fn restart(state: &mut State, image_part: &str, at: Duration) {
    let is_meant = |status: &Value| text(status, "/image").is_some_and(|image| image.contains(image_part));
    let pods: Vec<(ObjectRef, Value)> = state
        .objects
        .iter()
        .filter(|(object, _)| object.resource == Resource::Pods)
        .map(|(object, pod)| (object.clone(), pod.clone()))
        .collect();
    for (object, mut pod) in pods {
        let statuses = pod.pointer_mut("/status/containerStatuses").and_then(Value::as_array_mut).into_iter().flatten();
        for status in statuses.filter(|status| is_meant(status)) {
            let count = number(status, "/restartCount").unwrap_or_default() + 1;
            if let Some(status) = status.as_object_mut() {
                status.insert("restartCount".to_owned(), count.into());
            }
        }
        state.put(&object, pod, at);
    }
}

/// Writes an event about a pod.
fn tell(state: &mut State, pod: &Value, reason: &str, message: &str, epoch: Timestamp, at: Duration) {
    let of = |key: &str| pod.pointer(&format!("/metadata/{key}")).and_then(Value::as_str).unwrap_or_default();
    let name = format!("{}.{:x}", of("name"), state.serial());
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": of("namespace")},
        "involvedObject": {"kind": "Pod", "name": of("name"), "uid": of("uid")},
        "type": "Warning", "reason": reason, "message": message, "lastTimestamp": stamp(epoch, at),
    });
    state.put(&ObjectRef::new(Resource::Events, of("namespace"), name), event, at);
}

/// The readiness probes have succeeded.
pub(super) fn become_ready(state: &mut State, object: &ObjectRef, epoch: Timestamp, at: Duration) {
    let Some(mut pod) = state.objects.get(object).cloned() else { return };
    if is_terminating(&pod) {
        return;
    }
    let running = pod.pointer("/status/containerStatuses/0/state").cloned().unwrap_or_default();
    containers(&mut pod, &running, true, 0);
    conditions(&mut pod, true, &stamp(epoch, at));
    state.since.insert(object.clone(), at);
    state.put(object, pod, at);
}

/// A pod is asked to end.
pub(super) fn end(state: &mut State, object: &ObjectRef, epoch: Timestamp, at: Duration) {
    let Some(mut pod) = state.objects.get(object).cloned() else { return };
    if is_terminating(&pod) {
        return;
    }
    let seconds = |pointer: &str| number(&pod, pointer).and_then(|seconds| u64::try_from(seconds).ok());
    let grace = Duration::from_secs(seconds("/spec/terminationGracePeriodSeconds").unwrap_or(30));
    let sleeps = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let sleeps =
        sleeps.filter_map(|container| number(container, "/lifecycle/preStop/sleep/seconds")).max().unwrap_or_default();
    let drain = DRAIN + Duration::from_secs(u64::try_from(sleeps).unwrap_or_default());
    set(&mut pod, "metadata", "deletionTimestamp", stamp(epoch, at + grace).into());
    state.put(object, pod, at);
    state.schedule(at + drain.min(grace), Task::PodGone(object.clone()));
}

pub(super) fn is_terminating(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|c| text(c, "/type") == Some("Ready") && text(c, "/status") == Some("True"))
}

/// How long it takes from running to ready: the slowest container, whose startup probe comes first.
fn until_ready(pod: &Value) -> Duration {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let probe = |container: &Value, name: &str| {
        let Some(probe) = container.get(name).filter(|probe| !probe.is_null()) else { return Duration::ZERO };
        let of = |key: &str, or: u64| probe.get(key).and_then(Value::as_u64).unwrap_or(or);
        Duration::from_secs(of("initialDelaySeconds", 0) + of("periodSeconds", 10) * (of("successThreshold", 1) - 1))
    };
    let of_container = |container: &Value| probe(container, "startupProbe") + probe(container, "readinessProbe");
    containers.map(of_container).max().unwrap_or_default()
}

fn containers(pod: &mut Value, state: &Value, ready: bool, restarts: u32) {
    let specs = pod.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
    let status = |container: &Value| json!({"name": container.get("name"), "image": container.get("image"), "ready": ready, "restartCount": restarts, "state": state});
    let statuses: Vec<Value> = specs.iter().map(status).collect();
    set(pod, "status", "containerStatuses", statuses.into());
}

/// The conditions of a pod that is scheduled, and ready or not.
pub(super) fn conditions(pod: &mut Value, ready: bool, since: &str) {
    let word = |yes: bool| if yes { "True" } else { "False" };
    let condition = |kind: &str, yes: bool| json!({"type": kind, "status": word(yes), "lastTransitionTime": since});
    let all = [("PodScheduled", true), ("Initialized", true), ("ContainersReady", ready), ("Ready", ready)];
    let all: Vec<Value> = all.into_iter().map(|(kind, yes)| condition(kind, yes)).collect();
    set(pod, "status", "conditions", all.into());
}
