//! Every check on a real cluster: what a careful operator would refuse is refused with 3 and changes nothing, and what is
//! accepted by name goes on, without skipping the rest.

use std::time::Duration;

use kubectl_bluegreen::check;
use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::live::{Live, kubectl, plugin};
use super::scenarios::{leases, state};
use super::world::{NAMINGS, Naming, World};

const NAMING: Naming = NAMINGS[0];

#[test]
fn every_check_has_a_case() {
    let played = include_str!("live_checks.rs");
    for check in check::ALL {
        let named = [format!("\"{}\"", check.id), format!("--accept {}", check.id)];
        assert!(named.iter().any(|named| played.contains(named)), "{} is not played on a real cluster", check.id);
    }
}

fn deployment(world: &Live, name: &str) -> ObjectRef {
    ObjectRef::new(Resource::Deployments, world.namespace(), name)
}

/// The checks of an answer that ended in one way, with their messages.
fn checks(answer: &Value, status: &str) -> Vec<(String, String)> {
    let all = answer["checks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.filter(|check| check["status"] == status).map(|check| (text(&check["id"]), text(&check["message"]))).collect()
}

#[expect(clippy::print_stderr, reason = "what a check said is what one wants to see of such a run")]
fn tell(what: &str, checks: &[(String, String)]) {
    eprintln!("{what}: {checks:?}");
}

fn ids(checks: &[(String, String)]) -> Vec<&str> {
    checks.iter().map(|(id, _)| id.as_str()).collect()
}

/// Exactly these checks refuse, one of them in these words; nothing is changed, and accepting one skips no other.
async fn refused(world: &Live, what: &str, expected: &[&str], words: &str) {
    let before = (state(world, NAMING).await, leases(world).await);
    let app = format!("--app {}", NAMING.active);
    let mut lines = vec![(format!("check green -o json {app}"), expected.to_vec())];
    lines.push((format!("switch green --yes -o json {app}"), expected.to_vec()));
    if expected.len() > 1 {
        for id in expected {
            let rest = expected.iter().copied().filter(|other| other != id).collect();
            lines.push((format!("switch green --yes -o json {app} --accept {id}"), rest));
        }
    }
    for (line, expected) in lines {
        let answer = world.run(&line).await.expect(ExitStatus::Refused).json();
        let failed = checks(&answer, "fail");
        assert_eq!(ids(&failed), expected, "{what}: {line}: {answer:#}");
        let accepts = line.contains("--accept");
        assert!(accepts || failed.iter().any(|(_, message)| message.contains(words)), "{what}: {failed:#?}");
        if line.starts_with("switch") && !accepts {
            tell(what, &failed);
        }
    }
    assert_eq!((state(world, NAMING).await, leases(world).await), before, "{what}");
}

/// Accepted by name it goes on, and the journal keeps that; then everything goes back to blue.
async fn accepted(world: &Live, what: &str, accept: &str) {
    let app = format!("--app {}", NAMING.active);
    let line = |color: &str| format!("switch {color} --yes --settle 0s --accept {accept} {app}");
    world.run(&line("green")).await.expect(ExitStatus::Done);
    let history = world.run(&format!("history -o json {app}")).await.json();
    let last = history["entries"].as_array().unwrap().last().unwrap();
    let kept: Vec<&str> = last["accepted"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(kept.join(","), accept, "{what}");
    world.run(&line("blue")).await.expect(ExitStatus::Done);
}

/// A check that only warns does so in these words, and refuses nothing.
async fn warned(world: &Live, what: &str, id: &str, words: &str) {
    let answer = world.run("check green -o json").await.expect(ExitStatus::Done).json();
    let warned = checks(&answer, "warn");
    assert!(warned.iter().any(|(of, message)| of == id && message.contains(words)), "{what}: {id}: {answer:#}");
    tell(what, &warned.iter().filter(|(of, _)| of == id).cloned().collect::<Vec<_>>());
}

async fn put(world: &Live, object: &ObjectRef, path: &str, value: Value) {
    world.edit(object, json!([{"op": "add", "path": path, "value": value}])).await;
}

async fn remove(world: &Live, object: &ObjectRef, path: &str) {
    world.edit(object, json!([{"op": "remove", "path": path}])).await;
}

/// Waits until a question about an object is answered with yes.
async fn until(world: &Live, object: &ObjectRef, what: &str, ask: impl Fn(&Value) -> bool) {
    for _ in 0..600 {
        if ask(&world.get(object).await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: {:#}", world.get(object).await);
}

async fn create(world: &Live, resource: Resource, name: &str, body: Value) -> ObjectRef {
    let object = ObjectRef::new(resource, world.namespace(), name);
    let mut whole = json!({"apiVersion": resource.api_version(), "kind": resource.kind(),
        "metadata": {"name": name, "namespace": world.namespace()}});
    json_patch::merge(&mut whole, &body);
    world.cluster().send(&Request::Create { object: object.clone(), body: whole, dry_run: false }).await.unwrap();
    object
}

fn delete(world: &Live, object: &ObjectRef) {
    let name = object.to_string();
    kubectl(&["-n", world.namespace(), "delete", &name, "--wait=true"], "");
}

/// What is wrong with the Service, with labels and with what is around the set: nothing is rolled out for it.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn around_the_set() {
    let world = Live::new("around", 0, NAMING).await;
    let service = NAMING.service(world.namespace());
    let (blue, green) = (deployment(&world, NAMING.blue), deployment(&world, NAMING.green));

    // ports
    put(&world, &service, "/spec/ports/0/targetPort", "web".into()).await;
    refused(&world, "a port that leads nowhere", &["ports"], "targetPort web").await;
    accepted(&world, "a port that leads nowhere", "ports").await;
    put(&world, &service, "/spec/ports/0/targetPort", "http".into()).await;

    // selector-shape
    let labels = json!({"app": "it", NAMING.key: "green", "role": "batch"});
    let container = json!({"name": "app", "image": "registry.local/bgapp:1", "imagePullPolicy": "IfNotPresent"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let spec = json!({"spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}});
    let other = create(&world, Resource::Deployments, "nightly-report", spec).await;
    refused(&world, "two Deployments", &["selector-shape"], "would also select deployment/nightly-report").await;
    accepted(&world, "two Deployments", "selector-shape").await;
    delete(&world, &other);
    let bare = json!({"metadata": {"labels": {"app": "it", NAMING.key: "green"}},
        "spec": {"schedulerName": "nobody", "containers": [container]}});
    let pod = create(&world, Resource::Pods, "debug", bare).await;
    refused(&world, "a pod of nobody's", &["selector-shape"], "would also select pod/debug").await;
    delete(&world, &pod);
    put(&world, &service, "/spec/selector/tier", "web".into()).await;
    refused(&world, "a label that no pod has", &["selector-shape"], "tier: web").await;
    remove(&world, &service, "/spec/selector/tier").await;

    // other-services
    let selector = world.get(&service).await["spec"]["selector"].clone();
    let spec = json!({"spec": {"selector": selector, "ports": [{"port": 9000, "targetPort": 8080}]}});
    let internal = create(&world, Resource::Services, "internal", spec).await;
    refused(&world, "another Service", &["other-services"], "service/internal").await;
    accepted(&world, "another Service", "other-services").await;
    delete(&world, &internal);

    // foreign-owner
    put(&world, &service, "/metadata/annotations/argo-rollouts.argoproj.io~1managed-by-rollouts", "shop".into()).await;
    refused(&world, "a Service of Argo Rollouts", &["foreign-owner"], "Argo Rollouts moves service/").await;
    accepted(&world, "a Service of Argo Rollouts", "foreign-owner").await;
    remove(&world, &service, "/metadata/annotations/argo-rollouts.argoproj.io~1managed-by-rollouts").await;
    for (key, owner) in [
        ("argocd.argoproj.io~1tracking-id", "Argo CD"),
        ("kustomize.toolkit.fluxcd.io~1name", "Flux"),
        ("meta.helm.sh~1release-name", "Helm"),
    ] {
        put(&world, &service, &format!("/metadata/annotations/{key}"), "shop".into()).await;
        warned(&world, owner, "foreign-owner", owner).await;
        remove(&world, &service, &format!("/metadata/annotations/{key}")).await;
    }
    put(&world, &service, "/metadata/labels", json!({"argocd.argoproj.io/instance": "shop"})).await;
    warned(&world, "a label of Argo CD", "foreign-owner", "Argo CD").await;
    remove(&world, &service, "/metadata/labels/argocd.argoproj.io~1instance").await;
    warned(&world, "kubectl apply", "foreign-owner", "kubectl apply").await;

    // service-traps
    for (path, value, words) in [
        ("/spec/sessionAffinity", json!("ClientIP"), "session affinity"),
        ("/spec/publishNotReadyAddresses", json!(true), "publishNotReadyAddresses"),
    ] {
        let before = world.get(&service).await["spec"].clone();
        put(&world, &service, path, value).await;
        warned(&world, words, "service-traps", words).await;
        world.edit(&service, json!([{"op": "add", "path": "/spec", "value": before}])).await;
    }

    // rolled-out, without a rollout
    put(&world, &green, "/spec/paused", true.into()).await;
    refused(&world, "a paused rollout", &["rolled-out"], "paused").await;
    accepted(&world, "a paused rollout", "rolled-out").await;
    put(&world, &green, "/spec/paused", false.into()).await;
    world.rest().await;

    // rollback-target, drain
    put(&world, &blue, "/spec/paused", true.into()).await;
    warned(&world, "no way back", "rollback-target", "there would be no way back to blue").await;
    put(&world, &blue, "/spec/paused", false.into()).await;
    world.rest().await;
    warned(&world, "no drain", "drain", "no preStop hook").await;

    // capacity
    world.scale(NAMING.green, 1).await;
    refused(&world, "too few pods", &["capacity"], "1 pod ready and needs 2").await;
    accepted(&world, "too few pods", "capacity").await;
    world.run("check green").await.expect(ExitStatus::Refused);
}

/// An `ExternalName` cannot be moved: accepted, the selector is written, and that it moved nothing is said.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_service_that_is_a_name() {
    let world = Live::new("name", 0, NAMING).await;
    let service = NAMING.service(world.namespace());
    let selector = world.get(&service).await["spec"]["selector"].clone();
    delete(&world, &service);
    let spec = json!({"type": "ExternalName", "externalName": "shop.example", "selector": selector});
    create(&world, Resource::Services, NAMING.active, json!({"spec": spec})).await;
    refused(&world, "an ExternalName", &["service-traps"], "is an ExternalName").await;
    let line = format!("switch green --yes --settle 0s --accept service-traps --timeout 3s --app {}", NAMING.active);
    let ran = world.run(&line).await.expect(ExitStatus::TimedOut);
    assert!(ran.err.contains("the selector of service/") && ran.err.contains("has moved to green"), "{}", ran.err);
    assert!(!ran.out.contains("done"), "{}", ran.out);
}

/// Without a right the move is refused; accepted by name, it is the server that says no, and nothing was changed.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_right_that_is_missing() {
    let world = Live::new("right", 0, NAMING).await;
    let namespace = world.namespace();
    let user = format!("system:serviceaccount:{namespace}:reader");
    let role = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "leases"},
            "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "leases"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "leases"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}]},
    ]});
    kubectl(&["-n", namespace, "apply", "-f", "-"], &role.to_string());
    let before = state(&world, NAMING).await;
    let as_user = |line: &str| {
        let output = plugin(namespace, &["--as", &user].into_iter().chain(line.split(' ')).collect::<Vec<_>>());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // The authorizer learns of a Role in its own time.
    let mut refused = (None, String::new());
    for _ in 0..100 {
        refused = as_user("switch green --yes --settle 0s");
        if refused.0 == Some(3) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refused.0 == Some(3) && refused.1.contains("not allowed: patch services"), "{refused:?}");
    let (code, words) = as_user("switch green --yes --settle 0s --accept permissions");
    assert!(code == Some(1) && words.contains("forbidden") && words.contains("patch service/"), "{code:?}: {words}");
    assert_eq!(state(&world, NAMING).await, before);
    let held = leases(&world).await.iter().any(|lease| lease["spec"]["holderIdentity"] != "");
    assert!(!held, "{:?}", leases(&world).await);
}

/// What is wrong with green's pods and its rollout.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn rollouts_and_pods() {
    let world = Live::new("pods", 0, NAMING).await;
    let green = deployment(&world, NAMING.green);
    let good = world.get(&green).await["spec"].clone();
    let restore = json!([{"op": "add", "path": "/spec", "value": good}]);
    let updated = |value: &Value| value["status"]["updatedReplicas"] == 1 && value["status"]["replicas"] == 3;
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    let env = "/spec/template/spec/containers/0/env/-";

    // Half rolled out: a new pod that does not become ready beside two old ones that are.
    put(&world, &green, env, variable("FAIL", "1")).await;
    until(&world, &green, "half rolled out", updated).await;
    refused(&world, "half rolled out", &["rolled-out", "pods-ready"], "1 of 2 pods are updated").await;
    // The old ones can serve, if somebody says so.
    accepted(&world, "half rolled out", "rolled-out,pods-ready").await;
    world.edit(&green, restore.clone()).await;
    world.rest().await;

    // A crash loop.
    put(&world, &green, env, variable("ERROR_RATE", "much")).await;
    until(&world, &green, "the crashing pod", updated).await;
    let list = Request::list(Resource::Pods, Some(world.namespace()));
    let crashed = |pods: &Value| pods["items"].to_string().contains("\"exitCode\":");
    for _ in 0..600 {
        if crashed(&world.cluster().send(&list).await.unwrap()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(crashed(&world.cluster().send(&list).await.unwrap()), "nothing crashes");
    refused(&world, "a crash loop", &["rolled-out", "pods-ready"], "1 of 3 pods is not ready").await;
    world.edit(&green, restore.clone()).await;
    world.rest().await;

    // A closed readiness gate: the containers are ready, and the pod is not.
    put(&world, &green, "/spec/template/spec/readinessGates", json!([{"conditionType": "example.com/gate"}])).await;
    until(&world, &green, "a closed gate", updated).await;
    for _ in 0..600 {
        let pods = world.cluster().send(&list).await.unwrap();
        if pods["items"].as_array().unwrap().iter().any(|pod| {
            let condition = |of: &str, is: &str| {
                let all = pod["status"]["conditions"].as_array().into_iter().flatten();
                all.clone().any(|c| c["type"] == of && c["status"] == is)
            };
            condition("ContainersReady", "True") && condition("Ready", "False")
        }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    refused(&world, "a closed readiness gate", &["rolled-out", "pods-ready"], "1 of 3 pods is not ready").await;
    world.edit(&green, restore.clone()).await;
    world.rest().await;

    // The controller is behind: between a change and its look at it.
    let mut behind = None;
    for limit in 0..300 {
        put(&world, &green, "/spec/revisionHistoryLimit", (limit % 5 + 3).into()).await;
        let ran = world.run("switch green --yes --dry-run client -o json").await;
        let failed = checks(&ran.json(), "fail");
        if let Some((_, message)) = failed.first() {
            assert_eq!((ran.status, ids(&failed)), (ExitStatus::Refused, vec!["rolled-out"]));
            behind = Some(message.clone());
            break;
        }
    }
    let behind = behind.expect("the controller was never seen to be behind");
    assert!(behind.contains("its controller has seen generation"), "{behind}");
    eprintln!("observedGeneration: {behind}");
    world.rest().await;

    // drift
    put(&world, &green, "/spec/template/spec/containers/0/env/-", variable("EXTRA", "1")).await;
    world.rest().await;
    warned(&world, "drift", "drift", "EXTRA").await;
    world.edit(&green, restore).await;
    world.rest().await;

    // An evicted pod is in nobody's way.
    evicted(&world).await;
    let answer = world.run("check green -o json").await.expect(ExitStatus::Done).json();
    assert!(checks(&answer, "fail").is_empty(), "{answer:#}");
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    eprintln!("an evicted pod: switched and back");

    // A pod that belongs to an Argo Rollouts object.
    let labels = json!({"app": "it", NAMING.key: "blue", "rollouts-pod-template-hash": "6c54544bf9"});
    let container = json!({"name": "app", "image": "registry.local/bgapp:1", "imagePullPolicy": "IfNotPresent"});
    let spec = json!({"metadata": {"labels": labels}, "spec": {"schedulerName": "nobody", "containers": [container]}});
    let pod = create(&world, Resource::Pods, "of-a-rollout", spec).await;
    refused(&world, "a workload of Argo Rollouts", &["foreign-owner"], "belongs to an Argo Rollouts object").await;
    delete(&world, &pod);
}

/// A pod of green's ReplicaSet as the kubelet leaves one that it has evicted.
async fn evicted(world: &Live) {
    let list = |resource: Resource| {
        let namespace = Some(world.namespace().to_owned());
        Request::List {
            resource,
            namespace,
            labels: Some(format!("app=it,{}=green", NAMING.key)),
            since: None,
            limit: None,
        }
    };
    let pods = world.cluster().send(&list(Resource::Pods)).await.unwrap();
    let like = pods["items"][0].clone();
    let container = json!({"name": "app", "image": "registry.local/bgapp:2", "imagePullPolicy": "IfNotPresent"});
    // Nobody schedules it, so that no kubelet has a say.
    let spec = json!({"spec": {"schedulerName": "nobody", "containers": [container]}});
    let pod = create(world, Resource::Pods, "evicted", spec).await;
    let status =
        json!({"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}});
    let patch = [
        "-n",
        world.namespace(),
        "patch",
        "pod",
        "evicted",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status.to_string(),
    ];
    kubectl(&patch, "");
    put(world, &pod, "/metadata/labels", like["metadata"]["labels"].clone()).await;
    put(world, &pod, "/metadata/ownerReferences", like["metadata"]["ownerReferences"].clone()).await;
}

/// Pods that end go on serving for a while: they are ready, and nobody's to count on.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn pods_that_end() {
    let world = Live::new("ending", 0, NAMING).await;
    let green = deployment(&world, NAMING.green);
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    world
        .edit(
            &green,
            json!([
                {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": variable("DRAIN_MS", "20000")},
                {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": variable("START_DELAY_MS", "4000")},
            ]),
        )
        .await;
    world.rest().await;
    let selector = format!("{}=green", NAMING.key);
    kubectl(&["-n", world.namespace(), "delete", "pods", "-l", &selector, "--wait=false"], "");
    // Two that end and are ready still, two that are not ready yet.
    let answer = world.run("check green -o json").await.expect(ExitStatus::Refused).json();
    let failed = checks(&answer, "fail");
    assert!(ids(&failed).contains(&"capacity"), "{failed:?}");
    eprintln!("pods that end: {failed:?}");
    let before = state(&world, NAMING).await;
    world.run("switch green --yes").await.expect(ExitStatus::Refused);
    assert_eq!(state(&world, NAMING).await, before);
    // Once the new ones are ready, the old ones that still end are in nobody's way.
    let list = Request::List {
        resource: Resource::Pods,
        namespace: Some(world.namespace().to_owned()),
        labels: Some(selector),
        since: None,
        limit: None,
    };
    let mut ending = 0;
    for _ in 0..300 {
        if world.run("check green").await.status == ExitStatus::Done {
            let pods = world.cluster().send(&list).await.unwrap();
            let ends = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_string();
            ending = pods["items"].as_array().unwrap().iter().filter(ends).count();
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    eprintln!("pods that end: switched while {ending} of the old ones were ending");
}
