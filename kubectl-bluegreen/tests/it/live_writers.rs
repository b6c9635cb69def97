//! Who else writes a set on a real cluster, which records it: what `status` says of them, and that it is true.

use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::live::{Live, kubectl};
use super::world::{NAMINGS, World};

/// Who else writes the active Service, by what they leave on it: marks of Argo CD, Flux and Helm, and the field managers of
/// server-side applies, which the server itself records. `status` says what the next sync of each would do.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn others_who_write() {
    let world = Live::new("writers", 2, NAMINGS[2]).await;
    let (naming, namespace) = (NAMINGS[2], world.namespace());
    let service = naming.service(namespace);
    let writers = async || -> Vec<(String, String)> {
        let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
        let text = |writer: &Value, key: &str| writer[key].as_str().unwrap().to_owned();
        let all = status["writers"].as_array().unwrap().iter();
        all.map(|writer| (text(writer, "manager"), text(writer, "effect"))).collect()
    };
    let restores = |act: &str| format!("its next {act} restores the selector that its source says");
    // The set was made by a server-side apply.
    let kubectl_apply = ("kubectl apply --server-side".to_owned(), restores("apply"));
    assert_eq!(writers().await, std::slice::from_ref(&kubectl_apply));
    for (of, key, value, manager) in [
        ("annotate", "argocd.argoproj.io/tracking-id", "shop:/Service:shop/cart", "Argo CD"),
        ("label", "kustomize.toolkit.fluxcd.io/name", "shop", "Flux"),
        ("annotate", "meta.helm.sh/release-name", "shop", "Helm"),
    ] {
        kubectl(&["-n", namespace, of, "service", naming.active, &format!("{key}={value}")], "");
        assert_eq!(writers().await, [(manager.to_owned(), restores("sync")), kubectl_apply.clone()]);
        let seen = world.run("status").await.expect(ExitStatus::Done).out;
        assert!(seen.contains(&format!("Also writes     {manager}: its next sync")), "{seen}");
        let checked = world.run("check green").await.expect(ExitStatus::Done).out;
        assert!(checked.contains(&format!("warn foreign-owner   {manager} its next sync")), "{checked}");
        kubectl(&["-n", namespace, of, "service", naming.active, &format!("{key}-")], "");
    }
    let mut manifest = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": naming.active}});
    manifest["spec"] = json!({"selector": world.get(&service).await["spec"]["selector"],
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}]});
    for (field_manager, manager) in
        [("argocd-controller", "Argo CD"), ("kustomize-controller", "Flux"), ("helm", "Helm"), ("our-sync", "our-sync")]
    {
        let by = ["--server-side", "--force-conflicts", "--field-manager", field_manager];
        kubectl(&[&["-n", namespace, "apply"], &by[..], &["-f", "-"]].concat(), &manifest.to_string());
        let seen = writers().await;
        assert!(seen.contains(&(manager.to_owned(), restores("sync"))), "{field_manager}: {seen:?}");
    }
}

/// What kubectl recorded says which color the source has, and an apply does what `status` said that it would do.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn an_apply_does_what_was_said() {
    let world = Live::new("applied", 0, NAMINGS[0]).await;
    let service = NAMINGS[0].service(world.namespace());
    let effect = async || {
        let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
        assert_eq!(status["writers"].as_array().unwrap().len(), 1, "{status:#}");
        (status["writers"][0]["manager"].clone(), status["writers"][0]["effect"].clone())
    };
    let back = "its source said blue: after a switch its next apply moves traffic back to blue";
    assert_eq!(effect().await, (json!("kubectl apply"), json!(back)));
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    let to_blue = "its source said blue: its next apply moves traffic to blue";
    assert_eq!(effect().await, (json!("kubectl apply"), json!(to_blue)));
    let applied = &["-n", world.namespace(), "apply", "view-last-applied", "service", NAMINGS[0].active, "-o", "json"];
    let manifest = kubectl(applied, "");
    kubectl(&["-n", world.namespace(), "apply", "-f", "-"], &manifest);
    assert_eq!(world.get(&service).await["spec"]["selector"][NAMINGS[0].key], "blue");
}
