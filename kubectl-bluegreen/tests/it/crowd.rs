//! A namespace with many pods and `EndpointSlices`, of which only those of the one set are read, and nothing else is said.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Resource};
use kubectl_bluegreen::cmd::check::Answer;
use kubectl_bluegreen::cmd::status::Status;
use kubectl_bluegreen::observe::{observe, observe_set};
use kubectl_bluegreen::observed::Observed;
use kubectl_bluegreen::paint::Canvas;
use kubectl_bluegreen::plan::Selection;
use kubectl_bluegreen::release::{Color, ExitStatus};
use kubectl_bluegreen::screen;
use serde_json::{Value, json};

use super::simulated::{NAMESPACE, cluster};
use super::status::states;
use super::world::{NAMINGS, run};

/// Many pods, which wait for ever, and `EndpointSlices` that have nothing to do with any set.
pub(super) fn manifests() -> impl Iterator<Item = Value> {
    (0..110).flat_map(|number| {
        let metadata = |labels| json!({"name": format!("a-crowd-{number}"), "labels": labels});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(json!({"app": "crowd"})),
            "spec": {"schedulingGates": [{"name": "crowd.test/never"}],
                "containers": [{"name": "app", "image": "registry.local/bgapp:1"}]}});
        let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": metadata(json!({"kubernetes.io/service-name": "crowd"})), "endpoints": [], "ports": []});
        [pod, slice]
    })
}

pub(super) fn crowd(cluster: &SimulatedCluster) {
    for mut manifest in manifests() {
        manifest["metadata"]["namespace"] = NAMESPACE.into();
        cluster.apply(manifest);
    }
}

/// The states of a set, and more of them in which its selectors are not what they mostly are.
async fn more_states() -> Vec<(&'static str, SimulatedCluster)> {
    let naming = NAMINGS[0];
    let mut all = states().await;
    let widened = cluster(naming).await;
    run(&widened, NAMESPACE, "switch green 50 --router replicas --yes --settle 0s").await.expect(ExitStatus::Done);
    all.push(("a share by replicas, the selector widened", widened));
    let unselective = cluster(naming).await;
    unselective.edit(&naming.service(NAMESPACE), |service| service["spec"]["selector"] = Value::Null);
    all.push(("the active Service selects nothing", unselective));
    let argo = cluster(naming).await;
    argo.apply(json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "argo", "namespace": NAMESPACE,
            "labels": {"app": "it", naming.key: "blue", "rollouts-pod-template-hash": "abc"}},
        "spec": {"containers": [{"name": "app", "image": "registry.local/bgapp:1"}]}}));
    all.push(("a pod of Argo Rollouts", argo));
    all
}

/// All that is said of the set in what was observed.
pub(super) fn said(observed: &Observed, selection: &Selection) -> Vec<Value> {
    let set = selection.find(observed).unwrap();
    let answer = |color| Answer::new(&set, color, &[], 0).ok().map(|answer| json!(answer));
    let answers = [None, Some(Color::Blue), Some(Color::Green)].map(answer);
    let status = Status::new(&set, 0);
    let screen = screen::screen(&status, true, Canvas { columns: Some(200), place: None });
    [json!(status), json!(screen)].into_iter().chain(answers.into_iter().map(|answer| json!(answer))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_set_is_told_of_its_own_pods_as_of_all() {
    let selection = Selection { namespace: NAMESPACE.to_owned(), app: None };
    for (name, cluster) in more_states().await {
        let alone = observe_set(&cluster, &selection, &[]).await.unwrap();
        crowd(&cluster);
        let before = cluster.requests();
        let whole = observe(&cluster, Some(NAMESPACE), &[]).await.unwrap();
        let between = cluster.requests();
        let mut own = observe_set(&cluster, &selection, &[]).await.unwrap();
        assert_eq!(cluster.requests() - between, between - before + 2, "{name}: pods and EndpointSlices once more");
        let count = |observed: &Observed| (observed.pods.items.len(), observed.slices.items.len());
        // What has no label in common with itself is looked for among all.
        let has_labels = !selection.find(&own).unwrap().common_labels().is_empty();
        assert_eq!(has_labels, name != "the active Service selects nothing", "{name}");
        assert!(!has_labels || count(&own) == count(&alone), "{name}: {:?}, {:?}", count(&own), count(&alone));
        let (pods, slices) = count(&whole);
        assert!(pods >= 110 && slices >= 110, "{name}: {pods} pods, {slices} slices");
        own.at = whole.at;
        assert_eq!(said(&own, &selection), said(&whole, &selection), "{name}");
    }
}

/// Somebody else's pod that would get the traffic is seen; and with many of one kind only, the other is not read again.
#[tokio::test(start_paused = true)]
async fn what_all_selectors_have_in_common_is_what_is_read() {
    let naming = NAMINGS[0];
    let cluster = cluster(naming).await;
    crowd(&cluster);
    let stranger = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": NAMESPACE, "labels": {"app": "it", naming.key: "green"}},
        "spec": {"containers": [{"name": "app", "image": "registry.local/bgapp:1"}]}});
    cluster.apply(stranger);
    let refused = run(&cluster, NAMESPACE, "check green").await.expect(ExitStatus::Refused);
    assert!(refused.out.contains("pod/stranger"), "{}", refused.out);
    let selection = Selection { namespace: NAMESPACE.to_owned(), app: None };
    let observed = observe_set(&cluster, &selection, &[]).await.unwrap();
    let labels = selection.find(&observed).unwrap().common_labels();
    assert_eq!(json!(labels), json!({"app": "it"}));
    for number in 0..110 {
        cluster.delete(&ObjectRef::new(Resource::Pods, NAMESPACE, format!("a-crowd-{number}")));
    }
    let before = cluster.log().len();
    observe_set(&cluster, &selection, &[]).await.unwrap();
    let log = cluster.log().split_off(before);
    let lists = |of: &str| log.iter().filter(|request| request.starts_with(&format!("list {of} "))).count();
    assert_eq!((lists("pods"), lists("endpointslices")), (1, 2), "{log:?}");
}

/// Who names no set where there are several is told so, however many pods there are.
#[tokio::test(start_paused = true)]
async fn several_sets_are_told_apart_in_a_crowd() {
    let cluster = cluster(NAMINGS[0]).await;
    for mut manifest in NAMINGS[2].manifests() {
        manifest["metadata"]["namespace"] = NAMESPACE.into();
        cluster.apply(manifest);
    }
    cluster.settle(Duration::from_hours(1)).await;
    crowd(&cluster);
    run(&cluster, NAMESPACE, "status").await.expect(ExitStatus::Usage);
    let status = run(&cluster, NAMESPACE, "status --app cart -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(status["set"]["name"], "cart");
    assert_eq!(status["canSwitch"], true, "{status}");
    assert!(status["checks"].to_string().contains("exactly the 2 pods of cart-green"), "{status}");
}
