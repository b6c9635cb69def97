//! A version that does not become ready, for each reason that one node can give: explained, long before the time is over.

use std::time::{Duration, Instant};

use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::super::world::{NAMINGS, Naming, World};
use super::{Live, kubectl};

const NAMING: Naming = NAMINGS[0];

/// A reason: what is changed in the pod template, and the words that must come.
struct Reason {
    name: &'static str,
    patch: fn() -> Value,
    says: &'static [&'static str],
}

const REASONS: [Reason; 8] = [
    Reason {
        name: "a ConfigMap of the environment",
        patch: || json!([{"op": "add", "path": "/spec/template/spec/containers/0/envFrom", "value": [{"configMapRef": {"name": "shop-settings"}}]}]),
        says: &[
            "the container's environment needs what is not there",
            "configmap \"shop-settings\" not found",
            "apply the ConfigMap or Secret",
        ],
    },
    Reason {
        name: "a Secret of a volume",
        patch: || volume(json!({"secret": {"secretName": "shop-keys"}})),
        says: &["a volume needs what is not there", "secret \"shop-keys\" not found", "apply the ConfigMap or Secret"],
    },
    Reason {
        name: "a PersistentVolumeClaim",
        patch: || volume(json!({"persistentVolumeClaim": {"claimName": "shop-data"}})),
        says: &[
            "a PersistentVolumeClaim is missing",
            "persistentvolumeclaim \"shop-data\" not found",
            "kubectl get pvc",
        ],
    },
    Reason {
        name: "a node that there is not",
        patch: || json!([{"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"disk": "none-like-this"}}]),
        says: &["no node takes the pod", "0/1 nodes are available", "node affinity/selector"],
    },
    Reason {
        name: "more than the node has",
        patch: || json!([{"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": {"requests": {"cpu": "900"}}}]),
        says: &["no node takes the pod", "Insufficient cpu", "lower the requests"],
    },
    Reason {
        name: "an image that there is not",
        patch: || {
            json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.local/bgapp:3"},
            {"op": "add", "path": "/spec/template/spec/initContainers", "value": [{"name": "first", "image": "registry.local/nothing:1"}]}])
        },
        says: &["the image registry.local/nothing:1 cannot be pulled", "container first", "check that"],
    },
    Reason {
        name: "a program that the container has not",
        patch: || json!([{"op": "add", "path": "/spec/template/spec/containers/0/command", "value": ["/no/such/program"]}]),
        says: &["the container cannot be started", "no such file", "see the container's command"],
    },
    Reason {
        name: "a liveness probe that fails",
        patch: || {
            json!([{"op": "add", "path": "/spec/template/spec/containers/0/livenessProbe", "value":
            {"httpGet": {"path": "/no-such/../fail-always", "port": 8081}, "periodSeconds": 1, "failureThreshold": 1}},
            {"op": "add", "path": "/spec/template/spec/containers/0/readinessProbe/httpGet/port", "value": 8081},
            {"op": "add", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 1}])
        },
        says: &[
            "the container is restarted: its probe fails",
            "Liveness probe failed",
            "connection refused",
            "\n  log    ",
        ],
    },
];

fn volume(source: Value) -> Value {
    let mut volume = source;
    volume["name"] = "extra".into();
    json!([{"op": "add", "path": "/spec/template/spec/volumes", "value": [volume]},
        {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts", "value": [{"name": "extra", "mountPath": "/extra"}]}])
}

#[expect(clippy::print_stderr, reason = "the figures are what one wants to read")]
/// Runs a release that must fail with these words before its time is over, and leaves traffic alone.
async fn explains(world: &Live, name: &str, says: &[&str]) {
    let began = Instant::now();
    let ran = world.run("deploy 3 --yes --timeout 5m --after 0s").await.expect(ExitStatus::Failed);
    eprintln!(
        "{name}: after {:.0} s\n{}",
        began.elapsed().as_secs_f64(),
        ran.err.split("does not become ready").nth(1).unwrap_or_default()
    );
    assert!(began.elapsed() < Duration::from_mins(4), "{name}: {}", ran.err);
    for words in says {
        assert!(ran.err.contains(words), "{name}: {words:?} is not said: {}", ran.err);
    }
    assert!(ran.err.contains("  to do  "), "{name}: {}", ran.err);
    let service = world.get(&NAMING.service(world.namespace())).await;
    assert_eq!(service["spec"]["selector"][NAMING.key], "blue", "{name}");
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn what_keeps_pods_from_running_is_said_long_before_the_time_is_over() {
    let world = Live::new("explained", 0, NAMING).await;
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), NAMING.green);
    world.scale(NAMING.green, 0).await;
    let good = world.get(&green).await["spec"]["template"].clone();
    // All of them take some minutes: each second one, without the time for it.
    let is_long = std::env::var_os("BLUEGREEN_TEST_LONG").is_some();
    for (_, reason) in REASONS.iter().enumerate().filter(|(number, _)| is_long || number % 2 == 0) {
        world.edit(&green, json!([{"op": "replace", "path": "/spec/template", "value": good}])).await;
        world.edit(&green, (reason.patch)()).await;
        explains(&world, reason.name, reason.says).await;
        world.edit(&green, json!([{"op": "replace", "path": "/spec/replicas", "value": 0}])).await;
    }
}

/// What keeps pods from being made: no pod can say it.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_quota_and_a_policy_are_said_without_any_pod() {
    let world = Live::new("refused-pods", 0, NAMING).await;
    world.scale(NAMING.green, 0).await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "2"}}});
    kubectl(&["-n", world.namespace(), "apply", "-f", "-"], &quota.to_string());
    explains(
        &world,
        "a quota",
        &["a quota keeps its pods from being created", "exceeded quota: small", "kubectl describe quota"],
    )
    .await;
    kubectl(&["-n", world.namespace(), "delete", "resourcequota", "small"], "");
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), NAMING.green);
    world.edit(&green, json!([{"op": "replace", "path": "/spec/replicas", "value": 0}])).await;
    kubectl(&["label", "namespace", world.namespace(), "pod-security.kubernetes.io/enforce=restricted"], "");
    let says = ["the API server does not let its pods be created", "violates PodSecurity", "what the policy asks for"];
    explains(&world, "a policy", &says).await;
    let events = Request::list(Resource::Events, Some(world.namespace()));
    assert!(world.cluster().send(&events).await.is_ok());
}
