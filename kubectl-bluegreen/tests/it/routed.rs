//! The routers on a real one: Traefik, by the Gateway API and by its own kinds. Run when `BLUEGREEN_TEST_ROUTER` is its
//! address and `BLUEGREEN_TEST_KUBECONFIG` names the cluster that it routes to, ignored otherwise.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

mod steps;

use super::live::{Live, kubectl};
use super::routers::{self, accepted, create, split};
use super::world::{NAMINGS, Naming, World};

fn router() -> String {
    std::env::var("BLUEGREEN_TEST_ROUTER").expect("BLUEGREEN_TEST_ROUTER is the address of a router")
}

/// A set in a namespace of its own, with a Gateway `web` on the router's port.
async fn world(scenario: &str, naming: Naming) -> Live {
    let world = Live::new(scenario, 0, naming).await;
    let port: u16 = router().rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "web"},
        "spec": {"gatewayClassName": "traefik", "listeners": [{"name": "web", "protocol": "HTTP", "port": port}]},
    });
    kubectl(&["-n", world.namespace(), "apply", "-f", "-"], &gateway.to_string());
    world
}

fn host(world: &Live) -> String {
    format!("{}.test", world.namespace())
}

/// An HTTPRoute with one rule to the active Service.
async fn simple_route(world: &Live, naming: Naming) -> ObjectRef {
    let spec = json!({"parentRefs": [{"name": "web"}], "hostnames": [host(world)],
        "rules": [{"backendRefs": [{"name": naming.active, "port": 80}]}]});
    let route = create(world, Resource::HttpRoutes, "shop", json!({"spec": spec})).await;
    accepted(world, &route).await;
    serves(world).await;
    route
}

/// A TraefikService in front of the active Service, and the IngressRoute that leads to it.
async fn traefik_service(world: &Live, naming: Naming) -> ObjectRef {
    let weighted = json!({"spec": {"weighted": {"services": [{"name": naming.active, "port": 80, "weight": 1}]}}});
    let service = create(world, Resource::TraefikServices, "shop", weighted).await;
    let rule = format!("Host(`{}`)", host(world));
    let ingress = json!({"spec": {"entryPoints": ["web"], "routes": [
        {"kind": "Rule", "match": rule, "services": [{"name": "shop", "kind": "TraefikService"}]},
    ]}});
    create(world, Resource::IngressRoutes, "shop", ingress).await;
    serves(world).await;
    service
}

/// Waits until the router answers with a color, many times in a row.
async fn serves(world: &Live) {
    let host = format!("Host: {}", host(world));
    let mut good = 0;
    for _ in 0..600 {
        let answer = Command::new("curl").args(["-s", "-H", &host, &router()]).output().unwrap();
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        good = if text.contains("blue") || text.contains("green") { good + 1 } else { 0 };
        if good == 20 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the router never serves {host}");
}

/// Requests through the router, 200 in a second.
fn load(world: &Live, seconds: u32) -> Child {
    let seconds = format!("{seconds}s");
    let mut command = Command::new("load");
    command.args(["-rate", "200", "-workers", "8", "-host", &host(world), "-d", &seconds, &router()]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("there is a load generator")
}

fn result(load: Child) -> Value {
    let output = load.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The share of green in what was answered, in percent.
fn share(result: &Value) -> f64 {
    let of = |version: &str| -> f64 {
        let versions = result["per_version"].as_object().unwrap();
        versions.iter().filter(|(name, _)| name.contains(version)).filter_map(|(_, count)| count.as_f64()).sum()
    };
    // Blue runs version 1 and green version 2.
    100.0 * of("2") / (of("1") + of("2"))
}

#[expect(clippy::print_stderr, reason = "the figures are what one wants to read")]
/// Runs a move under load and measures the share after it, each with one load alone; nothing is lost.
async fn move_and_measure(world: &Live, line: &str, expected: f64) {
    let during = load(world, 8);
    let ran = world.run(line).await.expect(ExitStatus::Done);
    let during = result(during);
    assert_eq!(during["failed"], 0, "{line}: {during}\n{}", ran.err);
    let after = result(load(world, 5));
    eprintln!("{line}: {:.1} % green, expected {expected} %; during: {during}; after: {after}", share(&after));
    assert_eq!(after["failed"], 0, "{line}: {after}");
    assert!((share(&after) - expected).abs() <= 3.0, "{line}: {} %, expected {expected} %: {after}", share(&after));
}

async fn measured(world: &Live, object: &ObjectRef) {
    let original = world.get(object).await["spec"].clone();
    for (line, expected) in [
        ("switch green 10 --yes", 10.0),
        ("switch green 50 --yes", 50.0),
        ("rollback --yes", 0.0),
        ("switch green 10 --yes", 10.0),
        ("switch green 100 --yes", 100.0),
        ("rollback --yes", 0.0),
    ] {
        Box::pin(move_and_measure(world, line, expected)).await;
    }
    assert_eq!(world.get(object).await["spec"], original);
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn an_http_route_is_measured_and_loses_nothing() {
    let world = world("http", NAMINGS[0]).await;
    let route = simple_route(&world, NAMINGS[0]).await;
    measured(&world, &route).await;
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn a_traefik_service_is_measured_and_loses_nothing() {
    let world = world("ts", NAMINGS[0]).await;
    let service = traefik_service(&world, NAMINGS[0]).await;
    measured(&world, &service).await;
}

/// The scenario of the simulated cluster, for the Gateway API.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn gateway() {
    let world = world("gateway", NAMINGS[0]).await;
    Box::pin(routers::gateway(&world, NAMINGS[0])).await;
}

/// The scenario of the simulated cluster, for Traefik's own kinds.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn traefik() {
    let world = world("traefik", NAMINGS[0]).await;
    Box::pin(routers::traefik(&world, NAMINGS[0])).await;
}

/// With a share and no endpoints, an HTTPRoute loses that share and a TraefikService everything, until the rollback.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn a_color_that_loses_all_its_endpoints_while_it_has_a_share() {
    let naming = NAMINGS[0];
    for by_gateway in [true, false] {
        let world = world(if by_gateway { "lost-http" } else { "lost-ts" }, naming).await;
        let object =
            if by_gateway { simple_route(&world, naming).await } else { traefik_service(&world, naming).await };
        let original = world.get(&object).await["spec"].clone();
        world.run("switch green 20 --yes").await.expect(ExitStatus::Done);
        world.scale(naming.green, 0).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let lost = result(load(&world, 5));
        let part = lost["failed"].as_f64().unwrap() / lost["requests"].as_f64().unwrap();
        eprintln!("by gateway: {by_gateway}: {part:.3} of the requests fail: {lost}");
        assert!(if by_gateway { (part - 0.2).abs() <= 0.03 } else { part > 0.9 }, "{lost}");
        assert_eq!(split(&world).await.0, json!({"blue": 80, "green": 20}));
        world.run("rollback --yes").await.expect(ExitStatus::Done);
        let after = result(load(&world, 3));
        assert_eq!((&after["failed"], share(&after)), (&json!(0), 0.0), "{after}");
        assert_eq!(world.get(&object).await["spec"], original);
    }
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_ROUTER"]
async fn a_gateway_that_rejects_the_route_is_reported() {
    let naming = NAMINGS[0];
    let world = world("rejects", naming).await;
    let route = simple_route(&world, naming).await;
    let original = world.get(&route).await["spec"].clone();
    let listener = json!([{"op": "add", "path": "/spec/listeners/0/hostname", "value": "elsewhere.test"}]).to_string();
    let patch = ["-n", world.namespace(), "patch", "gateway", "web", "--type=json", "-p", &listener];
    kubectl(&patch, "");
    for _ in 0..300 {
        let seen = world.get(&route).await;
        if seen["status"]["parents"].to_string().contains("\"status\":\"False\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("httproute/shop is not accepted as it is now: gateway/web says"), "{}", refused.err);
    assert_eq!(world.get(&route).await["spec"], original);
}
