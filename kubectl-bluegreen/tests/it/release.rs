//! Whole releases: each scenario is played on the simulated cluster and on a real one.

use std::pin::Pin;
use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::Behaviour;
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::live::Live;
use super::simulated::{Simulated, cluster};
use super::world::{NAMINGS, Naming, Ran, World, run_until};

/// What is wrong with a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    Pull,
    Crash,
    NeverReady,
    Answers500,
}

/// A world in which the next version can be bad.
trait Worlds: World {
    /// Makes the next version of the idle color bad, and answers which one that is.
    async fn spoil(&self, naming: Naming, bad: Bad) -> &'static str;
}

impl Worlds for Simulated {
    async fn spoil(&self, _: Naming, bad: Bad) -> &'static str {
        let behaviour = Behaviour {
            pull_fails: bad == Bad::Pull,
            crashes: bad == Bad::Crash,
            becomes_ready: bad != Bad::NeverReady,
            status: if bad == Bad::Answers500 { 500 } else { 200 },
            ..Behaviour::default()
        };
        self.0.behave("bgapp:3", behaviour);
        "3"
    }
}

impl Worlds for Live {
    async fn spoil(&self, naming: Naming, bad: Bad) -> &'static str {
        let (name, value) = match bad {
            Bad::Pull => return "missing",
            Bad::Crash => ("ERROR_RATE", "much"),
            Bad::NeverReady => ("FAIL", "1"),
            Bad::Answers500 => ("ERROR_RATE", "1"),
        };
        let green = ObjectRef::new(Resource::Deployments, self.namespace(), naming.green);
        let variable = json!({"name": name, "value": value});
        self.edit(&green, json!([{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": variable}]))
            .await;
        "3"
    }
}

pub(super) fn steps(report: &Value) -> Vec<&str> {
    report["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect()
}

pub(super) async fn selector<W: World>(world: &W, naming: Naming) -> String {
    let service = world.get(&naming.service(world.namespace())).await;
    service["spec"]["selector"][naming.key].as_str().unwrap().to_owned()
}

/// No Lease is held, and the journal says that nothing goes on.
pub(super) async fn at_rest<W: World>(world: &W, naming: Naming) {
    let status = world.run("status -o json").await.json();
    assert_eq!(status["moving"], Value::Null, "{status}");
    let service = world.get(&naming.service(world.namespace())).await;
    let journal =
        service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"].as_str().unwrap_or("{}").to_owned();
    assert!(!journal.contains("\"moving\""), "{journal}");
}

/// A new version to the idle color, tested, moved, kept; then back, and on again.
async fn good<W: World>(world: &W, naming: Naming) {
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), naming.green);
    world.scale(naming.green, 0).await;
    let before = world.get(&green).await;
    let planned = world.run("deploy 3 --dry-run server -o json").await.expect(ExitStatus::Done).json();
    assert_eq!((&planned["outcome"], &steps(&planned)[..]), (&json!("planned"), &["release", "rollout", "plan"][..]));
    assert_eq!(world.get(&green).await["spec"], before["spec"]);

    let ran = world.run("deploy 3 --yes --settle 100ms -o json").await.expect(ExitStatus::Done);
    let report = ran.json();
    let expected = ["release", "rollout", "plan", "smoke", "confirm", "patch", "endpoints", "settle", "journal"];
    assert_eq!(steps(&report), expected, "{report:#}");
    assert!(report["steps"].as_array().unwrap().iter().all(|step| step["status"] == "done"), "{report}");
    assert_eq!((&report["from"], &report["to"]), (&json!("blue"), &json!("green")));
    let tests = report["tests"].as_array().unwrap();
    assert!(tests.len() == 2 && tests.iter().all(|test| test["ok"] == true), "{report:#}");
    assert!(ran.err.contains("GET /healthz, as the readiness probe: 2 pods"), "{}", ran.err);
    assert_eq!(selector(world, naming).await, "green");
    let now = world.get(&green).await;
    let container = &now["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &now["spec"]["replicas"]), (&json!("registry.local/bgapp:3"), &json!(2)));
    assert_eq!(container["env"][0], json!({"name": "VERSION", "value": "3"}));
    // What tells the colors apart, or is selected by, is never touched, even where it is called `version`.
    assert_eq!(now["spec"]["template"]["metadata"]["labels"], before["spec"]["template"]["metadata"]["labels"]);
    at_rest(world, naming).await;
    let history = world.run("history -o json").await.json();
    assert_eq!(
        (&history["entries"][0]["command"], &history["entries"][0]["result"]),
        (&json!("deploy"), &json!("done"))
    );

    let again = world.run("deploy 3 --yes -o json").await.expect(ExitStatus::Done);
    assert_eq!(again.json()["outcome"], "nothing-to-do");
    assert!(again.err.contains("runs 3 and serves already"), "{}", again.err);

    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    // It is still there, tested again and moved to, without another rollout.
    let report =
        world.run("deploy registry.local/bgapp:3 --yes --settle 0s -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(steps(&report), ["smoke", "confirm", "patch", "endpoints", "journal"]);
    assert_eq!(selector(world, naming).await, "green");

    // The color that was just left is given time before it is changed.
    let report = world.run("deploy app=2 --yes --settle 0s --after 2s -o json").await.expect(ExitStatus::Done).json();
    // A slow machine may have waited long enough already.
    let steps = steps(&report);
    let after_the_wait = steps.strip_prefix(&["wait", "plan"]).unwrap_or(&steps);
    assert_eq!(after_the_wait[..2], ["release", "rollout"], "{report:#}");
    assert_eq!(selector(world, naming).await, "blue");
    at_rest(world, naming).await;
}

/// Traffic and the Service are as they were, and nobody holds anything.
async fn untouched<W: World>(world: &W, naming: Naming, ran: &Ran) {
    assert_eq!(selector(world, naming).await, "blue");
    assert!(!ran.err.contains("put back") && !ran.err.contains("moved to"), "{}", ran.err);
    at_rest(world, naming).await;
}

async fn cannot_be_pulled<W: Worlds>(world: &W, naming: Naming) {
    let version = world.spoil(naming, Bad::Pull).await;
    let ran = world.run(&format!("deploy {version} --yes --timeout 2m -o json")).await.expect(ExitStatus::Failed);
    let report = ran.json();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("failed"), &json!("bluegreen::not_ready")));
    // Nobody had users, so nothing is said of how users were served.
    assert_eq!(report["analysis"], Value::Null, "{report:#}");
    assert!(ran.err.contains("cannot be pulled") && ran.err.contains(&format!("bgapp:{version}")), "{}", ran.err);
    assert!(ran.err.contains("where  pod ") && ran.err.contains("to do  "), "{}", ran.err);
    untouched(world, naming, &ran).await;
}

async fn crashes<W: Worlds>(world: &W, naming: Naming) {
    let version = world.spoil(naming, Bad::Crash).await;
    let ran = world.run(&format!("deploy {version} --yes --timeout 4m")).await.expect(ExitStatus::Failed);
    assert!(ran.err.contains("ends again and again") && ran.err.contains("exit code 1"), "{}", ran.err);
    assert!(ran.err.contains("\n  log    "), "{}", ran.err);
    untouched(world, naming, &ran).await;
}

async fn never_ready<W: Worlds>(world: &W, naming: Naming) {
    let version = world.spoil(naming, Bad::NeverReady).await;
    let ran = world.run(&format!("deploy {version} --yes --timeout 8s")).await.expect(ExitStatus::TimedOut);
    assert!(ran.err.contains("the readiness probe fails: GET /healthz") && ran.err.contains("500"), "{}", ran.err);
    untouched(world, naming, &ran).await;
}

async fn fails_its_test<W: Worlds>(world: &W, naming: Naming) {
    let version = world.spoil(naming, Bad::Answers500).await;
    let ran = world.run(&format!("deploy {version} --smoke / --yes -o json")).await.expect(ExitStatus::PutBack);
    let report = ran.json();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("failed"), &json!("bluegreen::tests_failed")));
    assert_eq!(
        steps(&report),
        ["release", "rollout", "plan", "smoke", "confirm", "patch", "endpoints", "settle", "journal"]
    );
    assert_eq!((&report["steps"][3]["status"], &report["steps"][5]["status"]), (&json!("failed"), &json!("planned")));
    assert!(ran.err.contains("FAIL GET /: 2 of 2 pods") && ran.err.contains("answered 500"), "{}", ran.err);
    untouched(world, naming, &ran).await;
    // The same, asked for alone; blue is well.
    world.run("smoke green --smoke /").await.expect(ExitStatus::PutBack);
    let ran = world.run("smoke blue --smoke /,/healthz -o json").await.expect(ExitStatus::Done);
    assert_eq!(ran.json()["tests"].as_array().unwrap().len(), 4);
}

/// A signal while the new version has users: all traffic comes back, and only where somebody could serve it.
async fn interrupted<W: Worlds>(world: &W, naming: Naming) {
    let service = naming.service(world.namespace());
    let moved = async || {
        while world.get(&service).await["spec"]["selector"][naming.key] != "green" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let run = async |until| {
        let holder = Holder::current(Some("tester".to_owned()));
        run_until(world.cluster(), world.namespace(), "deploy 3 --yes --soak 60s --settle 100ms", holder, until).await
    };
    let until: Pin<Box<dyn Future<Output = ()>>> = Box::pin(moved());
    let ran = run(until).await.expect(ExitStatus::Interrupted);
    assert!(ran.err.contains("all traffic was put back on blue"), "{}", ran.err);
    assert_eq!(selector(world, naming).await, "blue");
    at_rest(world, naming).await;
    let history = world.run("history -o json").await.json();
    let last = history["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["command"], &last["to"], &last["result"]), (&json!("put-back"), &json!("blue"), &json!("done")));
    // A put-back is no release: there is nothing to roll back.
    world.run("rollback --yes").await.expect(ExitStatus::Refused);

    let until: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
        moved().await;
        let blue = ObjectRef::new(Resource::Deployments, world.namespace(), naming.blue);
        world.edit(&blue, json!([{"op": "replace", "path": "/spec/replicas", "value": 0}])).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    });
    let ran = run(until).await.expect(ExitStatus::Failed);
    assert!(ran.err.contains("it was not put back") && ran.err.contains("has moved to green"), "{}", ran.err);
    assert_eq!(selector(world, naming).await, "green");
    // What was held is finished by the same command.
    world.run("deploy 3 --yes --soak 0s --settle 0s").await.expect(ExitStatus::Done);
    at_rest(world, naming).await;
}

/// The floor of the idle color's autoscaler is raised for a release, and lowered again when it comes to nothing.
async fn autoscaled<W: Worlds>(world: &W, naming: Naming) {
    let version = world.spoil(naming, Bad::Answers500).await;
    let hpa = ObjectRef::new(Resource::HorizontalPodAutoscalers, world.namespace(), "green");
    let body = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "green", "namespace": world.namespace()},
        "spec": {"minReplicas": 1, "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": naming.green},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
    });
    world.cluster().send(&Request::Create { object: hpa.clone(), body, dry_run: false }).await.unwrap();
    let ran = world.run(&format!("deploy {version} --smoke / --yes -o json")).await.expect(ExitStatus::PutBack);
    assert_eq!(steps(&ran.json())[..3], ["autoscaler", "release", "rollout"], "{}", ran.err);
    assert!(ran.err.contains("patch hpa/green: minReplicas 1 -> 2"), "{}", ran.err);
    let after = world.get(&hpa).await;
    assert_eq!(after["spec"]["minReplicas"], 1);
    assert_eq!(after["metadata"]["annotations"].get("kubectl-bluegreen.dev/min-replicas-before"), None);
    untouched(world, naming, &ran).await;
    world.run(&format!("deploy {version} --smoke /healthz --yes --settle 0s")).await;
    let limit = json!([{"op": "replace", "path": "/spec/maxReplicas", "value": 1}, {"op": "replace", "path": "/spec/minReplicas", "value": 1}]);
    world.edit(&hpa, limit).await;
    world.run("rollback --yes --settle 0s").await;
    let refused = world.run("deploy 2 --yes --after 0s").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("hpa/green lets green have 1 pods"), "{}", refused.err);
}

/// Labels of the idle color that name its version, and whatever selects by some of them.
async fn selected_by_version(world: &Simulated, naming: Naming) {
    let namespace = world.namespace();
    let create = async |resource: Resource, spec: Value| {
        let object = ObjectRef::new(resource, namespace, "it");
        let body = json!({"apiVersion": resource.api_version(), "kind": resource.kind(),
            "metadata": {"name": "it", "namespace": namespace}, "spec": spec});
        world.cluster().send(&Request::Create { object, body, dry_run: false }).await.unwrap();
    };
    let with = |key: &str| json!({"matchLabels": {key: "2"}});
    create(
        Resource::NetworkPolicies,
        json!({
            "podSelector": with("own-version"),
            "ingress": [{"from": [{"podSelector": with("from-version"), "namespaceSelector": with("version")}]}],
            "egress": [{"to": [{"podSelector": {"matchExpressions": [{"key": "to-version", "operator": "Exists"}]}}]}],
        }),
    )
    .await;
    create(Resource::PodDisruptionBudgets, json!({"minAvailable": 1, "selector": with("budget-version")})).await;
    let term = |selector: Value| json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": selector});
    let mut keyed = term(json!({}));
    keyed["matchLabelKeys"] = json!(["keyed-version"]);
    let on_nodes = json!({"nodeSelectorTerms": [{"matchExpressions": [{"key": "version", "operator": "Exists"}]}]});
    let labels: serde_json::Map<String, Value> =
        KEPT.iter().chain(&["version"]).map(|key| ((*key).to_owned(), "2".into())).collect();
    let mut labels = Value::Object(labels);
    let green = ObjectRef::new(Resource::Deployments, namespace, naming.green);
    for (key, value) in world.get(&green).await["spec"]["template"]["metadata"]["labels"].as_object().unwrap() {
        labels[key] = value.clone();
    }
    let spread = json!([{"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "topologyKey": "zone",
        "labelSelector": with("spread-version"), "matchLabelKeys": ["spread-keyed-version"]}]);
    let affinity = json!({
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": on_nodes},
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1,
            "podAffinityTerm": term(with("near-version"))}]},
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term(with("far-version")), keyed]},
    });
    world
        .edit(
            &green,
            json!([
                {"op": "replace", "path": "/spec/template/metadata/labels", "value": labels},
                {"op": "add", "path": "/spec/template/spec/topologySpreadConstraints", "value": spread},
                {"op": "add", "path": "/spec/template/spec/affinity", "value": affinity},
            ]),
        )
        .await;
    world.rest().await;
}

/// The labels that something selects by.
const KEPT: [&str; 9] = [
    "own-version",
    "from-version",
    "to-version",
    "budget-version",
    "spread-version",
    "spread-keyed-version",
    "near-version",
    "far-version",
    "keyed-version",
];

/// A label that names the version follows it, but never one that a selector goes by. Where it is not to be known, all
/// stay and that is said.
#[tokio::test(start_paused = true)]
async fn labels_that_something_selects_by_keep_their_values() {
    let naming = NAMINGS[0];
    for denied in [None, Some("networkpolicies"), Some("poddisruptionbudgets")] {
        let world = Simulated(cluster(naming).await);
        selected_by_version(&world, naming).await;
        if let Some(denied) = denied {
            world.0.forbid("list", denied);
        }
        let ran = world.run("deploy 3 --yes --settle 0s").await.expect(ExitStatus::Done);
        let green = world.get(&ObjectRef::new(Resource::Deployments, world.namespace(), naming.green)).await;
        assert_eq!(green["spec"]["template"]["spec"]["containers"][0]["image"], "registry.local/bgapp:3");
        let labels = &green["spec"]["template"]["metadata"]["labels"];
        for key in KEPT {
            assert_eq!(labels[key], "2", "{denied:?} {key}: {labels}");
        }
        let (follows, words) = match denied {
            None => ("3", "label version=3".to_owned()),
            Some(denied) => ("2", format!("version=2: {denied} cannot be read, and one may select the pods by that")),
        };
        assert_eq!(labels["version"], follows, "{denied:?}: {labels}");
        assert!(ran.err.contains(&words), "{denied:?}: {}", ran.err);
        assert_eq!(ran.err.contains("cannot be read"), denied.is_some(), "{}", ran.err);
    }
}

/// Steps that do not rise are a mistake; the last one is all, whether it is said or not, and each is watched.
#[tokio::test(start_paused = true)]
async fn steps_have_to_rise() {
    let world = Simulated(cluster(NAMINGS[0]).await);
    for (steps, words, help) in [
        ("50,10", "10 comes after 50", "--steps 10,50"),
        ("10,50,50,100", "50 comes after 50", "--steps 10,50,100"),
        ("100,50", "50 comes after 100", "--steps 50,100"),
    ] {
        let ran = world.run(&format!("deploy 3 --yes --steps {steps}")).await.expect(ExitStatus::Usage);
        assert!(ran.err.contains("the steps have to rise") && ran.err.contains(words), "{}", ran.err);
        assert!(ran.err.contains(help), "{}", ran.err);
    }
    let ran = world.run("deploy 3 --yes --steps 50 --router replicas --settle 0s -o json").await;
    let report = ran.expect(ExitStatus::Done).json();
    assert_eq!(steps(&report).iter().filter(|step| **step == "soak").count(), 2, "{report:#}");
}

/// Without a pod there is nothing to ask, and the way out is one to pods.
#[tokio::test(start_paused = true)]
async fn a_color_without_pods_is_not_tested() {
    let naming = NAMINGS[0];
    let world = Simulated(cluster(naming).await);
    world.scale(naming.green, 0).await;
    let ran = world.run("smoke green").await.expect(ExitStatus::PutBack);
    let scale = format!("kubectl scale deployment/{} -n {} --replicas=N", naming.green, world.namespace());
    assert!(ran.err.contains("green cannot be tested: it has no pod") && ran.err.contains(&scale), "{}", ran.err);
    assert!(!ran.err.contains("still run"), "{}", ran.err);
    world.0.behave("bgapp:2", Behaviour { becomes_ready: false, ..Behaviour::default() });
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), naming.green);
    world.edit(&green, json!([{"op": "replace", "path": "/spec/replicas", "value": 1}])).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let ran = world.run("smoke green").await.expect(ExitStatus::PutBack);
    assert!(
        ran.err.contains("it has no ready pod") && ran.err.contains("kubectl bluegreen check green"),
        "{}",
        ran.err
    );
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        mod on_the_simulation {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    for naming in NAMINGS {
                        let world = Simulated(cluster(naming).await);
                        Box::pin(super::$name(&world, naming)).await;
                    }
                }
            )*
        }

        /// Each with one naming: what differs between them is the simulation's to tell.
        pub(super) mod live {
            use super::*;
            $(
                #[tokio::test]
                #[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
                async fn $name() {
                    let number = stringify!($name).len() % NAMINGS.len();
                    let world = Live::new(stringify!($name), number, NAMINGS[number]).await;
                    Box::pin(super::$name(&world, NAMINGS[number])).await;
                }
            )*
        }
    };
}

scenarios!(good cannot_be_pulled crashes never_ready fails_its_test interrupted autoscaled);
