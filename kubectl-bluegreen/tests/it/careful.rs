//! What a careful operator would not do, and the tool refuses: each with exit status 3, and nothing is changed.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Behaviour, Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::changed_routes::shared;
use super::release::selector;
use super::routers::{accepted, create, foreign_service, http_route_spec};
use super::simulated::{NAMESPACE, Simulated, cluster};
use super::split_faults::{By, routed};
use super::world::{NAMINGS, Naming, Ran, World};

const NAMING: Naming = NAMINGS[0];

async fn world() -> Simulated {
    Simulated(cluster(NAMING).await)
}

/// Runs a line that is refused in these words, and changes nothing.
#[track_caller]
fn refused(ran: Ran, words: &str) {
    let ran = ran.expect(ExitStatus::Refused);
    assert!(ran.err.contains(words), "{words}\n{}", ran.err);
}

async fn deployment(world: &Simulated, name: &str) -> Value {
    world.get(&ObjectRef::new(Resource::Deployments, NAMESPACE, name)).await["spec"].clone()
}

/// The idle color got a version that did not pass its tests: it is not what served before, and no way back.
#[tokio::test(start_paused = true)]
async fn a_rollback_never_goes_to_a_version_that_has_not_served() {
    let world = world().await;
    world.run("deploy 3 --yes --settle 0s").await.expect(ExitStatus::Done);
    world.0.behave("bgapp:4", Behaviour { status: 500, ..Behaviour::default() });
    world.run("deploy 4 --yes --settle 0s --after 0s").await.expect(ExitStatus::PutBack);
    refused(world.run("rollback --yes --settle 0s").await, "blue is not what it was when it served");
    assert_eq!(selector(&world, NAMING).await, "green");
    let status = world.run("status").await.expect(ExitStatus::Done);
    assert!(
        status.out.contains("it ran registry.local/bgapp:1 then, and has registry.local/bgapp:4 now"),
        "{}",
        status.out
    );
    let accepted = world.run("rollback --dry-run client --accept rollback-target").await.expect(ExitStatus::Done);
    assert!(accepted.err.contains("green (3) -> blue (4)"), "{}", accepted.err);
    // What served before comes back by its version.
    world.run("deploy 1 --yes --settle 0s --after 0s").await.expect(ExitStatus::Done);
    assert_eq!(selector(&world, NAMING).await, "blue");
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(selector(&world, NAMING).await, "green");
}

/// What was changed while it served, or is pinned by a digest since, has served.
#[tokio::test(start_paused = true)]
async fn a_rollback_goes_to_what_served_until_the_last_move() {
    let (world, _) = shared().await;
    let image = |image: &'static str| {
        let blue = ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.blue);
        world.0.edit(&blue, |blue| blue["spec"]["template"]["spec"]["containers"][0]["image"] = image.into());
    };
    image("registry.local/bgapp:hotfix");
    world.rest().await;
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    image("registry.local/bgapp:hotfix@sha256:0123");
    world.rest().await;
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(selector(&world, NAMING).await, "blue");
}

/// Another Service that leads to one color alone has users that no switch moves: they are not cut off, and who may see a
/// version before all others is said.
#[tokio::test(start_paused = true)]
async fn pods_that_another_service_leads_to_are_not_ended() {
    let world = world().await;
    let active = world.get(&NAMING.service(NAMESPACE)).await["spec"].clone();
    let spec = json!({"selector": active["selector"], "ports": active["ports"]});
    create(&world, Resource::Services, "internal", json!({"spec": spec})).await;
    world.run("switch green --yes --settle 0s --accept other-services").await.expect(ExitStatus::Done);
    let before = deployment(&world, NAMING.blue).await;
    let words = "service/internal leads its users to blue alone";
    refused(world.run("cleanup blue --yes --after 0s").await, words);
    let planned = world.run("deploy 3 --dry-run client --after 0s").await.expect(ExitStatus::Done);
    let note = "service/internal leads to blue: whoever uses it sees the new version at once";
    assert!(planned.err.contains(note), "{}", planned.err);
    assert_eq!(deployment(&world, NAMING.blue).await, before);
    world.run("cleanup blue --yes --after 0s --accept other-services").await.expect(ExitStatus::Done);
}

/// Without an active Service nobody knows whom the color serves.
#[tokio::test(start_paused = true)]
async fn a_color_with_pods_is_not_ended_where_it_is_not_known_who_serves() {
    let world = world().await;
    world.0.delete(&NAMING.service(NAMESPACE));
    let before = deployment(&world, NAMING.blue).await;
    refused(world.run("cleanup blue --yes --after 0s").await, "has no active Service");
    assert_eq!(deployment(&world, NAMING.blue).await, before);
}

/// A share that nothing could give is not said to be given.
#[tokio::test(start_paused = true)]
async fn a_share_needs_a_route_also_where_its_router_is_named() {
    for router in ["gateway", "traefik", "nginx", "istio"] {
        let world = world().await;
        let before = deployment(&world, NAMING.green).await;
        let words = "nothing that leads to";
        refused(world.run(&format!("switch green 10 --yes --settle 0s --router {router}")).await, words);
        refused(world.run(&format!("deploy 3 --steps 10,100 --yes --settle 0s --router {router}")).await, words);
        assert_eq!(deployment(&world, NAMING.green).await, before, "{router}");
    }
    let (world, route) = shared().await;
    world.0.delete(&route);
    refused(world.run("switch green 50 --yes --settle 0s").await, "nothing that leads to");
}

/// Whole weights of a fixed sum cannot say every share: none at all is not taken for a small one.
#[tokio::test(start_paused = true)]
async fn a_share_that_whole_weights_cannot_say_is_refused() {
    let world = world().await;
    foreign_service(&world).await;
    let to = |host: &str, weight: u32| json!({"destination": {"host": host, "port": {"number": 80}}, "weight": weight});
    let route = json!([to(NAMING.active, 4), to("zeta", 96)]);
    create(&world, Resource::VirtualServices, "shop", json!({"spec": {"hosts": ["h"], "http": [{"route": route}]}}))
        .await;
    refused(world.run("switch green 10 --yes --settle 0s").await, "10 % of what it sends to the set cannot be given");
    world.run("switch green 25 --yes --settle 0s").await.expect(ExitStatus::Done);
}

/// A route that goes away while it gives a share: the release does not go on as if users had tried the new version.
#[tokio::test(start_paused = true)]
async fn a_release_does_not_go_on_from_a_share_that_is_gone() {
    for (steps, after) in [("10,50,100", 2), ("50,100", 2)] {
        let world = world().await;
        let route = create(&world, Resource::HttpRoutes, "shop", json!({"spec": http_route_spec(NAMING)})).await;
        foreign_service(&world).await;
        accepted(&world, &route).await;
        let line = format!("deploy 3 --steps {steps} --soak 10s --yes --settle 0s");
        let (ran, ()) = tokio::join!(world.run(&line), async {
            let has_share = async || {
                let seen = world.get(&route).await["spec"].to_string();
                seen.contains(NAMING.green)
            };
            while !has_share().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(Duration::from_secs(after)).await;
            world.0.delete(&route);
        });
        let ran = ran.expect(ExitStatus::PutBack);
        assert!(ran.err.contains("and no route says so any more"), "{}", ran.err);
        assert_eq!(selector(&world, NAMING).await, "blue", "{steps}");
    }
}

/// Where a rollback took a share back there is nothing that a second one could undo.
#[tokio::test(start_paused = true)]
async fn a_second_rollback_of_a_share_has_nothing_to_undo() {
    let (world, _) = shared().await;
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    refused(world.run("rollback --yes --settle 0s").await, "it took a share back to blue");
}

/// Old pods would pass for the new version.
#[tokio::test(start_paused = true)]
async fn smoke_tests_ask_no_old_pods() {
    let world = world().await;
    world.0.behave("bgapp:nope", Behaviour { becomes_ready: false, ..Behaviour::default() });
    world.run("smoke green").await.expect(ExitStatus::Done);
    let green = ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.green);
    world.0.edit(&green, |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.local/bgapp:nope".into();
    });
    let asked = world.run("smoke green").await.expect(ExitStatus::PutBack);
    assert!(asked.err.contains("is not rolled out"), "{}", asked.err);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let asked = world.run("smoke green").await.expect(ExitStatus::PutBack);
    assert!(asked.err.contains("kubectl rollout status deployment/api-gateway-green"), "{}", asked.err);
}

/// What a release has done to the idle color is said, whatever ends it; traffic is where it was.
#[tokio::test(start_paused = true)]
async fn a_release_that_is_refused_says_what_it_has_done() {
    let world = world().await;
    world.0.behave("bgapp:3", Behaviour { status: 500, ..Behaviour::default() });
    let ran = world.run("deploy 3 --yes --settle 0s").await.expect(ExitStatus::PutBack);
    let said = "no traffic was moved; done: patch deployment/api-gateway-green: image";
    assert!(ran.err.contains("error[bluegreen::tests_failed]") && ran.err.contains(said), "{}", ran.err);
    let ran = world.run("deploy 3").await.expect(ExitStatus::Failed);
    assert!(ran.err.contains("not confirmed: nothing was changed"), "{}", ran.err);
}

/// The way out says what to undo, not what would be refused next.
#[tokio::test(start_paused = true)]
async fn a_rollback_of_a_rollback_is_not_offered_to_a_version_that_has_not_served() {
    let world = world().await;
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    refused(world.run("rollback --yes").await, "kubectl bluegreen rollback --again");
    world.0.behave("bgapp:3", Behaviour { status: 500, ..Behaviour::default() });
    world.run("deploy 3 --yes --settle 0s --after 0s").await.expect(ExitStatus::PutBack);
    refused(world.run("rollback --yes").await, "green is not what it was when it served");
}

/// A release that was cut off once users were on its version keeps its way back until it has ended: another version is not
/// written there, and users are never put back on a version that nobody has tested.
#[tokio::test(start_paused = true)]
async fn a_release_does_not_overwrite_the_way_back_of_one_that_has_not_ended() {
    for bad in
        [Behaviour { status: 500, ..Behaviour::default() }, Behaviour { becomes_ready: false, ..Behaviour::default() }]
    {
        let world = world().await;
        world.0.behave("bgapp:4", bad);
        let moved = async {
            while selector(&world, NAMING).await != "green" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        };
        tokio::select! { ran = world.run("deploy 3 --yes --settle 0s --soak 60s") => panic!("{}", ran.err), () = moved => {} }
        let before = deployment(&world, NAMING.blue).await;
        let ran = world.run("deploy 4 --yes --settle 0s --after 0s --wait-lock 1m").await;
        refused(ran, "which this release would overwrite, is its way back");
        assert_eq!(deployment(&world, NAMING.blue).await, before);
        assert_eq!(selector(&world, NAMING).await, "green");
        // Both ways out that are named lead on.
        world.run("switch green --yes --settle 0s --wait-lock 1m").await.expect(ExitStatus::Done);
        world.run("deploy 4 --yes --settle 0s --after 0s --timeout 20s").await;
        assert_eq!(selector(&world, NAMING).await, "green");
    }
}

/// The same where somebody else has finished a share by hand.
#[tokio::test(start_paused = true)]
async fn a_release_does_not_overwrite_the_way_back_of_a_share_that_somebody_else_has_finished() {
    for given in ["deploy 3 --yes --settle 0s --steps 10,100 --soak 60s", "switch green 10 --yes --settle 0s"] {
        let world = Simulated(routed(By::Gateway, NAMING).await.0);
        world.0.behave("bgapp:4", Behaviour { status: 500, ..Behaviour::default() });
        let soaking = tokio::time::sleep(Duration::from_secs(20));
        tokio::select! { _ = world.run(given) => {}, () = soaking => {} }
        world.0.edit(&NAMING.service(NAMESPACE), |service| service["spec"]["selector"][NAMING.key] = "green".into());
        let before = deployment(&world, NAMING.blue).await;
        let ran = world.run("deploy 4 --yes --settle 0s --after 0s --wait-lock 1m --steps 10,100").await;
        refused(ran, "somebody else has let service/");
        assert_eq!(deployment(&world, NAMING.blue).await, before, "{given}");
        assert_eq!(selector(&world, NAMING).await, "green");
        world.run("rollback --yes --settle 0s --wait-lock 1m").await.expect(ExitStatus::Done);
        assert_eq!(selector(&world, NAMING).await, "blue");
    }
}

/// Somebody else gives the color all users while it is rolled out, or while it is tested: the release is not done, also after
/// an earlier one to the same color has ended.
#[tokio::test(start_paused = true)]
async fn a_release_is_not_done_when_somebody_else_moves_its_traffic() {
    for earlier in [&[][..], &["deploy 2 --yes --settle 0s --after 0s", "switch blue --yes --settle 0s"]] {
        let line = "deploy 3 --yes --settle 0s --after 0s";
        let prepared = world().await;
        for line in earlier {
            prepared.run(line).await.expect(ExitStatus::Done);
        }
        prepared.0.settle(Duration::from_mins(1)).await;
        let good = Simulated(prepared.0.fork());
        good.run(line).await.expect(ExitStatus::Done);
        let log = good.0.log();
        let at = |request: &str| log.iter().position(|line| line.starts_with(request)).unwrap();
        let (written, moved) = (at("patch deployment"), at("patch service"));
        for (request, sent) in log.iter().enumerate().take(moved + 1).skip(written + 2) {
            let world = Simulated(prepared.0.fork());
            world.0.inject(
                request + 1,
                Fault::OtherWriter(Box::new(|cluster: &SimulatedCluster| {
                    cluster.edit(&NAMING.service(NAMESPACE), |service| {
                        service["spec"]["selector"][NAMING.key] = "green".into();
                    });
                })),
            );
            let ran = world.run(line).await;
            let what = format!("{} {request}: {sent}\n{}", earlier.len(), ran.err);
            let tested = ran.err.contains("has passed");
            assert!(ran.status == ExitStatus::Failed || (tested && ran.status == ExitStatus::Done), "{what}");
            assert!(ran.status == ExitStatus::Done || ran.err.contains("error[bluegreen::overridden]"), "{what}");
        }
    }
}
