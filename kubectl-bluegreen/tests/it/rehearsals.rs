//! Rehearsals of real manifests: the reference set, and sets as their authors wrote them where a corpus of them is at hand;
//! every fault, without a cluster and without a kubeconfig.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::root;

/// What can go wrong, and the exit status that it has on a real cluster, too: a probe that never succeeds ends with the
/// time (6), or sooner, where the Deployment's own deadline is shorter (1).
const FAULTS: [(Option<&str>, &[i32]); 9] = [
    (None, &[0]),
    (Some("never-ready"), &[6, 1]),
    (Some("crash"), &[1]),
    (Some("pull-error"), &[1]),
    (Some("smoke-fails"), &[4]),
    (Some("error-rate"), &[4]),
    (Some("conflict"), &[0]),
    (Some("disconnect"), &[0]),
    (Some("other-writer"), &[1]),
];

fn rehearse(folder: &Path, fault: Option<&str>) -> (i32, Value, Duration) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.args(["rehearse", "9.9.9", "-o", "json", "-f"]).arg(folder);
    command.args(fault.map(|fault| format!("--fault={fault}")));
    command.env("HOME", "/nowhere").env("KUBECONFIG", "/nowhere/config").current_dir(std::env::temp_dir());
    let began = Instant::now();
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), report, began.elapsed())
}

fn plays_every_fault(folder: &Path, number: usize) {
    let is_long = std::env::var_os("BLUEGREEN_TEST_LONG").is_some();
    for (at, (fault, codes)) in FAULTS.into_iter().enumerate() {
        // Each set with some of them, without the time for all.
        if !is_long && number != 0 && !(at + number).is_multiple_of(4) {
            continue;
        }
        let (code, report, took) = rehearse(folder, fault);
        let what = format!("{}: {fault:?}: {code}: {report:#}", folder.display());
        assert!(codes.contains(&code), "{what}");
        assert_eq!(report["error"].is_null(), code == 0, "{what}");
        super::schema::check("rehearsal.schema.json", &report);
        let lost = &report["users"]["lost"];
        assert_eq!(lost, 0, "{what}");
        // An optimized program needs a tenth of a second, any other some; a busy machine may take longer, but not this long.
        let limit = if cfg!(debug_assertions) { Duration::from_secs(30) } else { Duration::from_secs(1) };
        assert!(took < limit, "{took:?}: {what}");
    }
}

#[test]
fn the_reference_set_plays_every_fault() {
    plays_every_fault(&root().join("testdata/api-gateway"), 0);
}

/// Complete sets of the corpus, by repository and folder.
const SETS: [&str; 10] = [
    "AYUSH-1406+swiggy-clone-devops-pipeline/k8s",
    "Abobkeryousif+iwallet-gitops/manifests",
    "Aminemaalej+Blue-Green-Deployment-K8s",
    "AnilDora+DevopsAssignment2ACEest-Fitness-Gym/k8s",
    "GowthamChows+deployment-strategies/blue-green deployment",
    "Josheleazar+CIDEP/k8s",
    "Moon-Insurance+agent-service/k8s",
    "Omkar8284+Kubernetes-BlueGreen-Deployment/manifests",
    "Omkar8284+RealApp-Env-BlueGreen/manifests",
    "Ruthik005+ci-cd-pipeline/k8s",
];

#[test]
fn real_sets_play_every_fault() {
    let corpus = std::env::var_os("BLUEGREEN_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    if !corpus.is_dir() {
        eprintln!("skipped: there is no corpus of manifests here");
        return;
    }
    for (number, set) in SETS.into_iter().enumerate() {
        plays_every_fault(&corpus.join(set), number + 1);
    }
}

#[test]
fn steps_of_a_rehearsal_have_to_rise() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.args(["rehearse", "9.9.9", "--steps", "50,10", "-f"]).arg(root().join("testdata/api-gateway"));
    let output = command.current_dir(std::env::temp_dir()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && err.contains("the steps have to rise"), "{:?}: {err}", output.status);
}

/// In steps, by a route that is among the manifests; without one there is no way to give a share.
#[test]
fn a_release_in_steps_is_rehearsed_by_the_route_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let service = "api-gateway-service-active";
    let route = serde_json::json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": service, "port": 80}]}]}});
    std::fs::write(folder.path().join("route.json"), route.to_string()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
        command
            .args(["rehearse", "9.9.9", "-o", "json", "--steps", "10,50", "-f"])
            .arg(root().join("testdata/api-gateway"));
        let output = command.args(arguments).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), report)
    };
    let routes = folder.path().to_str().unwrap();
    let (code, report) = run(&["-f", routes]);
    let soaks = report["steps"].as_array().unwrap().iter().filter(|step| step["id"] == "soak").count();
    assert_eq!((code, soaks, &report["users"]["lost"]), (0, 3, &Value::from(0)), "{report:#}");
    assert_eq!(report["rollback"]["outcome"], "done", "{report:#}");
    let (code, report) = run(&["-f", routes, "--fault=error-rate"]);
    assert_eq!((code, &report["outcome"]), (4, &Value::from("put-back")), "{report:#}");
    // A tenth of the users met the bad version, for as long as it takes to see it.
    let (requests, errors) =
        (report["users"]["requests"].as_f64().unwrap(), report["users"]["errors"].as_f64().unwrap());
    assert!(errors > 0.0 && errors < requests / 20.0, "{report:#}");
    assert_eq!(run(&[]).0, 3);
}
