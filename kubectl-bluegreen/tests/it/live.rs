//! The scenarios on a real cluster: run when `BLUEGREEN_TEST_KUBECONFIG` names a throw-away one, ignored otherwise.

use std::path::PathBuf;
use std::time::Duration;

use kubectl_bluegreen::cluster::live::{ConnectOptions, LiveCluster};
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::observe::observe;
use serde_json::{Value, json};

use super::scenarios;
use super::world::{NAMINGS, Naming, World};

pub(super) fn kubeconfig() -> PathBuf {
    std::env::var_os("BLUEGREEN_TEST_KUBECONFIG")
        .map(PathBuf::from)
        .expect("BLUEGREEN_TEST_KUBECONFIG names a kubeconfig")
}

pub(super) fn kubectl(args: &[&str], input: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(kubeconfig())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A namespace of its own on a real cluster, deleted when it is dropped.
pub(super) struct Live {
    cluster: LiveCluster,
    namespace: String,
}

impl Drop for Live {
    fn drop(&mut self) {
        // A test that fails already must say so, whatever becomes of its namespace.
        if !std::thread::panicking() {
            kubectl(&["delete", "namespace", &self.namespace, "--wait=false"], "");
        }
    }
}

impl Live {
    pub(super) async fn new(scenario: &str, number: usize, naming: Naming) -> Self {
        let namespace = format!("bg-{}-{number}-{}", scenario.replace('_', "-"), std::process::id());
        kubectl(&["create", "namespace", &namespace], "");
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": naming.manifests()}).to_string();
        // Server-side apply leaves no annotation behind: the Service has no map of them yet.
        let server_side = if number == 2 { "--server-side=true" } else { "--server-side=false" };
        kubectl(&["-n", &namespace, "apply", server_side, "-f", "-"], &objects);
        let options = ConnectOptions { kubeconfig: Some(kubeconfig()), ..ConnectOptions::default() };
        let live = Self { cluster: LiveCluster::connect(options).await.unwrap(), namespace };
        live.rest().await;
        live
    }
}

impl World for Live {
    type Cluster = LiveCluster;

    fn cluster(&self) -> &LiveCluster {
        &self.cluster
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    async fn edit(&self, object: &ObjectRef, patch: Value) {
        let request = Request::Patch { object: object.clone(), patch, dry_run: false };
        self.cluster.send(&request).await.unwrap();
    }

    async fn rest(&self) {
        for _ in 0..600 {
            let observed = observe(&self.cluster, Some(&self.namespace)).await.unwrap();
            let at_rest = observed.deployments.items.iter().all(|deployment| {
                let value = serde_json::to_value(deployment).unwrap();
                let (desired, status) = (value["spec"]["replicas"].as_u64().unwrap_or(1), &value["status"]);
                let count = |key: &str| status[key].as_u64().unwrap_or_default();
                let current = status["observedGeneration"] == value["metadata"]["generation"];
                current && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|key| count(key) == desired)
            });
            let pods = observed.pods.items.iter().all(|pod| pod.metadata.deletion_timestamp.is_none());
            let endpoints = observed.slices.items.iter().all(|slice| {
                slice.endpoints.iter().all(|endpoint| {
                    endpoint.conditions.as_ref().is_some_and(|conditions| conditions.ready == Some(true))
                })
            });
            if at_rest && pods && endpoints {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the cluster does not come to rest");
    }
}

async fn play(name: &str) {
    for (number, naming) in NAMINGS.into_iter().enumerate() {
        let world = Live::new(name, number, naming).await;
        if number == 2 {
            let service = world.get(&naming.service(world.namespace())).await;
            assert_eq!(service["metadata"]["annotations"], Value::Null);
        }
        scenarios::play(name, &world, naming).await;
    }
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            #[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
            async fn $name() {
                Box::pin(play(stringify!($name))).await;
            }
        )*
    };
}

scenarios!(status switch_and_back refusals dry_runs cleanup which_set busy shape_and_ports surroundings diff);

/// The plugin as a process, with its own exit codes, under a stream of requests that must lose none.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn twenty_switches_lose_no_request() {
    let world = Live::new("load", 0, NAMINGS[0]).await;
    let ip = kubectl(
        &["-n", world.namespace(), "get", "service", NAMINGS[0].active, "-o", "jsonpath={.spec.clusterIP}"],
        "",
    );
    // The nodes' proxies follow a moment after the pods are ready.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let Ok(mut load) = std::process::Command::new("load")
        .args(["-rate", "200", "-workers", "8", "-d", "60s", &format!("http://{ip}/")])
        .stdout(std::process::Stdio::piped())
        .spawn()
    else {
        eprintln!("skipped: there is no load generator here");
        return;
    };
    for round in 0..20 {
        let line = if round % 2 == 0 { "switch green --yes" } else { "rollback --yes" };
        let started = std::time::Instant::now();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"))
            .args(["--kubeconfig"])
            .arg(kubeconfig())
            .args(["-n", world.namespace()])
            .args(line.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(started.elapsed() < Duration::from_secs(10));
        // Done means: all new connections are on the target.
        let expected = if round % 2 == 0 { "green" } else { "blue" };
        for _ in 0..10 {
            let answer = std::process::Command::new("curl").args(["-s", &format!("http://{ip}/")]).output().unwrap();
            let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
            assert!(answer.contains(expected), "round {round}: {answer}");
        }
    }
    let _ = load.wait();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut load.stdout.take().unwrap(), &mut text).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    eprintln!("{text}");
    assert!(result["requests"].as_u64().unwrap() > 5000, "{text}");
    assert_eq!(result["failed"], 0, "{text}");
}

/// Without the rights the error says which, and nothing was changed.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn missing_rights_are_named() {
    let world = Live::new("rights", 0, NAMINGS[0]).await;
    let before = world.get(&NAMINGS[0].service(world.namespace())).await;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"))
        .arg("--kubeconfig")
        .arg(kubeconfig())
        .args(["-n", world.namespace(), "--as", "system:serviceaccount:default:nobody", "switch", "green", "--yes"])
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("forbidden") && err.contains("list deployments"), "{err}");
    assert_eq!(world.get(&NAMINGS[0].service(world.namespace())).await, before);
    let lease = ObjectRef::new(Resource::Leases, world.namespace(), format!("kubectl-bluegreen-{}", NAMINGS[0].active));
    assert!(world.cluster.send(&Request::Get(lease)).await.is_err());
}

/// Without a terminal and without `--yes` nothing is changed, and the exit status says that the usage was bad.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn nobody_to_ask() {
    let world = Live::new("nobody", 1, NAMINGS[1]).await;
    let before = world.get(&NAMINGS[1].service(world.namespace())).await;
    for verb in [&["switch", "green"][..], &["cleanup", "green"]] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"))
            .arg("--kubeconfig")
            .arg(kubeconfig())
            .args(["-n", world.namespace()])
            .args(verb)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("no terminal") && err.contains("--yes"), "{err}");
    }
    assert_eq!(world.get(&NAMINGS[1].service(world.namespace())).await, before);
}

/// The Role that `rbac` prints is enough for every command, and without any one of its writes the move is refused.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn the_least_role_is_enough_and_not_too_much() {
    let world = Live::new("least", 0, NAMINGS[0]).await;
    let namespace = world.namespace();
    let plugin = |line: &str, user: Option<&str>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
        command.arg("--kubeconfig").arg(kubeconfig()).args(["-n", namespace]).args(line.split_whitespace());
        command.args(user.iter().flat_map(|user| ["--as", user])).output().unwrap()
    };
    let role = String::from_utf8(plugin("rbac --serviceaccount deployer", None).stdout).unwrap();
    kubectl(&["-n", namespace, "create", "serviceaccount", "deployer"], "");
    kubectl(&["apply", "-f", "-"], &role);
    let user = format!("system:serviceaccount:{namespace}:deployer");
    for line in [
        "status",
        "check",
        "switch green --yes --settle 0s",
        "history",
        "rollback --yes --settle 0s",
        "cleanup green --yes --after 0s",
        "switch green --yes --settle 0s --scale",
    ] {
        let output = plugin(line, Some(&user));
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {err}");
        assert!(!err.contains("not known") && !err.contains("unknown"), "{line}: {err}");
    }
    let before = world.get(&NAMINGS[0].service(namespace)).await;
    let full: serde_yaml::Value =
        serde_yaml::Deserializer::from_str(&role).next().map(|d| serde::Deserialize::deserialize(d).unwrap()).unwrap();
    for (resource, verb, code) in [
        ("services", "patch", 3),
        ("leases", "get", 3),
        ("leases", "create", 3),
        ("leases", "patch", 3),
        ("deployments", "list", 1),
        ("services", "list", 1),
        ("pods", "list", 1),
        ("endpointslices", "list", 1),
        ("leases", "list", 1),
    ] {
        let mut role = full.clone();
        for rule in role["rules"].as_sequence_mut().unwrap() {
            if rule["resources"][0] == resource {
                rule["verbs"].as_sequence_mut().unwrap().retain(|has| has != verb);
            }
        }
        kubectl(&["apply", "-f", "-"], &serde_yaml::to_string(&role).unwrap());
        let output = plugin("switch blue --yes --settle 0s", Some(&user));
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "without {verb} {resource}: {err}");
        assert!(err.contains(&format!("{verb} {resource}")), "without {verb} {resource}: {err}");
        assert_eq!(world.get(&NAMINGS[0].service(namespace)).await, before, "without {verb} {resource}");
    }
}
