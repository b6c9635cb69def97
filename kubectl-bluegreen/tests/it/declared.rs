//! Sets that `.bluegreen.yaml` names: where names and labels do not tell, and where there are several.

use bluegreen_lint::config::file::File;
use bluegreen_lint::set::Declared;
use jiff::Timestamp;
use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::json;

use super::world::{run, run_with};

const NAMESPACE: &str = "web";

/// Two workloads and a Service of which no name and no label says a color.
async fn load(cluster: &SimulatedCluster, app: &str) {
    for side in ["left", "right"] {
        let labels = json!({"app": app, "side": side});
        let container = json!({"name": "app", "image": "registry.local/bgapp:1", "ports": [{"containerPort": 8080}]});
        cluster.apply(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": format!("{app}-{side}"), "namespace": NAMESPACE},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [container]}}}}));
    }
    cluster.apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": app, "namespace": NAMESPACE},
        "spec": {"selector": {"app": app, "side": "left"}, "ports": [{"port": 80, "targetPort": 8080}]}}));
    cluster.settle(std::time::Duration::from_mins(5)).await;
}

fn declared(app: &str) -> Declared {
    Declared { name: app.to_owned(), blue: format!("{app}-left"), green: format!("{app}-right"), ..Declared::default() }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_inferred_is_moved_once_it_is_named() {
    let cluster = SimulatedCluster::new(Timestamp::UNIX_EPOCH);
    load(&cluster, "shop").await;
    let unnamed = run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Failed);
    assert!(unnamed.err.contains("no release set"), "{}", unnamed.err);
    let config = File { sets: vec![declared("shop")], ..File::default() };
    for (line, words) in [
        ("status", "blue (1) serves"),
        ("check", "could take the traffic back"),
        ("switch green --yes", "done: green serves shop"),
        ("rollback --yes", "done: blue serves shop"),
        ("history", "rollback"),
        ("status -A", "shop"),
    ] {
        let ran = run_with(&cluster, NAMESPACE, line, config.clone()).await.expect(ExitStatus::Done);
        assert!(ran.out.contains(words), "{line}: {}", ran.out);
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_sets_the_one_that_is_named_is_meant() {
    let cluster = SimulatedCluster::new(Timestamp::UNIX_EPOCH);
    let mut sets = Vec::new();
    for app in ["shop", "cart"] {
        load(&cluster, app).await;
        sets.push(declared(app));
    }
    let config = |sets: &[Declared]| File { sets: sets.to_vec(), ..File::default() };
    let both = run_with(&cluster, NAMESPACE, "switch green --yes", config(&sets)).await.expect(ExitStatus::Usage);
    assert!(both.err.contains("--app"), "{}", both.err);
    let one = run_with(&cluster, NAMESPACE, "switch green --yes", config(&sets[1..])).await.expect(ExitStatus::Done);
    assert_eq!(one.out, "done: green serves cart\n");
    let other = run_with(&cluster, NAMESPACE, "status --app shop", config(&sets)).await.expect(ExitStatus::Done);
    assert!(other.out.contains("blue (1) serves"), "{}", other.out);
}
