//! What the API server has stored of a move, state by state: a watch misses none, where a look now and then would.

use std::process::{Command, Stdio};
use std::time::Duration;

use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::super::world::{NAMINGS, Naming, World};
use super::{Live, kubeconfig};

const NAMING: Naming = NAMINGS[0];

/// Of an overlap no state of the active Service's endpoints is empty, or has only endpoints that are not ready.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn an_overlap_never_leaves_the_service_without_a_ready_endpoint() {
    let world = Live::new("history", 0, NAMING).await;
    let labels = format!("kubernetes.io/service-name={}", NAMING.active);
    let mut watch = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(kubeconfig())
        .args(["-n", world.namespace(), "get", "endpointslices", "-l", &labels, "-w", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.run("switch green --overlap --yes --settle 1s").await.expect(ExitStatus::Done);
    tokio::time::sleep(Duration::from_secs(1)).await;
    watch.kill().unwrap();
    let seen = watch.wait_with_output().unwrap().stdout;
    let states = serde_json::Deserializer::from_slice(&seen).into_iter::<Value>();
    let ready = |state: &Value| -> Vec<String> {
        let endpoints = state["endpoints"].as_array().into_iter().flatten();
        let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
        ready.map(|endpoint| endpoint["targetRef"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let states: Vec<Vec<String>> = states.map_while(Result::ok).map(|state| ready(&state)).collect();
    let of = |state: &[String], name: &str| state.iter().filter(|pod| pod.starts_with(&format!("{name}-"))).count();
    let counts: Vec<(usize, usize)> =
        states.iter().map(|state| (of(state, NAMING.blue), of(state, NAMING.green))).collect();
    assert_eq!((counts.first(), counts.last()), (Some(&(2, 0)), Some(&(0, 2))), "{counts:?}");
    assert!(counts.contains(&(2, 2)) && counts.iter().all(|(blue, green)| blue + green >= 2), "{counts:?}");
}
