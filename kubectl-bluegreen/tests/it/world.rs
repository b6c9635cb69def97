//! What a scenario needs of a cluster, simulated or real, and the sets that it plays with.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use bluegreen_lint::config::file::File;
use clap::Parser;
use kubectl_bluegreen::cli::Cli;
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::dispatch::Run;
use kubectl_bluegreen::interrupt::Interrupt;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use kubectl_bluegreen::ui::{Answers, Ui};
use serde_json::{Value, json};

/// A way to name things. The scenarios must not depend on one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    pub(crate) active: &'static str,
    pub(crate) blue: &'static str,
    pub(crate) green: &'static str,
    pub(crate) key: &'static str,
    /// Whether the color Services are there.
    pub(crate) color_services: bool,
}

pub(crate) const NAMINGS: [Naming; 3] = [
    Naming {
        active: "api-gateway-service-active",
        blue: "api-gateway-blue",
        green: "api-gateway-green",
        key: "deployment",
        color_services: true,
    },
    Naming { active: "x", blue: "blue-x", green: "green-x", key: "version", color_services: false },
    Naming { active: "cart", blue: "cart-blue", green: "cart-green", key: "example.com/slot", color_services: true },
];

impl Naming {
    pub(crate) fn deployment(&self, color: &str) -> &'static str {
        if color == "blue" { self.blue } else { self.green }
    }

    pub(crate) fn service(&self, namespace: &str) -> ObjectRef {
        ObjectRef::new(Resource::Services, namespace, self.active)
    }

    /// The objects of a set in which blue serves and both colors have two pods.
    pub(crate) fn manifests(&self) -> Vec<Value> {
        let mut objects =
            vec![self.workload("blue", "1"), self.workload("green", "2"), self.service_of(self.active, "blue")];
        if self.color_services {
            for color in ["blue", "green"] {
                objects.push(self.service_of(&format!("{}-svc", self.deployment(color)), color));
            }
        }
        objects
    }

    fn workload(&self, color: &str, version: &str) -> Value {
        let labels = json!({"app": "it", self.key: color});
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": self.deployment(color)},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "app",
                    "image": format!("registry.local/bgapp:{version}"),
                    "imagePullPolicy": "IfNotPresent",
                    "env": [{"name": "VERSION", "value": version}, {"name": "DEPLOYMENT_ENV", "value": color}],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 5},
                }]},
            }},
        })
    }

    fn service_of(&self, name: &str, color: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": "it", self.key: color}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        })
    }
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: ExitStatus) -> Self {
        assert_eq!(self.status, status, "\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command line on a cluster. Questions are answered with no, unless `--yes` is given.
pub(crate) async fn run<C: Cluster>(cluster: &C, namespace: &str, line: &str) -> Ran {
    run_as(cluster, namespace, line, Holder::current(Some("tester".to_owned()))).await
}

pub(crate) async fn run_as<C: Cluster>(cluster: &C, namespace: &str, line: &str, holder: Holder) -> Ran {
    run_until(cluster, namespace, line, holder, std::future::pending()).await
}

/// The same, with what `.bluegreen.yaml` says.
pub(crate) async fn run_with<C: Cluster>(cluster: &C, namespace: &str, line: &str, config: File) -> Ran {
    let holder = Holder::current(Some("tester".to_owned()));
    play(cluster, namespace, line, holder, std::future::pending(), config).await
}

/// The same, with a signal at the end of `until`.
pub(crate) async fn run_until<C: Cluster>(
    cluster: &C,
    namespace: &str,
    line: &str,
    holder: Holder,
    until: impl Future<Output = ()>,
) -> Ran {
    play(cluster, namespace, line, holder, until, File::default()).await
}

async fn play<C: Cluster>(
    cluster: &C,
    namespace: &str,
    line: &str,
    holder: Holder,
    until: impl Future<Output = ()>,
    config: File,
) -> Ran {
    let cli = Cli::try_parse_from(std::iter::once("kubectl-bluegreen").chain(line.split_whitespace())).unwrap();
    let (out, err) = (Buffer::default(), Buffer::default());
    let answers = if cli.global.yes { Answers::Yes } else { Answers::Always(false) };
    let stream = |buffer: &Buffer| Box::new(anstream::StripStream::new(Box::new(buffer.clone()) as Box<dyn Write>));
    let ui = Ui::new(stream(&out), stream(&err), answers, false).looking(cli.global.place());
    let run = Run { global: cli.global, ui, interrupt: Interrupt::default(), holder, config: config.into() };
    let mut command = Box::pin(run.command(cluster, namespace, &cli.command));
    let status = tokio::select! {
        status = &mut command => status,
        () = until => {
            run.interrupt.fire();
            command.await
        }
    };
    let text = |buffer: &Buffer| String::from_utf8(buffer.0.borrow().clone()).unwrap();
    Ran { status, out: text(&out), err: text(&err) }
}

/// A cluster that a scenario can be played on.
pub(crate) trait World {
    type Cluster: Cluster;

    fn cluster(&self) -> &Self::Cluster;
    fn namespace(&self) -> &str;
    /// Changes an object as somebody else would, by a JSON Patch.
    async fn edit(&self, object: &ObjectRef, patch: Value);
    /// Waits until every Deployment is as it should be.
    async fn rest(&self);

    async fn run(&self, line: &str) -> Ran {
        run(self.cluster(), self.namespace(), line).await
    }

    async fn get(&self, object: &ObjectRef) -> Value {
        self.cluster().send(&Request::Get(object.clone())).await.unwrap()
    }

    async fn scale(&self, deployment: &str, replicas: u32) {
        let object = ObjectRef::new(Resource::Deployments, self.namespace(), deployment);
        self.edit(&object, json!([{"op": "replace", "path": "/spec/replicas", "value": replicas}])).await;
        self.rest().await;
    }
}
