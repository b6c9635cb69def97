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

/// A Service of a color that is named so by nobody but the file is one for tests all the same.
#[tokio::test(start_paused = true)]
async fn a_declared_color_service_is_meant_to_stay() {
    let cluster = SimulatedCluster::new(Timestamp::UNIX_EPOCH);
    load(&cluster, "shop").await;
    cluster
        .apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "try-left", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "shop", "side": "left"}, "ports": [{"port": 80, "targetPort": 8080}]}}));
    cluster.settle(std::time::Duration::from_mins(5)).await;
    let check = async |blue_service: Option<&str>, namespace: Option<&str>, status: ExitStatus| {
        let blue_service = blue_service.map(str::to_owned);
        let namespace = namespace.map(str::to_owned);
        let declared =
            Declared { blue_service, namespace, active_service: Some("shop".to_owned()), ..declared("shop") };
        let config = File { sets: vec![declared], ..File::default() };
        run_with(&cluster, NAMESPACE, "check green", config).await.expect(status).out
    };
    for namespace in [None, Some(NAMESPACE)] {
        let named = check(Some("try-left"), namespace, ExitStatus::Done).await;
        assert!(named.contains("nothing else is seen to lead to the color that serves"), "{named}");
    }
    let unnamed = check(None, None, ExitStatus::Refused).await;
    assert!(unnamed.contains("FAIL other-services  service/try-left would stay on blue"), "{unnamed}");
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
        let how = "belongs to another user (id 4711)".to_owned();
        let mend = "put a copy of your own in its place";
        let stranger = Some(Stranger { path: "/tmp/.bluegreen.yaml".to_owned(), how, mend });
        File { stranger, ..serde_yaml::from_str(&format!("smoke: [{test}]")).unwrap() }
    };
    let command = || config(r#"{command: [curl, "http://evil.test\a"]}"#);
    for line in ["smoke green", "deploy 3 --yes --settle 0s"] {
        let before = cluster.log().len();
        let ran = run_with(&cluster, super::simulated::NAMESPACE, line, command()).await.expect(ExitStatus::Usage);
        assert!(ran.err.contains("/tmp/.bluegreen.yaml belongs to another user (id 4711)"), "{}", ran.err);
        assert!(ran.err.contains("curl http://evil.test") && ran.err.contains("--trust-config"), "{}", ran.err);
        assert!(ran.err.contains("put a copy of your own in its place"), "{}", ran.err);
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

/// The sets and the metrics of somebody else's file count, and whose they are is said first: by every command that looks at
/// them, and by no other.
#[tokio::test(start_paused = true)]
async fn whose_word_a_strangers_file_is_is_said() {
    let cluster = SimulatedCluster::new(Timestamp::UNIX_EPOCH);
    load(&cluster, "shop").await;
    let how = "can be written by everybody (mode 666)".to_owned();
    let mend = "close it with chmod go-w";
    let stranger = Some(Stranger { path: "/build/.bluegreen.yaml".to_owned(), how, mend });
    let config = File { stranger, sets: vec![declared("shop")], ..File::default() };
    let words = "note: `sets` is taken from a file of somebody else's: /build/.bluegreen.yaml can be written by everybody (mode 666)\n";
    for line in ["status", "switch green --yes -q", "rollback --yes"] {
        let ran = run_with(&cluster, NAMESPACE, line, config.clone()).await.expect(ExitStatus::Done);
        assert!(ran.err.starts_with(words), "{line}: {}", ran.err);
    }
    let analysis = serde_yaml::from_str("{minRequests: 3}").unwrap();
    let silent = File { sets: Vec::new(), analysis, ..config.clone() };
    let ran = run_with(&cluster, NAMESPACE, "deploy 2 --yes", silent.clone()).await;
    assert!(ran.err.starts_with("note: `analysis` is taken"), "{}", ran.err);
    for config in [silent, File { stranger: None, ..config }] {
        let ran = run_with(&cluster, NAMESPACE, "history", config).await;
        assert!(!ran.err.contains("somebody else"), "{}", ran.err);
    }
}

/// A folder with settings, and what a whole process says that runs in one below it.
#[cfg(unix)]
struct Folder(tempfile::TempDir);

#[cfg(unix)]
impl Folder {
    fn new(settings: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let below = folder.0.path().join("below");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(folder.path(), settings).unwrap();
        let nobody = "current-context: c\ncontexts: [{name: c, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n";
        std::fs::write(below.join("config"), nobody).unwrap();
        folder
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join(".bluegreen.yaml")
    }

    fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.0.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn run(&self, line: &str) -> (Option<i32>, String) {
        let mut command = assert_cmd::Command::cargo_bin("kubectl-bluegreen").unwrap();
        command.current_dir(self.0.path().join("below")).args(["--kubeconfig", "config"]).args(line.split(' '));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

#[cfg(unix)]
const COMMAND: &str = "smoke: [{command: [touch, ran]}]\n";

/// The file itself, as a whole process finds it.
#[test]
#[cfg(unix)]
fn a_file_that_others_can_write_has_nothing_run_here() {
    let folder = Folder::new(COMMAND);
    for mode in [0o644, 0o600] {
        folder.mode(".bluegreen.yaml", mode);
        let (code, err) = folder.run("smoke green");
        assert!(code == Some(1) && !err.contains("somebody else"), "{code:?}: {err}");
    }
    folder.mode(".bluegreen.yaml", 0o666);
    let (code, err) = folder.run("smoke green");
    assert!(
        code == Some(2) && err.contains("can be written by everybody (mode 666), and would have a command"),
        "{err}"
    );
    assert!(err.contains("chmod go-w") && err.contains("--trust-config"), "{err}");
    assert_eq!(folder.run("smoke green --trust-config").0, Some(1), "there is no cluster");
}

/// Only root can make a file, or a link, of somebody else's.
#[test]
#[cfg(unix)]
fn the_owners_of_the_nearest_file_and_of_the_links_to_it_count() {
    let folder = Folder::new(COMMAND);
    if std::os::unix::fs::chown(folder.path(), Some(4711), None).is_err() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let (code, err) = folder.run("smoke green");
    assert!(code == Some(2) && err.contains("belongs to another user (id 4711)"), "{code:?}: {err}");
    // A link of somebody else's to a file of one's own is his word.
    let own = folder.0.path().join("own.yaml");
    std::fs::write(&own, COMMAND).unwrap();
    std::fs::remove_file(folder.path()).unwrap();
    std::os::unix::fs::symlink("own.yaml", folder.path()).unwrap();
    assert_eq!(folder.run("smoke green").0, Some(1), "one's own link");
    std::os::unix::fs::lchown(folder.path(), Some(4711), None).unwrap();
    let (code, err) = folder.run("smoke green");
    assert!(code == Some(2) && err.contains("is a link of another user (id 4711)"), "{code:?}: {err}");
}

/// Where everybody can put a file, one of somebody else's is not believed at all; a checkout of another user is.
#[test]
#[cfg(unix)]
fn a_file_that_anybody_can_have_put_there_is_not_believed() {
    let folder = Folder::new("sets: [{name: shop, blue: a, green: b}]\n");
    if std::os::unix::fs::chown(folder.path(), Some(4711), None).is_err() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let note = "note: `sets` is taken from a file of somebody else's";
    let (code, err) = folder.run("status");
    assert!(code == Some(1) && err.contains(note), "{code:?}: {err}");
    folder.mode(".", 0o1777);
    let (code, err) = folder.run("status");
    assert!(code == Some(2) && err.contains("everybody can put one there: it is not believed"), "{code:?}: {err}");
    // Who names the set needs no settings for a way back.
    let (code, err) = folder.run("rollback --yes --app shop");
    assert!(code == Some(1) && err.contains("going on without these settings"), "{code:?}: {err}");
    let (code, err) = folder.run("smoke green --trust-config");
    assert!(code == Some(1) && !err.contains("not believed"), "{code:?}: {err}");
    std::fs::write(folder.path(), "lint: {pedantic: true}\n").unwrap();
    let (code, err) = folder.run("status");
    assert!(code == Some(1) && !err.contains("somebody else") && !err.contains("believed"), "{code:?}: {err}");
}
