//! Releases in steps, by each router: a good one, and those that go wrong half way, whose traffic comes back whole.

use std::time::Duration;

use bluegreen_lint::config::file::File;
use kubectl_bluegreen::cluster::simulated::{Behaviour, SimulatedCluster};
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::faults::is_whole;
use super::release::{at_rest, steps};
use super::simulated::{NAMESPACE, Simulated};
use super::split_faults::{By, routed};
use super::world::{NAMINGS, Naming, Ran, World, run, run_until, run_with};

const NAMING: Naming = NAMINGS[0];
const ROUTERS: [By; 5] = [By::Gateway, By::Traefik, By::Nginx, By::Istio, By::Replicas];

/// Settings by which the users' errors are looked at.
pub(super) fn watched() -> File {
    let text = "analysis: {prometheus: {url: http://the-simulation}, checks: [{errorRate: http, max: 0.05}]}";
    serde_yaml::from_str(text).unwrap()
}

/// Three shares by a router; pods in proportion reach no 10 % of two.
fn line(by: By) -> String {
    let (router, shares) = if by == By::Replicas { ("replicas", "33,50") } else { ("auto", "10,50") };
    format!("deploy 3 --yes --router {router} --steps {shares},100 --soak 10s --settle 100ms --after 0s")
}

/// A cluster in which blue serves users, and what must be as before after a put-back.
struct Start {
    world: Simulated,
    objects: Vec<ObjectRef>,
    specs: Vec<Value>,
}

impl Start {
    async fn new(by: By) -> Self {
        let (cluster, mut objects) = routed(by, NAMING).await;
        objects.push(NAMING.service(NAMESPACE));
        cluster.give_users(NAMING.service(NAMESPACE));
        let world = Simulated(cluster);
        let specs = specs(&world.0, &objects);
        Self { world, objects, specs }
    }

    fn cluster(&self) -> &SimulatedCluster {
        &self.world.0
    }

    /// Waits until green has a share of so many percent, as the cluster shows it.
    async fn share(&self, percent: u64) {
        while shared(self.cluster(), &self.objects) < percent {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All traffic is on blue, by objects as they were before; nothing is held, and nobody was turned away.
    async fn is_put_back(&self, what: &str) {
        assert_eq!(is_whole(self.cluster(), NAMING, what).as_deref(), Some("blue"), "{what}");
        assert_eq!(specs(self.cluster(), &self.objects), self.specs, "{what}");
        let canary = ObjectRef::new(Resource::Ingresses, NAMESPACE, "shop-green-canary");
        assert_eq!(self.cluster().object(&canary), None, "{what}");
        at_rest(&self.world, NAMING).await;
        let history = self.world.run("history -o json").await.json();
        let last = history["entries"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&last["command"], &last["to"], &last["result"]),
            (&json!("put-back"), &json!("blue"), &json!("done"))
        );
    }
}

fn specs(cluster: &SimulatedCluster, objects: &[ObjectRef]) -> Vec<Value> {
    objects.iter().map(|object| cluster.object(object).unwrap()["spec"].clone()).collect()
}

/// The share of green as the objects say it, whatever the router.
fn shared(cluster: &SimulatedCluster, objects: &[ObjectRef]) -> u64 {
    let canary = cluster.object(&ObjectRef::new(Resource::Ingresses, NAMESPACE, "shop-green-canary"));
    if let Some(canary) = canary {
        let weight = canary["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].as_str().unwrap();
        return weight.parse().unwrap();
    }
    let service = cluster.object(&NAMING.service(NAMESPACE)).unwrap();
    if service["spec"]["selector"][NAMING.key] == "green" {
        return 100;
    }
    if service["spec"]["selector"].get(NAMING.key).is_none() {
        let slice = ObjectRef::new(Resource::EndpointSlices, NAMESPACE, format!("{}-ipv4", NAMING.active));
        let slice = cluster.object(&slice).unwrap();
        let names = slice["endpoints"].as_array().unwrap().iter().map(|e| e["targetRef"]["name"].as_str().unwrap());
        let green = names.clone().filter(|name| name.starts_with(NAMING.green)).count();
        return (100 * green / names.count()) as u64;
    }
    let lists = ["/spec/rules/0/backendRefs", "/spec/weighted/services", "/spec/http/0/route"];
    let object = cluster.object(&objects[0]).unwrap();
    let list = lists.iter().find_map(|list| object.pointer(list)?.as_array().cloned()).unwrap_or_default();
    list.get(1).map_or(0, |entry| entry["weight"].as_u64().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_good_release_goes_through_every_share() {
    for by in ROUTERS {
        let start = Start::new(by).await;
        let ran = run_with(start.cluster(), NAMESPACE, &format!("{} -o json", line(by)), watched()).await;
        let ran = ran.expect(ExitStatus::Done);
        let users = start.cluster().users().unwrap();
        assert!(users.sent > 3000.0 && users.lost == 0.0, "{by:?}: {users:?}");
        let report = ran.json();
        let soaks = steps(&report).iter().filter(|step| **step == "soak").count();
        assert_eq!(
            (soaks, steps(&report).iter().filter(|step| **step == "smoke").count()),
            (3, 1),
            "{by:?}: {}",
            ran.err
        );
        assert_eq!(report["analysis"][0]["ok"], true, "{by:?}: {report:#}");
        let history = start.world.run("history -o json").await.json();
        let shares: Vec<_> =
            history["entries"].as_array().unwrap().iter().map(|entry| entry["split"]["green"].clone()).collect();
        let first = if by == By::Replicas { 33 } else { 10 };
        assert_eq!(shares, [first, 50, 100], "{by:?}: {history}");
        assert!(history["entries"][1]["analysis"][0]["requests"].as_f64().unwrap() > 100.0, "{by:?}: {history:#}");
        // All is on green by the selector alone: routes and autoscalers are as they were.
        let service = start.objects.len() - 1;
        assert_eq!(specs(start.cluster(), &start.objects)[..service], start.specs[..service], "{by:?}");
        assert_eq!(is_whole(start.cluster(), NAMING, "").as_deref(), Some("green"));
        let green = start.cluster().object(&ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.green)).unwrap();
        assert_eq!(green["spec"]["replicas"], 2, "{by:?}");
        at_rest(&start.world, NAMING).await;
        run(start.cluster(), NAMESPACE, "rollback --yes --settle 0s").await.expect(ExitStatus::Done);
        assert_eq!(specs(start.cluster(), &start.objects), start.specs, "{by:?}");
    }
}

/// Runs a release while something happens once green has a share.
async fn while_at(start: &Start, line: &str, percent: u64, happens: impl AsyncFnOnce(&SimulatedCluster)) -> Ran {
    let work = run_with(start.cluster(), NAMESPACE, line, watched());
    tokio::pin!(work);
    let event = async {
        start.share(percent).await;
        happens(start.cluster()).await;
        std::future::pending::<()>().await;
    };
    tokio::select! { ran = &mut work => ran, () = event => unreachable!() }
}

#[tokio::test(start_paused = true)]
async fn errors_at_a_share_put_everything_back() {
    // With all of the traffic, too, while the routes still name both colors.
    for (by, share) in ROUTERS.into_iter().flat_map(|by| [(by, 50), (by, 100)]) {
        let start = Start::new(by).await;
        let line = line(by);
        let ran = while_at(&start, &line, share, async |cluster| {
            cluster.behave("bgapp:3", Behaviour { error_rate: 0.4, ..Behaviour::default() });
        });
        let ran = ran.await.expect(ExitStatus::PutBack);
        let what = format!("{by:?} at {share} %: {}", ran.err);
        assert!(ran.err.contains("error rate: ") && ran.err.contains("all traffic was put back on blue"), "{what}");
        start.is_put_back(&what).await;
        assert!(start.cluster().users().unwrap().lost == 0.0, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_color_that_loses_all_its_endpoints_is_left_at_once() {
    for by in ROUTERS {
        for before_the_soak in [false, true] {
            let start = Start::new(by).await;
            let share = if before_the_soak { 100 } else { 50 };
            let line = if before_the_soak { line(by).replace("--settle 100ms", "--settle 60s") } else { line(by) };
            let green = ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.green);
            let ran = while_at(&start, &line, share, async |cluster| {
                tokio::time::sleep(Duration::from_millis(if before_the_soak { 10 } else { 3000 })).await;
                cluster.edit(&green, |deployment| deployment["spec"]["replicas"] = 0.into());
            });
            let ran = ran.await.expect(ExitStatus::PutBack);
            let what = format!("{by:?}, before the soak: {before_the_soak}: {}", ran.err);
            assert!(ran.err.contains("no pod is ready any more"), "{what}");
            start.is_put_back(&what).await;
            // Until it is seen and put back, a route loses its share, or all of it.
            let users = start.cluster().users().unwrap();
            assert!(users.lost < 250.0, "{users:?}: {what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_at_half_of_the_traffic_puts_everything_back() {
    for by in ROUTERS {
        let start = Start::new(by).await;
        let holder = Holder::current(Some("tester".to_owned()));
        let ran = run_until(start.cluster(), NAMESPACE, &line(by), holder, start.share(50)).await;
        let ran = ran.expect(ExitStatus::Interrupted);
        assert!(ran.err.contains("all traffic was put back on blue"), "{by:?}: {}", ran.err);
        start.is_put_back(&format!("{by:?}: {}", ran.err)).await;
        assert!(start.cluster().users().unwrap().lost == 0.0, "{by:?}");
    }
}

/// One pod beside ten is 9 %: what was asked for counts, or the release would never get any further.
#[tokio::test(start_paused = true)]
async fn a_share_that_pods_do_not_give_exactly_leads_on() {
    let start = Start::new(By::Replicas).await;
    let blue = ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.blue);
    start.cluster().edit(&blue, |blue| blue["spec"]["replicas"] = 10.into());
    let autoscaler = ObjectRef::new(Resource::HorizontalPodAutoscalers, NAMESPACE, "shop");
    start.cluster().edit(&autoscaler, |autoscaler| autoscaler["spec"]["maxReplicas"] = 10.into());
    start.cluster().settle(Duration::from_mins(10)).await;
    let line = "deploy 3 --yes --router replicas --steps 10,50,100 --soak 1s --settle 100ms --after 0s";
    start.world.run(line).await.expect(ExitStatus::Done);
    let history = start.world.run("history -o json").await.json();
    let entries = history["entries"].as_array().unwrap();
    let shares: Vec<&Value> = entries.iter().map(|entry| &entry["split"]["green"]).collect();
    assert_eq!(shares, [&json!(10), &json!(50), &json!(100)], "{history:#}");
    at_rest(&start.world, NAMING).await;
}

/// A Service for previews of green would stay on green: no reason to keep the users of a bad version there.
#[tokio::test(start_paused = true)]
async fn what_leads_to_the_new_version_alone_does_not_keep_users_there() {
    let start = Start::new(By::Gateway).await;
    start.cluster().apply(json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "previews", "namespace": NAMESPACE},
        "spec": {"selector": {NAMING.key: "green"}, "ports": [{"port": 80}]}}));
    start.cluster().behave("bgapp:3", Behaviour { error_rate: 0.5, ..Behaviour::default() });
    let line = "deploy 3 --yes --soak 10s --settle 100ms --after 0s";
    run_with(start.cluster(), NAMESPACE, line, watched()).await.expect(ExitStatus::PutBack);
    start.is_put_back("previews").await;
}
