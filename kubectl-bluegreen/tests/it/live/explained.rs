//! A version that does not become ready, for each reason that one node can give: explained, long before the time is over.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::super::world::{NAMINGS, Naming, World};
use super::{Live, kubectl, tried};

const NAMING: Naming = NAMINGS[0];

/// A reason: what is changed in the pod template, and the words that must come.
struct Reason {
    name: &'static str,
    patch: fn() -> Value,
    says: &'static [&'static str],
}

const REASONS: [Reason; 12] = [
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
        name: "a key of a ConfigMap",
        patch: || {
            let key = json!({"configMapKeyRef": {"name": "kube-root-ca.crt", "key": "shop"}});
            json!([{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "SHOP", "valueFrom": key}}])
        },
        says: &["the container's environment needs what is not there", "couldn't find key shop in ConfigMap"],
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
        name: "a user that may not be",
        patch: || {
            let root = json!({"runAsUser": 0, "runAsNonRoot": true});
            json!([{"op": "add", "path": "/spec/template/spec/containers/0/securityContext", "value": root}])
        },
        says: &["the container cannot be started", "non-root", "a user that is not root"],
    },
    // Every answer leaves some garbage, which is never collected, and none of these makes the pod ready.
    Reason {
        name: "more memory than the limit",
        patch: || {
            let page = "x".repeat(100_000);
            let env = |at: usize| json!({"op": "replace", "path": format!("/spec/template/spec/containers/0/env/{at}/value"), "value": page});
            let get = json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5});
            let mut ready = get.clone();
            ready["successThreshold"] = 100.into();
            let uncollected = json!({"name": "GOGC", "value": "off"});
            json!([env(0), env(1), {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": uncollected},
                {"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": {"limits": {"memory": "5Mi"}}},
                {"op": "add", "path": "/spec/template/spec/containers/0/livenessProbe", "value": get},
                {"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe", "value": ready}])
        },
        says: &[
            "the container is killed: it needs more memory than its limit",
            "it ended with exit code 137",
            "raise resources.limits.memory",
        ],
    },
    Reason {
        name: "a memory limit that is too low to start",
        patch: || json!([{"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": {"limits": {"memory": "2Mi"}}}]),
        says: &[
            "the memory limit is too low for any container to start",
            "OOM-killed",
            "raise resources.limits.memory",
        ],
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

/// A set of a name of its own, whose green color has no pods yet and is patched.
fn set(name: &str, patch: &Value) -> Value {
    let text = json!(NAMING.manifests()).to_string();
    let text = text.replace("api-gateway", name).replace("\"app\":\"it\"", &format!("\"app\":\"{name}\""));
    let mut objects: Value = serde_json::from_str(&text).unwrap();
    for deployment in objects.as_array_mut().unwrap().iter_mut().filter(|object| object["kind"] == "Deployment") {
        let is_green = deployment["metadata"]["name"] == format!("{name}-green");
        deployment["spec"]["replicas"] = i32::from(!is_green).into();
        if is_green {
            json_patch::patch(deployment, &serde_json::from_value::<json_patch::Patch>(patch.clone()).unwrap())
                .unwrap();
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": objects})
}

/// Makes one set for each patch, all in one namespace, and answers with their names.
async fn sets(world: &Live, patches: impl Iterator<Item = Value>) -> Vec<String> {
    let named: Vec<(String, Value)> = patches.enumerate().map(|(at, patch)| (format!("shop{at}"), patch)).collect();
    for (name, patch) in &named {
        kubectl(&["-n", world.namespace(), "apply", "--server-side", "-f", "-"], &set(name, patch).to_string());
    }
    world.rest().await;
    named.into_iter().map(|(name, _)| name).collect()
}

/// Runs a release of a set that must end so with these words before its time is over, and leaves traffic alone.
#[expect(clippy::print_stderr, reason = "the figures are what one wants to read")]
async fn explains(world: &Live, set: &str, name: &str, options: &str, status: ExitStatus, says: &[&str]) {
    let began = Instant::now();
    let service = format!("{set}-service-active");
    let ran = world.run(&format!("deploy 3 --yes --after 0s --app {service} {options}")).await.expect(status);
    let words = ran.err.split("does not become ready").nth(1).unwrap_or_default();
    eprintln!(
        "{name}: after {:.0} s\n{}",
        began.elapsed().as_secs_f64(),
        words.split("\n\n").next().unwrap_or_default()
    );
    assert!(began.elapsed() < Duration::from_mins(4), "{name}: {}", ran.err);
    for words in says {
        assert!(ran.err.contains(words), "{name}: {words:?} is not said: {}", ran.err);
    }
    assert!(ran.err.contains("  to do  "), "{name}: {}", ran.err);
    // One screen, whatever the container said.
    assert!(words.lines().all(|line| line.chars().count() < 1500), "{name}: {words}");
    let service = world.get(&ObjectRef::new(Resource::Services, world.namespace(), service)).await;
    assert_eq!(service["spec"]["selector"][NAMING.key], "blue", "{name}");
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn what_keeps_pods_from_running_is_said_long_before_the_time_is_over() {
    let world = Live::empty("explained").await;
    let sets = sets(&world, REASONS.iter().map(|reason| (reason.patch)())).await;
    let each = REASONS.iter().zip(&sets);
    let each =
        each.map(|(reason, set)| explains(&world, set, reason.name, "--timeout 5m", ExitStatus::Failed, reason.says));
    join_all(each).await;
}

/// A probe that fails may succeed at any time, so it is said at the end: which one, and what it met with.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_probe_that_never_succeeds_is_named_with_what_it_met_with() {
    let readiness = |probe: Value| json!([{"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe", "value": probe}]);
    let fail =
        json!({"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "FAIL", "value": "1"}});
    let startup = json!({"op": "add", "path": "/spec/template/spec/containers/0/startupProbe", "value":
        {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 300}});
    let cases: [(&str, Value, &[&str]); 5] = [
        ("HTTP", json!([fail]), &["the readiness probe fails: GET /healthz", "statuscode: 500"]),
        ("startup", json!([fail, startup]), &["the startup probe fails: GET /healthz", "statuscode: 500"]),
        (
            "a port",
            readiness(json!({"tcpSocket": {"port": 8081}, "periodSeconds": 1})),
            &["the readiness probe fails: connect to port 8081", "connection refused"],
        ),
        // The same program once more finds its port taken.
        (
            "a command",
            readiness(json!({"exec": {"command": ["/app"]}, "periodSeconds": 1})),
            &["the readiness probe fails: /app", "address already in use"],
        ),
        (
            "gRPC",
            readiness(json!({"grpc": {"port": 8080}, "periodSeconds": 1})),
            &["the readiness probe fails: gRPC health on port 8080", "\n  seen   "],
        ),
    ];
    let world = Live::empty("probes").await;
    let sets = sets(&world, cases.iter().map(|(_, patch, _)| patch.clone())).await;
    let each = cases.iter().zip(&sets);
    let each =
        each.map(|((name, _, says), set)| explains(&world, set, name, "--timeout 20s", ExitStatus::TimedOut, says));
    join_all(each).await;
}

/// What keeps pods from being made: no pod can say it. Each holds for the namespace, so one comes after the other.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn what_keeps_pods_from_being_made_is_said_without_any_pod() {
    let world = Live::empty("refused-pods").await;
    let namespace = world.namespace();
    let policy = format!("{namespace}-policy");
    let robot = json!([{"op": "add", "path": "/spec/template/spec/serviceAccountName", "value": "robot"}]);
    let limits = json!({"limits": {"cpu": "200m"}});
    let limits = json!([{"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": limits}]);
    let high = json!([{"op": "add", "path": "/spec/template/spec/priorityClassName", "value": "no-such-class"}]);
    let names = sets(&world, [limits, robot, high].into_iter()).await;
    let explain = async |set: usize, what: &str, says: &[&str]| {
        explains(&world, &names[set], what, "--timeout 5m", ExitStatus::Failed, says).await;
        world.scale(&format!("{}-green", names[set]), 0).await;
    };
    explain(
        1,
        "a service account",
        &["they name what is not there", "serviceaccount \"robot\" not found", "apply what is missing"],
    )
    .await;
    explain(2, "a priority class", &["they name what is not there", "no-such-class", "apply what is missing"]).await;
    let object = |api: &str, kind: &str, name: &str, spec: Value| {
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}).to_string()
    };
    let deny = object(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        &policy,
        json!({"failurePolicy": "Fail", "validations": [{"expression": "false", "message": "no more pods today"}],
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}}),
    );
    let bind = object(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        &policy,
        json!({"policyName": policy, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}),
    );
    let quota = |hard: Value| object("v1", "ResourceQuota", "small", json!({"hard": hard}));
    let range = json!({"limits": [{"type": "Container", "max": {"cpu": "100m"}}]});
    let in_the_way: [(&str, &[String], &[&str]); 4] = [
        (
            "a quota",
            &[quota(json!({"pods": "3"}))],
            &["a quota keeps its pods from being created", "exceeded quota: small", "kubectl describe quota"],
        ),
        (
            "a quota of what is not said",
            &[quota(json!({"limits.memory": "9Gi"}))],
            &[
                "it counts what they do not say",
                "failed quota: small: must specify limits.memory for: app",
                "kubectl describe quota",
            ],
        ),
        (
            "a range",
            &[object("v1", "LimitRange", "narrow", range)],
            &[
                "a LimitRange keeps its pods from being created",
                "maximum cpu usage per Container is 100m",
                "kubectl describe limitrange",
            ],
        ),
        (
            "a policy of the cluster",
            &[deny, bind],
            &["the API server does not let its pods be created", "no more pods today", "what the policy asks for"],
        ),
    ];
    let _cluster_wide = Deleted(policy.clone());
    for (what, objects, says) in in_the_way {
        for object in objects {
            kubectl(&["-n", namespace, "apply", "-f", "-"], object);
        }
        pods_are(&world, &names[0], Pods::RefusedFor(says[1])).await;
        explain(0, what, says).await;
        for object in objects {
            kubectl(&["-n", namespace, "delete", "--ignore-not-found", "-f", "-"], object);
        }
        pods_are(&world, &names[0], Pods::Taken).await;
    }
    kubectl(&["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"], "");
    let says = ["the API server does not let its pods be created", "violates PodSecurity", "what the policy asks for"];
    pods_are(&world, &names[0], Pods::RefusedFor(says[1])).await;
    explain(0, "a policy of the namespace", &says).await;
}

/// What the API server does with a pod of the green color.
#[derive(Debug, Clone, Copy)]
enum Pods {
    Taken,
    /// In these words.
    RefusedFor(&'static str),
}

/// Waits until the API server answers so: it learns of a policy, a range and a quota some time after they are written.
async fn pods_are(world: &Live, set: &str, wanted: Pods) {
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), format!("{set}-green"));
    let mut pod = world.get(&green).await["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["generateName"] = "asked-".into();
    let pod = pod.to_string();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = tried(&["-n", world.namespace(), "create", "--dry-run=server", "-f", "-"], &pod);
        let is_so = match (wanted, &answer) {
            (Pods::Taken, answer) => answer.is_ok(),
            (Pods::RefusedFor(words), answer) => answer.as_ref().is_err_and(|error| error.contains(words)),
        };
        if is_so {
            return;
        }
        assert!(Instant::now() < deadline, "pods are not {wanted:?}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A policy of the whole cluster, which must not stay when a test fails.
struct Deleted(String);

impl Drop for Deleted {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicybindings,validatingadmissionpolicies";
        let mut command = std::process::Command::new("kubectl");
        command.arg("--kubeconfig").arg(super::kubeconfig()).args(["delete", kinds, &self.0, "--ignore-not-found"]);
        let _ = command.stdout(std::process::Stdio::null()).status();
    }
}
