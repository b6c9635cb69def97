//! `init` in its three forms, on the simulated cluster and on a real one.

use std::time::Duration;

use jiff::Timestamp;
use kubectl_bluegreen::cluster::simulated::{Behaviour, SimulatedCluster};
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::init_faults::is_whole;
use super::schema;
use super::simulated::{NAMESPACE, Simulated};
use super::world::{World, run};

/// What somebody runs without colors: a Deployment, its Service and its autoscaler.
pub(crate) fn running() -> Vec<Value> {
    let labels = json!({"app": "shop", "tier": "web"});
    vec![
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "labels": {"app": "shop", "app.kubernetes.io/managed-by": "Helm"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "shop"}}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "app",
                    "image": "registry.local/bgapp:1",
                    "imagePullPolicy": "IfNotPresent",
                    "env": [{"name": "VERSION", "value": "1"}],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
                }]},
            }},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"},
            "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        }),
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "shop"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "minReplicas": 2, "maxReplicas": 4,
            },
        }),
    ]
}

pub(crate) async fn load<W: World>(world: &W, objects: Vec<Value>) {
    for mut body in objects {
        body["metadata"]["namespace"] = world.namespace().into();
        let resource = Resource::ALL.into_iter().find(|resource| resource.kind() == body["kind"]).unwrap();
        let object = ObjectRef::new(resource, world.namespace(), body["metadata"]["name"].as_str().unwrap());
        world.cluster().send(&Request::Create { object, body, dry_run: false }).await.unwrap();
    }
    world.rest().await;
}

fn of<W: World>(world: &W, resource: Resource, name: &str) -> ObjectRef {
    ObjectRef::new(resource, world.namespace(), name)
}

async fn find<W: World>(world: &W, resource: Resource, name: &str) -> Option<Value> {
    world.cluster().send(&Request::Get(of(world, resource, name))).await.ok()
}

async fn selector<W: World>(world: &W, service: &str) -> Value {
    world.get(&of(world, Resource::Services, service)).await["spec"]["selector"].clone()
}

async fn target<W: World>(world: &W) -> Value {
    world.get(&of(world, Resource::HorizontalPodAutoscalers, "shop")).await["spec"]["scaleTargetRef"]["name"].clone()
}

fn steps(report: &Value) -> Vec<&str> {
    report["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect()
}

/// A Deployment becomes a set, keeps running, and is removed only when that is asked for.
pub(crate) async fn adoption<W: World>(world: &W) {
    load(world, running()).await;
    let before =
        (selector(world, "shop").await, world.get(&of(world, Resource::Deployments, "shop")).await["spec"].clone());
    for mode in ["client", "server"] {
        let line = format!("init --from deployment/shop --remove-old --dry-run {mode} -o json");
        let planned = world.run(&line).await.expect(ExitStatus::Done).json();
        assert_eq!(planned["outcome"], "planned");
        assert!(find(world, Resource::Deployments, "shop-blue").await.is_none());
    }
    let printed = world.run("init --from deployment/shop --print").await.expect(ExitStatus::Done).out;
    assert_eq!(printed.matches("kind: Deployment").count(), 2, "{printed}");
    assert_eq!(printed.matches("kind: Service").count(), 2, "{printed}");
    world.run("init --from deployment/shop").await.expect(ExitStatus::Failed);
    assert_eq!(selector(world, "shop").await, before.0);

    let report =
        world.run("init --from deployment/shop --yes -o json --settle 100ms").await.expect(ExitStatus::Done).json();
    schema::check("report.schema.json", &report);
    assert_eq!((&report["outcome"], &report["to"]), (&json!("done"), &json!("blue")));
    let expected = [
        "create",
        "create",
        "create",
        "create",
        "rollout",
        "plan",
        "patch",
        "endpoints",
        "settle",
        "journal",
        "plan",
        "autoscaler",
    ];
    assert_eq!(steps(&report), expected, "{report}");
    assert_eq!(selector(world, "shop").await, json!({"app": "shop-bluegreen", "color": "blue"}));
    assert_eq!(target(world).await, "shop-blue");
    let old = world.get(&of(world, Resource::Deployments, "shop")).await;
    assert_eq!(old["spec"], before.1, "the old Deployment was touched");
    for (color, replicas) in [("blue", 2), ("green", 0)] {
        let copy = world.get(&of(world, Resource::Deployments, &format!("shop-{color}"))).await;
        assert_eq!(copy["spec"]["replicas"], replicas);
        assert_eq!(copy["spec"]["template"]["spec"], old["spec"]["template"]["spec"]);
        assert_eq!(copy["metadata"]["labels"], json!({"app": "shop-bluegreen", "color": color}));
        let labels = json!({"app": "shop-bluegreen", "tier": "web", "color": color});
        assert_eq!(copy["spec"]["template"]["metadata"]["labels"], labels);
        assert_eq!(selector(world, &format!("shop-{color}")).await, json!({"app": "shop-bluegreen", "color": color}));
    }
    let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
    assert_eq!((&status["set"]["name"], &status["active"]), (&json!("shop"), &json!("blue")));
    let history = world.run("history -o json").await.expect(ExitStatus::Done).json();
    assert_eq!((&history["entries"][0]["command"], &history["entries"][0]["result"]), (&json!("init"), &json!("done")));

    let again = world.run("init --from deployment/shop --yes -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(again["outcome"], "nothing-to-do");
    let line = "init --from deploy/shop --remove-old --after 2s --yes -o json";
    let removed = world.run(line).await.expect(ExitStatus::Done).json();
    assert!(steps(&removed).ends_with(&["delete", "end"]), "{removed}");
    assert!(find(world, Resource::Deployments, "shop").await.is_none());
    let gone = world.run(line).await.expect(ExitStatus::Done).json();
    assert_eq!(gone["outcome"], "nothing-to-do");
    // It is a set like any other now.
    let green = of(world, Resource::Deployments, "shop-green");
    world.edit(&green, json!([{"op": "replace", "path": "/spec/replicas", "value": 2}])).await;
    world.rest().await;
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
}

/// Whatever would cost requests, or somebody's work, is refused before anything is changed.
pub(crate) async fn refused_adoptions<W: World>(world: &W) {
    load(world, running()).await;
    let refused = async |line: &str, status: ExitStatus, words: &str| {
        let ran = world.run(line).await.expect(status);
        assert!(ran.err.contains(words), "{line}: {}", ran.err);
        assert!(find(world, Resource::Deployments, "shop-green").await.is_none(), "{line}");
        assert_eq!(selector(world, "shop").await, json!({"app": "shop"}), "{line}");
    };
    let line = "init --from deployment/shop --yes";
    refused("init --from deployment/shoe --yes", ExitStatus::Failed, "there is: shop").await;
    refused("init --from deployment/shop --service cart --yes", ExitStatus::Failed, "no service/cart").await;

    let other = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "internal"},
        "spec": {"selector": {"tier": "web"}, "ports": [{"port": 9000, "targetPort": 8080}]},
    });
    load(world, vec![other]).await;
    refused(line, ExitStatus::Usage, "internal, shop").await;
    let line = "init --from deployment/shop --service shop --yes";

    let mut taken = running().remove(0);
    taken["metadata"]["name"] = "shop-blue".into();
    taken["spec"]["replicas"] = 0.into();
    taken["spec"]["selector"]["matchLabels"]["app"] = "else".into();
    taken["spec"]["template"]["metadata"]["labels"] = json!({"app": "else"});
    load(world, vec![taken]).await;
    refused(line, ExitStatus::Refused, "deployment/shop-blue exists already").await;
    refused("init --from deployment/shop-blue --yes", ExitStatus::Refused, "no Service selects").await;
    let name = of(world, Resource::Deployments, "shop-blue");
    let uid = world.get(&name).await["metadata"]["uid"].as_str().unwrap().to_owned();
    world.cluster().send(&Request::Delete { object: name, uid, dry_run: false }).await.unwrap();

    // Traffic of somebody else's pods must not move along.
    let mut stranger = running().remove(0);
    stranger["metadata"]["name"] = "canary".into();
    stranger["spec"]["replicas"] = 1.into();
    stranger["spec"]["selector"]["matchLabels"] = json!({"app": "shop", "track": "canary"});
    stranger["spec"]["template"]["metadata"]["labels"] = json!({"app": "shop", "track": "canary"});
    load(world, vec![stranger]).await;
    refused(line, ExitStatus::Refused, "which is not of deployment/shop").await;
    let canary = of(world, Resource::Deployments, "canary");
    world.edit(&canary, json!([{"op": "replace", "path": "/spec/replicas", "value": 0}])).await;
    world.rest().await;

    // A policy that would not know the copies: whichever label changes, one of the two loses them.
    let policy = |name: &str, labels: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name},
            "spec": {"podSelector": {"matchLabels": labels}, "ingress": [{}]},
        })
    };
    load(world, vec![policy("by-app", json!({"app": "shop"}))]).await;
    refused(line, ExitStatus::Refused, "networkpolicy/by-app").await;
    let name = of(world, Resource::NetworkPolicies, "by-app");
    world
        .edit(&name, json!([{"op": "replace", "path": "/spec/podSelector", "value": {"matchLabels": {"tier": "web"}}}]))
        .await;

    // A volume that only one node can mount.
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    });
    load(world, vec![claim]).await;
    let shop = of(world, Resource::Deployments, "shop");
    let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    world.edit(&shop, json!([{"op": "add", "path": "/spec/template/spec/volumes", "value": volumes}])).await;
    refused(line, ExitStatus::Refused, "ReadWriteOnce").await;
    world.edit(&shop, json!([{"op": "remove", "path": "/spec/template/spec/volumes"}])).await;
    world.rest().await;

    // Without all of that it goes on, and what another Service would lose is not deleted.
    world.run(&format!("{line} --settle 0s")).await.expect(ExitStatus::Done);
    let ran = world.run(&format!("{line} --remove-old --after 0s")).await.expect(ExitStatus::Refused);
    assert!(ran.err.contains("service/internal"), "{}", ran.err);
    assert!(find(world, Resource::Deployments, "shop").await.is_some());
    world.run(&format!("{line} --remove-old --after 0s --accept other-services")).await.expect(ExitStatus::Done);
    assert!(find(world, Resource::Deployments, "shop").await.is_none());
}

/// The five resources of a new set.
pub(crate) async fn fresh<W: World>(world: &W) {
    let line = "init --new shop --image registry.local/bgapp:1 --port 8080 --probe /healthz";
    let printed = world.run(&format!("{line} --print")).await.expect(ExitStatus::Done).out;
    assert!(printed.contains("path: /healthz") && printed.matches("kind: Service").count() == 3, "{printed}");
    world.run(&format!("{line} --dry-run server")).await.expect(ExitStatus::Done);
    assert!(find(world, Resource::Services, "shop").await.is_none());
    let report = world.run(&format!("{line} --yes -o json")).await.expect(ExitStatus::Done).json();
    assert_eq!(steps(&report), ["create", "create", "create", "create", "create", "rollout", "endpoints"]);
    let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
    assert_eq!((&status["active"], &status["colors"]["blue"]["endpoints"]), (&json!("blue"), &json!(2)));
    let again = world.run(&format!("{line} --yes -o json")).await.expect(ExitStatus::Done).json();
    assert_eq!(again["outcome"], "nothing-to-do");
    let other =
        world.run("init --new shop --image registry.local/bgapp:2 --port 8080 --yes").await.expect(ExitStatus::Refused);
    assert!(other.err.contains("deployment/shop-blue exists already"), "{}", other.err);
}

/// Manifests are applied, twice without a change, and the active Service's selector never changes.
pub(crate) async fn files<W: World>(world: &W) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let made = world.run("init --new shop --image registry.local/bgapp:1 --port 8080 --print").await.out;
    std::fs::write(&path, made.replace("replicas: 0", "replicas: 2")).unwrap();
    let line = format!("init -f {} --yes -o json", path.display());
    let diff = format!("diff -f {}", path.display());
    let ran = world.run(&diff).await.expect(ExitStatus::Failed);
    assert!(ran.out.contains("create 5, change 0"), "{}", ran.out);

    let report = world.run(&line).await.expect(ExitStatus::Done).json();
    let expected = ["apply", "apply", "apply", "apply", "apply", "rollout", "rollout", "endpoints"];
    assert_eq!((steps(&report), &report["outcome"]), (expected.to_vec(), &json!("done")), "{report}");
    assert_eq!(world.run(&line).await.expect(ExitStatus::Done).json()["outcome"], "nothing-to-do");
    let ran = world.run(&diff).await.expect(ExitStatus::Done);
    assert!(ran.out.contains("all 5 objects are as the files say"), "{}", ran.out);

    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    let ran = world.run(&line).await.expect(ExitStatus::Done);
    assert!(ran.err.contains("service/shop keeps its selector app=shop,color=green"), "{}", ran.err);
    assert_eq!(ran.json()["outcome"], "nothing-to-do");

    // Another port is a change, and still the selector stays.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("port: 80\n", "port: 81\n")).unwrap();
    let ran = world.run(&format!("diff -f {} -o json", path.display())).await.expect(ExitStatus::Failed).json();
    schema::check("diff.schema.json", &ran);
    let changed: Vec<&Value> =
        ran["objects"].as_array().unwrap().iter().filter(|object| object["change"] == "change").collect();
    assert_eq!((changed.len(), &ran["same"]), (3, &json!(false)), "{ran}");
    assert!(
        ran["diff"].as_str().unwrap().contains("+  - name: http\n+    port: 81\n")
            || ran["diff"].as_str().unwrap().contains("+    port: 81"),
        "{ran}"
    );
    world.run(&line).await.expect(ExitStatus::Done);
    let service = world.get(&of(world, Resource::Services, "shop")).await;
    assert_eq!(service["spec"]["selector"], json!({"app": "shop", "color": "green"}));
    assert!(service["spec"]["ports"].as_array().unwrap().iter().any(|port| port["port"] == 81), "{service}");

    // What serves is not scaled away by a file that was written when the other color served.
    let text = std::fs::read_to_string(&path).unwrap();
    let (blue, green) = text.split_once("  name: shop-green").unwrap();
    std::fs::write(&path, format!("{blue}  name: shop-green{}", green.replacen("replicas: 2", "replicas: 0", 1)))
        .unwrap();
    let ran = world.run(&line).await;
    assert_eq!(ran.status, ExitStatus::Refused, "{}", ran.err);
    assert!(ran.err.contains("the files scale it to 0"), "{}", ran.err);

    std::fs::write(
        &path,
        text.replacen("kind: Service", "kind: Servise", 1).replace("color: blue\n  ports", "colour: blue\n  ports"),
    )
    .unwrap();
    let ran = world.run(&line).await.expect(ExitStatus::Refused);
    assert!(ran.err.contains("the linter finds"), "{}", ran.err);
}

pub(super) fn empty() -> Simulated {
    Simulated(SimulatedCluster::new(Timestamp::constant(1_767_258_000, 0)))
}

#[tokio::test(start_paused = true)]
async fn a_running_deployment_is_adopted() {
    Box::pin(adoption(&empty())).await;
}

#[tokio::test(start_paused = true)]
async fn what_would_cost_requests_is_refused() {
    Box::pin(refused_adoptions(&empty())).await;
}

#[tokio::test(start_paused = true)]
async fn a_set_is_made_from_nothing() {
    Box::pin(fresh(&empty())).await;
}

#[tokio::test(start_paused = true)]
async fn manifests_are_applied_and_traffic_stays() {
    Box::pin(files(&empty())).await;
}

/// A cluster with what somebody runs, at rest.
pub(super) async fn with_running() -> SimulatedCluster {
    let world = empty();
    load(&world, running()).await;
    world.0.fork()
}

pub(super) fn simulated(resource: Resource, name: &str) -> ObjectRef {
    ObjectRef::new(resource, NAMESPACE, name)
}

#[tokio::test(start_paused = true)]
async fn copies_that_do_not_become_ready_leave_traffic_where_it_is() {
    let cluster = with_running().await;
    cluster.behave("bgapp:1", Behaviour { becomes_ready: false, ..Behaviour::default() });
    let ran =
        run(&cluster, NAMESPACE, "init --from deployment/shop --yes --timeout 1m").await.expect(ExitStatus::TimedOut);
    assert!(ran.err.contains("no traffic was moved") && ran.err.contains("create deployment/shop-blue"), "{}", ran.err);
    assert!(
        ran.err.contains("go on: kubectl bluegreen init --from deployment/shop --service shop -n shop"),
        "{}",
        ran.err
    );
    assert!(!is_whole(&cluster, "after the timeout"));
    // Once the old one has got another template, the copies follow it before they serve.
    cluster.edit(&simulated(Resource::Deployments, "shop"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.local/bgapp:2".into();
    });
    cluster.settle(Duration::from_mins(5)).await;
    run(&cluster, NAMESPACE, "init --from deployment/shop --yes").await.expect(ExitStatus::Done);
    assert!(is_whole(&cluster, "in the end"));
    let blue = cluster.object(&simulated(Resource::Deployments, "shop-blue")).unwrap();
    assert_eq!(blue["spec"]["template"]["spec"]["containers"][0]["image"], "registry.local/bgapp:2");
}

/// What is not allowed is named before anything is made.
#[tokio::test(start_paused = true)]
async fn missing_rights_refuse_an_adoption_before_anything_is_changed() {
    for (verb, resource) in [
        ("create", "deployments"),
        ("create", "services"),
        ("patch", "services"),
        ("patch", "horizontalpodautoscalers"),
        ("delete", "deployments"),
        ("create", "leases"),
    ] {
        let cluster = with_running().await;
        cluster.forbid(verb, resource);
        let ran = run(&cluster, NAMESPACE, "init --from deployment/shop --remove-old --yes")
            .await
            .expect(ExitStatus::Refused);
        assert!(ran.err.contains(&format!("not allowed: {verb} {resource}")), "{}", ran.err);
        assert!(ran.err.contains("rbac --for init"), "{}", ran.err);
        assert!(cluster.object(&simulated(Resource::Services, "shop-blue")).is_none());
    }
    let cluster = with_running().await;
    cluster.forbid("list", "networkpolicies");
    let ran = run(&cluster, NAMESPACE, "init --from deployment/shop --yes").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("not allowed: networkpolicies"), "{}", ran.err);
}
