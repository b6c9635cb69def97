//! Splits of the traffic: each router on the simulated cluster, and on a real one where there is such a router.

use std::time::Duration;

use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::simulated::{NAMESPACE, Simulated, cluster};
use super::world::{NAMINGS, Naming, World};

pub(crate) fn http_route(namespace: &str) -> ObjectRef {
    ObjectRef::new(Resource::HttpRoutes, namespace, "shop")
}

/// Makes an object as somebody else would.
pub(crate) async fn create<W: World>(world: &W, resource: Resource, name: &str, mut body: Value) -> ObjectRef {
    let object = ObjectRef::new(resource, world.namespace(), name);
    body["apiVersion"] = resource.api_version().into();
    body["kind"] = resource.kind().into();
    body["metadata"]["name"] = name.into();
    body["metadata"]["namespace"] = world.namespace().into();
    world.cluster().send(&Request::Create { object: object.clone(), body, dry_run: false }).await.unwrap();
    object
}

/// A Service of somebody else that routes name, too.
pub(crate) async fn foreign_service<W: World>(world: &W) {
    let spec = json!({"selector": {"app": "zeta"}, "ports": [{"name": "web", "port": 80, "targetPort": 8080}]});
    create(world, Resource::Services, "zeta", json!({"spec": spec})).await;
}

/// A route with several rules, headers, filters and foreign backends.
pub(crate) fn http_route_spec(naming: Naming) -> Value {
    json!({
        "parentRefs": [{"name": "web"}],
        "hostnames": ["shop.test"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/mixed"}, "headers": [{"name": "x-mixed", "value": "yes"}]}],
                "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-seen", "value": "1"}]}}],
                "backendRefs": [{"name": "zeta", "port": 80, "weight": 30}, {"name": naming.active, "port": 80, "weight": 60}],
            },
            {"matches": [{"path": {"type": "PathPrefix", "value": "/zeta"}}], "backendRefs": [{"name": "zeta", "port": 80}]},
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": naming.active, "port": 80, "filters": [
                    {"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "x-color", "value": "?"}]}},
                ]}],
            },
        ],
    })
}

/// Waits until every parent has taken the route.
pub(crate) async fn accepted<W: World>(world: &W, route: &ObjectRef) {
    for _ in 0..300 {
        let seen = world.get(route).await;
        let conditions = seen["status"]["parents"][0]["conditions"].as_array().cloned().unwrap_or_default();
        let current = |c: &&Value| c["status"] == "True" && c["observedGeneration"] == seen["metadata"]["generation"];
        if conditions.iter().filter(current).count() >= 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}", world.get(route).await);
}

fn weights(list: &Value) -> Vec<(String, u64)> {
    let entry = |entry: &Value| (entry["name"].as_str().unwrap().to_owned(), entry["weight"].as_u64().unwrap_or(1));
    list.as_array().unwrap().iter().map(entry).collect()
}

pub(crate) async fn split<W: World>(world: &W) -> (Value, String) {
    let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
    (status["split"].clone(), status["router"].as_str().unwrap().to_owned())
}

/// The selector of the active Service.
pub(crate) async fn selected<W: World>(world: &W, naming: Naming) -> Value {
    world.get(&naming.service(world.namespace())).await["spec"]["selector"][naming.key].clone()
}

/// 10, 50, less, 100, and back from each of them: the route is as it was before, byte for byte.
pub(crate) async fn gateway<W: World>(world: &W, naming: Naming) {
    foreign_service(world).await;
    let route = create(world, Resource::HttpRoutes, "shop", json!({"spec": http_route_spec(naming)})).await;
    accepted(world, &route).await;
    let green = format!("{}-svc", naming.green);
    let original = world.get(&route).await["spec"].clone();
    assert_eq!(split(world).await, (json!({"blue": 100, "green": 0}), "gateway".to_owned()));

    let ran = world.run("switch green 10 --yes --settle 0s -o json").await.expect(ExitStatus::Done).json();
    let steps: Vec<&str> = ran["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["record", "route", "accepted", "plan", "route", "accepted", "journal"], "{ran}");
    assert_eq!(ran["split"], json!({"blue": 90, "green": 10}));
    let now = world.get(&route).await["spec"].clone();
    let refs = |rule: usize| weights(&now["rules"][rule]["backendRefs"]);
    let entry = |name: &str, weight: u64| (name.to_owned(), weight);
    assert_eq!(refs(0), [entry("zeta", 100), entry(naming.active, 180), entry(&green, 20)]);
    assert_eq!(now["rules"][1], original["rules"][1]);
    assert_eq!(refs(2), [entry(naming.active, 90), entry(&green, 10)]);
    let copy = &now["rules"][2]["backendRefs"][1];
    assert_eq!(copy["filters"], original["rules"][2]["backendRefs"][0]["filters"]);
    let mut rest = now.clone();
    for rule in [0, 2] {
        rest["rules"][rule]["backendRefs"] = original["rules"][rule]["backendRefs"].clone();
    }
    assert_eq!(rest, original, "nothing but the weights is changed");
    assert_eq!(split(world).await, (json!({"blue": 90, "green": 10}), "gateway".to_owned()));
    assert_eq!(selected(world, naming).await, "blue");

    let again = world.run("switch green 10 --yes -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(again["outcome"], "nothing-to-do");
    let refused = world.run("cleanup green --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("httproute/shop"), "{}", refused.err);
    assert!(refused.err.contains("kubectl bluegreen switch blue"), "{}", refused.err);
    world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(split(world).await.0, json!({"blue": 50, "green": 50}));
    // 70 % for blue is 30 % for green.
    world.run("switch blue 70 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(split(world).await.0, json!({"blue": 70, "green": 30}));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&route).await["spec"], original);
    assert_eq!(
        (split(world).await.0, selected(world, naming).await),
        (json!({"blue": 100, "green": 0}), json!("blue"))
    );
    world.run("rollback --yes").await.expect(ExitStatus::Refused);

    for line in ["switch green 5", "switch green 0", "switch green 95", "switch green", "rollback"] {
        world.run(&format!("{line} --yes --settle 0s")).await.expect(ExitStatus::Done);
    }
    assert_eq!(world.get(&route).await["spec"], original);
    assert_eq!(selected(world, naming).await, "blue");
    for line in ["switch green 10", "switch green 50", "switch green 100"] {
        world.run(&format!("{line} --yes --settle 0s")).await.expect(ExitStatus::Done);
    }
    assert_eq!(
        (world.get(&route).await["spec"].clone(), selected(world, naming).await),
        (original.clone(), json!("green"))
    );
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(
        (world.get(&route).await["spec"].clone(), selected(world, naming).await),
        (original.clone(), json!("blue"))
    );

    // Somebody changes the route while it is split: theirs stays, ours goes.
    world.run("switch green 25 --yes --settle 0s").await.expect(ExitStatus::Done);
    let host = json!([{"op": "add", "path": "/spec/hostnames/-", "value": "other.test"},
        {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7},
        {"op": "add", "path": "/spec/rules/0/backendRefs/-", "value": {"name": "zeta", "port": 80, "weight": 1}}]);
    world.edit(&route, host).await;
    accepted(world, &route).await;
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    let now = world.get(&route).await["spec"].clone();
    assert_eq!(
        weights(&now["rules"][0]["backendRefs"]),
        [entry("zeta", 7), entry(naming.active, 200), entry("zeta", 1)]
    );
    assert_eq!(now["rules"][2], original["rules"][2]);
    assert_eq!(now["hostnames"], json!(["shop.test", "other.test"]));
}

/// The same for a weighted TraefikService and for an IngressRoute that names the active Service itself.
pub(crate) async fn traefik<W: World>(world: &W, naming: Naming) {
    foreign_service(world).await;
    let weighted = json!({"spec": {"weighted": {"services": [
        {"name": naming.active, "port": 80, "weight": 3, "passHostHeader": true, "scheme": "http"},
        {"name": "zeta", "port": 80, "weight": 1},
    ], "sticky": {"cookie": {"name": "stay"}}}}});
    let service = create(world, Resource::TraefikServices, "shop", weighted).await;
    let direct = json!({"spec": {"entryPoints": ["web"], "routes": [
        {"kind": "Rule", "match": "Host(`direct.test`)", "services": [{"name": naming.active, "port": "http"}]},
        {"kind": "Rule", "match": "Host(`other.test`)", "services": [{"name": "shop", "kind": "TraefikService"}]},
    ]}});
    let ingress = create(world, Resource::IngressRoutes, "shop", direct).await;
    let specs = async || (world.get(&service).await["spec"].clone(), world.get(&ingress).await["spec"].clone());
    let original = specs().await;
    let green = format!("{}-svc", naming.green);
    let entry = |name: &str, weight: u64| (name.to_owned(), weight);

    let ran = world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("404"), "{}", ran.err);
    let now = specs().await;
    let list = &now.0["weighted"]["services"];
    assert_eq!(weights(list), [entry(naming.active, 270), entry("zeta", 100), entry(&green, 30)]);
    assert_eq!((&list[2]["passHostHeader"], &list[2]["scheme"]), (&json!(true), &json!("http")));
    assert_eq!(weights(&now.1["routes"][0]["services"]), [entry(naming.active, 90), entry(&green, 10)]);
    assert_eq!(now.1["routes"][0]["services"][1]["port"], "http");
    assert_eq!(now.1["routes"][1], original.1["routes"][1]);
    assert_eq!(split(world).await, (json!({"blue": 90, "green": 10}), "traefik".to_owned()));
    world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Done);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(specs().await, original);
    for line in ["switch green 1", "switch green 99", "switch green"] {
        world.run(&format!("{line} --yes --settle 0s")).await.expect(ExitStatus::Done);
    }
    assert_eq!((specs().await, selected(world, naming).await), (original.clone(), json!("green")));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);

    // Nobody is sent to a color without a ready endpoint.
    world.scale(naming.green, 0).await;
    let refused = world.run("switch green 10 --yes --accept rolled-out,pods-ready,capacity").await;
    assert!(refused.expect(ExitStatus::Refused).err.contains("no ready endpoint"));
    assert_eq!(specs().await, original);
}

/// The ports of the two Services have other numbers: a copy gets the one that is the same by name or by where it leads.
async fn ports<W: World>(world: &W, naming: Naming) {
    let green = ObjectRef::new(Resource::Services, world.namespace(), format!("{}-svc", naming.green));
    let spec =
        json!({"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": naming.active, "port": 80}]}]});
    let route = create(world, Resource::HttpRoutes, "shop", json!({"spec": spec})).await;
    accepted(world, &route).await;
    let port_of_copy = async || world.get(&route).await["spec"]["rules"][0]["backendRefs"][1]["port"].clone();
    let numbers = json!([{"op": "replace", "path": "/spec/ports", "value": [
        {"name": "metrics", "port": 80, "targetPort": 9090}, {"name": "http", "port": 8000, "targetPort": "http"},
    ]}]);
    world.edit(&green, numbers).await;
    world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(port_of_copy().await, 8000);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    let by_target = json!([{"op": "replace", "path": "/spec/ports", "value": [
        {"name": "metrics", "port": 80, "targetPort": 9090}, {"name": "web", "port": 8001, "targetPort": 8080},
    ]}]);
    world.edit(&green, by_target).await;
    world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(port_of_copy().await, 8001);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    let none = json!([{"op": "replace", "path": "/spec/ports", "value": [{"name": "metrics", "port": 80, "targetPort": 9090}]}]);
    world.edit(&green, none).await;
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("has no port like port 80"), "{}", refused.err);
}

#[tokio::test(start_paused = true)]
async fn gateway_splits_and_puts_back() {
    for naming in [NAMINGS[0], NAMINGS[2]] {
        Box::pin(gateway(&Simulated(cluster(naming).await), naming)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn traefik_splits_and_puts_back() {
    for naming in [NAMINGS[0], NAMINGS[2]] {
        Box::pin(traefik(&Simulated(cluster(naming).await), naming)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn ports_are_never_taken_by_number() {
    ports(&Simulated(cluster(NAMINGS[0]).await), NAMINGS[0]).await;
}

/// A sidecar that is an init container runs for as long as the pod, and its ports are the pod's; one that ends has none.
#[tokio::test(start_paused = true)]
async fn the_ports_of_a_sidecar_are_ports_of_the_pod() {
    let (world, naming) = (Simulated(cluster(NAMINGS[0]).await), NAMINGS[0]);
    let proxy = |restart: Value| {
        json!([
            {"op": "replace", "path": "/spec/template/spec/containers/0/ports/0/name", "value": "app"},
            {"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe/httpGet/port", "value": "app"},
            {"op": "add", "path": "/spec/template/spec/initContainers", "value": [{
                "name": "proxy", "image": "registry.local/proxy:1", "restartPolicy": restart,
                "ports": [{"name": "http", "containerPort": 8443}],
                "readinessProbe": {"httpGet": {"path": "/proxied", "port": "http"}},
            }]},
        ])
    };
    let edit = async |patch: &Value| {
        for name in [naming.blue, naming.green] {
            let deployment = ObjectRef::new(Resource::Deployments, world.namespace(), name);
            world.edit(&deployment, patch.clone()).await;
        }
        world.rest().await;
    };
    edit(&proxy("Always".into())).await;
    let ran = world.run("smoke green").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("GET /proxied, as the readiness probe: 2 pods"), "{}", ran.err);
    world.run("smoke green --smoke /").await.expect(ExitStatus::Done);
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    // The Services call the port otherwise, and one of them by its number.
    let green = ObjectRef::new(Resource::Services, world.namespace(), format!("{}-svc", naming.green));
    let by_number = json!([{"name": "web", "port": 8001, "targetPort": 8443}]);
    world.edit(&green, json!([{"op": "replace", "path": "/spec/ports", "value": by_number}])).await;
    let spec =
        json!({"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": naming.active, "port": 80}]}]});
    let route = create(&world, Resource::HttpRoutes, "shop", json!({"spec": spec})).await;
    accepted(&world, &route).await;
    world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&route).await["spec"]["rules"][0]["backendRefs"][1]["port"], 8001);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    edit(&json!([{"op": "remove", "path": "/spec/template/spec/initContainers/0/restartPolicy"}])).await;
    let refused = world.run("switch green --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("refused by ports") && refused.err.contains("declares app"), "{}", refused.err);
}

#[tokio::test(start_paused = true)]
async fn without_a_router_a_share_is_refused_with_the_ways_to_get_one() {
    let world = Simulated(cluster(NAMINGS[0]).await);
    for line in ["switch green 10 --yes", "switch green 10 --yes --router service"] {
        let refused = world.run(line).await.expect(ExitStatus::Refused);
        assert!(refused.err.contains("help:"), "{}", refused.err);
    }
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("HTTPRoute") && refused.err.contains("TraefikService"), "{}", refused.err);
    // A Service of its own is what a route would name.
    let world = Simulated(cluster(NAMINGS[1]).await);
    let spec =
        json!({"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": NAMINGS[1].active, "port": 80}]}]});
    let route = create(&world, Resource::HttpRoutes, "shop", json!({"spec": spec})).await;
    accepted(&world, &route).await;
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("no Service for green"), "{}", refused.err);
    // Reading routes is not allowed: then they are unknown, and never "no route".
    world.0.forbid("list", "httproutes");
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("routes are unknown: reading HTTPRoute is not allowed"), "{}", refused.err);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_rejects_the_route_is_reported() {
    let naming = NAMINGS[0];
    let world = Simulated(cluster(naming).await);
    foreign_service(&world).await;
    let route = create(&world, Resource::HttpRoutes, "shop", json!({"spec": http_route_spec(naming)})).await;
    accepted(&world, &route).await;
    let original = world.get(&route).await["spec"].clone();
    world.0.close_gateway("web");
    let ran = world.run("switch green 10 --yes").await.expect(ExitStatus::Failed);
    assert!(ran.err.contains("gateway/web says Accepted is false: NotAllowedByListeners"), "{}", ran.err);
    assert!(ran.err.contains("kubectl bluegreen rollback"), "{}", ran.err);
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("is not accepted as it is now"), "{}", refused.err);
    world.run("rollback --yes").await.expect(ExitStatus::Failed);
    assert_eq!(world.get(&http_route(NAMESPACE)).await["spec"], original);
}

/// Runs a command and looks meanwhile, as often as it can, at the endpoints of the active Service: the ready ones of each
/// look, by color, where they differ from the look before.
pub(crate) async fn endpoints_during<W: World>(world: &W, naming: Naming, line: &str) -> Vec<(usize, usize)> {
    let labels = Some(format!("kubernetes.io/service-name={}", naming.active));
    let list = Request::List {
        resource: Resource::EndpointSlices,
        namespace: Some(world.namespace().to_owned()),
        labels,
        since: None,
        limit: None,
    };
    let mut seen: Vec<(usize, usize)> = Vec::new();
    let mut work = Box::pin(world.run(line));
    loop {
        let look = async {
            let slices = world.cluster().send(&list).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            slices
        };
        let slices = tokio::select! {
            ran = &mut work => {
                ran.expect(ExitStatus::Done);
                return seen;
            }
            slices = look => slices,
        };
        let endpoints =
            slices["items"].as_array().unwrap().iter().flat_map(|slice| slice["endpoints"].as_array().unwrap());
        let ready: Vec<&Value> = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).collect();
        let of = |color: &str| {
            let prefix = format!("{}-", naming.deployment(color));
            let named = |e: &&&Value| e["targetRef"]["name"].as_str().unwrap().starts_with(&prefix);
            ready.iter().filter(named).count()
        };
        let now = (of("blue"), of("green"));
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    }
}

/// From one color over both to the other: always one of them whole.
#[track_caller]
fn overlaps(seen: &[(usize, usize)], first: (usize, usize), last: (usize, usize)) {
    assert_eq!((seen.first(), seen.last()), (Some(&first), Some(&last)), "{seen:?}");
    assert!(seen.contains(&(2, 2)) && seen.iter().all(|(blue, green)| *blue == 2 || *green == 2), "{seen:?}");
}

/// First both colors, then only the new one: no moment without a ready endpoint.
pub(crate) async fn overlap<W: World>(world: &W, naming: Naming) {
    let selector = world.get(&naming.service(world.namespace())).await["spec"]["selector"].clone();
    let seen = endpoints_during(world, naming, "switch green --overlap --yes --settle 1s").await;
    overlaps(&seen, (2, 0), (0, 2));
    assert_eq!(split(world).await.0, json!({"blue": 0, "green": 100}));
    let seen = endpoints_during(world, naming, "rollback --overlap --yes --settle 1s").await;
    overlaps(&seen, (0, 2), (2, 0));
    assert_eq!(world.get(&naming.service(world.namespace())).await["spec"]["selector"], selector);
    let history = world.run("history -o json").await.expect(ExitStatus::Done).json();
    assert!(history["entries"].as_array().unwrap().iter().all(|entry| entry["result"] == "done"), "{history}");
}

#[tokio::test(start_paused = true)]
async fn overlap_leaves_no_moment_without_endpoints() {
    for naming in NAMINGS {
        Box::pin(overlap(&Simulated(cluster(naming).await), naming)).await;
    }
}

/// An autoscaler of a color's Deployment.
async fn autoscaler<W: World>(world: &W, deployment: &str, least: u32, most: u32) -> ObjectRef {
    let spec = json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicas": least, "maxReplicas": most, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]});
    create(world, Resource::HorizontalPodAutoscalers, deployment, json!({"spec": spec})).await
}

/// Pods in proportion behind a selector that was widened: 3 + 1 are 25 %, and 10 % cannot be reached.
pub(crate) async fn replicas<W: World>(world: &W, naming: Naming) {
    world.scale(naming.blue, 3).await;
    world.scale(naming.green, 0).await;
    let service = naming.service(world.namespace());
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), naming.green);
    let selector = world.get(&service).await["spec"]["selector"].clone();
    let size = async || world.get(&green).await["spec"]["replicas"].clone();

    let refused = world.run("switch green 10 --router replicas --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("the nearest are 25 % (1 pod) and 40 % (2 pods)"), "{}", refused.err);
    assert_eq!((size().await, world.get(&service).await["spec"]["selector"].clone()), (json!(0), selector.clone()));

    let ran = world.run("switch green 25 --router replicas --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("1 of 4 pods is of green then: 25 % in fact"), "{}", ran.err);
    assert_eq!(size().await, 1);
    let widened = world.get(&service).await["spec"]["selector"].clone();
    assert_eq!(widened, json!({"app": "it"}));
    assert_eq!(split(world).await, (json!({"blue": 75, "green": 25}), "replicas".to_owned()));
    let again = world.run("switch green 25 --yes -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(again["outcome"], "nothing-to-do");
    world.run("cleanup green --yes").await.expect(ExitStatus::Refused);

    world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!((size().await, split(world).await.0), (json!(3), json!({"blue": 50, "green": 50})));
    world.run("switch green 40 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!((size().await, split(world).await.0), (json!(2), json!({"blue": 60, "green": 40})));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!((size().await, world.get(&service).await["spec"]["selector"].clone()), (json!(0), selector.clone()));
    assert_eq!(split(world).await.0, json!({"blue": 100, "green": 0}));

    // Half of the pods, then all of the traffic: as many pods as before serve on.
    world.run("switch green 50 --router replicas --yes --settle 0s").await.expect(ExitStatus::Done);
    world.run("switch green --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!((size().await, selected(world, naming).await), (json!(3), json!("green")));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&service).await["spec"]["selector"], selector);

    // An autoscaler's lower bound is set for the share, and put back.
    let hpa = autoscaler(world, naming.green, 2, 5).await;
    let bound = async || world.get(&hpa).await["spec"]["minReplicas"].clone();
    let ran = world.run("switch green 25 --router replicas --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("may add pods to green under load"), "{}", ran.err);
    assert_eq!((bound().await, size().await), (json!(1), json!(1)));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(bound().await, 2);
    world.edit(&hpa, json!([{"op": "replace", "path": "/spec/maxReplicas", "value": 2}])).await;
    let refused = world.run("switch green 50 --router replicas --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("hpa/") && refused.err.contains("allows 2"), "{}", refused.err);
}

/// A canary Ingress beside each that names the active Service.
pub(crate) async fn nginx<W: World>(world: &W, naming: Naming) {
    foreign_service(world).await;
    let path = |path: &str, service: &str, port: Value| json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": port}}});
    let host = format!("{}.test", world.namespace());
    let main = json!({
        "metadata": {"annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "5"}},
        "spec": {"ingressClassName": "nginx", "rules": [
            {"host": host, "http": {"paths": [
                path("/", naming.active, json!({"name": "http"})), path("/zeta", "zeta", json!({"number": 80})),
            ]}},
            {"host": format!("zeta.{host}"), "http": {"paths": [path("/", "zeta", json!({"number": 80}))]}},
        ]},
    });
    let main = create(world, Resource::Ingresses, "shop", main).await;
    let original = world.get(&main).await;
    let canary = ObjectRef::new(Resource::Ingresses, world.namespace(), "shop-green-canary");
    let gone = async || world.cluster().send(&Request::Get(canary.clone())).await.is_err();
    let weight = async || {
        world.get(&canary).await["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].clone()
    };

    let ran = world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("ingress-nginx is retired"), "{}", ran.err);
    let made = world.get(&canary).await;
    assert_eq!(made["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"], "true");
    assert_eq!(weight().await, "10");
    let green = format!("{}-svc", naming.green);
    let expected = json!([{"host": host, "http": {"paths": [path("/", &green, json!({"name": "http"}))]}}]);
    assert_eq!((&made["spec"]["rules"], &made["spec"]["ingressClassName"]), (&expected, &json!("nginx")));
    assert_eq!(split(world).await, (json!({"blue": 90, "green": 10}), "nginx".to_owned()));
    world.run("cleanup green --yes").await.expect(ExitStatus::Refused);
    world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(weight().await, "50");
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(gone().await);
    for line in ["switch green 20", "switch green"] {
        world.run(&format!("{line} --yes --settle 0s")).await.expect(ExitStatus::Done);
    }
    assert!(gone().await);
    assert_eq!(selected(world, naming).await, "green");
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&main).await, original);

    // A canary of somebody else is never touched.
    let foreign = json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary": "true"}},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": [path("/", "zeta", json!({"number": 80}))]}}]}});
    create(world, Resource::Ingresses, "theirs", foreign).await;
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("ingress/theirs is a canary of the same hosts"), "{}", refused.err);

    // Nor is one that has the very name that ours would get.
    let namesake = json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary": "true"}},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": format!("other.{host}"), "http": {"paths": [path("/", &green, json!({"name": "http"}))]}}]}});
    let namesake = create(world, Resource::Ingresses, "shop-green-canary", namesake).await;
    let made = world.get(&namesake).await;
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(
        refused.err.contains("shop-green-canary is there already, and this tool did not make it"),
        "{}",
        refused.err
    );
    assert_eq!(world.get(&namesake).await, made);
}

/// Weights of a VirtualService, which sum up to 100.
pub(crate) async fn istio<W: World>(world: &W, naming: Naming) {
    foreign_service(world).await;
    let host = |name: &str| format!("{name}.{}.svc.cluster.local", world.namespace());
    let spec = json!({"hosts": ["shop.test"], "gateways": ["web"], "http": [
        {"match": [{"uri": {"prefix": "/mixed"}}], "timeout": "5s", "route": [
            {"destination": {"host": host(naming.active), "port": {"number": 80}}, "weight": 67},
            {"destination": {"host": "zeta", "port": {"number": 80}}, "weight": 33},
        ]},
        {"match": [{"uri": {"prefix": "/zeta"}}], "route": [{"destination": {"host": "zeta"}}]},
        {"route": [{"destination": {"host": naming.active}, "headers": {"response": {"set": {"x-seen": "1"}}}}]},
    ]});
    let service = create(world, Resource::VirtualServices, "shop", json!({"spec": spec})).await;
    let original = world.get(&service).await["spec"].clone();
    for (percent, first, last) in [(10, [60, 33, 7], [90, 10]), (50, [34, 33, 33], [50, 50]), (1, [66, 33, 1], [99, 1])]
    {
        world.run(&format!("switch green {percent} --yes --settle 0s")).await.expect(ExitStatus::Done);
        let now = world.get(&service).await["spec"].clone();
        super::schema::check("third-party/virtualservice.schema.json", &now);
        let weights = |rule: usize| -> Vec<u64> {
            now["http"][rule]["route"].as_array().unwrap().iter().map(|to| to["weight"].as_u64().unwrap()).collect()
        };
        assert_eq!((weights(0), weights(2)), (first.to_vec(), last.to_vec()), "{percent}");
        assert_eq!(now["http"][1], original["http"][1]);
        let green = format!("{}-svc", naming.green);
        assert_eq!(now["http"][0]["route"][2]["destination"]["host"], host(&green));
        assert_eq!(now["http"][2]["route"][1]["destination"]["host"], green);
        assert_eq!(now["http"][2]["route"][1]["headers"], original["http"][2]["route"][0]["headers"]);
    }
    assert_eq!(split(world).await.1, "istio");
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&service).await["spec"], original);
    let subset = json!([{"op": "add", "path": "/spec/http/2/route/0/destination/subset", "value": "v1"}]);
    world.edit(&service, subset).await;
    let refused = world.run("switch green 10 --yes").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("splits the traffic by subsets itself"), "{}", refused.err);
}

#[tokio::test(start_paused = true)]
async fn replicas_are_in_proportion_and_put_back() {
    for naming in NAMINGS {
        Box::pin(replicas(&Simulated(cluster(naming).await), naming)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nginx_gets_a_canary_and_loses_it() {
    for naming in [NAMINGS[0], NAMINGS[2]] {
        Box::pin(nginx(&Simulated(cluster(naming).await), naming)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn istio_weights_sum_up_to_100() {
    for naming in [NAMINGS[0], NAMINGS[2]] {
        Box::pin(istio(&Simulated(cluster(naming).await), naming)).await;
    }
}

/// While the active Service selects both colors, its journal says that it is the active one, whatever others are called.
#[tokio::test(start_paused = true)]
async fn a_widened_service_is_still_the_active_one() {
    let naming = NAMINGS[1];
    let world = Simulated(cluster(naming).await);
    let spec = json!({"selector": {"app": "it"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]});
    create(&world, Resource::Services, "main-x", json!({"spec": spec})).await;
    world.run("switch green 33 --router replicas --yes --settle 0s").await.expect(ExitStatus::Done);
    let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
    assert_eq!((&status["services"]["active"], &status["split"]), (&json!("x"), &json!({"blue": 67, "green": 33})));
    let table = world.run("status").await.expect(ExitStatus::Done).out;
    assert!(table.contains("67 % blue (1), 33 % green (2), by replicas"), "{table}");
    let history = world.run("history").await.expect(ExitStatus::Done).out;
    assert!(history.contains("blue -> green 33 %"), "{history}");
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(selected(&world, naming).await, "blue");
}
