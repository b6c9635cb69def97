//! How many requests each command takes, and how many of them wait for one another: what its speed is made of.

use std::fmt::Write as _;
use std::time::Duration;

use kubectl_bluegreen::cluster::Cluster;
use kubectl_bluegreen::release::ExitStatus;

use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, run};

/// How long each request takes on the simulated cluster.
const LATENCY: Duration = Duration::from_millis(2);

/// Pinned: a request more is a decision.
#[tokio::test(start_paused = true)]
async fn each_command_takes_so_many_requests() {
    let cluster = cluster(NAMINGS[0]).await;
    let mut table = String::new();
    for line in [
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
        "deploy 3 --yes --settle 0s --after 0s",
    ] {
        let (before, began) = (cluster.requests(), tokio::time::Instant::now());
        let ran = run(&cluster, NAMESPACE, &format!("{line} -o json")).await.expect(ExitStatus::Done);
        let (count, took) = (cluster.requests() - before, began.elapsed());
        let answer = ran.json();
        let said = answer["requests"].as_u64().or_else(|| answer["items"][0]["requests"].as_u64());
        assert_eq!(said, u64::try_from(cluster.requests()).ok(), "{line} says how many there were so far");
        let deep = took.as_micros() / LATENCY.as_micros();
        // Whoever waits for a controller waits for its time, too.
        let deep = if line.contains("--yes") { String::new() } else { format!(", {deep} after one another") };
        writeln!(table, "{line}: {count}{deep}").unwrap();
    }
    insta::assert_snapshot!(table);
}

/// Even where the API server must be asked right by right, a status takes three requests after one another at most.
#[tokio::test(start_paused = true)]
async fn a_status_is_never_deep() {
    for forbidden in
        [&[][..], &[("patch", "services")], &[("list", "ingresses"), ("create", "leases"), ("patch", "deployments")]]
    {
        let cluster = cluster(NAMINGS[0]).await;
        for (verb, resource) in forbidden {
            cluster.forbid(verb, resource);
        }
        for line in ["status", "status -A"] {
            let began = tokio::time::Instant::now();
            run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Done);
            assert!(began.elapsed() <= LATENCY * 3, "{line}: {:?}", began.elapsed());
        }
    }
}
