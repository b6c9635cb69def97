//! The simulation against what a real cluster was seen to do.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Behaviour, SimulatedCluster};
use crate::cluster::{AnyObject, Cluster, Failure, ObjectRef, Request, Resource};

const NAMESPACE: &str = "n";

fn manifest(replicas: u32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": NAMESPACE},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": image, "readinessProbe": {"initialDelaySeconds": 4}}]},
        }},
    })
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}})
}

fn of(resource: Resource, name: &str) -> ObjectRef {
    ObjectRef::new(resource, NAMESPACE, name)
}

fn cluster() -> SimulatedCluster {
    SimulatedCluster::new(Timestamp::UNIX_EPOCH)
}

async fn list(cluster: &SimulatedCluster, resource: Resource) -> Vec<Value> {
    let request = Request::list(resource, Some(NAMESPACE));
    cluster.send(&request).await.unwrap()["items"].as_array().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn pods_become_ready_as_their_probes_say() {
    let cluster = cluster();
    cluster.apply(manifest(2, "x:1"));
    sleep(Duration::from_millis(4900)).await;
    let ready = |cluster: &SimulatedCluster| {
        cluster.object(&of(Resource::Deployments, "a")).unwrap()["status"]["readyReplicas"].clone()
    };
    assert_eq!(ready(&cluster), 0);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(ready(&cluster), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_keeps_as_many_available_as_it_must() {
    let cluster = cluster();
    cluster.apply(manifest(4, "x:1"));
    cluster.settle(Duration::from_hours(1)).await;
    cluster.edit(&of(Resource::Deployments, "a"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "x:2".into();
    });
    for _ in 0..400 {
        sleep(Duration::from_millis(100)).await;
        let status = cluster.object(&of(Resource::Deployments, "a")).unwrap()["status"].clone();
        assert!(status["availableReplicas"].as_u64() >= Some(3), "{status}");
        assert!(status["replicas"].as_u64() <= Some(5), "{status}");
    }
    let status = cluster.object(&of(Resource::Deployments, "a")).unwrap()["status"].clone();
    assert_eq!((&status["updatedReplicas"], &status["replicas"]), (&json!(4), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn a_broken_image_never_takes_the_good_pods_away() {
    let cluster = cluster();
    cluster.behave("bad", Behaviour { pull_fails: true, ..Behaviour::default() });
    cluster.apply(manifest(2, "x:1"));
    cluster.settle(Duration::from_hours(1)).await;
    cluster.edit(&of(Resource::Deployments, "a"), |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "x:bad".into();
    });
    sleep(Duration::from_mins(11)).await;
    let status = cluster.object(&of(Resource::Deployments, "a")).unwrap()["status"].clone();
    assert_eq!(status["availableReplicas"], 2);
    assert_eq!(status["conditions"][1]["reason"], "ProgressDeadlineExceeded");
}

#[tokio::test(start_paused = true)]
async fn slices_follow_the_selector_and_freeze_without_one() {
    let cluster = cluster();
    cluster.apply(manifest(2, "x:1"));
    cluster.apply(service());
    cluster.settle(Duration::from_hours(1)).await;
    let ready = |slices: &[Value]| {
        let endpoints = slices[0]["endpoints"].as_array().unwrap();
        endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
    };
    assert_eq!(ready(&list(&cluster, Resource::EndpointSlices).await), 2);
    cluster.edit(&of(Resource::Services, "s"), |service| service["spec"]["selector"] = json!({"app": "b"}));
    cluster.settle(Duration::from_hours(1)).await;
    assert_eq!(ready(&list(&cluster, Resource::EndpointSlices).await), 0);
    cluster.edit(&of(Resource::Services, "s"), |service| service["spec"]["selector"] = json!({"app": "a"}));
    cluster.settle(Duration::from_hours(1)).await;
    cluster.edit(&of(Resource::Services, "s"), |service| service["spec"]["selector"] = json!({}));
    cluster.settle(Duration::from_hours(1)).await;
    assert_eq!(ready(&list(&cluster, Resource::EndpointSlices).await), 2, "an empty selector freezes the slices");
}

#[tokio::test(start_paused = true)]
async fn a_patch_holds_only_for_the_version_that_was_read() {
    let cluster = cluster();
    cluster.apply(service());
    let object = of(Resource::Services, "s");
    let version = cluster.object(&object).unwrap()["metadata"]["resourceVersion"].clone();
    let patch = |version: &Value, value: &str| Request::Patch {
        object: object.clone(),
        patch: json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec/selector/app", "value": value},
        ]),
        dry_run: false,
    };
    cluster.send(&patch(&version, "b")).await.unwrap();
    let conflict = cluster.send(&patch(&version, "c")).await.unwrap_err();
    assert_eq!(conflict.failure, Failure::Conflict);
    let bad = json!([{"op": "replace", "path": "/spec/no/such", "value": 1}]);
    let invalid =
        cluster.send(&Request::Patch { object: object.clone(), patch: bad, dry_run: false }).await.unwrap_err();
    assert_eq!(invalid.failure, Failure::Invalid);
    let now = cluster.object(&object).unwrap();
    assert_eq!(now["spec"]["selector"]["app"], "b");
    let same = Request::Patch { object: object.clone(), patch: json!([]), dry_run: false };
    assert_eq!(cluster.send(&same).await.unwrap()["metadata"]["resourceVersion"], now["metadata"]["resourceVersion"]);
    let missing = cluster.send(&Request::Get(of(Resource::Services, "none"))).await.unwrap_err();
    assert_eq!(missing.failure, Failure::NotFound);
}

#[tokio::test(start_paused = true)]
async fn pods_that_end_serve_nobody_new_and_go_after_a_while() {
    let cluster = cluster();
    cluster.apply(manifest(1, "x:1"));
    cluster.settle(Duration::from_hours(1)).await;
    cluster.edit(&of(Resource::Deployments, "a"), |deployment| deployment["spec"]["replicas"] = 0.into());
    sleep(Duration::from_secs(1)).await;
    let pods = list(&cluster, Resource::Pods).await;
    assert!(pods.len() == 1 && pods[0]["metadata"]["deletionTimestamp"].is_string());
    sleep(Duration::from_secs(3)).await;
    assert!(list(&cluster, Resource::Pods).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_returns_on_a_change_and_not_before() {
    let cluster = cluster();
    cluster.apply(manifest(1, "x:1"));
    let request = Request::list(Resource::Pods, Some(NAMESPACE));
    let version = cluster.send(&request).await.unwrap()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let started = cluster.now();
    cluster.changed(Resource::Pods, Some(NAMESPACE), None, &version, Duration::from_mins(1)).await.unwrap();
    assert!(cluster.now().duration_since(started) < jiff::SignedDuration::from_secs(1));
    let started = cluster.now();
    cluster.changed(Resource::Leases, Some(NAMESPACE), None, &version, Duration::from_mins(1)).await.unwrap();
    assert!(cluster.now().duration_since(started) >= jiff::SignedDuration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_copy_goes_its_own_way() {
    let cluster = cluster();
    cluster.apply(service());
    let copy = cluster.fork();
    copy.delete(&of(Resource::Services, "s"));
    assert!(cluster.object(&of(Resource::Services, "s")).is_some());
    assert!(copy.object(&of(Resource::Services, "s")).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_apply_merges_and_a_second_one_changes_nothing() {
    let cluster = cluster();
    let applied = |body: Value, dry_run: bool| {
        let object = AnyObject {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            plural: "services".to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            name: "s".to_owned(),
        };
        Request::Apply { object, body, force: false, dry_run }
    };
    assert_eq!(cluster.send(&applied(service(), true)).await.unwrap()["metadata"]["name"], "s");
    assert!(cluster.object(&of(Resource::Services, "s")).is_none());
    let first = cluster.send(&applied(service(), false)).await.unwrap();
    assert_eq!(first["spec"]["ports"][0]["targetPort"], 80);
    assert_eq!(cluster.send(&applied(service(), false)).await.unwrap(), first);
    let mut other = service();
    other["spec"]["selector"] = json!({"color": "blue"});
    let second = cluster.send(&applied(other.clone(), false)).await.unwrap();
    assert_eq!(second["spec"]["selector"], json!({"color": "blue"}));
    assert_eq!(second["spec"]["clusterIP"], first["spec"]["clusterIP"]);
    other["metadata"]["resourceVersion"] = "1".into();
    assert_eq!(cluster.send(&applied(other, false)).await.unwrap_err().failure, Failure::Conflict);
}

#[tokio::test(start_paused = true)]
async fn only_the_object_that_was_meant_is_deleted() {
    let cluster = cluster();
    cluster.apply(manifest(2, "x:1"));
    cluster.settle(Duration::from_hours(1)).await;
    let object = of(Resource::Deployments, "a");
    let delete = |uid: &str, dry_run: bool| Request::Delete { object: object.clone(), uid: uid.to_owned(), dry_run };
    assert_eq!(cluster.send(&delete("another", false)).await.unwrap_err().failure, Failure::Conflict);
    let uid = cluster.object(&object).unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    cluster.send(&delete(&uid, true)).await.unwrap();
    assert!(cluster.object(&object).is_some());
    cluster.send(&delete(&uid, false)).await.unwrap();
    cluster.settle(Duration::from_hours(1)).await;
    assert!(list(&cluster, Resource::Pods).await.is_empty());
    assert_eq!(cluster.send(&delete(&uid, false)).await.unwrap_err().failure, Failure::NotFound);
}

#[tokio::test(start_paused = true)]
async fn kinds_are_listed_by_version() {
    let kinds = async |api_version: &str| cluster().send(&Request::Kinds { api_version: api_version.to_owned() }).await;
    let apps = kinds("apps/v1").await.unwrap();
    assert_eq!(apps["resources"][0], json!({"name": "deployments", "kind": "Deployment", "namespaced": true}));
    assert_eq!(kinds("traefik.io/v1alpha1").await.unwrap_err().failure, Failure::NotFound);
}
