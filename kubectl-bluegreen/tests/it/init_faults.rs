//! Every form of `init` under every fault at every request, and others who write meanwhile: users are served, the words are
//! true, and the same command again ends well.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{Failure, ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::init::{empty, simulated, with_running};
use super::simulated::NAMESPACE;
use super::world::{Ran, World, run};

type Named = (&'static str, fn() -> Fault);

fn edit(object: fn() -> ObjectRef, change: fn(&mut Value)) -> Fault {
    Fault::OtherWriter(Box::new(move |cluster: &SimulatedCluster| {
        cluster.edit(&object(), change);
    }))
}

/// What can go wrong with any request.
const ANY: [Named; 11] = [
    ("503", || Fault::Refuse(Failure::Unavailable)),
    ("401", || Fault::Refuse(Failure::Unauthorized)),
    ("403", || Fault::Refuse(Failure::Forbidden)),
    ("404", || Fault::Refuse(Failure::NotFound)),
    ("409", || Fault::Refuse(Failure::Conflict)),
    ("410 or 422", || Fault::Refuse(Failure::Invalid)),
    ("lost before", || Fault::LoseBefore),
    ("lost after", || Fault::LoseAfter),
    ("slow", || Fault::Delay(Duration::from_secs(4))),
    ("too slow for the lease", || Fault::Delay(Duration::from_secs(40))),
    ("known already", || Fault::Again),
];

/// Somebody else who writes just before we do.
const OTHERS: [Named; 6] = [
    ("service touched", || {
        edit(
            || simulated(Resource::Services, "shop"),
            |service| service["metadata"]["labels"]["touched"] = "yes".into(),
        )
    }),
    ("autoscaler at work", || {
        edit(|| simulated(Resource::Deployments, "shop"), |deployment| deployment["spec"]["replicas"] = 3.into())
    }),
    ("deployed meanwhile", || {
        edit(
            || simulated(Resource::Deployments, "shop"),
            |deployment| {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.local/bgapp:2".into();
            },
        )
    }),
    ("somebody selects the clones", || {
        edit(|| simulated(Resource::Services, "shop"), |service| select(service, &clones()))
    }),
    ("somebody selects the old pods", || {
        edit(|| simulated(Resource::Services, "shop"), |service| select(service, &json!({"app": "shop"})))
    }),
    ("all is scaled away", || Fault::OtherWriter(Box::new(|cluster: &SimulatedCluster| scale(cluster, 0)))),
];

/// Somebody else who writes to a set that is being made.
const TO_A_NEW_SET: [Named; 2] = [
    ("somebody selects green", || {
        edit(|| simulated(Resource::Services, "shop"), |service| service["spec"]["selector"]["color"] = "green".into())
    }),
    ("all is scaled away", || Fault::OtherWriter(Box::new(|cluster: &SimulatedCluster| scale(cluster, 0)))),
];

fn clones() -> Value {
    json!({"app": "shop-bluegreen", "color": "blue"})
}

fn select(service: &mut Value, selector: &Value) {
    service["spec"]["selector"] = selector.clone();
}

fn scale(cluster: &SimulatedCluster, replicas: u32) {
    for name in ["shop", "shop-blue", "shop-green"] {
        cluster.edit(&simulated(Resource::Deployments, name), |deployment| {
            deployment["spec"]["replicas"] = replicas.into();
        });
    }
}

/// Whether users lose answers by what somebody else does, whatever we do.
fn takes_users_away(fault: &str) -> bool {
    fault.starts_with("somebody selects") || fault == "all is scaled away"
}

/// What somebody else has to put right before anything can end well: pods, and a selector of pods that are there.
async fn put_right(cluster: &SimulatedCluster, fault: &str) {
    if fault == "all is scaled away" {
        scale(cluster, 2);
    } else {
        let old = cluster.object(&simulated(Resource::Deployments, "shop")).map(|_| json!({"app": "shop"}));
        let selector = old.unwrap_or_else(clones);
        cluster.edit(&simulated(Resource::Services, "shop"), |service| select(service, &selector));
    }
    cluster.settle(Duration::from_mins(1)).await;
}

/// Every request with every fault with `BLUEGREEN_TEST_LONG`, else each with some of them: that takes seconds, not minutes.
fn is_played(fault: usize, request: usize) -> bool {
    std::env::var_os("BLUEGREEN_TEST_LONG").is_some() || (fault + request).is_multiple_of(4)
}

/// Whether a request changes something.
fn writes(request: &str) -> bool {
    let verb = request.split(' ').next().unwrap_or_default();
    ["create", "patch", "apply", "delete"].contains(&verb) && !request.contains("selfsubject")
}

/// Users are served: by the old pods or by one color, and the autoscaler follows whom the Service selects.
pub(super) fn is_whole(cluster: &SimulatedCluster, what: &str) -> bool {
    let get = |resource, name: &str| cluster.object(&simulated(resource, name));
    let selector = get(Resource::Services, "shop").unwrap()["spec"]["selector"].clone();
    let moved = selector == clones();
    assert!(moved || selector == json!({"app": "shop"}), "{what}: {selector}");
    let slice = get(Resource::EndpointSlices, "shop-ipv4").unwrap();
    let ready =
        slice["endpoints"].as_array().unwrap().iter().filter(|endpoint| endpoint["conditions"]["ready"] == true);
    assert!(ready.count() >= 2, "{what}: {slice}");
    let target = get(Resource::HorizontalPodAutoscalers, "shop").unwrap()["spec"]["scaleTargetRef"]["name"].clone();
    assert!(target == "shop" || (target == "shop-blue" && moved), "{what}: {target}");
    if get(Resource::Deployments, "shop").is_none() {
        assert!(moved && target == "shop-blue", "{what}: the old Deployment is gone too early");
    }
    moved
}

/// An adoption with one fault, and the same command again.
async fn adopt_with(at: usize, (name, fault): Named) {
    let line = "init --from deployment/shop --remove-old --yes";
    let cluster = with_running().await;
    cluster.inject(at, fault());
    let ran = run(&cluster, NAMESPACE, line).await;
    let what = format!("{name} at request {at}: exit {:?}\n{}\n{}", ran.status, ran.err, cluster.log().join("\n"));
    let moved = if takes_users_away(name) {
        put_right(&cluster, name).await;
        cluster.object(&simulated(Resource::Services, "shop")).unwrap()["spec"]["selector"] == clones()
    } else {
        is_whole(&cluster, &what)
    };
    // Who is told by the server that the old Deployment is gone has seen it so.
    if (name, cluster.log()[at - 1].as_str()) != ("404", "get deployment/shop -n shop") {
        says_the_truth(&cluster, &ran, moved, &what);
    }
    let lease = simulated(Resource::Leases, "kubectl-bluegreen-shop");
    if cluster.object(&lease).is_none() {
        // It has not even begun: the next run is like the first one.
        return;
    }
    let mut again = run(&cluster, NAMESPACE, &format!("{line} --wait-lock 1m")).await;
    if again.err.contains("has got another pod template since") {
        // Deployed after the move: nobody's release is thrown away unasked.
        assert!(name == "deployed meanwhile" && again.status == ExitStatus::Refused, "{what}\n{}", again.err);
        again = run(&cluster, NAMESPACE, &format!("{line} --accept drift")).await;
    }
    let what = format!("{what}\nagain:\n{}", again.err);
    assert_eq!(again.status, ExitStatus::Done, "{what}");
    assert!(is_whole(&cluster, &what), "{what}");
    assert!(cluster.object(&simulated(Resource::Deployments, "shop")).is_none(), "{what}");
    assert!(cluster.object(&lease).unwrap()["spec"]["holderIdentity"] == "" || name.starts_with('4'), "{what}");
}

/// The requests of an adoption without any fault.
async fn requests_of_an_adoption() -> Vec<String> {
    let cluster = with_running().await;
    run(&cluster, NAMESPACE, "init --from deployment/shop --remove-old --yes").await.expect(ExitStatus::Done);
    cluster.log()
}

#[tokio::test(start_paused = true)]
async fn an_adoption_survives_every_fault_at_every_request() {
    for at in 1..=requests_of_an_adoption().await.len() {
        for (_, fault) in ANY.into_iter().enumerate().filter(|(number, _)| is_played(*number, at)) {
            adopt_with(at, fault).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_adoption_survives_others_at_every_write() {
    let log = requests_of_an_adoption().await;
    for at in (1..=log.len()).filter(|at| writes(&log[at - 1])) {
        for fault in OTHERS {
            adopt_with(at, fault).await;
        }
    }
}

/// The exit status and the words agree with what is there.
fn says_the_truth(cluster: &SimulatedCluster, ran: &Ran, moved: bool, what: &str) {
    let there = |resource, name: &str| cluster.object(&simulated(resource, name)).is_some();
    match ran.status {
        ExitStatus::Done => {
            assert!(moved && !there(Resource::Deployments, "shop"), "{what}");
        }
        ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut | ExitStatus::Refused => {
            assert!(!ran.out.contains("done"), "{what}");
            if ran.err.contains("nothing was changed") {
                assert!(!moved && !there(Resource::Services, "shop-blue"), "{what}");
            }
            if ran.err.contains("no traffic was moved") {
                assert!(!moved, "{what}");
            }
        }
        other => panic!("{other}: {what}"),
    }
}

/// A command that makes a set, under every fault at every request, and again.
async fn make_under_faults(line: &str) {
    let log = {
        let world = empty();
        world.run(line).await.expect(ExitStatus::Done);
        world.0.log()
    };
    for (at, request) in log.iter().enumerate() {
        let any = ANY.iter().enumerate().filter(|(number, _)| is_played(*number, at)).map(|(_, fault)| fault);
        let others = TO_A_NEW_SET.iter().filter(|_| writes(request));
        for (name, fault) in any.chain(others) {
            let world = empty();
            world.0.inject(at + 1, fault());
            let ran = world.run(line).await;
            let what = format!("{name} at {request}: exit {:?}\n{}\n{}", ran.status, ran.err, world.0.log().join("\n"));
            let known =
                [ExitStatus::Done, ExitStatus::Failed, ExitStatus::Refused, ExitStatus::Busy, ExitStatus::TimedOut];
            assert!(known.contains(&ran.status), "{what}");
            assert!(ran.status == ExitStatus::Done || !ran.out.contains("done"), "{what}");
            let serves = async || {
                world.rest().await;
                let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
                let active = status["active"].as_str().unwrap();
                assert!(active == "blue" || *name == "somebody selects green", "{what}");
                assert!(active == "green" || status["colors"]["blue"]["endpoints"] == 2, "{what}");
            };
            if ran.status == ExitStatus::Done && *name != "all is scaled away" {
                serves().await;
            }
            if *name == "all is scaled away" {
                scale(&world.0, 2);
            }
            let again = world.run(&format!("{line} --wait-lock 1m")).await;
            assert_eq!(again.status, ExitStatus::Done, "{what}\nagain:\n{}", again.err);
            serves().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_set_survives_every_fault_at_every_request() {
    make_under_faults("init --new shop --image registry.local/bgapp:1 --port 8080 --yes").await;
}

#[tokio::test(start_paused = true)]
async fn an_apply_survives_every_fault_at_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let made = empty().run("init --new shop --image registry.local/bgapp:1 --port 8080 --print").await.out;
    std::fs::write(&path, made).unwrap();
    make_under_faults(&format!("init -f {} --yes", path.display())).await;
}
