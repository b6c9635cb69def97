//! Sets that `.bluegreen.yaml` names: where names and labels do not tell, and where there are several.

use bluegreen_lint::config::file::{File, Stranger};
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

/// Commands of a file that somebody else has put above the current directory are not run, unless that is said; whoever
/// names other tests, or tests that run nothing, is not held up.
#[tokio::test(start_paused = true)]
async fn a_strangers_file_has_nothing_run_here() {
    let cluster = super::simulated::cluster(super::world::NAMINGS[0]).await;
    let config = |test: &str| {
        let stranger = Some(Stranger { path: "/tmp/.bluegreen.yaml".to_owned(), uid: 4711 });
        File { stranger, ..serde_yaml::from_str(&format!("smoke: [{test}]")).unwrap() }
    };
    let command = || config(r#"{command: [curl, "http://evil.test\a"]}"#);
    for line in ["smoke green", "deploy 3 --yes --settle 0s"] {
        let before = cluster.log().len();
        let ran = run_with(&cluster, super::simulated::NAMESPACE, line, command()).await.expect(ExitStatus::Usage);
        assert!(ran.err.contains("/tmp/.bluegreen.yaml belongs to another user (id 4711)"), "{}", ran.err);
        assert!(ran.err.contains("curl http://evil.test") && ran.err.contains("--trust-config"), "{}", ran.err);
        assert!(cluster.log().len() == before && !ran.err.contains('\u{7}'), "{}", ran.err);
    }
    for (line, config) in [
        ("smoke green --trust-config", command()),
        ("smoke green --smoke /", command()),
        ("smoke green", config("{path: /}")),
        ("smoke green", File { stranger: None, ..command() }),
    ] {
        run_with(&cluster, super::simulated::NAMESPACE, line, config).await.expect(ExitStatus::Done);
    }
    run_with(&cluster, super::simulated::NAMESPACE, "switch green --yes --settle 0s", command())
        .await
        .expect(ExitStatus::Done);
}

/// The file itself, as a whole process finds it: only root can make one of somebody else's.
#[test]
#[cfg(unix)]
fn the_owner_of_the_nearest_file_counts() {
    let directory = tempfile::tempdir().unwrap();
    let (path, below) = (directory.path().join(".bluegreen.yaml"), directory.path().join("below"));
    std::fs::create_dir(&below).unwrap();
    std::fs::write(&path, "smoke: [{command: [touch, ran]}]\n").unwrap();
    let nobody = "current-context: c\ncontexts: [{name: c, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n";
    std::fs::write(below.join("config"), nobody).unwrap();
    let run = || {
        let mut command = assert_cmd::Command::cargo_bin("kubectl-bluegreen").unwrap();
        command.current_dir(&below).args(["--kubeconfig", "config", "smoke", "green", "-o", "json"]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, own) = run();
    assert!(!own.contains("belongs to another user"), "{own}");
    if std::os::unix::fs::chown(&path, Some(4711), None).is_err() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let (code, err) = run();
    assert!(code == Some(2) && err.contains("belongs to another user (id 4711)"), "{code:?}: {err}");
}
