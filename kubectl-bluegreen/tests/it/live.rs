//! The scenarios on a real cluster: run when `BLUEGREEN_TEST_KUBECONFIG` names a throw-away one, ignored otherwise.

mod crowded;
pub(super) mod cut_off;
mod explained;
mod history;
mod rehearsed;
mod smoked;
mod watched;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bluegreen_lint::set::selects;
use k8s_openapi::api::core::v1::Pod;
use kubectl_bluegreen::cluster::live::{ConnectOptions, LiveCluster};
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::observe::observe;
use kubectl_bluegreen::observed::{Observed, deployment_of, endpoints, is_ready, is_terminating, selector, uid};
use serde_json::{Value, json};

use super::routers;
use super::scenarios::{self, for_each_scenario};
use super::world::{NAMINGS, Naming, World};

pub(super) fn kubeconfig() -> PathBuf {
    std::env::var_os("BLUEGREEN_TEST_KUBECONFIG")
        .map(PathBuf::from)
        .expect("BLUEGREEN_TEST_KUBECONFIG names a kubeconfig")
}

pub(super) fn kubectl(args: &[&str], input: &str) -> String {
    tried(args, input).unwrap_or_else(|error| panic!("kubectl {args:?}: {error}"))
}

/// What kubectl prints, or what it says when it fails.
fn tried(args: &[&str], input: &str) -> Result<String, String> {
    use std::io::Write as _;
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
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// What `kubectl auth can-i` answers, which is no failure when it is no.
fn may(args: &[&str]) -> String {
    let output = Command::new("kubectl").arg("--kubeconfig").arg(kubeconfig()).args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A namespace of its own on a real cluster, deleted when it is dropped.
pub(super) struct Live {
    cluster: LiveCluster,
    namespace: String,
}

impl Drop for Live {
    fn drop(&mut self) {
        // Also when the test fails: then it must say so, whatever becomes of its namespace.
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(kubeconfig()).args(["delete", "namespace", &self.namespace, "--wait=false"]);
        let deleted = command.stdout(Stdio::null()).status();
        assert!(std::thread::panicking() || deleted.is_ok_and(|status| status.success()), "{} stays", self.namespace);
    }
}

impl Live {
    /// A namespace with nothing in it.
    pub(super) async fn empty(scenario: &str) -> Self {
        let namespace = format!("bg-{}-{}", scenario.replace('_', "-"), std::process::id());
        let options = ConnectOptions { kubeconfig: Some(kubeconfig()), ..ConnectOptions::default() };
        let live = Self { cluster: LiveCluster::connect(options).await.unwrap(), namespace };
        kubectl(&["create", "namespace", &live.namespace], "");
        live
    }

    pub(super) async fn new(scenario: &str, number: usize, naming: Naming) -> Self {
        let live = Self::empty(&format!("{scenario}-{number}")).await;
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": naming.manifests()}).to_string();
        // Server-side apply leaves no annotation behind: the Service has no map of them yet.
        let server_side = if number == 2 { "--server-side=true" } else { "--server-side=false" };
        kubectl(&["-n", &live.namespace, "apply", server_side, "-f", "-"], &objects);
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
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_mins(3) {
            if is_at_rest(&observe(&self.cluster, Some(&self.namespace), &[]).await.unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the cluster does not come to rest");
    }
}

/// Whether every controller has followed: each Deployment has its pods, all of them are ready and none is ending, and each
/// Service leads to exactly the ready pods that it selects. That the endpoints which are there are ready is not enough:
/// the slices may not know yet of a pod that has just become ready.
fn is_at_rest(observed: &Observed) -> bool {
    let rolled_out = observed.deployments.items.iter().all(|deployment| {
        let value = serde_json::to_value(deployment).unwrap();
        let (desired, status) = (value["spec"]["replicas"].as_u64().unwrap_or(1), &value["status"]);
        let count = |key: &str| status[key].as_u64().unwrap_or_default();
        let own = observed.pods.items.iter().filter(|pod| deployment_of(pod) == deployment.metadata.name.as_deref());
        status["observedGeneration"] == value["metadata"]["generation"]
            && ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|key| count(key) == desired)
            && own.filter(|pod| is_ready(pod)).count() as u64 == desired
    });
    let none_ends = observed.pods.items.iter().all(|pod| !is_terminating(pod));
    let followed = observed.services.items.iter().filter(|service| !selector(service).is_empty()).all(|service| {
        let selected =
            |pod: &&Pod| pod.metadata.labels.as_ref().is_some_and(|labels| selects(selector(service), labels));
        let ready: BTreeSet<String> =
            observed.pods.items.iter().filter(selected).filter(|pod| is_ready(pod)).map(uid).collect();
        let endpoints = endpoints(observed.slices.items.iter(), service.metadata.name.as_deref().unwrap());
        !endpoints.serving.is_empty() && endpoints.serving.values().all(|serving| *serving == ready)
    });
    rolled_out && none_ends && followed
}

/// Plays a scenario with one way of naming, the next one for the next scenario, and a switch with each; with
/// `BLUEGREEN_TEST_LONG` everything with all of them, as it is always played on the simulated cluster.
async fn play(name: &str) {
    let all = name == "switch_and_back" || std::env::var_os("BLUEGREEN_TEST_LONG").is_some();
    let one = scenarios::ALL.iter().position(|scenario| *scenario == name).unwrap() % NAMINGS.len();
    for (number, naming) in NAMINGS.into_iter().enumerate().filter(|(number, _)| all || *number == one) {
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

for_each_scenario!(scenarios);

/// The plugin as a process with its own exit codes.
pub(super) fn plugin(namespace: &str, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.arg("--kubeconfig").arg(kubeconfig()).args(["-n", namespace]).args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Under a stream of requests that must lose none.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn ten_switches_lose_no_request() {
    let world = Live::new("load", 0, NAMINGS[0]).await;
    let path = ["-n", world.namespace(), "get", "service", NAMINGS[0].active, "-o", "jsonpath={.spec.clusterIP}"];
    let url = format!("http://{}/", kubectl(&path, ""));
    if Command::new("load").arg("-h").output().is_err() {
        eprintln!("skipped: there is no load generator here");
        return;
    }
    arrive(&url, "blue");
    let load =
        Command::new("load").args(["-d", "10m", &url]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    for round in 0..10 {
        let (line, color) = if round % 2 == 0 { ("switch green", "green") } else { ("rollback", "blue") };
        let args: Vec<&str> = line.split(' ').chain(["--yes"]).collect();
        let output = plugin(world.namespace(), &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        arrive(&url, color);
    }
    assert!(Command::new("kill").arg(load.id().to_string()).status().unwrap().success());
    let text = String::from_utf8(load.wait_with_output().unwrap().stdout).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    assert!(result["requests"].as_u64().unwrap() > 500, "{text}");
    assert_eq!(result["failed"], 0, "{text}");
}

/// Waits until the node's proxy sends ten new connections in a row to a color: no API shows when it does.
fn arrive(url: &str, color: &str) {
    let began = std::time::Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 10 {
        assert!(began.elapsed() < Duration::from_mins(1), "new connections do not arrive at {color}");
        let answer = Command::new("curl").args(["-s", "-m", "5", url]).output().unwrap();
        in_a_row = if String::from_utf8_lossy(&answer.stdout).contains(color) { in_a_row + 1 } else { 0 };
    }
}

/// Without the rights the error says which, and nothing was changed.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn missing_rights_are_named() {
    let world = Live::new("rights", 0, NAMINGS[0]).await;
    let before = world.get(&NAMINGS[0].service(world.namespace())).await;
    let output =
        plugin(world.namespace(), &["--as", "system:serviceaccount:default:nobody", "switch", "green", "--yes"]);
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
        let output = plugin(world.namespace(), verb);
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
    let role = String::from_utf8(plugin(namespace, &["rbac", "--serviceaccount", "deployer"]).stdout).unwrap();
    kubectl(&["-n", namespace, "create", "serviceaccount", "deployer"], "");
    kubectl(&["apply", "-f", "-"], &role);
    let user = format!("system:serviceaccount:{namespace}:deployer");
    let as_user =
        |line: &str| plugin(namespace, &["--as", &user].into_iter().chain(line.split_whitespace()).collect::<Vec<_>>());
    // The authorizer learns of a changed Role in its own time.
    let learned = async |verb: &str, resource: &str, allowed: bool| {
        let began = std::time::Instant::now();
        let answer = if allowed { "yes" } else { "no" };
        let ask = ["-n", namespace, "--as", &user, "auth", "can-i", verb, resource];
        while may(&ask) != answer {
            assert!(began.elapsed() < Duration::from_mins(1), "{verb} {resource} is not {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    learned("list", "horizontalpodautoscalers", true).await;
    for line in [
        "status",
        "check",
        "switch green --yes --settle 0s",
        "history",
        "rollback --yes --settle 0s",
        "cleanup green --yes --after 0s",
        "switch green --yes --settle 0s --scale",
    ] {
        let output = as_user(line);
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
        learned(verb, resource, false).await;
        let output = as_user("switch blue --yes --settle 0s");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "without {verb} {resource}: {err}");
        assert!(err.contains(&format!("{verb} {resource}")), "without {verb} {resource}: {err}");
        assert_eq!(world.get(&NAMINGS[0].service(namespace)).await, before, "without {verb} {resource}");
    }
}

/// The scenarios of splits that need no router: each on the simulated cluster, too.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn replicas() {
    let world = Live::new("replicas", 0, NAMINGS[0]).await;
    Box::pin(routers::replicas(&world, NAMINGS[0])).await;
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn nginx_objects_are_what_the_server_takes() {
    let world = Live::new("nginx", 2, NAMINGS[2]).await;
    Box::pin(routers::nginx(&world, NAMINGS[2])).await;
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn overlap() {
    let world = Live::new("overlap", 1, NAMINGS[1]).await;
    Box::pin(routers::overlap(&world, NAMINGS[1])).await;
}
