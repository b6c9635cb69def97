//! Each reason as a real cluster says it, and near misses.

use serde_json::{Value, json};

use super::*;

fn deployment(status: &Value) -> Deployment {
    let mut value = json!({"metadata": {"name": "shop-green", "generation": 2}, "spec": {"selector": {}, "template": {}},
        "status": {"observedGeneration": 2, "updatedReplicas": 1}});
    for (key, field) in status.as_object().into_iter().flatten() {
        value["status"][key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn pod(status: &Value) -> Pod {
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080}});
    serde_json::from_value(json!({
        "metadata": {"name": "p", "uid": "u", "labels": {"pod-template-hash": "h"}},
        "spec": {"containers": [{"name": "app", "image": "shop:2", "readinessProbe": probe}]},
        "status": status,
    }))
    .unwrap()
}

fn container(state: &Value, last: &Value, restarts: i32) -> Value {
    json!({"containerStatuses": [{"name": "app", "image": "shop:2", "imageID": "", "ready": false, "started": true,
        "restartCount": restarts, "state": state, "lastState": last}]})
}

fn event(reason: &str, message: &str) -> Event {
    serde_json::from_value(json!({"metadata": {}, "involvedObject": {"kind": "Pod", "name": "p", "uid": "u"},
        "reason": reason, "message": message, "lastTimestamp": "2026-01-01T00:00:00Z"}))
    .unwrap()
}

fn first(status: &Value, events: &[Event]) -> Option<Diagnosis> {
    diagnose(&deployment(&json!({})), &[&pod(status)], events).into_iter().next()
}

#[track_caller]
fn is(status: &Value, events: &[Event], cause: &str, certain_after: Option<u64>) -> Diagnosis {
    let found = first(status, events).unwrap();
    assert_eq!((found.cause, found.certain_after), (cause, certain_after.map(Duration::from_secs)), "{found}");
    found
}

#[test]
fn images_that_are_not_there_are_certain_at_once_and_a_busy_registry_is_not() {
    let waiting = |reason: &str, message: &str| {
        container(&json!({"waiting": {"reason": reason, "message": message}}), &json!({}), 0)
    };
    let gone = "failed to pull and unpack image \"shop:2\": failed to resolve reference \"shop:2\": shop:2: not found";
    is(&waiting("ErrImagePull", gone), &[], "image-pull", Some(0));
    is(&waiting("InvalidImageName", "couldn't parse image name"), &[], "image-pull", Some(0));
    is(&waiting("ErrImagePull", "dial tcp: i/o timeout"), &[], "image-pull", Some(40));
    // Between two tries only the event says why.
    let back_off = waiting("ImagePullBackOff", "Back-off pulling image \"shop:2\"");
    let found = is(&back_off, &[event("Failed", "Failed to pull image \"shop:2\": not found")], "image-pull", Some(0));
    assert!(found.to_string().contains("pod p, container app") && found.help.contains("shop:2"), "{found}");
    assert_eq!(first(&waiting("ContainerCreating", ""), &[]), None);
}

#[test]
fn crashes_are_certain_the_second_time() {
    let ended = |reason: &str, code: i32| json!({"terminated": {"exitCode": code, "reason": reason}});
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let found = is(&container(&back_off, &ended("Error", 3), 2), &[], "crash-loop", Some(0));
    assert!(found.seen.contains("exit code 3") && found.log == Some(true), "{found}");
    is(&container(&back_off, &ended("Error", 3), 1), &[], "crash-loop", None);
    is(&container(&ended("OOMKilled", 137), &json!({}), 2), &[], "out-of-memory", Some(0));
    let killed = [event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")];
    is(&container(&back_off, &ended("Error", 137), 4), &killed, "liveness-probe", Some(0));
    // The readiness probe fails as well, and said so last.
    let [killed] = killed;
    let both = [killed, event("Unhealthy", "Readiness probe failed: connection refused")];
    is(&container(&back_off, &ended("Error", 137), 4), &both, "liveness-probe", Some(0));
    // It has never begun.
    let found = is(&container(&back_off, &ended("StartError", 128), 4), &[], "cannot-start", Some(10));
    assert!(found.message.contains("cannot be started"), "{found}");
    // It has come up after all.
    assert_eq!(first(&container(&json!({"running": {}}), &ended("Error", 1), 1), &[]), None);
}

#[test]
fn a_probe_that_fails_is_named_and_never_certain() {
    let words = "Readiness probe failed: HTTP probe failed with statuscode: 500";
    let found = is(&container(&json!({"running": {}}), &json!({}), 0), &[event("Unhealthy", words)], "probe", None);
    assert!(found.message.contains("GET /healthz") && found.seen == words, "{found}");
    let combined = format!("(combined from similar events): {words}\nand more");
    let found = is(&container(&json!({"running": {}}), &json!({}), 0), &[event("Unhealthy", &combined)], "probe", None);
    assert!(found.to_string().contains(&format!("  seen   {words}\n         and more\n")), "{found}");
}

#[test]
fn the_probe_of_a_sidecar_is_named() {
    let sidecar: Pod = serde_json::from_value(json!({
        "metadata": {"name": "p", "uid": "u", "labels": {"pod-template-hash": "h"}},
        "spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "proxy", "restartPolicy": "Always",
            "readinessProbe": {"tcpSocket": {"port": "http"}}}]},
        "status": {"initContainerStatuses": [{"name": "proxy", "image": "", "imageID": "", "ready": false,
            "started": true, "restartCount": 0, "state": {"running": {}}}]},
    }))
    .unwrap();
    let words = [event("Unhealthy", "Readiness probe failed: connection refused")];
    let found = diagnose(&deployment(&json!({})), &[&sidecar], &words).into_iter().next().unwrap();
    assert!(found.message.contains("connect to port http"), "{found}");
}

#[test]
fn what_is_missing_is_certain_when_nobody_brings_it() {
    let words = "0/1 nodes are available: 1 Insufficient cpu.";
    let unscheduled = |words: &str| json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}]});
    let found = is(&unscheduled(words), &[], "unschedulable", Some(30));
    assert_eq!(found.seen, words);
    is(&unscheduled(words), &[event("TriggeredScaleUp", "pod triggered scale-up")], "unschedulable", None);
    is(&unscheduled("persistentvolumeclaim \"data\" not found"), &[], "missing-volume", Some(10));
    let config =
        json!({"waiting": {"reason": "CreateContainerConfigError", "message": "configmap \"shop\" not found"}});
    is(&container(&config, &json!({}), 0), &[], "missing-config", Some(10));
    for root in [
        "container's runAsUser breaks non-root policy",
        "container has runAsNonRoot and image will run as root (pod: \"shop\")",
    ] {
        let config = json!({"waiting": {"reason": "CreateContainerConfigError", "message": root}});
        let found = is(&container(&config, &json!({}), 0), &[], "cannot-start", Some(10));
        assert!(found.help.contains("not root"), "{found}");
    }
    let creating = container(&json!({"waiting": {"reason": "ContainerCreating"}}), &json!({}), 0);
    is(
        &creating,
        &[event("FailedMount", "MountVolume.SetUp failed: configmap \"shop\" not found")],
        "missing-volume",
        Some(10),
    );
    is(&creating, &[event("FailedMount", "timed out waiting")], "missing-volume", None);
}

/// The words are those of a real API server, shortened.
#[test]
fn pods_that_may_not_be_created_are_explained_without_a_pod() {
    let failure = |words: &str| json!({"updatedReplicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}]});
    for (words, cause, help) in [
        ("pods \"x\" is forbidden: exceeded quota: small, requested: pods=1", "quota", "make room"),
        (
            "pods \"x\" is forbidden: failed quota: small: must specify limits.cpu for: app",
            "quota",
            "requests or limits",
        ),
        ("pods \"x\" is forbidden: maximum cpu usage per Container is 1, but limit is 2", "quota", "limitrange"),
        ("pods \"x\" is forbidden: error looking up service account it/robot: not found", "missing-object", "apply"),
        ("pods \"x\" is forbidden: no PriorityClass with name high was found", "missing-object", "apply"),
        ("admission webhook \"p\" denied the request: no", "admission", "policy"),
    ] {
        let found = diagnose(&deployment(&failure(words)), &[], &[]);
        assert_eq!((found[0].cause, found[0].certain_after), (cause, Some(Duration::from_secs(10))), "{words}");
        assert!(found[0].help.contains(help) && found[0].pod.is_none(), "{words}: {}", found[0]);
    }
}

#[test]
fn a_node_that_cannot_set_a_pod_up_is_said() {
    let creating = container(&json!({"waiting": {"reason": "ContainerCreating"}}), &json!({}), 0);
    let failed = |words: &str| [event("FailedCreatePodSandBox", words)];
    let words = "runc create failed: container init was OOM-killed (memory limit too low?)";
    is(&creating, &failed(words), "out-of-memory", Some(10));
    is(&creating, &failed("plugin type=\"bridge\" failed (add)"), "sandbox", None);
    // It was set up after all, and pulls its image.
    let mut creating = creating;
    creating["podIP"] = "10.0.0.1".into();
    assert_eq!(first(&creating, &failed(words)), None);
}

#[test]
fn nothing_is_said_of_pods_of_another_generation() {
    let broken = pod(&container(&json!({"waiting": {"reason": "InvalidImageName"}}), &json!({}), 0));
    assert!(diagnose(&deployment(&json!({"observedGeneration": 1})), &[&broken], &[]).is_empty());
    assert!(diagnose(&deployment(&json!({"updatedReplicas": 0})), &[&broken], &[]).is_empty());
}
