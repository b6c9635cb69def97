//! A version that is good by its health check and bad under users, and the metrics of a real Prometheus: Debian's package,
//! which cannot find pods by itself and is told. Skipped with a word where there is no `prometheus`.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bluegreen_lint::config::file::File;
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::super::release::{at_rest, selector, steps};
use super::super::world::{NAMINGS, Naming, Ran, World, run_with};
use super::{Live, arrive, kubeconfig, kubectl};

const NAMING: Naming = NAMINGS[0];

/// A Prometheus that scrapes the pods of a namespace every second.
pub(super) struct Prometheus {
    child: Child,
    port: u16,
    /// Ends the naming of the pods when it is dropped.
    _stop: std::sync::mpsc::Sender<()>,
    folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    #[expect(clippy::print_stderr, reason = "what is skipped is to be known")]
    /// Nothing where there is none to start.
    pub(super) async fn start(namespace: &str) -> Option<Self> {
        if Command::new("prometheus").arg("--version").output().is_err() {
            eprintln!("skipped: there is no `prometheus` here (apt-get install prometheus)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let targets = folder.path().join("targets.json");
        let config = json!({"global": {"scrape_interval": "1s"}, "scrape_configs": [
            {"job_name": "pods", "file_sd_configs": [{"files": [targets]}]},
        ]});
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel();
        let namespace = namespace.to_owned();
        std::thread::spawn(move || {
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_millis(500))
            {
                name_pods(&namespace, &targets);
            }
        });
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address=0.0.0.0:{port}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let prometheus = Self { child, port, _stop: stop, folder };
        let began = Instant::now();
        while !prometheus.knows("count(http_requests_total) >= 8") {
            assert!(began.elapsed() < Duration::from_mins(2), "Prometheus does not find the pods");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Some(prometheus)
    }

    /// The port of this machine on which it answers.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    fn knows(&self, query: &str) -> bool {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let query = format!("query={query}");
        let answer =
            Command::new("curl").args(["-s", "-m", "5", "-G", &url, "--data-urlencode", &query]).output().unwrap();
        let answer: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        answer["data"]["result"].as_array().is_some_and(|result| !result.is_empty())
    }

    /// Settings that ask it directly.
    fn directly(&self) -> File {
        file(&format!("url: http://127.0.0.1:{}", self.port))
    }

    /// Settings that ask one in the cluster, through the API server, which leads to pods only: the same program with the
    /// same file in a pod, where the node is this machine; nothing where that does not come up.
    #[expect(clippy::print_stderr, reason = "who skips says so")]
    fn through_the_api_server(&self, world: &Live) -> Option<File> {
        let (namespace, folder) = (world.namespace(), self.folder.path().display().to_string());
        let host = |name: &str, path: &str| json!({"name": name, "hostPath": {"path": path}});
        let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path, "readOnly": name != "data"});
        let config = format!("--config.file={folder}/prometheus.yml");
        let command =
            ["/usr/bin/prometheus", &config, "--storage.tsdb.path=/data", "--web.listen-address=0.0.0.0:9090"];
        let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "prometheus"},
                "spec": {"selector": {"app": "prometheus"}, "ports": [{"name": "web", "port": 80, "targetPort": 9090}]}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "prometheus", "labels": {"app": "prometheus"}}, "spec": {
                "securityContext": {"runAsUser": 0},
                "containers": [{"name": "prometheus", "image": "registry.local/bgapp:1", "imagePullPolicy": "IfNotPresent", "command": command,
                    "volumeMounts": [mount("usr", "/usr"), mount("lib", "/lib"), mount("lib64", "/lib64"), mount("folder", &folder), mount("data", "/data")]}],
                "volumes": [host("usr", "/usr"), host("lib", "/usr/lib"), host("lib64", "/usr/lib64"), host("folder", &folder), {"name": "data", "emptyDir": {}}]}},
        ]});
        kubectl(&["-n", namespace, "apply", "-f", "-"], &objects.to_string());
        let path = format!(
            "/api/v1/namespaces/{namespace}/services/prometheus:web/proxy/api/v1/query?query=count(http_requests_total)%20%3E%3D%208"
        );
        let began = Instant::now();
        let get =
            || Command::new("kubectl").arg("--kubeconfig").arg(kubeconfig()).args(["get", "--raw", &path]).output();
        while !String::from_utf8_lossy(&get().unwrap().stdout).contains("\"value\"") {
            if began.elapsed() > Duration::from_mins(1) {
                eprintln!("skipped: no Prometheus of this machine runs in a pod of the cluster");
                return None;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(file(&format!("service: {{namespace: {namespace}, name: prometheus, port: web}}")))
    }
}

/// What `.bluegreen.yaml` says for a Prometheus at a place.
pub(super) fn settings(source: &str) -> String {
    let checks = "[{errorRate: http, max: 0.05, timesOld: 3}]";
    format!("analysis: {{prometheus: {{{source}}}, minRequests: 50, checks: {checks}}}")
}

fn file(source: &str) -> File {
    serde_yaml::from_str(&settings(source)).unwrap()
}

/// Tells Prometheus which pods there are, as its own discovery would.
fn name_pods(namespace: &str, targets: &std::path::Path) {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig()).args(["-n", namespace, "get", "pods", "-o", "json"]);
    let pods: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap_or_default();
    let pods = pods["items"].as_array().into_iter().flatten().filter(|pod| pod["status"]["podIP"].is_string());
    let target = |pod: &Value| {
        let address = format!("{}:8080", pod["status"]["podIP"].as_str().unwrap());
        json!({"targets": [address], "labels": {"namespace": namespace, "pod": pod["metadata"]["name"]}})
    };
    let all: Vec<Value> = pods.map(target).collect();
    let new = targets.with_extension("new");
    // Whole or not at all. The folder is gone once the test is over.
    let _ = std::fs::write(&new, json!(all).to_string()).and_then(|()| std::fs::rename(&new, targets));
}

/// Requests to the active Service all the while.
pub(super) struct Users(Child);

impl Drop for Users {
    fn drop(&mut self) {
        // Those that were ended are gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Users {
    pub(super) fn start(world: &Live) -> Self {
        let path = ["-n", world.namespace(), "get", "service", NAMING.active, "-o", "jsonpath={.spec.clusterIP}"];
        let url = format!("http://{}/", kubectl(&path, ""));
        arrive(&url, "blue");
        Self(
            Command::new("load")
                .args(["-rate", "200", "-d", "30m", &url])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    /// Ends them; answers what became of their requests.
    pub(super) fn end(mut self) -> Value {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.wait().unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

async fn errors(world: &Live, rate: &str) {
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), NAMING.green);
    let variable = json!({"name": "ERROR_RATE", "value": rate});
    world
        .edit(&green, json!([{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": variable}]))
        .await;
}

async fn run(world: &Live, line: &str, config: File) -> Ran {
    run_with(world.cluster(), world.namespace(), line, config).await
}

/// The soak of a run that was put back, in seconds.
fn soaked(report: &Value) -> f64 {
    let soak = report["steps"].as_array().unwrap().iter().find(|step| step["status"] == "failed").unwrap();
    assert_eq!(soak["id"], "soak", "{report:#}");
    soak["seconds"].as_f64().unwrap()
}

#[expect(clippy::print_stderr, reason = "the figures are what one wants to read")]
/// A version that answers users with errors is put back within the soak, by what this Prometheus says.
async fn errors_are_put_back(world: &Live, config: File) {
    errors(world, "0.3").await;
    let users = Users::start(world);
    let line = "deploy 3 --yes --soak 60s -o json";
    let ran = run(world, line, config).await.expect(ExitStatus::PutBack);
    let report = ran.json();
    eprintln!("put back {} s into the soak: {}", soaked(&report), report["error"]["message"]);
    assert!(soaked(&report) < 45.0, "{report:#}");
    assert!(ran.err.contains("green is not good under users: error rate: 0."), "{}", ran.err);
    assert!(ran.err.contains("  FAIL error rate "), "{}", ran.err);
    assert_eq!(report["analysis"][0]["ok"], false, "{report:#}");
    assert_eq!(selector(world, NAMING).await, "blue");
    at_rest(world, NAMING).await;
    let result = users.end();
    let all = |key: &str| result[key].as_u64().unwrap();
    eprintln!("users meanwhile: {result}");
    assert!(all("failed") > 0 && all("failed") < all("requests") / 3, "{result}");
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn errors_under_users_are_seen_by_prometheus_and_put_back() {
    let world = Live::new("errors", 0, NAMING).await;
    let Some(prometheus) = Prometheus::start(world.namespace()).await else { return };
    errors_are_put_back(&world, prometheus.directly()).await;
}

/// Named as a Service in the cluster, it is asked through the API server's proxy; the machine that deploys reaches the API
/// server only.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn errors_under_users_are_seen_through_the_api_server_and_put_back() {
    let world = Live::new("errors-proxy", 0, NAMING).await;
    let Some(prometheus) = Prometheus::start(world.namespace()).await else { return };
    let Some(config) = prometheus.through_the_api_server(&world) else { return };
    errors_are_put_back(&world, config).await;
}

/// Both colors at the same time, each by its own numbers; through the API server; kept in the journal.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_good_version_is_compared_with_the_old_one_through_the_api_server() {
    let world = Live::new("compared", 0, NAMING).await;
    let Some(prometheus) = Prometheus::start(world.namespace()).await else { return };
    let Some(config) = prometheus.through_the_api_server(&world) else { return };
    let users = Users::start(&world);
    let line = "deploy 3 --yes --router replicas --steps 50,100 --soak 12s --settle 1s -o json";
    let ran = run(&world, line, config).await.expect(ExitStatus::Done);
    let report = ran.json();
    assert!(steps(&report).contains(&"metrics"), "{report:#}");
    let history = world.run("history -o json").await.json();
    let half = &history["entries"][0]["analysis"][0];
    eprintln!("half of the traffic: {half}");
    assert!(half["requests"].as_f64().unwrap() >= 50.0 && half["ok"] == true, "{history:#}");
    assert_eq!((&half["new"], &half["old"]), (&json!(0.0), &json!(0.0)), "{history:#}");
    assert_eq!(report["analysis"][1]["name"], "restarts", "{report:#}");
    let result = users.end();
    assert_eq!(result["failed"], 0, "{result}");
}

/// Without an answer nothing is passed: before traffic moves the release stops, afterwards traffic comes back.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_prometheus_that_does_not_answer_stops_a_release_or_puts_it_back() {
    let world = Live::new("silent", 0, NAMING).await;
    let nobody = || file("url: http://127.0.0.1:9");
    let ran = run(&world, "deploy 3 --yes --soak 5s -o json", nobody()).await.expect(ExitStatus::PutBack);
    let report = ran.json();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("failed"), &json!("bluegreen::no_metrics")));
    assert!(ran.err.contains("the metrics could not be asked for: query http://127.0.0.1:9"), "{}", ran.err);
    assert_eq!(selector(&world, NAMING).await, "blue");
    at_rest(&world, NAMING).await;
    // Without a wish to watch, nobody is asked.
    run(&world, "deploy 3 --yes --soak 0s --settle 0s", nobody()).await.expect(ExitStatus::Done);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);

    let Some(prometheus) = Prometheus::start(world.namespace()).await else { return };
    let config = prometheus.directly();
    let service = NAMING.service(world.namespace());
    let gone = async {
        while world.get(&service).await["spec"]["selector"][NAMING.key] != "green" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(prometheus);
    };
    let (ran, ()) = tokio::join!(run(&world, "deploy 3 --yes --soak 6s -o json", config), gone);
    let ran = ran.expect(ExitStatus::PutBack);
    assert!(ran.err.contains("the metrics could not be asked for"), "{}", ran.err);
    assert!(ran.err.contains("  skip error rate") && ran.err.contains("there was no answer"), "{}", ran.err);
    assert!(ran.err.contains("all traffic was put back on blue"), "{}", ran.err);
    assert_eq!(selector(&world, NAMING).await, "blue");
    at_rest(&world, NAMING).await;
    let lease = ObjectRef::new(Resource::Leases, world.namespace(), format!("kubectl-bluegreen-{}", NAMING.active));
    assert_eq!(world.cluster().send(&Request::Get(lease)).await.unwrap()["spec"]["holderIdentity"], "");
}
