//! What must hold on every cluster: each scenario is played on the simulated one and on a real one.

use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::observe::observe;
use kubectl_bluegreen::release::{Color, ExitStatus};
use serde_json::{Value, json};

use super::world::{Naming, World};

/// Makes a test of each scenario: `for_each_scenario!(make)` where `make!` takes their names.
macro_rules! for_each_scenario {
    ($make:ident) => {
        $make!(status switch_and_back refusals dry_runs cleanup which_set busy shape_and_ports surroundings diff);
    };
}
pub(crate) use for_each_scenario;

macro_rules! play {
    ($($scenario:ident)*) => {
        /// The names of all scenarios.
        pub(crate) const ALL: &[&str] = &[$(stringify!($scenario)),*];

        /// Plays one scenario on a fresh set in which blue serves and both colors are ready.
        pub(crate) async fn play<W: World>(name: &str, world: &W, naming: Naming) {
            match name {
                $(stringify!($scenario) => $scenario(world, naming).await,)*
                other => panic!("there is no scenario {other}"),
            }
        }
    };
}

for_each_scenario!(play);

async fn active<W: World>(world: &W) -> String {
    world.run("status -o json").await.expect(ExitStatus::Done).json()["active"].as_str().unwrap().to_owned()
}

/// Everything that a refused or dry command must leave as it is: the Service, the Deployments' specs, and no held Lease.
pub(crate) async fn state<W: World>(world: &W, naming: Naming) -> Value {
    let service = world.get(&naming.service(world.namespace())).await;
    let mut specs = Vec::new();
    for name in [naming.blue, naming.green] {
        specs.push(world.get(&ObjectRef::new(Resource::Deployments, world.namespace(), name)).await["spec"].clone());
    }
    json!([service["spec"], service["metadata"]["annotations"], specs])
}

pub(crate) async fn leases<W: World>(world: &W) -> Vec<Value> {
    let list = Request::list(Resource::Leases, Some(world.namespace()));
    world.cluster().send(&list).await.unwrap()["items"].as_array().cloned().unwrap_or_default()
}

async fn nothing_is_held<W: World>(world: &W) {
    for lease in leases(world).await {
        assert_eq!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "", "{lease}");
    }
}

/// The active Service's endpoints are exactly the ready pods of the color: what `done` claims.
async fn serves<W: World>(world: &W, color: Color) {
    let observed = observe(world.cluster(), Some(world.namespace()), &[]).await.unwrap();
    let sets = observed.sets();
    let [set] = sets.as_slice() else { panic!("{} sets", sets.len()) };
    let ready = set.ready_pods(color).map(kubectl_bluegreen::observed::uid).collect();
    assert!(set.endpoints(set.active_service().unwrap()).are_exactly(&ready));
    assert_eq!(set.active(), Some(color));
}

async fn status<W: World>(world: &W, naming: Naming) {
    let ran = world.run("status -o json").await.expect(ExitStatus::Done);
    let status = ran.json();
    assert_eq!(status["active"], "blue");
    assert_eq!(status["split"], json!({"blue": 100, "green": 0}));
    assert_eq!(status["set"]["colorLabel"], naming.key);
    assert_eq!(status["services"]["active"], naming.active);
    assert_eq!(status["colors"]["green"]["deployment"], naming.green);
    assert_eq!(status["colors"]["green"]["replicas"], json!({"desired": 2, "ready": 2, "updated": 2}));
    assert_eq!(status["colors"]["blue"]["endpoints"], 2);
    assert_eq!((&status["canSwitch"], &status["canRollback"]), (&json!(true), &json!(false)));
    assert_eq!(status["moving"], Value::Null);
    assert!(ran.err.is_empty(), "{}", ran.err);
    let table = world.run("status").await.expect(ExitStatus::Done).out;
    assert!(table.contains("blue (1) serves") && table.contains(naming.green), "{table}");
    let all = world.run("status -o yaml").await.expect(ExitStatus::Done).out;
    assert!(all.contains("active: blue"), "{all}");
    world.run("check").await.expect(ExitStatus::Done);
    world.run("check green -o json").await.expect(ExitStatus::Done);
}

async fn switch_and_back<W: World>(world: &W, naming: Naming) {
    let selector = world.get(&naming.service(world.namespace())).await["spec"]["selector"].clone();
    world.run("rollback --yes").await.expect(ExitStatus::Refused);

    let ran = world.run("switch green --yes -o json --settle 100ms").await.expect(ExitStatus::Done).json();
    assert_eq!((&ran["outcome"], &ran["from"], &ran["to"]), (&json!("done"), &json!("blue"), &json!("green")));
    let steps: Vec<&str> = ran["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["patch", "endpoints", "settle", "journal"]);
    assert!(ran["steps"].as_array().unwrap().iter().all(|step| step["status"] == "done"), "{ran}");
    // A switch does not watch its pods: nothing is said of them, here or in the journal.
    assert_eq!(ran["analysis"], Value::Null, "{ran}");
    serves(world, Color::Green).await;
    nothing_is_held(world).await;
    let mut expected = selector.clone();
    expected[naming.key] = "green".into();
    assert_eq!(world.get(&naming.service(world.namespace())).await["spec"]["selector"], expected);

    let again = world.run("switch green --yes -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(again["outcome"], "nothing-to-do");

    let status = world.run("status -o json").await.json();
    assert_eq!((&status["active"], &status["canRollback"]), (&json!("green"), &json!(true)));

    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    serves(world, Color::Blue).await;
    assert_eq!(world.get(&naming.service(world.namespace())).await["spec"]["selector"], selector);
    let refused = world.run("rollback --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("--again"), "{}", refused.err);
    world.run("rollback --again --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(active(world).await, "green");

    let history = world.run("history -o json").await.expect(ExitStatus::Done).json();
    let moves: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["command"].as_str().unwrap(), e["to"].as_str().unwrap()))
        .collect();
    assert_eq!(moves, [("switch", "green"), ("rollback", "blue"), ("rollback", "green")]);
    assert!(history["entries"].as_array().unwrap().iter().all(|entry| entry["result"] == "done"), "{history}");
    assert!(history["entries"].as_array().unwrap().iter().all(|entry| entry["analysis"].is_null()), "{history}");
    assert!(world.run("history").await.out.contains("blue -> green"));
    nothing_is_held(world).await;
}

async fn refusals<W: World>(world: &W, naming: Naming) {
    world.scale(naming.green, 0).await;
    let before = state(world, naming).await;
    let refused = world.run("switch green --yes -o json").await.expect(ExitStatus::Refused);
    let report = refused.json();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("refused"), &json!("bluegreen::refused")));
    let failed: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["status"] == "fail")
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["rolled-out", "pods-ready", "capacity"]);
    world.run("check green").await.expect(ExitStatus::Refused);
    assert_eq!(state(world, naming).await, before);
    assert_eq!(leases(world).await, Vec::<Value>::new());

    // Too small: one pod cannot take what two serve now, unless somebody says so by name.
    world.scale(naming.green, 1).await;
    let refused = world.run("switch green --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("capacity") && refused.err.contains("--scale"), "{}", refused.err);
    world.run("switch green --yes --accept capacity --settle 0s").await.expect(ExitStatus::Done);
    let history = world.run("history -o json").await.json();
    assert_eq!(history["entries"][0]["accepted"], json!(["capacity"]));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);

    // Sized first, when asked.
    world.scale(naming.green, 0).await;
    let ran = world.run("switch green --yes --scale --settle 0s -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(ran["steps"][0]["id"], "scale");
    serves(world, Color::Green).await;
    nothing_is_held(world).await;

    // Nobody said yes.
    let before = state(world, naming).await;
    world.run("switch blue").await.expect(ExitStatus::Failed);
    assert_eq!(state(world, naming).await, before);
}

async fn dry_runs<W: World>(world: &W, naming: Naming) {
    let before = state(world, naming).await;
    for mode in ["client", "server"] {
        let ran = world.run(&format!("switch green --dry-run {mode} -o json")).await.expect(ExitStatus::Done).json();
        assert_eq!(ran["outcome"], "planned");
        assert!(ran["steps"].as_array().unwrap().iter().all(|step| step["status"] == "planned"), "{ran}");
        world.run(&format!("cleanup green --dry-run {mode}")).await.expect(ExitStatus::Done);
    }
    assert_eq!(state(world, naming).await, before);
    assert_eq!(leases(world).await, Vec::<Value>::new(), "a dry run takes no Lease");
}

async fn cleanup<W: World>(world: &W, naming: Naming) {
    let before = state(world, naming).await;
    let refused = world.run("cleanup blue --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("serves"), "{}", refused.err);
    assert_eq!(state(world, naming).await, before);

    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    let ran = world.run("cleanup blue --after 2s --yes -o json").await.expect(ExitStatus::Done).json();
    let steps: Vec<&str> = ran["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    // A slow machine may have waited long enough already.
    let waited = &steps[..steps.len().saturating_sub(2)];
    assert!(waited == ["wait", "plan"] || waited.is_empty(), "{steps:?}");
    assert_eq!(steps[waited.len()..], ["scale", "scale-down"]);
    let again = world.run("cleanup blue --after 0s --yes -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(again["outcome"], "nothing-to-do");
    serves(world, Color::Green).await;
    nothing_is_held(world).await;

    // There is no way back onto nothing, unless it is sized first.
    world.run("rollback --yes").await.expect(ExitStatus::Refused);
    world.run("rollback --yes --scale --settle 0s").await.expect(ExitStatus::Done);
    serves(world, Color::Blue).await;
}

async fn which_set<W: World>(world: &W, naming: Naming) {
    world.run(&format!("status --app {}", naming.active)).await.expect(ExitStatus::Done);
    let ran = world.run("status --app nothing-of-that-name").await.expect(ExitStatus::Failed);
    assert!(ran.err.contains(naming.active), "{}", ran.err);
    let ran = world.run("switch green --yes -n kube-node-lease").await.expect(ExitStatus::Failed);
    assert!(ran.err.contains("no release set in namespace kube-node-lease"), "{}", ran.err);
}

async fn busy<W: World>(world: &W, naming: Naming) {
    let name = format!("kubectl-bluegreen-{}", naming.active);
    let object = ObjectRef::new(Resource::Leases, world.namespace(), &name);
    let now = world.cluster().now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let body = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": world.namespace()},
        "spec": {"holderIdentity": "bob@elsewhere/1/x", "leaseDurationSeconds": 2, "renewTime": now, "acquireTime": now},
    });
    world.cluster().send(&Request::Create { object: object.clone(), body, dry_run: false }).await.unwrap();
    let before = state(world, naming).await;
    let ran = world.run("switch green --yes -o json").await.expect(ExitStatus::Busy);
    assert_eq!(ran.json()["outcome"], "busy");
    assert!(ran.err.contains("bob@elsewhere"), "{}", ran.err);
    assert_eq!(state(world, naming).await, before);
    // A holder that was seen to do nothing for a whole duration is gone.
    world.run("switch green --yes --settle 0s --wait-lock 1m").await.expect(ExitStatus::Done);
    serves(world, Color::Green).await;
    nothing_is_held(world).await;
}

async fn shape_and_ports<W: World>(world: &W, naming: Naming) {
    let service = naming.service(world.namespace());
    // A selector with one more label that only blue has.
    world.edit(&service, json!([{"op": "add", "path": "/spec/ports/0/targetPort", "value": "web"}])).await;
    let ran = world.run("switch green --yes").await.expect(ExitStatus::Refused);
    assert!(ran.err.contains("refused by ports"), "{}", ran.err);
    world.edit(&service, json!([{"op": "add", "path": "/spec/ports/0/targetPort", "value": 8080}])).await;
    world.run("check").await.expect(ExitStatus::Done);
    let selector = json!([{"op": "add", "path": "/spec/selector/extra", "value": "only-in-the-selector"}]);
    world.edit(&service, selector).await;
    let ran = world.run("check green").await.expect(ExitStatus::Refused);
    assert!(ran.out.contains("extra") && ran.out.contains("FAIL selector-shape"), "{}\n{}", ran.out, ran.err);
}

/// How a check ends, and what it says.
async fn verdict<W: World>(world: &W, id: &str) -> (String, String) {
    let ran = world.run("check green -o json").await;
    let answer = ran.json();
    let check = answer["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap().clone();
    let refused = answer["checks"].as_array().unwrap().iter().any(|check| check["status"] == "fail");
    assert_eq!(ran.status, if refused { ExitStatus::Refused } else { ExitStatus::Done }, "{answer}");
    (check["status"].as_str().unwrap().to_owned(), check["message"].as_str().unwrap().to_owned())
}

#[track_caller]
fn says((status, message): (String, String), expected: &str, part: &str) {
    assert!(status == expected && message.contains(part), "{status}: {message}; expected {expected}: {part}");
}

/// What is around the set: other writers, other Services, the Service's own settings, the way back.
async fn surroundings<W: World>(world: &W, naming: Naming) {
    let service = naming.service(world.namespace());
    says(verdict(world, "other-services").await, "pass", "nothing else is seen");
    says(verdict(world, "drain").await, "warn", "no preStop hook");
    says(verdict(world, "drift").await, "pass", "only in what is meant to differ");
    says(verdict(world, "rollback-target").await, "pass", "blue could take the traffic back");
    says(verdict(world, "service-traps").await, "pass", "no setting");

    world.edit(&service, json!([{"op": "add", "path": "/spec/sessionAffinity", "value": "ClientIP"}])).await;
    says(verdict(world, "service-traps").await, "warn", "session affinity");

    let labels = json!([{"op": "add", "path": "/metadata/labels", "value": {"argocd.argoproj.io/instance": "shop"}}]);
    world.edit(&service, labels).await;
    says(verdict(world, "foreign-owner").await, "warn", "Argo CD");
    let status = world.run("status -o json").await.json();
    assert!(status["writers"].as_array().unwrap().iter().any(|writer| writer["manager"] == "Argo CD"), "{status}");

    // A second Service for users: it would stay on blue.
    let selector = world.get(&service).await["spec"]["selector"].clone();
    let other = ObjectRef::new(Resource::Services, world.namespace(), "internal");
    let body = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "internal", "namespace": world.namespace()},
        "spec": {"selector": selector, "ports": [{"port": 9000, "targetPort": 8080}]},
    });
    world.cluster().send(&Request::Create { object: other, body, dry_run: false }).await.unwrap();
    if !naming.color_services {
        // It could be the Service to test blue with, but for its name.
        says(verdict(world, "other-services").await, "warn", "service/internal selects blue");
        return;
    }
    let before = state(world, naming).await;
    let app = format!("--app {}", naming.active);
    let refused = world.run(&format!("switch green --yes {app}")).await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("other-services") && refused.err.contains("service/internal"), "{}", refused.err);
    assert_eq!(state(world, naming).await, before);
    let accepted = format!("switch green --yes --settle 0s --accept other-services {app}");
    world.run(&accepted).await.expect(ExitStatus::Done);
    let history = world.run(&format!("history -o json {app}")).await.json();
    assert_eq!(history["entries"][0]["accepted"], json!(["other-services"]));
    world.run(&format!("rollback --yes --settle 0s {app}")).await.expect(ExitStatus::Done);
}

/// What differs between the live colors and is not meant to is named; image and color are meant to.
async fn diff<W: World>(world: &W, naming: Naming) {
    let ran = world.run("diff").await.expect(ExitStatus::Done);
    assert!(ran.out.contains("only in what is meant to differ"), "{}", ran.out);
    assert!(ran.out.contains("-    image: registry.local/bgapp:1\n"), "{}", ran.out);
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), naming.green);
    let env = json!([{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "EXTRA", "value": "1"}}]);
    world.edit(&green, env).await;
    let ran = world.run("diff -o json").await.expect(ExitStatus::Failed);
    let answer = ran.json();
    assert_eq!((&answer["same"], &answer["differences"][0]["code"]), (&json!(false), &json!("BG606")), "{answer}");
    assert!(answer["differences"][0]["message"].as_str().unwrap().contains("EXTRA"), "{answer}");
    assert!(answer["diff"].as_str().unwrap().contains("+    - name: EXTRA"), "{answer}");
    world.rest().await;
    says(verdict(world, "drift").await, "warn", "EXTRA");
}
