//! How many requests each command takes, and how many of them wait for one another: what its speed is made of.

use std::fmt::Write as _;
use std::time::Duration;

use kubectl_bluegreen::cluster::Cluster;
use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::release::ExitStatus;

use super::crowd::crowd;
use super::init::{empty, with_running};
use super::root;
use super::simulated::{NAMESPACE, cluster};
use super::split_faults::{By, routed};
use super::world::{NAMINGS, run};

/// How long each request takes on the simulated cluster.
const LATENCY: Duration = Duration::from_millis(2);

/// Pinned: a request more is a decision.
#[tokio::test(start_paused = true)]
async fn each_command_takes_so_many_requests() {
    let mut table = String::new();
    let lines = [
        "status",
        "status -A",
        "check",
        "diff",
        "history",
        "switch green --dry-run client",
        "switch green --dry-run server",
        "switch green --yes --settle 0s",
        "rollback --yes --settle 0s",
        "cleanup green --yes --after 0s --wait=false",
        "smoke blue",
        "deploy 3 --dry-run client",
        "deploy 3 --yes --settle 0s --after 0s",
    ];
    count(&cluster(NAMINGS[0]).await, &lines, &mut table).await;
    let lines = [
        "switch green 10 --yes --settle 0s",
        "switch green 50 --yes --settle 0s",
        "rollback --yes --settle 0s",
        "deploy 3 --steps 10,100 --soak 0s --yes --settle 0s --after 0s",
    ];
    count(&routed(By::Gateway, NAMINGS[0]).await.0, &lines, &mut table).await;
    let file = root().join("docs/examples/shop");
    let apply = format!("init -f {} --yes", file.display());
    let new = ["init --new shop --image registry.local/bgapp:1 --port 8080 --yes"];
    count(&empty().0, &new, &mut table).await;
    count(&empty().0, &[&apply], &mut table).await;
    count(&with_running().await, &["init --from deployment/shop --remove-old --yes"], &mut table).await;
    insta::assert_snapshot!(table.replace(file.to_str().unwrap(), "FILE"));
}

/// How many requests each of some lines takes, one after the other.
async fn count(cluster: &SimulatedCluster, lines: &[&str], table: &mut String) {
    for line in lines {
        let (before, began) = (cluster.requests(), tokio::time::Instant::now());
        let ran = run(cluster, NAMESPACE, &format!("{line} -o json")).await.expect(ExitStatus::Done);
        let (count, took) = (cluster.requests() - before, began.elapsed());
        let answer = ran.json();
        let said = answer["requests"].as_u64().or_else(|| answer["items"][0]["requests"].as_u64());
        assert_eq!(said, u64::try_from(cluster.requests()).ok(), "{line} says how many there were so far");
        let deep = took.as_micros() / LATENCY.as_micros();
        // Whoever waits for a controller waits for its time, too.
        let deep = if line.contains("--yes") { String::new() } else { format!(", {deep} after one another") };
        writeln!(table, "{line}: {count}{deep}").unwrap();
    }
}

/// Even where the API server must be asked right by right, and the namespace is crowded, a status takes three requests after
/// one another at most.
#[tokio::test(start_paused = true)]
async fn a_status_is_never_deep() {
    for forbidden in
        [&[][..], &[("patch", "services")], &[("list", "ingresses"), ("create", "leases"), ("patch", "deployments")]]
    {
        let cluster = cluster(NAMINGS[0]).await;
        for (verb, resource) in forbidden {
            cluster.forbid(verb, resource);
        }
        for (line, is_crowded) in [("status", false), ("status -A", false), ("status", true)] {
            if is_crowded {
                crowd(&cluster);
            }
            let began = tokio::time::Instant::now();
            run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Done);
            assert!(began.elapsed() <= LATENCY * 3, "{line}, {is_crowded}: {:?}", began.elapsed());
        }
    }
}
