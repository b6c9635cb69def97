//! The scenarios on the simulated cluster.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::scenarios;
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

        #[test]
        fn every_scenario_is_played() {
            assert_eq!([$(stringify!($name)),*], scenarios::ALL);
        }
    };
}

scenarios!(status switch_and_back refusals dry_runs cleanup which_set busy shape_and_ports surroundings diff);

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
