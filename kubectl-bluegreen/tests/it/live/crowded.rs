//! A namespace with more pods and `EndpointSlices` than are read before it is known which set is meant.

use kubectl_bluegreen::observe::{observe, observe_set};
use kubectl_bluegreen::plan::Selection;
use serde_json::json;

use super::super::crowd::{manifests, said};
use super::super::world::{NAMINGS, World};
use super::{Live, kubectl};

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_set_is_told_of_its_own_pods_as_of_all() {
    let world = Live::new("crowded", 0, NAMINGS[0]).await;
    let namespace = world.namespace().to_owned();
    let selection = Selection { namespace: namespace.clone(), app: None };
    let alone = observe_set(world.cluster(), &selection, &[]).await.unwrap();
    let crowd = json!({"apiVersion": "v1", "kind": "List", "items": manifests().collect::<Vec<_>>()});
    kubectl(&["-n", &namespace, "create", "-f", "-"], &crowd.to_string());
    let whole = observe(world.cluster(), Some(&namespace), &[]).await.unwrap();
    let mut own = observe_set(world.cluster(), &selection, &[]).await.unwrap();
    assert!(whole.pods.items.len() > 100 && whole.slices.items.len() > 100);
    assert_eq!(own.pods.items.len(), alone.pods.items.len());
    assert_eq!(own.slices.items.len(), alone.slices.items.len());
    own.at = whole.at;
    assert_eq!(said(&own, &selection), said(&whole, &selection));
}
