//! A switch and a rollback under every fault at every request: whatever happens, the set is whole and the words are true.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Behaviour, Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{Failure, ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, Naming, run};

/// A fault by its name, made anew for each run.
type Named = (&'static str, fn(Naming) -> Fault);

fn faults() -> Vec<Named> {
    vec![
        ("503", |_| Fault::Refuse(Failure::Unavailable)),
        ("403", |_| Fault::Refuse(Failure::Forbidden)),
        ("409", |_| Fault::Refuse(Failure::Conflict)),
        ("lost before", |_| Fault::LoseBefore),
        ("lost after", |_| Fault::LoseAfter),
        ("slow", |_| Fault::Delay(Duration::from_secs(4))),
        ("other writer", |naming| {
            Fault::OtherWriter(Box::new(move |cluster: &SimulatedCluster| {
                cluster.edit(&naming.service(NAMESPACE), |service| {
                    service["metadata"]["labels"]["touched"] = "yes".into();
                });
            }))
        }),
        ("service deleted", |naming| {
            Fault::OtherWriter(Box::new(move |cluster: &SimulatedCluster| cluster.delete(&naming.service(NAMESPACE))))
        }),
    ]
}

/// The selector selects exactly one color, the journal can be read, and no Lease outlives its time.
fn is_whole(cluster: &SimulatedCluster, naming: Naming, what: &str) -> Option<String> {
    let service = cluster.object(&naming.service(NAMESPACE))?;
    let selector = &service["spec"]["selector"];
    let color = selector[naming.key].as_str().unwrap_or_default();
    assert!(matches!(color, "blue" | "green"), "{what}: {selector}");
    assert_eq!(selector["app"], "it", "{what}");
    if let Some(journal) = service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"].as_str() {
        let journal: Value = serde_json::from_str(journal).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(journal["version"], 1, "{what}");
    }
    Some(color.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_switch_survives_every_fault_at_every_request() {
    let naming = NAMINGS[0];
    let count = {
        let cluster = cluster(naming).await;
        run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
        cluster.log().len()
    };
    assert!((20..60).contains(&count), "{count}");
    for (name, fault) in faults() {
        for at in 1..=count {
            let cluster = cluster(naming).await;
            cluster.inject(at, fault(naming));
            let ran = run(&cluster, NAMESPACE, "switch green --yes").await;
            let what =
                format!("{name} at request {at}: exit {:?}\n{}\n{}", ran.status, ran.err, cluster.log().join("\n"));
            let Some(color) = is_whole(&cluster, naming, &what) else {
                // Deleted while the Lease was given back: everything had been seen and written by then.
                let expected = if at == count { ExitStatus::Done } else { ExitStatus::Failed };
                assert_eq!(ran.status, expected, "{what}");
                continue;
            };
            match ran.status {
                ExitStatus::Done => assert_eq!(color, "green", "{what}"),
                ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut => {
                    assert!(!ran.out.contains("done"), "{what}");
                    let moved = ran.err.contains("has moved to green");
                    assert!(color != "green" || moved, "the words hide that traffic has moved: {what}");
                }
                other => panic!("{other}: {what}"),
            }
            // Whatever happened, the same command again ends well; it may have to wait for a Lease to run out.
            let again = run(&cluster, NAMESPACE, "switch green --yes --wait-lock 1m").await;
            assert_eq!(again.status, ExitStatus::Done, "{what}\nagain:\n{}", again.err);
            assert_eq!(is_whole(&cluster, naming, &what).as_deref(), Some("green"), "{what}");
            let lease = ObjectRef::new(Resource::Leases, NAMESPACE, format!("kubectl-bluegreen-{}", naming.active));
            let lease = cluster.object(&lease).unwrap();
            // Who may not write cannot give it back either: then it ends by itself.
            assert!(lease["spec"]["holderIdentity"] == "" || name == "403", "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_color_that_does_not_become_ready_is_refused_and_named() {
    let naming = NAMINGS[1];
    let cluster = cluster(naming).await;
    cluster.behave("bgapp:bad", Behaviour { becomes_ready: false, ..Behaviour::default() });
    let green = ObjectRef::new(Resource::Deployments, NAMESPACE, naming.green);
    cluster.edit(&green, |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.local/bgapp:bad".into();
    });
    tokio::time::sleep(Duration::from_mins(1)).await;
    let ran = run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Refused);
    assert!(ran.err.contains("refused by rolled-out, pods-ready"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_never_follow_end_in_a_timeout_that_says_where_traffic_is() {
    let naming = NAMINGS[0];
    let cluster = cluster(naming).await;
    // Green is scaled away just before the selector moves: the patch is not about the Deployment, so it goes through.
    let green = naming.green;
    let patch = {
        let cluster = self::cluster(naming).await;
        run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
        cluster.log().iter().position(|request| request.starts_with("patch service")).unwrap() + 1
    };
    cluster.inject(
        patch,
        Fault::OtherWriter(Box::new(move |cluster: &SimulatedCluster| {
            let deployment = ObjectRef::new(Resource::Deployments, NAMESPACE, green);
            cluster.edit(&deployment, |deployment| deployment["spec"]["replicas"] = 0.into());
        })),
    );
    let ran = run(&cluster, NAMESPACE, "switch green --yes --timeout 10s").await;
    assert!(cluster.log()[patch - 1].starts_with("patch service"), "{:?}", cluster.log());
    let ran = ran.expect(ExitStatus::TimedOut);
    assert!(ran.err.contains("has moved to green") && ran.err.contains("rollback"), "{}", ran.err);
    // And the way back is open: blue never stopped.
    run(&cluster, NAMESPACE, "rollback --yes").await.expect(ExitStatus::Done);
    assert_eq!(is_whole(&cluster, naming, "after the rollback").as_deref(), Some("blue"));
}
