//! The same scenarios by `rehearse` and for real, on the same objects with the same settings: the exit status, the outcome,
//! every step with its words, and every check are the same.

use std::cell::Cell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use kubectl_bluegreen::cluster::live::LiveCluster;
use kubectl_bluegreen::cluster::{Cluster, ClusterError, Failure, ObjectRef, Request, Resource};
use serde_json::{Value, json};

use super::super::world::{NAMINGS, Naming, World, run_with};
use super::watched::{Prometheus, Users, settings};
use super::{Live, kubectl};

const NAMING: Naming = NAMINGS[0];
/// The settings of a release whose test is a page for users, so that it may fail behind a good health check.
const SMOKE: &str = "smoke: [{path: /}]\n";

/// What goes wrong, by the name that it has in `rehearse`, and how it is made to happen for real.
#[derive(Clone, Copy)]
struct Scenario {
    fault: Option<&'static str>,
    version: &'static str,
    options: &'static str,
    /// A variable that makes the new version bad.
    variable: Option<(&'static str, &'static str)>,
    upset: Option<Upset>,
}

const GOOD: Scenario =
    Scenario { fault: None, version: "3", options: "--soak 0s --timeout 4m", variable: None, upset: None };

/// What happens to the move on its way.
#[derive(Clone, Copy)]
enum Upset {
    /// Somebody changes the active Service first.
    Touched,
    /// It is done, and the answer is lost.
    CutOff,
    /// It is done, and somebody moves the selector back at once.
    MovedBack,
}

/// A real cluster on which the move meets with something, as faults are injected into the simulated one.
struct Upsetting<'a> {
    inner: &'a LiveCluster,
    service: ObjectRef,
    upset: Cell<Option<Upset>>,
    /// The selector to which the Service is moved back.
    selector: Value,
}

impl<'a> Upsetting<'a> {
    async fn new(world: &'a Live, upset: Option<Upset>) -> Self {
        let service = NAMING.service(world.namespace());
        let selector = world.get(&service).await["spec"]["selector"].clone();
        Self { inner: world.cluster(), service, upset: Cell::new(upset), selector }
    }

    async fn edit(&self, patch: Value) {
        let edit = Request::Patch { object: self.service.clone(), patch, dry_run: false };
        self.inner.send(&edit).await.unwrap();
    }
}

impl Cluster for Upsetting<'_> {
    async fn send(&self, request: &Request) -> Result<Value, ClusterError> {
        let is_move = request.verb() == "patch" && request.object() == Some(&self.service);
        let upset = if is_move { self.upset.take() } else { None };
        if let Some(Upset::Touched) = upset {
            self.edit(json!([{"op": "add", "path": "/metadata/annotations/touched", "value": "yes"}])).await;
        }
        let answer = self.inner.send(request).await;
        match upset {
            Some(Upset::CutOff) => {
                let message = "the connection was cut before the answer came".to_owned();
                return Err(ClusterError { request: request.to_string(), failure: Failure::Lost, message });
            }
            Some(Upset::MovedBack) => {
                self.edit(json!([{"op": "replace", "path": "/spec/selector", "value": self.selector}])).await;
            }
            Some(Upset::Touched) | None => {}
        }
        answer
    }

    async fn changed(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        labels: Option<&str>,
        resource_version: &str,
        within: Duration,
    ) -> Result<(), ClusterError> {
        self.inner.changed(resource, namespace, labels, resource_version, within).await
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn requests(&self) -> usize {
        self.inner.requests()
    }
}

/// The set as it is in the cluster, what `kubectl apply` left on it included, as files beside the settings.
fn export(world: &Live, folder: &Path, settings: &str) {
    let list = kubectl(&["-n", world.namespace(), "get", "deployments,services", "-o", "json"], "");
    let list: Value = serde_json::from_str(&list).unwrap();
    for object in list["items"].as_array().unwrap() {
        let metadata = &object["metadata"];
        let name = format!("{}-{}.json", object["kind"].as_str().unwrap(), metadata["name"].as_str().unwrap());
        let kept = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "annotations": metadata["annotations"]}});
        std::fs::write(folder.join(name), kept.to_string()).unwrap();
    }
    std::fs::write(folder.join(".bluegreen.yaml"), settings).unwrap();
}

/// What `rehearse` answers, and its exit status.
fn rehearse(folder: &Path, scenario: Scenario) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.args(["rehearse", scenario.version, "-o", "json", "-f", "."]).args(scenario.options.split_whitespace());
    command.args(scenario.fault.map(|fault| format!("--fault={fault}")));
    command.env("KUBECONFIG", "/nowhere/config").current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

/// What must not differ: the exit status and all of the answer that is not a time, a number of requests or a name that
/// the cluster gives.
fn of_note(code: i32, report: &Value) -> Value {
    let pick = |list: &Value, keys: &[&str]| -> Vec<Value> {
        let of = |item: &Value| keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
        list.as_array().into_iter().flatten().map(of).collect()
    };
    // Without a soak it depends on the moment whether there was a look at the pods.
    let soaked = report["steps"].as_array().into_iter().flatten().any(|step| step["id"] == "soak");
    json!({
        "exit": code,
        "outcome": report["outcome"],
        "from": report["from"],
        "to": report["to"],
        "split": report["split"],
        "steps": pick(&report["steps"], &["id", "title", "status"]),
        "checks": pick(&report["checks"], &["id", "color", "status"]),
        "tests": pick(&report["tests"], &["name", "ok"]),
        "metrics": if soaked { pick(&report["analysis"], &["name", "ok"]) } else { Vec::new() },
        "error": report["error"]["code"],
        "help": report["error"]["help"],
    })
}

/// Plays a scenario in both ways with the same settings, and compares.
#[expect(clippy::print_stderr, reason = "the figures are what one wants to read")]
async fn agrees(world: &Live, scenario: Scenario, config: &str) {
    if let Some((name, value)) = scenario.variable {
        let green = ObjectRef::new(Resource::Deployments, world.namespace(), NAMING.green);
        let path = "/spec/template/spec/containers/0/env/-";
        world.edit(&green, json!([{"op": "add", "path": path, "value": {"name": name, "value": value}}])).await;
    }
    let folder = tempfile::tempdir().unwrap();
    export(world, folder.path(), config);
    let (code, rehearsed) = rehearse(folder.path(), scenario);

    let cluster = Upsetting::new(world, scenario.upset).await;
    let line = format!("deploy {} --yes -o json --after 0s {}", scenario.version, scenario.options);
    let began = std::time::Instant::now();
    let ran = run_with(&cluster, world.namespace(), &line, serde_yaml::from_str(config).unwrap()).await;
    let played = ran.json();
    assert!(cluster.upset.get().is_none(), "nothing was moved: {}", ran.err);

    let (simulated, real) = (of_note(code, &rehearsed), of_note(ran.status as i32, &played));
    let steps = real["steps"].as_array().unwrap().len();
    let fault = scenario.fault.unwrap_or("none");
    eprintln!("fault {fault}: exit {}, {steps} steps, {:.0} s", ran.status as i32, began.elapsed().as_secs_f64());
    for (what, simulated) in simulated.as_object().unwrap() {
        let real = &real[what];
        assert_eq!(simulated, real, "fault {fault}, {what}: rehearsed {simulated:#}, real {real:#}\n{}", ran.err);
    }
    assert!(steps > 0, "{played:#}");
}

async fn plays(name: &str, scenario: Scenario) {
    let world = Live::new(name, 0, NAMING).await;
    agrees(&world, scenario, SMOKE).await;
}

macro_rules! scenarios {
    ($($name:ident: $scenario:expr;)*) => {
        $(
            #[tokio::test]
            #[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
            async fn $name() {
                Box::pin(plays(&format!("as-{}", stringify!($name)), $scenario)).await;
            }
        )*
    };
}

scenarios! {
    good: GOOD;
    never_ready: Scenario {
        fault: Some("never-ready"), options: "--soak 0s --timeout 8s", variable: Some(("FAIL", "1")), ..GOOD
    };
    crash: Scenario { fault: Some("crash"), variable: Some(("ERROR_RATE", "much")), ..GOOD };
    pull_error: Scenario { fault: Some("pull-error"), version: "missing", ..GOOD };
    smoke_fails: Scenario { fault: Some("smoke-fails"), variable: Some(("ERROR_RATE", "1")), ..GOOD };
    conflict: Scenario { fault: Some("conflict"), upset: Some(Upset::Touched), ..GOOD };
    disconnect: Scenario { fault: Some("disconnect"), upset: Some(Upset::CutOff), ..GOOD };
    other_writer: Scenario { fault: Some("other-writer"), upset: Some(Upset::MovedBack), ..GOOD };
}

/// Under users, with the metrics of a Prometheus in the cluster.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn error_rate() {
    let world = Live::new("as-error-rate", 0, NAMING).await;
    let Some(prometheus) = Prometheus::start(world.namespace()).await else { return };
    let users = Users::start(&world);
    let config = settings(&format!("url: http://127.0.0.1:{}", prometheus.port()));
    let watched = Scenario { options: "--soak 40s --timeout 4m", ..GOOD };
    agrees(&world, Scenario { fault: Some("error-rate"), variable: Some(("ERROR_RATE", "0.3")), ..watched }, &config)
        .await;
    drop(users);
}
