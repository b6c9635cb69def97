//! Whole releases in steps through a real router, under requests of which none may be lost.

use std::process::{Command, Stdio};
use std::time::Duration;

use kubectl_bluegreen::cluster::ObjectRef;
use kubectl_bluegreen::cluster::Resource;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::super::live::Live;
use super::super::live::cut_off::command;
use super::super::release::{at_rest, steps};
use super::super::routers::{selected, split};
use super::super::world::{NAMINGS, Naming, Ran, World, run_until};
use super::{host, router, simple_route, traefik_service, world};

const NAMING: Naming = NAMINGS[0];
const LINE: &str = "deploy 3 --yes --steps 10,50,100 --soak 3s -o json";

/// A set behind the router, by the Gateway API or by Traefik's own kinds; the object with the weights, and its spec.
async fn start(scenario: &str, by_gateway: bool) -> (Live, ObjectRef, Value) {
    let world = world(&format!("{scenario}-{}", if by_gateway { "http" } else { "ts" }), NAMING).await;
    let object = if by_gateway { simple_route(&world, NAMING).await } else { traefik_service(&world, NAMING).await };
    let original = world.get(&object).await["spec"].clone();
    (world, object, original)
}

/// Sends 200 requests in a second through the router while something is done; answers what became of them.
async fn under_load<T>(world: &Live, work: impl Future<Output = T>) -> (T, Value) {
    let args = ["-rate", "200", "-workers", "8", "-host", &host(world), "-d", "10m", &router()];
    let load = Command::new("load").args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let done = work.await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(Command::new("kill").arg(load.id().to_string()).status().unwrap().success());
    let text = String::from_utf8(load.wait_with_output().unwrap().stdout).unwrap();
    (done, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// Waits until green has a share of so many percent.
async fn share(world: &Live, object: &ObjectRef, percent: u64) {
    let pointers = ["/spec/rules/0/backendRefs/1/weight", "/spec/weighted/services/1/weight"];
    loop {
        let now = world.get(object).await;
        if pointers.iter().any(|pointer| now.pointer(pointer).and_then(Value::as_u64) == Some(percent)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn is_put_back(world: &Live, object: &ObjectRef, original: &Value, ran: &Ran) {
    assert!(ran.err.contains("all traffic was put back on blue"), "{}", ran.err);
    assert_eq!(world.get(object).await["spec"], *original, "{}", ran.err);
    assert_eq!(
        (selected(world, NAMING).await, split(world).await.0),
        (json!("blue"), json!({"blue": 100, "green": 0}))
    );
    at_rest(world, NAMING).await;
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn a_good_release_in_steps_loses_nothing() {
    for by_gateway in [true, false] {
        let (world, object, original) = start("steps", by_gateway).await;
        let (ran, seen) = under_load(&world, world.run(LINE)).await;
        let report = ran.expect(ExitStatus::Done).json();
        eprintln!("by gateway: {by_gateway}: {seen}");
        assert_eq!(seen["failed"], 0, "{seen}");
        let mut versions = seen["per_version"].as_object().unwrap().keys();
        assert!(versions.any(|version| version.contains('3')), "{seen}");
        assert_eq!(steps(&report).iter().filter(|step| **step == "soak").count(), 3, "{report}");
        assert_eq!(
            (world.get(&object).await["spec"].clone(), selected(&world, NAMING).await),
            (original.clone(), json!("green"))
        );
        at_rest(&world, NAMING).await;
        let history = world.run("history -o json").await.json();
        let entries = history["entries"].as_array().unwrap();
        let shares: Vec<&Value> = entries.iter().map(|entry| &entry["split"]["green"]).collect();
        assert_eq!(shares, [10, 50, 100], "{history}");
        assert_eq!(entries[1]["analysis"][0]["name"], "restarts", "{history}");
        let (back, seen) = under_load(&world, world.run("rollback --yes")).await;
        back.expect(ExitStatus::Done);
        assert_eq!(seen["failed"], 0, "{seen}");
        assert_eq!(
            (world.get(&object).await["spec"].clone(), selected(&world, NAMING).await),
            (original, json!("blue"))
        );
    }
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn a_signal_at_half_of_the_traffic_puts_everything_back_and_loses_nothing() {
    for by_gateway in [true, false] {
        let (world, object, original) = start("signal", by_gateway).await;
        let holder = Holder::current(Some("tester".to_owned()));
        let until = share(&world, &object, 50);
        let (ran, seen) = under_load(&world, run_until(world.cluster(), world.namespace(), LINE, holder, until)).await;
        let ran = ran.expect(ExitStatus::Interrupted);
        eprintln!("by gateway: {by_gateway}: {seen}");
        assert_eq!(seen["failed"], 0, "{seen}\n{}", ran.err);
        is_put_back(&world, &object, &original, &ran).await;
    }
}

/// All endpoints are gone at half of the traffic, before the soak: it is seen at once, and everything comes back.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn a_color_that_goes_away_at_half_of_the_traffic_is_left_at_once() {
    for by_gateway in [true, false] {
        let (world, object, original) = start("gone", by_gateway).await;
        let green = ObjectRef::new(Resource::Deployments, world.namespace(), NAMING.green);
        let line = format!("{LINE} --settle 20s");
        let began = std::cell::Cell::new(None);
        let watched = async {
            share(&world, &object, 50).await;
            world.edit(&green, json!([{"op": "replace", "path": "/spec/replicas", "value": 0}])).await;
            let told = std::time::Instant::now();
            while world.get(&object).await["spec"] != original {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            began.set(Some(told.elapsed()));
        };
        let (ran, ()) = tokio::join!(world.run(&line), watched);
        let ran = ran.expect(ExitStatus::PutBack);
        let took = began.get().unwrap();
        eprintln!("by gateway: {by_gateway}: the route was back {took:?} after the pods were told to go");
        assert!(ran.err.contains("no pod is ready any more"), "{}", ran.err);
        // Some requests after another: on a busy machine each of them takes seconds.
        assert!(took < Duration::from_mins(1), "{took:?}: {}", ran.err);
        is_put_back(&world, &object, &original, &ran).await;
    }
}

/// The process is killed while both colors have a share: both go on serving by it, and the same command goes on from there, or
/// a rollback puts it all back; nothing is lost.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn killed_at_a_share_the_next_command_ends_well_and_loses_nothing() {
    const AGAIN: &str = "deploy 3 --yes --steps 10,50,100 --soak 3s";
    // With the time for it, either command after a kill at either share.
    let is_long = std::env::var_os("BLUEGREEN_TEST_LONG").is_some();
    let cases = [(true, 10, AGAIN), (false, 50, "rollback --yes"), (true, 50, "rollback --yes"), (false, 10, AGAIN)];
    for (number, (by_gateway, percent, then)) in cases.into_iter().take(if is_long { 4 } else { 2 }).enumerate() {
        let (world, object, original) = start(&format!("killed{number}"), by_gateway).await;
        let ((), seen) = under_load(&world, async {
            let mut child = command(&world, AGAIN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            share(&world, &object, percent).await;
            // Its pods have users by now, and it watches them, or waits for the route.
            tokio::time::sleep(Duration::from_millis(700)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            let (now, router) = split(&world).await;
            assert_eq!(now["green"], percent, "{now} by {router}");
            let output = command(&world, then).output().unwrap();
            assert!(output.status.success(), "{then}: {}", String::from_utf8_lossy(&output.stderr));
        })
        .await;
        eprintln!("by gateway: {by_gateway}: killed at {percent} %, then {then}: {seen}");
        assert_eq!(seen["failed"], 0, "{seen}");
        let serves = if then == AGAIN { "green" } else { "blue" };
        assert_eq!(
            (world.get(&object).await["spec"].clone(), selected(&world, NAMING).await),
            (original, json!(serves))
        );
        at_rest(&world, NAMING).await;
    }
}
