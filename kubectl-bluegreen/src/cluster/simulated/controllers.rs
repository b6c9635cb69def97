//! What the Deployment controller does: makes and ends pods, step by step, and reports how far it is.
//! ReplicaSets are not objects here; a pod says by its hash which one it belongs to.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kubelet::{self, is_ready, is_terminating};
use super::store::{State, Task, number, set, stamp, text};
use crate::cluster::{ObjectRef, Resource};

/// The pods of a Deployment, by what they are to it.
#[derive(Default)]
struct Pods {
    current: Vec<ObjectRef>,
    old: Vec<ObjectRef>,
    ready: Vec<ObjectRef>,
    available: Vec<ObjectRef>,
    terminating: usize,
}

/// Looks at a Deployment: one step towards what it asks for, and its status.
pub(super) fn deployment(state: &mut State, object: &ObjectRef, epoch: Timestamp, at: Duration) {
    let Some(deployment) = state.objects.get(object).cloned() else {
        let orphans = find(state, object, "", Duration::ZERO, at);
        for pod in orphans.old.iter().chain(&orphans.current) {
            kubelet::end(state, pod, epoch, at);
        }
        return;
    };
    let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let paused = deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true);
    let hash = if paused { running_hash(state, object) } else { None }.unwrap_or_else(|| hash(&template));
    let least_ready = Duration::from_secs(seconds(&deployment, "/spec/minReadySeconds").unwrap_or_default());
    let desired = usize::try_from(number(&deployment, "/spec/replicas").unwrap_or(1)).unwrap_or_default();
    let pods = find(state, object, &hash, least_ready, at);
    step(state, object, &deployment, &hash, &pods, desired, epoch, at);
    let pods = find(state, object, &hash, least_ready, at);
    report(state, object, deployment, &pods, desired, epoch, at);
    for pod in pods.ready.iter().filter(|pod| !pods.available.contains(pod)) {
        let since = state.since.get(pod).copied().unwrap_or(at);
        state.schedule(since + least_ready, Task::Deployment(object.clone()));
    }
}

fn seconds(value: &Value, pointer: &str) -> Option<u64> {
    number(value, pointer).and_then(|seconds| u64::try_from(seconds).ok())
}

/// A stable short hash of a pod template.
fn hash(template: &Value) -> String {
    let text = template.to_string();
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:010x}", hash >> 24)
}

fn running_hash(state: &State, object: &ObjectRef) -> Option<String> {
    let pods = find(state, object, "", Duration::ZERO, Duration::ZERO);
    let newest = pods.old.last()?;
    text(state.objects.get(newest)?, "/metadata/labels/pod-template-hash").map(str::to_owned)
}

fn find(state: &State, object: &ObjectRef, hash: &str, least_ready: Duration, at: Duration) -> Pods {
    let mut pods = Pods::default();
    for (pod, value) in state.of(Resource::Pods, &object.namespace) {
        if text(value, "/metadata/annotations/simulated~1deployment") != Some(&object.name) {
            continue;
        }
        if is_terminating(value) {
            pods.terminating += 1;
            continue;
        }
        let current = text(value, "/metadata/labels/pod-template-hash") == Some(hash);
        if current { &mut pods.current } else { &mut pods.old }.push(pod.clone());
        if is_ready(value) {
            pods.ready.push(pod.clone());
            if state.since.get(pod).is_some_and(|since| *since + least_ready <= at) {
                pods.available.push(pod.clone());
            }
        }
    }
    pods
}

#[expect(clippy::too_many_arguments, reason = "one step of one controller; each is a plain value")]
fn step(
    state: &mut State,
    object: &ObjectRef,
    deployment: &Value,
    hash: &str,
    pods: &Pods,
    desired: usize,
    epoch: Timestamp,
    at: Duration,
) {
    let recreate = text(deployment, "/spec/strategy/type") == Some("Recreate");
    let total = pods.current.len() + pods.old.len();
    let unready =
        |list: &[ObjectRef]| list.iter().filter(|pod| !pods.available.contains(pod)).cloned().collect::<Vec<_>>();
    if pods.current.len() > desired {
        let excess = pods.current.len() - desired;
        let mut ending = unready(&pods.current);
        ending.extend(pods.current.iter().rev().filter(|pod| pods.available.contains(pod)).cloned());
        ending.iter().take(excess).for_each(|pod| kubelet::end(state, pod, epoch, at));
        return;
    }
    if recreate {
        if pods.old.is_empty() && pods.terminating == 0 {
            (pods.current.len()..desired).for_each(|_| create(state, object, deployment, hash, epoch, at));
        }
        pods.old.iter().for_each(|pod| kubelet::end(state, pod, epoch, at));
        return;
    }
    let surge = share(deployment.pointer("/spec/strategy/rollingUpdate/maxSurge"), desired, true);
    let unavailable = share(deployment.pointer("/spec/strategy/rollingUpdate/maxUnavailable"), desired, false);
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    let room = if pods.old.is_empty() { desired } else { (desired + surge).saturating_sub(pods.old.len()) };
    (pods.current.len()..desired.min(room.max(pods.current.len())))
        .for_each(|_| create(state, object, deployment, hash, epoch, at));
    let keep = desired.saturating_sub(unavailable);
    let removable = pods.available.len().saturating_sub(keep);
    let broken = unready(&pods.old);
    let good: Vec<ObjectRef> = pods.old.iter().filter(|pod| pods.available.contains(pod)).cloned().collect();
    let ending = broken.iter().chain(good.iter().take(removable));
    ending.take(total).for_each(|pod| kubelet::end(state, pod, epoch, at));
}

/// A number, or a percentage of the wanted size. Surge is rounded up, the unavailable are rounded down.
fn share(value: Option<&Value>, desired: usize, up: bool) -> usize {
    let percent = |percent: usize| if up { (desired * percent).div_ceil(100) } else { desired * percent / 100 };
    match value {
        Some(Value::Number(number)) => {
            number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
        }
        Some(Value::String(text)) => {
            text.strip_suffix('%').and_then(|number| number.parse().ok()).map(percent).unwrap_or_default()
        }
        _ => percent(25),
    }
}

fn create(state: &mut State, object: &ObjectRef, deployment: &Value, hash: &str, epoch: Timestamp, at: Duration) {
    let serial = state.serial();
    let alphabet = ["b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t"];
    let letter = |n: u32| alphabet.get(usize::try_from(serial >> (4 * n) & 15).unwrap_or_default()).copied();
    let letters: String = (0..5).filter_map(letter).collect();
    let name = format!("{}-{hash}-{letters}", object.name);
    let mut pod = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    set(&mut pod, "metadata", "name", name.clone().into());
    set(&mut pod, "metadata", "namespace", object.namespace.clone().into());
    set(&mut pod, "metadata", "uid", format!("11111111-0000-0000-0000-{serial:012}").into());
    set(&mut pod, "metadata", "creationTimestamp", stamp(epoch, at).into());
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{}-{hash}", object.name), "uid": hash, "controller": true}]);
    set(&mut pod, "metadata", "ownerReferences", owner);
    for (section, key, value) in
        [("labels", "pod-template-hash", hash), ("annotations", "simulated/deployment", &object.name)]
    {
        if let Some(metadata) = pod.get_mut("metadata") {
            set(metadata, section, key, value.into());
        }
    }
    set(&mut pod, "status", "phase", "Pending".into());
    set(&mut pod, "status", "podIP", format!("10.244.{}.{}", serial / 250 % 250, serial % 250 + 1).into());
    kubelet::conditions(&mut pod, false, &stamp(epoch, at));
    if let Some(pod) = pod.as_object_mut() {
        pod.insert("apiVersion".to_owned(), "v1".into());
        pod.insert("kind".to_owned(), "Pod".into());
    }
    let start = state.behaviour(&pod).start;
    let object = ObjectRef::new(Resource::Pods, &object.namespace, name);
    state.put(&object, pod, at);
    state.schedule(at + start, Task::PodRuns(object));
}

fn report(
    state: &mut State,
    object: &ObjectRef,
    mut deployment: Value,
    pods: &Pods,
    desired: usize,
    epoch: Timestamp,
    at: Duration,
) {
    let total = pods.current.len() + pods.old.len();
    let complete = pods.current.len() == desired && pods.available.len() == desired && pods.old.is_empty();
    let deadline = Duration::from_secs(seconds(&deployment, "/spec/progressDeadlineSeconds").unwrap_or(600));
    let counts = json!([
        pods.current.len(),
        pods.old.len(),
        pods.ready.len(),
        pods.available.len(),
        deployment.pointer("/metadata/generation")
    ]);
    if deployment.pointer("/status/simulatedCounts") != Some(&counts) || complete {
        state.since.insert(object.clone(), at);
    }
    let progress = state.since.get(object).copied().unwrap_or(at);
    let late = !complete && progress + deadline <= at;
    if !complete && !late {
        state.schedule(progress + deadline, Task::Deployment(object.clone()));
    }
    let reason = match (complete, late) {
        (true, _) => "NewReplicaSetAvailable",
        (false, true) => "ProgressDeadlineExceeded",
        (false, false) => "ReplicaSetUpdated",
    };
    let since = stamp(epoch, progress);
    let word = |yes: bool| if yes { "True" } else { "False" };
    let status = json!({
        "observedGeneration": deployment.pointer("/metadata/generation"),
        "replicas": total,
        "updatedReplicas": pods.current.len(),
        "readyReplicas": pods.ready.len(),
        "availableReplicas": pods.available.len(),
        "unavailableReplicas": desired.max(total).saturating_sub(pods.available.len()),
        "simulatedCounts": counts,
        "conditions": [
            {"type": "Available", "status": word(pods.available.len() >= desired), "lastTransitionTime": since, "reason": "MinimumReplicasAvailable"},
            {"type": "Progressing", "status": word(!late), "lastTransitionTime": since, "reason": reason},
        ],
    });
    if let Some(deployment) = deployment.as_object_mut() {
        deployment.insert("status".to_owned(), status);
    }
    // The controller writes the status of what it has seen; it does not undo what was written meanwhile.
    state.put(object, deployment, at);
}
