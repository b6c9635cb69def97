//! A whole release under every fault at every request: the set is whole, the words are true, users notice nothing, and the
//! same command again ends well.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Behaviour, Fault, SimulatedCluster};
use kubectl_bluegreen::release::ExitStatus;

use super::faults::{FAULTS, SERVICE_DELETED, image, is_moved_by_other, is_whole, lease_is_free, loses_users};
use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, Naming, run};

const NAMING: Naming = NAMINGS[0];

/// Every request with every fault with `BLUEGREEN_TEST_LONG`, else each with some of them: that takes seconds, not minutes.
fn is_played(fault: usize, request: usize) -> bool {
    std::env::var_os("BLUEGREEN_TEST_LONG").is_some() || (fault + request).is_multiple_of(10)
}

/// A cluster in which blue serves users and green is to become version 3.
async fn start(error_rate: f64) -> SimulatedCluster {
    let cluster = cluster(NAMING).await;
    cluster.behave("bgapp:3", Behaviour { error_rate, ..Behaviour::default() });
    cluster.give_users(NAMING.service(NAMESPACE));
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_release_survives_every_fault_at_every_request() {
    const LINE: &str = "deploy 3 --yes --settle 100ms --soak 2s --after 0s";
    let count = {
        let cluster = start(0.0).await;
        run(&cluster, NAMESPACE, LINE).await.expect(ExitStatus::Done);
        cluster.log().len()
    };
    assert!((50..150).contains(&count), "{count}");
    for (number, (name, fault, put_right)) in FAULTS.into_iter().chain([SERVICE_DELETED]).enumerate() {
        for at in (1..=count).filter(|at| is_played(number, *at)) {
            let cluster = start(0.0).await;
            cluster.inject(at, fault());
            let ran = run(&cluster, NAMESPACE, LINE).await;
            let what =
                format!("{name} at request {at}: exit {:?}\n{}\n{}", ran.status, ran.err, cluster.log().join("\n"));
            let Some(color) = is_whole(&cluster, NAMING, &what) else { continue };
            match ran.status {
                ExitStatus::Done => assert!(color == "green" || is_moved_by_other(name), "{what}"),
                ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut => {
                    let moved = ran.err.contains("has moved to green") || is_moved_by_other(name);
                    assert!(color != "green" || moved, "the words hide that traffic has moved: {what}");
                }
                ExitStatus::PutBack => assert!(color == "blue" || is_moved_by_other(name), "{what}"),
                other => panic!("{other}: {what}"),
            }
            lease_is_free(&cluster, name, &what);
            if loses_users(name) {
                put_right(&cluster);
                cluster.settle(Duration::from_mins(1)).await;
            }
            let again = run(&cluster, NAMESPACE, &format!("{LINE} --wait-lock 1m")).await;
            assert_eq!(again.status, ExitStatus::Done, "{what}\nagain:\n{}", again.err);
            let color = is_whole(&cluster, NAMING, &what).unwrap();
            assert!(color == "green" || is_moved_by_other(name), "{what}");
            assert_eq!(image(&cluster, &color), "registry.local/bgapp:3", "{what}");
            let users = cluster.users().unwrap();
            assert!(users.sent > 100.0 && (users.lost == 0.0 || loses_users(name)), "{users:?}: {what}");
        }
    }
}

/// While a release is put back, whatever fails: traffic is on one color, and the words say on which.
#[tokio::test(start_paused = true)]
async fn a_put_back_survives_every_fault_at_every_request() {
    const LINE: &str = "deploy 3 --yes --settle 100ms --soak 60s";
    // Green restarts under users: that alone puts it back.
    let play = async |fault: Option<(usize, fn() -> Fault)>| {
        let cluster = start(0.0).await;
        if let Some((at, fault)) = fault {
            cluster.inject(at, fault());
        }
        let ran = {
            let run = run(&cluster, NAMESPACE, LINE);
            tokio::pin!(run);
            let restart = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let service = cluster.object(&NAMING.service(NAMESPACE));
                    if service.is_none_or(|service| service["spec"]["selector"][NAMING.key] == "green") {
                        break;
                    }
                }
                tokio::time::sleep(Duration::from_secs(3)).await;
                cluster.restart_pods("bgapp:3");
                std::future::pending::<()>().await;
            };
            tokio::select! { ran = &mut run => ran, () = restart => unreachable!() }
        };
        (cluster, ran)
    };
    let (good, ran) = play(None).await;
    assert!(ran.err.contains("restarted under users"), "{}", ran.err);
    let ran = ran.expect(ExitStatus::PutBack);
    assert!(ran.err.contains("all traffic was put back on blue"), "{}", ran.err);
    let (count, users) = (good.log().len(), good.users().unwrap());
    assert!(users.lost == 0.0, "{users:?}");
    let first = good.log().iter().rposition(|request| request.starts_with("patch service")).unwrap_or_default();
    for (number, (name, fault, _)) in FAULTS.into_iter().chain([SERVICE_DELETED]).enumerate() {
        for at in (first.saturating_sub(20)..=count).filter(|at| is_played(number, *at)) {
            let (cluster, ran) = play(Some((at, fault))).await;
            let what =
                format!("{name} at request {at}: exit {:?}\n{}\n{}", ran.status, ran.err, cluster.log().join("\n"));
            let Some(color) = is_whole(&cluster, NAMING, &what) else { continue };
            match ran.status {
                ExitStatus::PutBack => assert!(color == "blue" || is_moved_by_other(name), "{what}"),
                ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut => {
                    let told = ran.err.contains("has moved to green") || is_moved_by_other(name);
                    assert!(color != "green" || told, "{what}");
                }
                other => panic!("{other}: {what}"),
            }
            lease_is_free(&cluster, name, &what);
            assert!(cluster.users().unwrap().lost == 0.0 || loses_users(name), "{what}");
        }
    }
}
