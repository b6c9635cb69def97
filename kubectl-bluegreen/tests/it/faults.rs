//! Every command that changes something under every fault at every request: whatever happens, the set is whole, the
//! words are true, and the next run ends well.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Behaviour, Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{Failure, ObjectRef, Resource};
use kubectl_bluegreen::journal::ANNOTATION;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, Naming, Ran, run};

const NAMING: Naming = NAMINGS[0];

/// A command in a state of the set, and what is true when it is done.
struct Case {
    /// What was done before.
    before: &'static [&'static str],
    line: &'static str,
    /// The color that serves in the end.
    serves: &'static str,
    /// How many pods each color asks for in the end.
    replicas: [u64; 2],
    /// Which faults; all of them without a word.
    faults: Option<&'static [&'static str]>,
}

/// Something that goes wrong at a request: what it is called, how it is made, and what must be put right before the next run.
pub(super) type Named = (&'static str, fn() -> Fault, fn(&SimulatedCluster));

/// Somebody else writes at that moment.
fn other(write: impl FnOnce(&SimulatedCluster) + 'static) -> Fault {
    Fault::OtherWriter(Box::new(write))
}

fn deployment(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::Deployments, NAMESPACE, name)
}

fn select(cluster: &SimulatedCluster, color: &str) {
    cluster.edit(&NAMING.service(NAMESPACE), |service| service["spec"]["selector"][NAMING.key] = color.into());
}

fn scale(cluster: &SimulatedCluster, replicas: u32) {
    for color in [NAMING.blue, NAMING.green] {
        cluster.edit(&deployment(color), |deployment| deployment["spec"]["replicas"] = replicas.into());
    }
}

/// What can go wrong with any request.
pub(super) const FAULTS: [Named; 16] = [
    ("503", || Fault::Refuse(Failure::Unavailable), |_| {}),
    ("401", || Fault::Refuse(Failure::Unauthorized), |_| {}),
    ("403", || Fault::Refuse(Failure::Forbidden), |_| {}),
    ("404", || Fault::Refuse(Failure::NotFound), |_| {}),
    ("409", || Fault::Refuse(Failure::Conflict), |_| {}),
    ("410 or 422", || Fault::Refuse(Failure::Invalid), |_| {}),
    ("lost before", || Fault::LoseBefore, |_| {}),
    ("lost after", || Fault::LoseAfter, |_| {}),
    ("slow", || Fault::Delay(Duration::from_secs(4)), |_| {}),
    ("too slow for the lease", || Fault::Delay(Duration::from_secs(40)), |_| {}),
    ("known already", || Fault::Again, |_| {}),
    (
        "the service is touched",
        || {
            other(|cluster| {
                cluster.edit(&NAMING.service(NAMESPACE), |service| {
                    service["metadata"]["labels"]["touched"] = "yes".into();
                });
            })
        },
        |_| {},
    ),
    ("somebody selects blue", || other(|cluster| select(cluster, "blue")), |cluster| select(cluster, "green")),
    ("somebody selects green", || other(|cluster| select(cluster, "green")), |cluster| select(cluster, "blue")),
    ("both colors are scaled away", || other(|cluster| scale(cluster, 0)), |cluster| scale(cluster, 2)),
    (
        "the lease is taken away",
        || {
            other(|cluster| {
                cluster.edit(&lease(), |lease| lease["spec"]["holderIdentity"] = "eve@elsewhere/1/x".into());
            })
        },
        |_| {},
    ),
];

/// Nobody puts that right.
pub(super) const SERVICE_DELETED: Named =
    ("the service is deleted", || other(|cluster| cluster.delete(&NAMING.service(NAMESPACE))), |_| {});

/// Whether somebody else moves the selector: then a color that serves is not ours to explain.
pub(super) fn is_moved_by_other(fault: &str) -> bool {
    fault.starts_with("somebody selects")
}

/// Whether users lose answers by what somebody else does, whatever we do.
pub(super) fn loses_users(fault: &str) -> bool {
    fault == "both colors are scaled away"
}

fn lease() -> ObjectRef {
    ObjectRef::new(Resource::Leases, NAMESPACE, format!("kubectl-bluegreen-{}", NAMING.active))
}

/// Nobody holds the Lease once a command has ended. Who may not write cannot give it back: then it ends by itself.
pub(super) fn lease_is_free(cluster: &SimulatedCluster, fault: &str, what: &str) {
    let held = cluster.object(&lease()).is_some_and(|lease| lease["spec"]["holderIdentity"] != "");
    assert!(!held || fault.starts_with('4') || fault == "the lease is taken away", "{what}: the Lease is held");
}

/// The selector selects exactly one color, and the journal can be read; answers the color, where there is a Service.
pub(super) fn is_whole(cluster: &SimulatedCluster, naming: Naming, what: &str) -> Option<String> {
    let service = cluster.object(&naming.service(NAMESPACE))?;
    let selector = service["spec"]["selector"].as_object().unwrap();
    let color = selector[naming.key].as_str().unwrap_or_default();
    assert!(matches!(color, "blue" | "green") && selector.len() == 2, "{what}: {selector:?}");
    assert_eq!(selector["app"], "it", "{what}");
    if let Some(journal) = service["metadata"]["annotations"][ANNOTATION].as_str() {
        let journal: Value = serde_json::from_str(journal).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(journal["version"], 1, "{what}");
    }
    Some(color.to_owned())
}

/// What a color runs.
pub(super) fn image(cluster: &SimulatedCluster, color: &str) -> String {
    let image = &cluster.object(&deployment(NAMING.deployment(color))).unwrap()["spec"]["template"]["spec"]["containers"]
        [0]["image"];
    image.as_str().unwrap().to_owned()
}

/// The color that serves.
fn whole(cluster: &SimulatedCluster, what: &str) -> String {
    is_whole(cluster, NAMING, what).unwrap()
}

/// Neither says done of what is not, nor hides that traffic has moved.
fn tells_the_truth(ran: &Ran, cluster: &SimulatedCluster, before: &str, fault: &str, what: &str) {
    let now = whole(cluster, what);
    match ran.status {
        ExitStatus::Done => {}
        ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut | ExitStatus::Refused => {
            assert!(!ran.out.contains("done"), "{what}");
            // Somebody else may have moved it, too.
            let ours = !is_moved_by_other(fault);
            let told = ran.err.contains("has moved to") || ran.err.contains("not known whether");
            assert!(now == before || told || !ours, "the words hide that traffic has moved: {what}");
        }
        other => panic!("{other}: {what}"),
    }
}

impl Case {
    async fn start(&self) -> SimulatedCluster {
        let cluster = cluster(NAMING).await;
        for line in self.before {
            run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Done);
            cluster.settle(Duration::from_mins(1)).await;
        }
        cluster
    }

    fn is_done(&self, cluster: &SimulatedCluster, fault: &str, what: &str) {
        assert_eq!(whole(cluster, what), self.serves, "{what}");
        // Where somebody else has scaled, or moved traffic there already, the sizes are not ours.
        let sized_by_other = loses_users(fault) || fault == format!("somebody selects {}", self.serves);
        for (name, replicas) in [NAMING.blue, NAMING.green].into_iter().zip(self.replicas) {
            let asked = &cluster.object(&deployment(name)).unwrap()["spec"]["replicas"];
            assert!(*asked == replicas || sized_by_other, "{what}: {name} asks for {asked}");
        }
        lease_is_free(cluster, fault, what);
    }

    /// Plays the command with each of the faults at each request.
    async fn sweep(&self) {
        let start = self.start().await;
        let (color, count) = {
            let cluster = start.fork();
            run(&cluster, NAMESPACE, self.line).await.expect(ExitStatus::Done);
            self.is_done(&cluster, "", self.line);
            (whole(&start, self.line), cluster.log().len())
        };
        for (name, fault, put_right) in
            FAULTS.iter().filter(|(name, ..)| self.faults.is_none_or(|some| some.contains(name)))
        {
            for at in 1..=count {
                let cluster = start.fork();
                cluster.inject(at, fault());
                let ran = run(&cluster, NAMESPACE, self.line).await;
                let log = cluster.log();
                let what = format!(
                    "{}: {name} at request {at} ({}): exit {:?}\n{}\n{}",
                    self.line,
                    log[at - 1],
                    ran.status,
                    ran.err,
                    log[at..].join("\n")
                );
                tells_the_truth(&ran, &cluster, &color, name, &what);
                if ran.status == ExitStatus::Done {
                    // What somebody else does at the last look, or while the Lease is given back, comes after the end.
                    if log.len() > at + 2 {
                        self.is_done(&cluster, name, &what);
                    }
                    continue;
                }
                // Whatever happened, the same command again ends well; it may have to wait for a Lease to run out.
                put_right(&cluster);
                cluster.settle(Duration::from_mins(1)).await;
                let again = run(&cluster, NAMESPACE, &format!("{} --wait-lock 1m", self.line)).await;
                assert_eq!(again.status, ExitStatus::Done, "{what}\nagain:\n{}", again.err);
                self.is_done(&cluster, name, &what);
            }
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
    assert_eq!(whole(&cluster, "after the rollback"), "blue");
}

/// A command under every fault, as a test of its own: they run side by side.
macro_rules! sweeps {
    ($($name:ident: $case:expr;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                Box::pin($case.sweep()).await;
            }
        )*
    };
}

sweeps! {
    a_switch: Case { before: &[], line: "switch green --yes", serves: "green", replicas: [2, 2], faults: None };
    a_rollback: Case {
        before: &["switch green --yes"], line: "rollback --yes", serves: "blue", replicas: [2, 2], faults: None,
    };
    a_cleanup: Case {
        before: &["switch green --yes"], line: "cleanup blue --yes --after 0s", serves: "green", replicas: [0, 2], faults: None,
    };
    a_rollback_that_sizes_first: Case {
        before: &["switch green --yes", "cleanup blue --yes"],
        line: "rollback --yes --scale", serves: "blue", replicas: [2, 2],
        // The rest is as in a rollback.
        faults: Some(&["503", "409", "lost after", "too slow for the lease"]),
    };
}
