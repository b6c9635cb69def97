//! The scenarios on the simulated cluster.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::scenarios::{self, for_each_scenario};
use super::world::{NAMINGS, Naming, World, run};

pub(crate) const NAMESPACE: &str = "shop";

/// A simulated cluster at rest, with one set in which blue serves.
pub(crate) async fn cluster(naming: Naming) -> SimulatedCluster {
    let cluster = SimulatedCluster::new(Timestamp::constant(1_767_258_000, 0));
    for mut manifest in naming.manifests() {
        manifest["metadata"]["namespace"] = NAMESPACE.into();
        cluster.apply(manifest);
    }
    cluster.settle(Duration::from_hours(1)).await;
    cluster
}

pub(crate) struct Simulated(pub(crate) SimulatedCluster);

impl World for Simulated {
    type Cluster = SimulatedCluster;

    fn cluster(&self) -> &SimulatedCluster {
        &self.0
    }

    fn namespace(&self) -> &str {
        NAMESPACE
    }

    async fn edit(&self, object: &ObjectRef, patch: Value) {
        let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
        assert!(self.0.edit(object, |value| json_patch::patch(value, &patch).unwrap()));
    }

    async fn rest(&self) {
        self.0.settle(Duration::from_hours(1)).await;
    }
}

async fn play(name: &str) {
    for naming in NAMINGS {
        scenarios::play(name, &Simulated(cluster(naming).await), naming).await;
    }
}

#[tokio::test(start_paused = true)]
async fn several_sets_and_no_app_is_bad_usage() {
    let world = Simulated(cluster(NAMINGS[0]).await);
    for mut manifest in NAMINGS[2].manifests() {
        manifest["metadata"]["namespace"] = NAMESPACE.into();
        world.0.apply(manifest);
    }
    world.rest().await;
    let ran = world.run("switch green --yes").await.expect(ExitStatus::Usage);
    assert!(ran.err.contains("api-gateway-service-active, cart") && ran.err.contains("--app"), "{}", ran.err);
    let status = world.run("status --app cart -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(status["set"]["name"], "cart");
}

#[tokio::test(start_paused = true)]
async fn plans_are_what_they_were() {
    let mut plans = String::new();
    for naming in NAMINGS {
        let cluster = cluster(naming).await;
        for line in ["switch green", "switch blue", "rollback", "cleanup green", "cleanup blue"] {
            let ran = run(&cluster, NAMESPACE, &format!("{line} --dry-run client")).await;
            writeln!(plans, "$ {line}: exit {}\n{}{}", ran.status as u8, ran.err, ran.out).unwrap();
        }
        run(&cluster, NAMESPACE, "switch green --yes").await;
        for line in ["rollback", "rollback --scale", "cleanup blue"] {
            let ran = run(&cluster, NAMESPACE, &format!("{line} --dry-run client")).await;
            writeln!(plans, "after a switch $ {line}: exit {}\n{}{}", ran.status as u8, ran.err, ran.out).unwrap();
        }
    }
    insta::assert_snapshot!(plans);
}

#[tokio::test(start_paused = true)]
async fn a_cleanup_waits_until_the_last_move_is_long_enough_ago() {
    let cluster = cluster(NAMINGS[0]).await;
    run(&cluster, NAMESPACE, "switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    let ran = run(&cluster, NAMESPACE, "cleanup blue --yes -o json").await.expect(ExitStatus::Done).json();
    let steps: Vec<&str> = ran["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["wait", "plan", "scale", "scale-down"]);
    let waited = ran["steps"][0]["seconds"].as_f64().unwrap();
    assert!((29.0..31.0).contains(&waited), "{ran}");
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                Box::pin(play(stringify!($name))).await;
            }
        )*
    };
}

for_each_scenario!(scenarios);

/// What is not allowed is named before anything is changed, whatever would come first.
#[tokio::test(start_paused = true)]
async fn missing_rights_refuse_a_move_before_anything_is_changed() {
    let naming = NAMINGS[0];
    for (verb, resource) in [("patch", "services"), ("get", "leases"), ("create", "leases"), ("patch", "leases")] {
        for line in ["switch green --yes", "switch green --yes --scale", "check green"] {
            let cluster = cluster(naming).await;
            let green = ObjectRef::new(Resource::Deployments, NAMESPACE, naming.green);
            cluster.edit(&green, |deployment| deployment["spec"]["replicas"] = 1.into());
            cluster.settle(Duration::from_mins(1)).await;
            cluster.forbid(verb, resource);
            let before = (cluster.object(&green), cluster.object(&naming.service(NAMESPACE)));
            let ran = run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Refused);
            let text = format!("{}{}", ran.out, ran.err);
            assert!(text.contains(&format!("not allowed: {verb} {resource}")), "{line}: {text}");
            assert!(text.contains("kubectl bluegreen rbac -n shop"), "{line}: {text}");
            assert_eq!((cluster.object(&green), cluster.object(&naming.service(NAMESPACE))), before);
        }
    }
}

/// What a command needs besides a move is asked, too, and first: nothing is begun that could not come to its end.
#[tokio::test(start_paused = true)]
async fn every_right_of_a_command_is_asked_before_it_begins() {
    let naming = NAMINGS[0];
    let (scale, floor) = (("patch", "deployments"), ("patch", "horizontalpodautoscalers"));
    for ((verb, resource), line) in [
        (("get", "services"), "switch green --yes"),
        (scale, "switch green --yes --scale"),
        (floor, "switch green --yes --scale"),
        (scale, "cleanup green --yes --after 0s"),
        (("create", "leases"), "cleanup green --yes --after 0s"),
        (("patch", "services"), "deploy 3 --yes"),
        (scale, "deploy 3 --yes"),
        (floor, "deploy 3 --yes"),
        (("get", "pods/portforward"), "deploy 3 --yes --smoke /"),
    ] {
        let cluster = cluster(naming).await;
        autoscale(&cluster, naming.green, 1, 5);
        let green = ObjectRef::new(Resource::Deployments, NAMESPACE, naming.green);
        let few = u32::from(!line.starts_with("deploy"));
        cluster.edit(&green, |deployment| deployment["spec"]["replicas"] = few.into());
        cluster.settle(Duration::from_mins(1)).await;
        cluster.forbid(verb, resource);
        let before = everything(&cluster);
        let ran = run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Refused);
        assert!(ran.err.contains(&format!("not allowed: {verb} {resource}")), "{line}: {}", ran.err);
        assert!(ran.err.contains("kubectl bluegreen rbac -n shop | kubectl apply"), "{line}: {}", ran.err);
        assert_eq!(everything(&cluster), before, "{line}");
        // Whoever knows better says so, and finds out.
        if (verb, resource) == ("patch", "deployments") {
            let ran = run(&cluster, NAMESPACE, &format!("{line} --accept permissions")).await;
            assert!(ran.status != ExitStatus::Refused && ran.err.contains("patch deployment"), "{line}: {}", ran.err);
        }
    }
    // A countdown is not begun either.
    let cluster = cluster(naming).await;
    run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    cluster.forbid("patch", "deployments");
    let began = tokio::time::Instant::now();
    let ran = run(&cluster, NAMESPACE, "cleanup blue --yes").await.expect(ExitStatus::Refused);
    assert!(
        ran.err.contains("not allowed: patch deployments") && began.elapsed() < Duration::from_secs(1),
        "{}",
        ran.err
    );
}

/// Without reads there is no plan: all that are missing are named at once.
#[tokio::test(start_paused = true)]
async fn missing_reads_are_named_together() {
    let cluster = cluster(NAMINGS[0]).await;
    cluster.forbid("list", "deployments");
    cluster.forbid("list", "pods");
    for line in ["status", "switch green --yes", "cleanup green --yes", "check", "history", "diff"] {
        let ran = run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Failed);
        assert!(ran.err.contains("list deployments -n shop, list pods -n shop: "), "{line}: {}", ran.err);
        assert!(ran.err.contains("kubectl bluegreen rbac -n NAMESPACE"), "{line}: {}", ran.err);
    }
}

/// Whatever a command could change.
fn everything(cluster: &SimulatedCluster) -> Vec<Option<Value>> {
    let naming = NAMINGS[0];
    let lease = format!("kubectl-bluegreen-{}", naming.active);
    let of = |resource, name: &str| {
        let mut object = cluster.object(&ObjectRef::new(resource, NAMESPACE, name))?;
        // What a controller says, and when.
        object["status"].take();
        object["metadata"]["resourceVersion"].take();
        Some(object)
    };
    let colors = [Resource::Deployments, Resource::HorizontalPodAutoscalers]
        .into_iter()
        .flat_map(|resource| [of(resource, naming.blue), of(resource, naming.green)]);
    colors.chain([of(Resource::Services, naming.active), of(Resource::Leases, &lease)]).collect()
}

/// An autoscaler of a Deployment, as somebody made it.
fn autoscale(cluster: &SimulatedCluster, deployment: &str, min: u32, max: u32) -> ObjectRef {
    cluster.apply(serde_json::json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": deployment, "namespace": NAMESPACE},
        "spec": {"minReplicas": min, "maxReplicas": max,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}},
    }));
    ObjectRef::new(Resource::HorizontalPodAutoscalers, NAMESPACE, deployment)
}

/// `--scale` raises the floor, or the pods would be gone before users come; a cleanup gives it back.
#[tokio::test(start_paused = true)]
async fn an_autoscaler_keeps_what_was_sized_and_sleeps_after_a_cleanup() {
    let naming = NAMINGS[0];
    let cluster = cluster(naming).await;
    let (green, blue) = (autoscale(&cluster, naming.green, 1, 5), autoscale(&cluster, naming.blue, 1, 5));
    cluster.edit(&ObjectRef::new(Resource::Deployments, NAMESPACE, naming.green), |green| {
        green["spec"]["replicas"] = 0.into();
    });
    cluster.settle(Duration::from_mins(2)).await;
    let spec = |hpa: &ObjectRef| cluster.object(hpa).unwrap()["spec"]["minReplicas"].clone();
    let report = run(&cluster, NAMESPACE, "switch green --scale --yes -o json").await.expect(ExitStatus::Done).json();
    let steps = |report: &Value| -> Vec<String> {
        report["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(steps(&report)[..4], ["autoscaler", "scale", "rollout", "plan"]);
    assert_eq!((spec(&green), spec(&blue)), (2.into(), 1.into()));

    // The color that was left: scaled to 0, where its autoscaler sleeps.
    let ran = run(&cluster, NAMESPACE, "cleanup blue --yes").await.expect(ExitStatus::Done);
    assert!(ran.err.contains(&format!("hpa/{} sleeps at 0 replicas", naming.blue)), "{}", ran.err);
    let report = run(&cluster, NAMESPACE, "rollback --scale --yes -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(steps(&report)[..2], ["autoscaler", "scale"]);
    assert_eq!((spec(&green), spec(&blue)), (2.into(), 2.into()));
    let report =
        run(&cluster, NAMESPACE, "cleanup green --yes --after 0s -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(steps(&report), ["scale", "autoscaler", "scale-down"]);
    assert_eq!((spec(&green), spec(&blue)), (1.into(), 2.into()));
    assert_eq!(cluster.object(&green).unwrap()["metadata"]["annotations"], serde_json::json!({}));

    // A ceiling that is too low is a refusal with nothing changed.
    cluster.edit(&green, |hpa| hpa["spec"]["maxReplicas"] = 1.into());
    let before = everything(&cluster);
    let ran = run(&cluster, NAMESPACE, "switch green --scale --yes").await.expect(ExitStatus::Refused);
    assert!(ran.err.contains("raise its maxReplicas"), "{}", ran.err);
    assert_eq!(everything(&cluster), before);
}

/// Who does not want to wait for the end of the pods does not; who stands behind an autoscaler is named.
#[tokio::test(start_paused = true)]
async fn a_cleanup_waits_for_the_pods_unless_told_not_to() {
    let cluster = cluster(NAMINGS[0]).await;
    let hpa = autoscale(&cluster, NAMINGS[0].green, 1, 5);
    cluster.edit(&hpa, |hpa| {
        hpa["metadata"]["ownerReferences"] =
            serde_json::json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "shop", "uid": "u"}]);
    });
    let began = tokio::time::Instant::now();
    let ran = run(&cluster, NAMESPACE, "cleanup green --yes --wait=false -o json").await.expect(ExitStatus::Done);
    assert!(began.elapsed() < Duration::from_secs(1) && ran.err.contains("scaledobject/shop of KEDA"), "{}", ran.err);
    let steps: Vec<Value> = ran.json()["steps"].as_array().unwrap().iter().map(|step| step["id"].clone()).collect();
    assert_eq!(steps, ["scale"]);
    let again = run(&cluster, NAMESPACE, "cleanup green --yes --wait=false -o json").await.json();
    assert_eq!(again["outcome"], "nothing-to-do");
    let ran = run(&cluster, NAMESPACE, "cleanup green --yes --wait").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("has no pods"), "{}", ran.err);
}
