//! `init` on a real cluster: the same scenarios, and an adoption under a stream of requests that must lose none.

use std::process::{Command, Stdio};
use std::time::Duration;

use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::init;
use super::live::{Live, kubeconfig, kubectl};
use super::world::World;

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            #[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
            async fn $name() {
                Box::pin(init::$name(&Live::empty(stringify!($name)).await)).await;
            }
        )*
    };
}

scenarios!(adoption refused_adoptions fresh files);

fn plugin(namespace: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.arg("--kubeconfig").arg(kubeconfig()).args(["-n", namespace]).args(line.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Killed again and again, and run again until it is done: no request is lost, and the autoscaler has followed.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_killed_adoption_goes_on_and_loses_no_request() {
    let world = Live::empty("adopt-load").await;
    init::load(&world, init::running()).await;
    let namespace = world.namespace();
    let ip = kubectl(&["-n", namespace, "get", "service", "shop", "-o", "jsonpath={.spec.clusterIP}"], "");
    // The nodes' proxies follow a moment after the pods are ready.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let load = Command::new("load")
        .args(["-rate", "200", "-workers", "8", "-d", "45s", &format!("http://{ip}/")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(load) = load else {
        eprintln!("skipped: there is no load generator here");
        return;
    };
    let line = "init --from deployment/shop --remove-old --after 5s --yes --wait-lock 1m";
    for millis in [150, 400, 900, 1800, 3500, 6000] {
        let mut child = plugin(namespace, line).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let _ = child.kill();
        let _ = child.wait();
    }
    let output = plugin(namespace, line).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let get = |resource, name: &str| ObjectRef::new(resource, namespace, name);
    let service = world.get(&get(Resource::Services, "shop")).await;
    assert_eq!(service["spec"]["selector"], serde_json::json!({"app": "shop-bluegreen", "color": "blue"}));
    let scaler = world.get(&get(Resource::HorizontalPodAutoscalers, "shop")).await;
    assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], "shop-blue");
    let left = kubectl(&["-n", namespace, "get", "deployments", "-o", "name"], "");
    assert_eq!(left, "deployment.apps/shop-blue\ndeployment.apps/shop-green\n");
    let output = load.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{text}");
    let result: Value = serde_json::from_str(&text).unwrap();
    assert!(result["requests"].as_u64().unwrap() > 4000, "{text}");
    assert_eq!(result["failed"], 0, "{text}");
}

/// The Role that `rbac --for init` prints is enough, and the one without is refused before anything is made.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn the_role_for_init_is_enough() {
    let world = Live::empty("init-rights").await;
    init::load(&world, init::running()).await;
    let namespace = world.namespace();
    let user = format!("--as system:serviceaccount:{namespace}:deployer");
    let role = |line: &str| {
        let output = plugin(namespace, line).stdout(Stdio::piped()).output().unwrap();
        kubectl(&["apply", "-f", "-"], &String::from_utf8(output.stdout).unwrap());
    };
    kubectl(&["-n", namespace, "create", "serviceaccount", "deployer"], "");
    role("rbac --serviceaccount deployer");
    let line = format!("init --from deployment/shop --remove-old --after 0s --yes --settle 0s {user}");
    // What the authorizer sees follows a moment later.
    let mut words = String::new();
    for _ in 0..50 {
        let output = plugin(namespace, &line).output().unwrap();
        words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{words}");
        if output.status.code() == Some(3) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(words.contains("not allowed: create deployments") || words.contains("get deployment/shop"), "{words}");
    let left = kubectl(&["-n", namespace, "get", "deployments", "-o", "name"], "");
    assert_eq!(left, "deployment.apps/shop\n");
    role("rbac --for init --serviceaccount deployer");
    for _ in 0..50 {
        let output = plugin(namespace, &line).output().unwrap();
        words = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left = kubectl(&["-n", namespace, "get", "deployments", "-o", "name"], "");
    assert_eq!(left, "deployment.apps/shop-blue\ndeployment.apps/shop-green\n", "{words}");
    assert!(!words.contains("unknown"), "{words}");
}

/// After a release the files are behind: it is said whose the field is, and that the files would put their version back.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn an_apply_over_a_release_is_refused_and_says_whose_it_is() {
    let world = Live::empty("apply-over").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let made = world.run("init --new shop --image registry.local/bgapp:1 --port 8080 --print").await.out;
    // Without sizes: those of a color that serves are another refusal.
    let lines: Vec<&str> = made.lines().filter(|line| !line.trim_start().starts_with("replicas:")).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let line = format!("init -f {} --yes", path.display());
    world.run(&line).await.expect(ExitStatus::Done);
    world.run("deploy 2 --yes --settle 0s --after 0s").await.expect(ExitStatus::Done);
    let ran = world.run(&line).await.expect(ExitStatus::Refused);
    let words =
        "deployment/shop-green has been given another version or size than the files say, by a command of this tool";
    assert!(ran.err.contains(words) && ran.err.contains("diff -f PATH"), "{}", ran.err);
    let diff = world.run(&format!("diff -f {}", path.display())).await;
    assert!(diff.out.contains("image: registry.local/bgapp:1"), "{}", diff.out);
}
