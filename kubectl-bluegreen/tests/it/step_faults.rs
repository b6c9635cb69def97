//! Releases in steps under every fault at every request: weights sum up, users reach the set, the words are true, the same
//! command again ends well, and what was put back is as it was before.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Behaviour, Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::journal::ANNOTATION;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::faults::{FAULTS, image, is_moved_by_other, is_whole, lease_is_free, loses_users};
use super::simulated::NAMESPACE;
use super::split_faults::{By, routed, users_reach};
use super::steps::watched;
use super::world::{NAMINGS, Naming, Ran, run, run_until, run_with};

const NAMING: Naming = NAMINGS[0];

fn line(by: By) -> &'static str {
    match by {
        By::Replicas => "deploy 3 --yes --router replicas --steps 33,50,100 --soak 1s --settle 0s --after 0s",
        _ => "deploy 3 --yes --steps 10,50,100 --soak 1s --settle 0s --after 0s",
    }
}

/// Every request with every fault with `BLUEGREEN_TEST_LONG`, else some of them: that takes seconds, not minutes.
fn is_played(fault: usize, request: usize) -> bool {
    std::env::var_os("BLUEGREEN_TEST_LONG").is_some() || (fault * 3 + request).is_multiple_of(23)
}

fn specs(cluster: &SimulatedCluster, objects: &[ObjectRef]) -> Vec<Value> {
    objects.iter().map(|object| cluster.object(object).unwrap()["spec"].clone()).collect()
}

/// Nothing that a share needed is left: routes and autoscalers as before, no canary.
fn is_clean(cluster: &SimulatedCluster, objects: &[ObjectRef], original: &[Value], what: &str) {
    assert_eq!(specs(cluster, objects), original, "{what}");
    let canary = ObjectRef::new(Resource::Ingresses, NAMESPACE, "shop-green-canary");
    assert_eq!(cluster.object(&canary), None, "{what}");
}

/// Plays a release on a copy of a prepared cluster, with a fault at a request, and looks at what became of it.
struct Sweep {
    by: By,
    prepared: SimulatedCluster,
    objects: Vec<ObjectRef>,
    original: Vec<Value>,
    error_rate: f64,
}

impl Sweep {
    async fn new(by: By, error_rate: f64) -> Self {
        let (prepared, objects) = routed(by, NAMING).await;
        let original = specs(&prepared, &objects);
        Self { by, prepared, objects, original, error_rate }
    }

    async fn play(&self, fault: Option<(usize, Fault)>) -> (SimulatedCluster, Ran) {
        let cluster = self.prepared.fork();
        cluster.behave("bgapp:3", Behaviour { error_rate: self.error_rate, ..Behaviour::default() });
        cluster.give_users(NAMING.service(NAMESPACE));
        if let Some((at, fault)) = fault {
            cluster.inject(at, fault);
        }
        let ran = run_with(&cluster, NAMESPACE, line(self.by), watched()).await;
        (cluster, ran)
    }

    /// Every fault at every request; answers with what each run is called, its cluster, and how it ended.
    async fn each(&self, judge: impl AsyncFn(&SimulatedCluster, &Ran, &str, &str)) {
        let (good, ran) = self.play(None).await;
        let count = good.log().len();
        judge(&good, &ran, "", "no fault").await;
        assert!((100..400).contains(&count), "{count}");
        for (number, (name, fault, put_right)) in FAULTS.into_iter().enumerate() {
            for at in (1..=count).filter(|at| is_played(number, *at)) {
                let (cluster, ran) = self.play(Some((at, fault()))).await;
                let log = cluster.log().join("\n");
                let what = format!("{:?}: {name} at {at}: exit {:?}\n{}\n{log}", self.by, ran.status, ran.err);
                users_reach(&cluster, &self.objects, self.by, NAMING, &what);
                lease_is_free(&cluster, name, &what);
                assert!(cluster.users().unwrap().lost == 0.0 || loses_users(name), "{what}");
                if loses_users(name) {
                    put_right(&cluster);
                    cluster.settle(Duration::from_mins(1)).await;
                }
                judge(&cluster, &ran, name, &what).await;
            }
        }
    }
}

/// A release that failed on the way does not hide that green has users.
fn says_where_users_are(cluster: &SimulatedCluster, sweep: &Sweep, ran: &Ran, what: &str) {
    let is_back = specs(cluster, &sweep.objects) == sweep.original;
    let words = ["was changed", "not known", "has moved to ", "no traffic was moved; done: "];
    let says = words.iter().any(|words| ran.err.contains(words));
    assert!(is_back || says, "the words hide that green has a share: {what}");
}

/// A share of a set that somebody else has moved on is refused to go on from, and is ended as the refusal says.
async fn is_ended_first(cluster: &SimulatedCluster, sweep: &Sweep, ran: &Ran, what: &str) {
    let why = ["somebody else has let service/", "began has not ended"];
    assert!(why.iter().any(|why| ran.err.contains(why)), "{what}");
    let color = is_whole(cluster, NAMING, what).unwrap();
    let ended = run(cluster, NAMESPACE, &format!("switch {color} --yes --settle 0s --wait-lock 1m")).await;
    assert_eq!(ended.status, ExitStatus::Done, "{what}\nended: {}", ended.err);
    is_clean(cluster, &sweep.objects, &sweep.original, what);
}

async fn good(by: By) {
    let sweep = Sweep::new(by, 0.0).await;
    let judge = async |cluster: &SimulatedCluster, ran: &Ran, fault: &str, what: &str| {
        let color = || is_whole(cluster, NAMING, what).unwrap();
        match ran.status {
            ExitStatus::Done => assert!(color() == "green" || is_moved_by_other(fault), "{what}"),
            // Refused before any traffic has moved, or put back.
            ExitStatus::Refused | ExitStatus::PutBack => {
                assert!(color() == "blue" || is_moved_by_other(fault), "{what}");
                is_clean(cluster, &sweep.objects, &sweep.original, what);
            }
            ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut => {
                says_where_users_are(cluster, &sweep, ran, what);
            }
            other => panic!("{other}: {what}"),
        }
        let again = run_with(cluster, NAMESPACE, &format!("{} --wait-lock 1m", line(sweep.by)), watched()).await;
        let what = format!("{what}\nagain: {:?}\n{}", again.status, again.err);
        if is_moved_by_other(fault) && again.status == ExitStatus::Refused {
            return is_ended_first(cluster, &sweep, &again, &what).await;
        }
        assert_eq!(again.status, ExitStatus::Done, "{what}");
        // Where somebody else has moved it before this began, the other color is the idle one.
        let released = color();
        assert!(released == "green" || is_moved_by_other(fault), "{what}");
        assert!(image(cluster, &released).ends_with(":3"), "{what}");
        is_clean(cluster, &sweep.objects, &sweep.original, &what);
        let back = run(cluster, NAMESPACE, "rollback --yes --settle 0s --wait-lock 1m").await;
        if is_moved_by_other(fault) && back.status == ExitStatus::Refused {
            // Nobody knows where it was before.
            return;
        }
        let what = format!("{what}\nback: {:?}\n{}", back.status, back.err);
        assert_eq!(back.status, ExitStatus::Done, "{what}");
        assert_ne!(color(), released, "{what}");
        is_clean(cluster, &sweep.objects, &sweep.original, &what);
        assert!(cluster.users().unwrap().lost == 0.0 || loses_users(fault), "{what}");
    };
    Box::pin(sweep.each(judge)).await;
}

/// The new version is bad under users: whatever fails besides, traffic is back, or the words say where it is, and the next
/// command brings it back.
async fn bad(by: By) {
    let sweep = Sweep::new(by, 0.4).await;
    let judge = async |cluster: &SimulatedCluster, ran: &Ran, fault: &str, what: &str| {
        match ran.status {
            ExitStatus::Refused | ExitStatus::PutBack => {
                let color = is_whole(cluster, NAMING, what).unwrap();
                assert!(color == "blue" || is_moved_by_other(fault), "{what}");
                is_clean(cluster, &sweep.objects, &sweep.original, what);
            }
            ExitStatus::Failed | ExitStatus::Busy | ExitStatus::TimedOut => {
                says_where_users_are(cluster, &sweep, ran, what);
            }
            other => panic!("{other}: {what}"),
        }
        // Where somebody else has moved it before this began, the bad version is on the other color.
        let good = if image(cluster, "blue").ends_with(":3") { "green" } else { "blue" };
        assert!(good == "blue" || is_moved_by_other(fault), "{what}");
        let back = run(cluster, NAMESPACE, &format!("switch {good} --yes --settle 0s --wait-lock 1m")).await;
        let what = format!("{what}\nback: {:?}\n{}", back.status, back.err);
        assert_eq!(back.status, ExitStatus::Done, "{what}");
        assert_eq!(is_whole(cluster, NAMING, &what).as_deref(), Some(good), "{what}");
        is_clean(cluster, &sweep.objects, &sweep.original, &what);
    };
    Box::pin(sweep.each(judge)).await;
}

/// The process is killed between any two requests: the same command goes on, a rollback goes back, and a signal that comes
/// before the next run has moved anything puts back what the first one began.
async fn killed(by: By) {
    let sweep = Sweep::new(by, 0.0).await;
    let count = sweep.play(None).await.0.log().len();
    let step = if std::env::var_os("BLUEGREEN_TEST_LONG").is_some() { 1 } else { 19 };
    let back = "rollback --yes --settle 0s --wait-lock 1m";
    let again = format!("{} --wait-lock 1m", line(by));
    for at in (1..count).step_by(step) {
        for (number, then) in [again.as_str(), back, &again].into_iter().enumerate() {
            let cluster = sweep.prepared.fork();
            cluster.give_users(NAMING.service(NAMESPACE));
            let reached = async |requests: usize| {
                while cluster.log().len() < requests {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! { _ = run_with(&cluster, NAMESPACE, line(by), watched()) => {}, () = reached(at) => {} }
            users_reach(&cluster, &sweep.objects, by, NAMING, &format!("{by:?}: killed at {at}"));
            // By what came in: the process can be killed while its request is on the way.
            let service = cluster.object(&NAMING.service(NAMESPACE)).unwrap();
            let begun = service["metadata"]["annotations"][ANNOTATION].is_string();
            let soon = cluster.log().len() + 45;
            let holder = Holder::current(Some("tester".to_owned()));
            let ran = match number {
                2 => run_until(&cluster, NAMESPACE, then, holder, reached(soon)).await,
                _ => run(&cluster, NAMESPACE, then).await,
            };
            let log = cluster.log().join("\n");
            let what = format!("{by:?}: killed at {at}, then {then}: {:?}\n{}\n{log}", ran.status, ran.err);
            let color = is_whole(&cluster, NAMING, &what).unwrap();
            match (number, ran.status) {
                // Of the last one: it was done before the signal came.
                (0 | 2, ExitStatus::Done) => assert_eq!(color, "green", "{what}"),
                (1, ExitStatus::Done) | (2, ExitStatus::Interrupted) => assert_eq!(color, "blue", "{what}"),
                (1, ExitStatus::Refused) => assert!(color == "blue" && !begun, "{what}"),
                (_, other) => panic!("{other}: {what}"),
            }
            if number != 2 || !begun || ran.status == ExitStatus::Done || ran.err.contains("was put back") {
                let bounds = by == By::Replicas && !begun;
                assert!(bounds || specs(&cluster, &sweep.objects) == sweep.original, "{what}");
            }
            assert!(cluster.users().unwrap().lost == 0.0, "{what}");
        }
    }
}

macro_rules! sweeps {
    ($($name:ident: $by:expr;)*) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test(start_paused = true)]
                async fn a_release_in_steps_survives_every_fault_at_every_request() {
                    good($by).await;
                }

                #[tokio::test(start_paused = true)]
                async fn killed_between_any_two_requests_it_goes_on_or_back() {
                    Box::pin(killed($by)).await;
                }

                #[tokio::test(start_paused = true)]
                async fn its_put_back_survives_every_fault_at_every_request() {
                    bad($by).await;
                }
            }
        )*
    };
}

sweeps! {
    gateway: By::Gateway;
    traefik: By::Traefik;
    nginx: By::Nginx;
    istio: By::Istio;
    replicas: By::Replicas;
}
