//! Rights on a real cluster: each command as a service account with exactly the Role that `rbac` prints for it, and with
//! each verb of it taken away in turn. And an autoscaler, which a real controller moves.

use std::time::{Duration, Instant};

use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::live::{Live, kubectl, plugin};
use super::world::{NAMINGS, World};

/// Without these a command goes on, and says what it does not know.
const OPTIONAL: &[&str] = &[
    "get deployments",
    "watch services",
    "watch deployments",
    "watch pods",
    "watch endpointslices",
    "watch leases",
    "list ingresses",
    "list httproutes",
    "list grpcroutes",
    "list ingressroutes",
    "list traefikservices",
    "list virtualservices",
    "list horizontalpodautoscalers",
    "list networkpolicies",
    "list poddisruptionbudgets",
    "list events",
    "get pods/log",
    // Checked by servers from 1.35 on.
    "create pods/portforward",
];

/// Asked for where a route leads to the set; played on the simulated cluster, which has routes of all kinds.
const OF_ROUTES: &[&str] =
    &["ingresses", "httproutes", "grpcroutes", "ingressroutes", "traefikservices", "virtualservices"];

/// What a command ends with when a verb is missing.
const REQUIRED: &[(&str, &str, i32)] = &[
    ("list services", "status", 1),
    ("list deployments", "status", 1),
    ("list pods", "status", 1),
    ("list endpointslices", "status", 1),
    ("list leases", "status", 1),
    ("get services", "switch green --yes --settle 0s", 3),
    ("patch services", "switch green --yes --settle 0s", 3),
    ("get leases", "cleanup green --yes --after 0s", 3),
    ("create leases", "switch green --yes --settle 0s", 3),
    ("patch leases", "cleanup green --yes --after 0s", 3),
    ("patch deployments", "cleanup green --yes --after 0s", 3),
    ("patch horizontalpodautoscalers", "switch green --scale --yes --settle 0s", 3),
    ("get pods/portforward", "deploy 3 --yes --smoke /", 3),
];

/// A service account whose Role can be changed.
struct Deployer {
    namespace: String,
    user: String,
}

impl Deployer {
    fn new(namespace: &str) -> Self {
        kubectl(&["-n", namespace, "create", "serviceaccount", "deployer"], "");
        Self { namespace: namespace.to_owned(), user: format!("system:serviceaccount:{namespace}:deployer") }
    }

    /// The Role for what is asked for, as YAML documents.
    fn role(&self, asked: &str) -> Vec<Value> {
        let line = format!("rbac --serviceaccount deployer{asked}");
        let text = plugin(&self.namespace, &line.split(' ').collect::<Vec<_>>()).stdout;
        let text = String::from_utf8(text).unwrap();
        serde_yaml::Deserializer::from_str(&text).map(|d| serde::Deserialize::deserialize(d).unwrap()).collect()
    }

    fn apply(documents: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": documents});
        kubectl(&["apply", "-f", "-"], &list.to_string());
    }

    fn run(&self, line: &str) -> (i32, String) {
        let args: Vec<&str> = ["--as", &self.user].into_iter().chain(line.split(' ')).collect();
        let output = plugin(&self.namespace, &args);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), text)
    }

    /// Runs a command until it ends as it should: the authorizer learns of a changed Role in its own time.
    #[track_caller]
    fn expect(&self, line: &str, code: i32, words: &str) {
        let began = Instant::now();
        loop {
            let (got, text) = self.run(line);
            if got == code && text.contains(words) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{line}: {got}, not {code} with {words:?}\n{text}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn rules(role: &[Value]) -> impl Iterator<Item = (String, String)> + '_ {
    role[0]["rules"].as_array().unwrap().iter().flat_map(|rule| {
        let resource = rule["resources"][0].as_str().unwrap().to_owned();
        rule["verbs"].as_array().unwrap().iter().map(move |verb| (verb.as_str().unwrap().to_owned(), resource.clone()))
    })
}

/// A Role without some of its verbs.
fn without(role: &[Value], gone: &[&str]) -> Vec<Value> {
    let mut role = role.to_vec();
    for rule in role[0]["rules"].as_array_mut().unwrap() {
        let resource = rule["resources"][0].as_str().unwrap().to_owned();
        rule["verbs"]
            .as_array_mut()
            .unwrap()
            .retain(|verb| !gone.contains(&&*format!("{} {resource}", verb.as_str().unwrap())));
    }
    role[0]["rules"].as_array_mut().unwrap().retain(|rule| rule["verbs"] != json!([]));
    role
}

/// An autoscaler for a color.
fn autoscale(namespace: &str, deployment: &str) -> ObjectRef {
    let hpa = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": deployment},
        "spec": {"minReplicas": 1, "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
    });
    kubectl(&["-n", namespace, "apply", "-f", "-"], &hpa.to_string());
    ObjectRef::new(Resource::HorizontalPodAutoscalers, namespace, deployment)
}

/// Each missing verb in turn gives a clear refusal that names it, and nothing was changed.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn every_missing_verb_is_named() {
    let naming = NAMINGS[0];
    let world = Live::new("verbs", 0, naming).await;
    let (namespace, deployer) = (world.namespace(), Deployer::new(world.namespace()));
    autoscale(namespace, naming.green);
    let role = deployer.role("");
    Deployer::apply(&role);
    deployer.expect("status", 0, "");
    for (verb, resource) in rules(&role) {
        let right = format!("{verb} {resource}");
        let known = OPTIONAL.contains(&&*right)
            || OF_ROUTES.contains(&&*resource)
            || REQUIRED.iter().any(|(required, ..)| *required == right);
        assert!(known, "the Role has {right}, and no case tells what happens without it");
    }
    let state = async || {
        let service = world.get(&naming.service(namespace)).await;
        let mut objects = vec![service["spec"].clone(), service["metadata"]["annotations"].clone()];
        for name in [naming.blue, naming.green] {
            objects.push(world.get(&ObjectRef::new(Resource::Deployments, namespace, name)).await["spec"].clone());
        }
        objects
    };
    let before = state().await;
    for (right, line, code) in REQUIRED {
        Deployer::apply(&without(&role, &[right]));
        deployer.expect(line, *code, right);
        let (_, text) = deployer.run(line);
        assert!(text.contains("kubectl bluegreen rbac"), "without {right}: {text}");
        assert_eq!(state().await, before, "without {right}");
    }
    let leases = kubectl(&["-n", namespace, "get", "leases", "-o", "jsonpath={.items[*].spec.holderIdentity}"], "");
    assert_eq!(leases, "", "no Lease is held");
    Deployer::apply(&without(&role, OPTIONAL));
    deployer.expect("status", 0, "reading them is not allowed");
    deployer.expect("switch green --yes --settle 0s", 0, "");
    deployer.expect("rollback --yes --settle 0s", 0, "");
}

/// The Role for one command is enough for that command. `check` tells the truth about who asks: everything that it looks at
/// can be read, and to move traffic takes the Role of `switch`.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn the_role_of_a_command_is_enough_for_it() {
    let world = Live::new("roles", 0, NAMINGS[0]).await;
    let deployer = Deployer::new(world.namespace());
    Deployer::apply(&deployer.role(" --for check"));
    deployer.expect("check", 3, "not allowed: ");
    let (_, text) = deployer.run("check");
    let refusals: Vec<&str> = text.lines().filter(|line| line.contains("FAIL")).collect();
    assert!(refusals.len() == 1 && refusals[0].contains("patch services") && !refusals[0].contains("list"), "{text}");
    assert!(!text.contains("unknown") && !text.contains("reading"), "{text}");
    Deployer::apply(&deployer.role(" --for check,switch"));
    deployer.expect("check", 0, "");
    for line in [
        "status",
        "diff",
        "switch green --yes --settle 0s",
        "history",
        "rollback --yes --settle 0s",
        "smoke green",
        "cleanup green --yes --after 0s",
        "switch green --yes --settle 0s --scale",
        "deploy 3 --yes --settle 0s --after 0s",
    ] {
        let command = line.split(' ').next().unwrap();
        Deployer::apply(&deployer.role(&format!(" --for {command}")));
        deployer.expect(line, 0, "");
    }
}

/// The autoscaler of the idle color keeps what `--scale` made, and sleeps once a cleanup has scaled it to 0.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn an_autoscaler_keeps_its_pods_and_sleeps() {
    let naming = NAMINGS[0];
    let world = Live::new("autoscaler", 0, naming).await;
    world.scale(naming.green, 0).await;
    let hpa = autoscale(world.namespace(), naming.green);
    let run = |line: &str| {
        let output = plugin(world.namespace(), &line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("switch green --scale --yes --settle 0s");
    assert_eq!(world.get(&hpa).await["spec"]["minReplicas"], 2);
    run("rollback --yes --settle 0s");
    run("cleanup green --yes --after 0s --wait");
    assert_eq!(world.get(&hpa).await["spec"]["minReplicas"], 1);
    let began = Instant::now();
    let sleeps = |hpa: &Value| {
        let conditions = hpa["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["reason"] == "ScalingDisabled")
    };
    while !sleeps(&world.get(&hpa).await) {
        assert!(began.elapsed() < Duration::from_mins(2), "the autoscaler does not notice");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), naming.green);
    assert_eq!(world.get(&green).await["spec"]["replicas"], 0);
}
