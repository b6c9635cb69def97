//! A share of the traffic, given and taken back under every fault at every request: users reach the set, and what was
//! before comes back.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::faults::{FAULTS, is_moved_by_other, is_whole, lease_is_free, loses_users};
use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, Naming, run};

/// How a share is given, and what it is given to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    Gateway,
    Traefik,
    Nginx,
    Istio,
    Replicas,
    Overlap,
}

/// A cluster in which a share can be given, and the objects that a put-back must leave as they were.
pub(super) async fn routed(by: By, naming: Naming) -> (SimulatedCluster, Vec<ObjectRef>) {
    let cluster = cluster(naming).await;
    let apply = |resource: Resource, mut object: Value| {
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind().into();
        object["metadata"] = json!({"name": "shop", "namespace": NAMESPACE});
        cluster.apply(object);
        ObjectRef::new(resource, NAMESPACE, "shop")
    };
    let objects = match by {
        By::Gateway => {
            let rules = json!([{"backendRefs": [{"name": naming.active, "port": 80}]}, {"backendRefs": [{"name": naming.active, "port": 80, "weight": 7}]}]);
            vec![apply(Resource::HttpRoutes, json!({"spec": {"parentRefs": [{"name": "web"}], "rules": rules}}))]
        }
        By::Traefik => {
            let services = json!([{"name": naming.active, "port": 80}]);
            vec![apply(Resource::TraefikServices, json!({"spec": {"weighted": {"services": services}}}))]
        }
        By::Nginx => {
            let backend = json!({"service": {"name": naming.active, "port": {"number": 80}}});
            let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
            vec![apply(
                Resource::Ingresses,
                json!({"spec": {"ingressClassName": "nginx", "rules": [{"host": "h", "http": {"paths": paths}}]}}),
            )]
        }
        By::Istio => {
            let route = json!([{"destination": {"host": naming.active, "port": {"number": 80}}}]);
            vec![apply(Resource::VirtualServices, json!({"spec": {"hosts": ["h"], "http": [{"route": route}]}}))]
        }
        By::Replicas => {
            let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": naming.green});
            let spec = json!({"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 9});
            vec![apply(Resource::HorizontalPodAutoscalers, json!({"spec": spec}))]
        }
        By::Overlap => Vec::new(),
    };
    cluster.settle(Duration::from_hours(1)).await;
    (cluster, objects)
}

/// The weights of all entries that lead to the set.
fn weights(cluster: &SimulatedCluster, route: &ObjectRef, naming: Naming) -> Vec<Vec<u64>> {
    let object = cluster.object(route).unwrap();
    let pointers = ["/spec/weighted/services", "/spec/rules/0/backendRefs", "/spec/rules/1/backendRefs"];
    let lists = pointers.iter().filter_map(|pointer| object.pointer(pointer)?.as_array());
    let of_set = |name: &str| name == naming.active || name == format!("{}-svc", naming.green);
    let weight = |entry: &Value| entry["weight"].as_u64().unwrap_or(1);
    lists
        .map(|list| list.iter().filter(|entry| of_set(entry["name"].as_str().unwrap())).map(weight).collect())
        .collect()
}

/// Whatever happened, users reach the set: by a selector of one color or of both, and by weights that sum up.
pub(super) fn users_reach(cluster: &SimulatedCluster, objects: &[ObjectRef], by: By, naming: Naming, what: &str) {
    let Some(service) = cluster.object(&naming.service(NAMESPACE)) else { return };
    let selector = &service["spec"]["selector"];
    assert_eq!(selector["app"], "it", "{what}");
    let widened = selector.as_object().unwrap().len() == 1;
    let one = matches!(selector[naming.key].as_str(), Some("blue" | "green"));
    assert!(one || (widened && matches!(by, By::Replicas | By::Overlap)), "{what}: {selector}");
    for route in objects.iter().filter(|_| matches!(by, By::Gateway | By::Traefik)) {
        for list in weights(cluster, route, naming) {
            let shares = match list.as_slice() {
                [_] => true,
                [active, green] => *green == 0 || (active + green) % 100 == 0,
                _ => false,
            };
            assert!(list.iter().sum::<u64>() > 0 && shares, "{what}: {list:?}");
            assert!(by != By::Traefik || !list.contains(&0), "{what}: {list:?}");
        }
    }
}

/// Every fault at every request of a command, on a cluster that others have prepared; then all is put back.
async fn sweep(by: By, before: &[&str], line: &str) {
    let naming = NAMINGS[0];
    let (prepared, objects) = routed(by, naming).await;
    let specs = |cluster: &SimulatedCluster| -> Vec<Value> {
        objects.iter().map(|object| cluster.object(object).unwrap()["spec"].clone()).collect()
    };
    let original = specs(&prepared);
    for line in before {
        run(&prepared, NAMESPACE, line).await.expect(ExitStatus::Done);
    }
    let count = {
        let cluster = prepared.fork();
        run(&cluster, NAMESPACE, line).await.expect(ExitStatus::Done);
        cluster.log().len()
    };
    let whole = std::env::var_os("BLUEGREEN_TEST_LONG").is_some();
    for (number, (name, fault, put_right)) in FAULTS.into_iter().enumerate() {
        for at in 1..=count {
            // All of them take minutes: without the time for it, one fault at each request, another one at the next.
            if !whole && at % FAULTS.len() != number {
                continue;
            }
            let cluster = prepared.fork();
            cluster.inject(at, fault());
            let ran = run(&cluster, NAMESPACE, line).await;
            let what = format!(
                "{by:?}: {line}: {name} at {at}: exit {:?}\n{}\n{}",
                ran.status,
                ran.err,
                cluster.log().join("\n")
            );
            users_reach(&cluster, &objects, by, naming, &what);
            if loses_users(name) {
                put_right(&cluster);
                cluster.settle(Duration::from_mins(1)).await;
            }
            // The Lease of a run that could not give it back ends by itself.
            let again = run(&cluster, NAMESPACE, &format!("{line} --wait-lock 1m")).await;
            let what = format!("{what}\nagain: {:?}\n{}", again.status, again.err);
            // Nothing is left to roll back, or the share is of a set that somebody else has moved on.
            let refused_again =
                (line.starts_with("rollback") || is_moved_by_other(name)) && again.status == ExitStatus::Refused;
            assert!(again.status == ExitStatus::Done || refused_again, "{what}");
            users_reach(&cluster, &objects, by, naming, &what);
            let back = run(&cluster, NAMESPACE, "switch blue --yes --settle 0s --wait-lock 1m").await;
            let what = format!("{what}\nback: {:?}\n{}", back.status, back.err);
            assert_eq!(back.status, ExitStatus::Done, "{what}");
            assert_eq!(is_whole(&cluster, naming, &what).as_deref(), Some("blue"), "{what}");
            assert_eq!(specs(&cluster), original, "{what}");
            let canary = ObjectRef::new(Resource::Ingresses, NAMESPACE, "shop-green-canary");
            assert_eq!(cluster.object(&canary), None, "{what}");
            lease_is_free(&cluster, name, &what);
        }
    }
}

const TEN: &str = "switch green 10 --yes --settle 0s";

#[tokio::test(start_paused = true)]
async fn a_share_by_a_gateway_survives_every_fault_at_every_request() {
    sweep(By::Gateway, &[], TEN).await;
    sweep(By::Gateway, &[TEN], "switch green 50 --yes --settle 0s").await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_share_by_a_gateway_survives_every_fault_at_every_request() {
    sweep(By::Gateway, &[TEN], "switch green --yes --settle 0s").await;
    sweep(By::Gateway, &[TEN], "rollback --yes --settle 0s").await;
}

#[tokio::test(start_paused = true)]
async fn a_share_by_traefik_survives_every_fault_at_every_request() {
    sweep(By::Traefik, &[], TEN).await;
    sweep(By::Traefik, &[TEN], "switch green --yes --settle 0s").await;
    sweep(By::Traefik, &[TEN], "rollback --yes --settle 0s").await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_survives_every_fault_at_every_request() {
    sweep(By::Nginx, &[], TEN).await;
    sweep(By::Nginx, &[TEN], "switch green --yes --settle 0s").await;
    sweep(By::Nginx, &[TEN], "rollback --yes --settle 0s").await;
}

#[tokio::test(start_paused = true)]
async fn replicas_survive_every_fault_at_every_request() {
    let third = "switch green 33 --router replicas --yes --settle 0s";
    sweep(By::Replicas, &[], third).await;
    sweep(By::Replicas, &[third], "switch green 50 --yes --settle 0s").await;
    sweep(By::Replicas, &[third], "rollback --yes --settle 0s").await;
}

#[tokio::test(start_paused = true)]
async fn an_overlap_survives_every_fault_at_every_request() {
    sweep(By::Overlap, &[], "switch green --overlap --yes --settle 100ms").await;
}
