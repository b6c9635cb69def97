//! What others do to routes while a share is given: a put-back finds what this tool has written by what is in it, not by
//! where it was, leaves everything else alone, and is not over before all of it is back.

use kubectl_bluegreen::cluster::simulated::{Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{Failure, ObjectRef, Resource};
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::faults::is_whole;
use super::routers::{accepted, create, foreign_service, split};
use super::simulated::{NAMESPACE, Simulated, cluster};
use super::split_faults::{By, routed};
use super::world::{NAMINGS, Naming, World};

const NAMING: Naming = NAMINGS[0];
const JOURNAL: &str = "kubectl-bluegreen.dev/journal";

fn green() -> String {
    format!("{}-svc", NAMING.green)
}

fn rule(path: &str, backends: &Value) -> Value {
    json!({"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": backends})
}

fn theirs() -> Value {
    rule("/theirs", &json!([{"name": "zeta", "port": 80}]))
}

/// Sees the new version before everybody else, and has done so before any share.
fn preview() -> Value {
    rule("/preview", &json!([{"name": green(), "port": 80, "weight": 1}]))
}

fn rules() -> Vec<Value> {
    let active = NAMING.active;
    vec![
        preview(),
        rule(
            "/mixed",
            &json!([{"name": "zeta", "port": 80, "weight": 30}, {"name": active, "port": 80, "weight": 60}]),
        ),
        rule("/once", &json!([{"name": active, "port": 80}])),
        rule("/seven", &json!([{"name": active, "port": 80, "weight": 7}])),
    ]
}

/// A cluster in which green has 10 % by a route of several rules.
pub(super) async fn shared() -> (Simulated, ObjectRef) {
    shared_by(rules()).await
}

async fn shared_by(rules: Vec<Value>) -> (Simulated, ObjectRef) {
    let world = Simulated(cluster(NAMING).await);
    foreign_service(&world).await;
    let spec = json!({"parentRefs": [{"name": "web"}], "rules": rules});
    let route = create(&world, Resource::HttpRoutes, "shop", json!({"spec": spec})).await;
    accepted(&world, &route).await;
    world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    (world, route)
}

fn journal(cluster: &SimulatedCluster) -> Value {
    let service = cluster.object(&NAMING.service(NAMESPACE)).unwrap();
    serde_json::from_str(service["metadata"]["annotations"][JOURNAL].as_str().unwrap()).unwrap()
}

fn backends(rule: &Value) -> &Value {
    &rule["backendRefs"]
}

/// Rules without the weights of those that have one backend: there it makes no difference.
fn worth(rules: &[Value]) -> Vec<Value> {
    let mut rules = rules.to_vec();
    for list in rules.iter_mut().map(|rule| rule["backendRefs"].as_array_mut().unwrap()) {
        if let [only] = list.as_mut_slice() {
            only.as_object_mut().unwrap().remove("weight");
        }
    }
    rules
}

/// Changes the rules, rolls back, and answers what they are then; green has no user left, and the journal says so.
async fn put_back_after(line: &str, change: impl FnOnce(&mut Vec<Value>)) -> Vec<Value> {
    let (world, route) = shared().await;
    world.0.edit(&route, |route| change(route["spec"]["rules"].as_array_mut().unwrap()));
    world.rest().await;
    world.run(&format!("{line} --yes --settle 0s")).await.expect(ExitStatus::Done);
    let rules = world.get(&route).await["spec"]["rules"].as_array().unwrap().clone();
    for rule in rules.iter().filter(|rule| rule["matches"] != preview()["matches"]) {
        assert!(!backends(rule).to_string().contains(&green()), "{line}: {rule}");
    }
    let last = journal(&world.0)["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["phase"], &last["result"]), (&json!("closed"), &json!("done")), "{last}");
    let shares =
        if line == "switch green" { json!({"blue": 0, "green": 100}) } else { json!({"blue": 100, "green": 0}) };
    assert_eq!(split(&world).await.0, shares);
    rules
}

#[tokio::test(start_paused = true)]
async fn rules_that_come_go_and_move_do_not_hide_ours() {
    for line in ["rollback", "switch green", "switch green 0"] {
        let before = rules();
        assert_eq!(put_back_after(line, |_| {}).await, before);
        let one_before = [vec![theirs()], rules()].concat();
        assert_eq!(put_back_after(line, |rules| rules.insert(0, theirs())).await, one_before);
        let several = [vec![theirs(), preview()], rules()].concat();
        assert_eq!(put_back_after(line, |rules| drop(rules.splice(0..0, [theirs(), preview()]))).await, several);
        let between = [&rules()[..2], &[theirs()], &rules()[2..]].concat();
        assert_eq!(put_back_after(line, |rules| rules.insert(2, theirs())).await, between);
        assert_eq!(put_back_after(line, |rules| drop(rules.remove(0))).await, rules()[1..]);
        assert_eq!(put_back_after(line, |rules| drop(rules.remove(1))).await, [&rules()[..1], &rules()[2..]].concat());
        // What cannot be told apart is worth the same.
        let turned = put_back_after(line, |rules| rules.reverse()).await;
        assert_eq!((&turned[2..], turned.len()), (&[rules()[1].clone(), preview()][..], 4));
        let only_active = |rule: &Value| backends(rule).as_array().unwrap().len() == 1;
        assert!(turned[..2].iter().all(only_active), "{turned:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_make_of_our_rules_is_theirs_and_the_share_goes() {
    // Moved and changed: the rest of it stays as they want it.
    let changed = put_back_after("rollback", |rules| {
        rules[1]["backendRefs"][0]["weight"] = 7.into();
        rules[1]["backendRefs"].as_array_mut().unwrap().push(json!({"name": "zeta", "port": 80, "weight": 1}));
        rules.insert(0, theirs());
    })
    .await;
    assert_eq!(changed[0], theirs());
    let weights: Vec<_> = backends(&changed[2]).as_array().unwrap().iter().map(|to| to["weight"].as_u64()).collect();
    assert_eq!(weights, [Some(7), Some(200), Some(1)], "{changed:?}");
    // Repeated: both are put back.
    let copied = put_back_after("rollback", |rules| {
        let copy = rules[1].clone();
        rules.insert(0, rule("/copy", backends(&copy)));
    })
    .await;
    assert_eq!(backends(&copied[0]), backends(&rules()[1]));
    assert_eq!(worth(&copied[1..]), worth(&rules()));
    // A rule that is new and shares, too: nobody is left at the color.
    let new = put_back_after("rollback", |rules| {
        let list = json!([{"name": NAMING.active, "port": 80, "weight": 1}, {"name": green(), "port": 80, "weight": 1},
            {"name": "zeta", "port": 80, "weight": 2}]);
        rules.push(rule("/new", &list));
    })
    .await;
    assert_eq!(new[..4], rules());
    let left = json!([{"name": NAMING.active, "port": 80, "weight": 1}, {"name": "zeta", "port": 80, "weight": 1}]);
    assert_eq!(backends(&new[4]), &left);
    // Everything to the color, by hand: the active Service comes back.
    let taken = put_back_after("rollback", |rules| {
        rules[2]["backendRefs"].as_array_mut().unwrap().remove(0);
    })
    .await;
    assert_eq!(backends(&taken[2])[0]["name"], NAMING.active);
}

/// A route that has been made anew under another name holds what the journal knows.
#[tokio::test(start_paused = true)]
async fn a_route_with_another_name_is_known_again() {
    let (world, route) = shared().await;
    let mut spec = world.get(&route).await["spec"].clone();
    spec["rules"].as_array_mut().unwrap().insert(0, theirs());
    world.0.delete(&route);
    let renamed = create(&world, Resource::HttpRoutes, "renamed", json!({"spec": spec})).await;
    accepted(&world, &renamed).await;
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&renamed).await["spec"]["rules"], json!([vec![theirs()], rules()].concat()));
}

/// A share that somebody else gives by a route of his own is not ours to take: it stays, and nobody says otherwise.
#[tokio::test(start_paused = true)]
async fn a_share_of_somebody_else_stays_and_is_told_of() {
    let (world, _) = shared().await;
    let list = json!([{"name": NAMING.active, "port": 80, "weight": 3, "filters": []}, {"name": green(), "port": 80, "weight": 1}]);
    let spec = json!({"parentRefs": [{"name": "web"}], "rules": [rule("/", &list)]});
    let other = create(&world, Resource::HttpRoutes, "other", json!({"spec": spec})).await;
    accepted(&world, &other).await;
    let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains("httproute/other gives service/") && ran.err.contains("25 %"), "{}", ran.err);
    assert!(ran.out.contains("done: 75 % (100 % were asked for) of") && !ran.out.contains("serves"), "{}", ran.out);
    assert_eq!(world.get(&other).await["spec"], spec);
    assert_eq!(split(&world).await.0, json!({"blue": 75, "green": 25}));
}

/// A route that the journal does not name is not ours while its own routes are there, however much it looks like them; and
/// once they are gone, only one that is as it was written is theirs under another name.
#[tokio::test(start_paused = true)]
async fn a_strangers_route_is_never_taken_for_ours() {
    let list = |active: u64, green_: u64| json!([{"name": NAMING.active, "port": 80, "weight": active}, {"name": green(), "port": 80, "weight": green_}]);
    for (is_gone, backends, left) in [(false, list(90, 10), 10), (true, list(75, 25), 25)] {
        let (world, route) = shared().await;
        if is_gone {
            world.0.delete(&route);
        }
        let spec = json!({"parentRefs": [{"name": "web"}], "rules": [rule("/", &backends)]});
        let other = create(&world, Resource::HttpRoutes, "other", json!({"spec": spec})).await;
        accepted(&world, &other).await;
        let refused = world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Refused);
        assert!(refused.err.contains("that this tool has not recorded"), "{}", refused.err);
        let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
        let told = format!("httproute/other gives service/{} {left} %, which this tool has not written", green());
        assert!(ran.err.contains(&told), "{}", ran.err);
        assert_eq!(world.get(&other).await["spec"], spec);
        assert_eq!(split(&world).await.0, json!({"blue": 100 - left, "green": left}));
        if !is_gone {
            assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules()));
        }
    }
}

/// A way back that was cut off before it has written to any route: under another name only the share that was written before
/// it is known again.
#[tokio::test(start_paused = true)]
async fn a_way_back_that_was_cut_off_knows_what_was_written_before() {
    let list = |active: u64, green_: u64| json!([{"name": NAMING.active, "port": 80, "weight": active}, {"name": green(), "port": 80, "weight": green_}]);
    for (backends, is_ours) in [(list(90, 10), true), (list(75, 25), false)] {
        let (world, route) = shared().await;
        let mut journal = journal(&world.0);
        let entries = journal["entries"].as_array_mut().unwrap();
        let mut back = entries.last().unwrap().clone();
        back["id"] = "cut-off".into();
        back["command"] = "rollback".into();
        back["to"] = "blue".into();
        back["split"] = json!({"blue": 100, "green": 0});
        back["phase"] = "moving".into();
        back["result"] = Value::Null;
        entries.last_mut().unwrap().as_object_mut().unwrap().remove("before");
        entries.push(back);
        let text = journal.to_string();
        world.0.edit(&NAMING.service(NAMESPACE), |service| {
            service["metadata"]["annotations"][JOURNAL] = text.into();
        });
        world.0.delete(&route);
        let spec = json!({"parentRefs": [{"name": "web"}], "rules": [rule("/", &backends)]});
        let other = create(&world, Resource::HttpRoutes, "other", json!({"spec": spec})).await;
        accepted(&world, &other).await;
        let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
        let after = world.get(&other).await["spec"]["rules"][0]["backendRefs"].clone();
        let taken_out = !after.to_string().contains(&green());
        assert_eq!(taken_out, is_ours, "{after}: {}", ran.err);
        assert_eq!(ran.err.contains("which this tool has not written"), !is_ours, "{}", ran.err);
    }
}

/// Weights that somebody changes by hand while a share is given: what others get stays, users leave the color all the same,
/// and it is told.
#[tokio::test(start_paused = true)]
async fn weights_that_others_change_meanwhile_are_theirs() {
    let (zeta, all) = (|weight: u64| json!({"name": "zeta", "port": 80, "weight": weight}), 1);
    let active = |weight: u64| json!({"name": NAMING.active, "port": 80, "weight": weight});
    let of_green = |weight: u64| json!({"name": green(), "port": 80, "weight": weight});
    let told =
        "somebody else has changed httproute/shop: its weights as they are now count, not those that were recorded";
    // A backend that is broken gets nobody any more.
    let drain = |route: &mut Value| route["spec"]["rules"][1]["backendRefs"][0]["weight"] = 0.into();
    let (world, route) = shared().await;
    world.0.edit(&route, drain);
    world.rest().await;
    let ran = world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains(told), "{}", ran.err);
    let mixed = async || world.get(&route).await["spec"]["rules"][1]["backendRefs"].clone();
    assert_eq!(mixed().await, json!([zeta(0), active(50), of_green(50)]));
    let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(!ran.err.contains("somebody else"), "known by now: {}", ran.err);
    assert_eq!(mixed().await, json!([zeta(0), active(all)]));

    let (world, route) = shared().await;
    world.0.edit(&route, drain);
    world.rest().await;
    let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(ran.err.contains(told) && ran.err.contains("and leave the rest as it is now"), "{}", ran.err);
    let now = world.get(&route).await["spec"]["rules"].clone();
    assert_eq!(backends(&now[1]), &json!([zeta(0), active(all)]));
    assert_eq!((&now[0], &now[2], &now[3]), (&preview(), &rules()[2], &rules()[3]));

    // Another share than the one that was written: a way back from that, too.
    let (world, route) = shared().await;
    world.0.edit(&route, |route| route["spec"]["rules"][2]["backendRefs"] = json!([active(20), of_green(80)]));
    world.rest().await;
    let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    let told = format!("somebody else has changed httproute/shop: it gives service/{} 80 % now", green());
    assert!(ran.err.contains(&told), "{}", ran.err);
    assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules()));
    // Nobody has changed anything: nobody is told so.
    let (world, _) = shared().await;
    let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert!(!ran.err.contains("somebody else"), "{}", ran.err);
}

/// Weights beyond what any API takes: a share is still a share, and the way back is exact.
#[tokio::test(start_paused = true)]
async fn weights_of_any_size_are_reckoned_with() {
    for (zeta, own) in [(1, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, u64::MAX / 2)] {
        let zeta = json!({"name": "zeta", "port": 80, "weight": zeta});
        let own = json!({"name": NAMING.active, "port": 80, "weight": own});
        let rules = vec![rule("/", &json!([zeta, own, own]))];
        let (world, route) = shared_by(rules.clone()).await;
        let given = world.get(&route).await["spec"]["rules"][0]["backendRefs"].clone();
        let weight = |at: usize| given[at]["weight"].as_u64().unwrap();
        assert_eq!(weight(3) + weight(4), (weight(1) + weight(2)) / 9, "{given}");
        world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
        assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules));
    }
}

/// A route that names the active Service twice, and what somebody makes of it meanwhile: what is drained stays drained, and
/// what was changed keeps its part, whatever share the color had.
#[tokio::test(start_paused = true)]
async fn entries_of_the_active_service_keep_the_parts_that_somebody_gave_them() {
    let header = |value: &str| json!([{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "path", "value": value}]}}]);
    let entry = |weight: u64, value: &str| json!({"name": NAMING.active, "port": 80, "weight": weight, "filters": header(value)});
    for (share, change, after, is_changed) in [
        (10, json!([0, 90, 10, 10]), [0, 1], true),
        (10, json!([90, 0, 10, 10]), [1, 0], true),
        (90, json!([10, 5, 90, 90]), [2, 1], true),
        (10, json!([0, 0, 10, 10]), [1, 1], false),
        (50, json!([50, 50, 50, 50]), [1, 1], false),
    ] {
        let (world, route) = shared_by(vec![rule("/", &json!([entry(1, "a"), entry(1, "b")]))]).await;
        if share != 10 {
            world.run(&format!("switch green {share} --yes --settle 0s")).await.expect(ExitStatus::Done);
        }
        world.0.edit(&route, |route| {
            let list = route["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap();
            list.iter_mut()
                .zip(change.as_array().unwrap())
                .for_each(|(entry, weight)| entry["weight"] = weight.clone());
        });
        world.rest().await;
        let ran = world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
        let told = ran.err.contains("its weights as they are now count");
        assert_eq!(told, is_changed, "{change}: {}", ran.err);
        let now = world.get(&route).await["spec"]["rules"][0]["backendRefs"].clone();
        assert_eq!(now, json!([entry(after[0], "a"), entry(after[1], "b")]), "{change}");
    }
}

/// Something else that the route names is gone: that is told, and the way back comes to its end.
#[tokio::test(start_paused = true)]
async fn what_else_is_missing_does_not_hold_up_a_way_back() {
    for (line, gone) in [("rollback", green()), ("rollback", "zeta".to_owned()), ("switch green", "zeta".to_owned())] {
        let (world, route) = shared().await;
        world.0.delete(&ObjectRef::new(Resource::Services, NAMESPACE, &gone));
        world.rest().await;
        let refused = world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Refused);
        assert!(refused.err.contains(&gone) || refused.err.contains("could name"), "{}", refused.err);
        let ran = world.run(&format!("{line} --yes --settle 0s --timeout 5s")).await.expect(ExitStatus::Done);
        let told = format!(
            "accepted by all its Gateways, but something that it names is missing: gateway/web says ResolvedRefs is false: BackendNotFound: service {gone} not found"
        );
        assert!(ran.err.contains(&told), "{}", ran.err);
        assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules()));
        let last = journal(&world.0)["entries"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["phase"], &last["result"]), (&json!("closed"), &json!("done")), "{last}");
    }
    // A Gateway that does not take the route at all has not taken the share out either.
    let (world, _) = shared().await;
    world.0.close_gateway("web");
    let failed = world.run("rollback --yes --settle 0s --timeout 5s").await.expect(ExitStatus::Failed);
    assert!(failed.err.contains("gateway/web says Accepted is false"), "{}", failed.err);
}

/// The color's Service is gone, or is another one by now: the one that routes were made to name is taken out of them.
#[tokio::test(start_paused = true)]
async fn the_service_that_was_named_is_taken_out_whatever_became_of_it() {
    let service = ObjectRef::new(Resource::Services, NAMESPACE, green());
    let (world, route) = shared().await;
    // No Gateway takes a route to a Service that is not there.
    world.0.edit(&route, |route| drop(route["spec"]["rules"].as_array_mut().unwrap().remove(0)));
    world.0.delete(&service);
    world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Refused);
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules()[1..]));

    let (world, route) = shared().await;
    world.0.edit(&route, |route| drop(route["spec"]["rules"].as_array_mut().unwrap().remove(0)));
    let mut spec = world.get(&service).await["spec"].clone();
    spec.as_object_mut().unwrap().retain(|key, _| key == "selector" || key == "ports");
    world.0.delete(&service);
    create(&world, Resource::Services, "green", json!({"spec": spec})).await;
    let refused = world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("goes to another Service than service/green"), "{}", refused.err);
    assert_eq!(split(&world).await.0, json!({"blue": 90, "green": 10}));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules()[1..]));
}

/// The next share, too, is given to rules by what is in them.
#[tokio::test(start_paused = true)]
async fn the_next_share_finds_the_rules_again() {
    let (world, route) = shared().await;
    world
        .0
        .edit(&route, |route| route["spec"]["rules"].as_array_mut().unwrap().splice(0..0, [theirs()]).for_each(drop));
    world.rest().await;
    world.run("switch green 50 --yes --settle 0s").await.expect(ExitStatus::Done);
    let now = world.get(&route).await["spec"]["rules"].clone();
    assert_eq!((&now[0], &now[1]), (&theirs(), &preview()));
    let half = json!([{"name": NAMING.active, "port": 80, "weight": 50}, {"name": green(), "port": 80, "weight": 50}]);
    assert_eq!((backends(&now[3]), backends(&now[4])), (&half, &half));
    world.0.edit(&route, |route| drop(route["spec"]["rules"].as_array_mut().unwrap().remove(0)));
    world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
    assert_eq!(world.get(&route).await["spec"]["rules"], json!(rules()));
}

/// A canary that somebody has taken the label off is still the one whose name was written down.
#[tokio::test(start_paused = true)]
async fn a_canary_is_known_by_its_name_or_its_label() {
    let backend = json!({"service": {"name": NAMING.active, "port": {"number": 80}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
    let spec = json!({"ingressClassName": "nginx", "rules": [{"host": "h", "http": {"paths": paths}}]});
    let canary = ObjectRef::new(Resource::Ingresses, NAMESPACE, "shop-green-canary");
    let changes: [fn(&mut Value); 3] = [
        |canary| canary["metadata"]["labels"] = json!({"team": "web"}),
        |canary| canary["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"] = "false".into(),
        |canary| canary["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "zeta".into(),
    ];
    for change in changes {
        let world = Simulated(cluster(NAMING).await);
        create(&world, Resource::Ingresses, "shop", json!({"spec": spec})).await;
        world.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
        world.0.edit(&canary, change);
        world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
        assert_eq!(world.0.object(&canary), None);
    }
}

/// Somebody finishes a share by hand, at the active Service alone: what was written for it is still there, and goes first.
#[tokio::test(start_paused = true)]
async fn a_share_beside_a_color_that_somebody_else_has_left_is_ended_first() {
    for by in [By::Gateway, By::Traefik, By::Nginx, By::Istio, By::Replicas] {
        for (line, serves) in [("switch green", "green"), ("switch blue", "blue"), ("rollback", "blue")] {
            let (prepared, objects) = routed(by, NAMING).await;
            let world = Simulated(prepared);
            let specs =
                || objects.iter().map(|object| world.0.object(object).unwrap()["spec"].clone()).collect::<Vec<_>>();
            let before = specs();
            let router = if by == By::Replicas { "--router replicas" } else { "" };
            world.run(&format!("switch green 33 {router} --yes --settle 0s")).await.expect(ExitStatus::Done);
            world.0.edit(&NAMING.service(NAMESPACE), |service| {
                service["spec"]["selector"] = json!({"app": "it", NAMING.key: "green"});
            });
            let left = specs();
            for line in ["switch green 50", "switch blue 50", "switch green 33"] {
                let ran = world.run(&format!("{line} --yes --settle 0s")).await.expect(ExitStatus::Refused);
                assert!(ran.err.contains("was given 33 % beside blue by"), "{by:?}: {line}: {}", ran.err);
                assert_eq!(specs(), left, "{by:?}: {line}");
            }
            world.run("status").await.expect(ExitStatus::Done);
            let ran = world.run(&format!("{line} --yes --settle 0s")).await;
            assert_eq!(ran.status, ExitStatus::Done, "{by:?}: {line}: {}", ran.err);
            assert_eq!(specs(), before, "{by:?}: {line}");
            assert_eq!(is_whole(&world.0, NAMING, line).as_deref(), Some(serves), "{by:?}");
            if line == "switch green" {
                assert!(ran.err.contains("End the share of green by"), "{by:?}: {}", ran.err);
                // The way back is to where the share was taken from.
                world.run("rollback --yes --settle 0s").await.expect(ExitStatus::Done);
                assert_eq!(is_whole(&world.0, NAMING, line).as_deref(), Some("blue"), "{by:?}");
            }
        }
    }
}

/// An API server that has just begun does not serve all kinds yet: what was written for a share is not taken for gone.
#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_for_a_moment_does_not_hide_what_was_written() {
    for (by, plural) in [(By::Gateway, "httproutes"), (By::Traefik, "traefikservices"), (By::Istio, "virtualservices")]
    {
        for line in ["switch green --yes --settle 0s", "rollback --yes --settle 0s"] {
            let (prepared, objects) = routed(by, NAMING).await;
            let spec = |cluster: &SimulatedCluster| cluster.object(&objects[0]).unwrap()["spec"].clone();
            let original = spec(&prepared);
            let prepared = Simulated(prepared);
            prepared.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
            let good = Simulated(prepared.0.fork());
            good.run(line).await.expect(ExitStatus::Done);
            let lists = format!("list {plural} ");
            let log = good.0.log();
            let asked: Vec<usize> = (1..=log.len()).filter(|at| log[at - 1].starts_with(&lists)).collect();
            assert!(asked.len() >= 2, "{log:?}");
            for at in asked {
                let world = Simulated(prepared.0.fork());
                world.0.inject(at, Fault::Refuse(Failure::NotFound));
                let ran = world.run(line).await;
                if ran.status != ExitStatus::Done {
                    // While the route is waited for: it is said, and the same command goes on.
                    assert!(ran.err.contains(&format!("list {plural}")), "{by:?}: {line}: 404 at {at}: {}", ran.err);
                    world.run(&format!("{line} --wait-lock 1m")).await.expect(ExitStatus::Done);
                }
                assert_eq!(spec(&world.0), original, "{by:?}: {line}: 404 at {at}");
            }
        }
    }
}

/// The same of a deletion: 404 alone does not say that a canary is gone, and whoever else has deleted it is no failure.
#[tokio::test(start_paused = true)]
async fn a_canary_is_gone_when_it_is_not_listed() {
    for line in ["switch green --yes --settle 0s", "rollback --yes --settle 0s"] {
        let (prepared, objects) = routed(By::Nginx, NAMING).await;
        let canary = ObjectRef::new(Resource::Ingresses, NAMESPACE, "shop-green-canary");
        let prepared = Simulated(prepared);
        prepared.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
        assert!(prepared.0.object(&canary).is_some() && !objects.contains(&canary));
        let good = Simulated(prepared.0.fork());
        good.run(line).await.expect(ExitStatus::Done);
        let at = good.0.log().iter().position(|request| request.starts_with("delete ingress")).unwrap() + 1;
        let other = canary.clone();
        let deleted = Fault::OtherWriter(Box::new(move |cluster: &SimulatedCluster| cluster.delete(&other)));
        for (fault, words) in [(Fault::Refuse(Failure::NotFound), "is deleted"), (deleted, "is gone")] {
            let world = Simulated(prepared.0.fork());
            world.0.inject(at, fault);
            let ran = world.run(line).await.expect(ExitStatus::Done);
            assert!(ran.err.contains(&format!("{canary} {words}")), "{line}: {}", ran.err);
            assert_eq!(world.0.object(&canary), None, "{line}");
        }
        // Where the list cannot be read, either, it is not known.
        for fault in [Fault::Refuse(Failure::NotFound), Fault::LoseBefore, Fault::Refuse(Failure::Forbidden)] {
            let world = Simulated(prepared.0.fork());
            world.0.inject(at, Fault::Refuse(Failure::NotFound));
            world.0.inject(at + 1, fault);
            let ran = world.run(line).await.expect(ExitStatus::Done);
            assert!(ran.err.contains(&format!("{canary} is deleted")), "{line}: {}", ran.err);
            assert_eq!(world.0.object(&canary), None, "{line}");
        }
    }
}

/// Ingresses are served everywhere: where they stay unknown, nobody says that there is no canary.
#[tokio::test(start_paused = true)]
async fn a_canary_is_not_gone_with_its_kind() {
    let (prepared, _) = routed(By::Nginx, NAMING).await;
    let prepared = Simulated(prepared);
    prepared.run("switch green 10 --yes --settle 0s").await.expect(ExitStatus::Done);
    let good = Simulated(prepared.0.fork());
    good.run("status").await.expect(ExitStatus::Done);
    let log = good.0.log();
    let first = log.iter().position(|request| request.starts_with("list ingresses")).unwrap() + 1;
    for asked_again in [5, 6] {
        let world = Simulated(prepared.0.fork());
        let again = log.len() + 1..=log.len() + asked_again;
        std::iter::once(first).chain(again).for_each(|at| world.0.inject(at, Fault::Refuse(Failure::NotFound)));
        let ran = world.run("status").await;
        if asked_again == 5 {
            assert!(ran.expect(ExitStatus::Done).out.contains("10 %"));
        } else {
            assert!(ran.expect(ExitStatus::Failed).err.contains("does not serve ingresses now"));
        }
    }
}

/// How a newer version has written an entry, and what is said of it.
type Changed = (fn(&mut Value), &'static str);

/// A share by a router that this version does not know, or with something else to put back that it does not know.
#[tokio::test(start_paused = true)]
async fn what_a_newer_version_has_written_is_left_to_it() {
    let changes: [Changed; 2] = [
        (|entry| entry["router"] = "mesh".into(), "by router mesh"),
        (|entry| entry["before"]["weather"] = json!({"rain": 1}), "before.weather"),
    ];
    for ended in [true, false] {
        for (change, words) in changes {
            let (world, _) = shared().await;
            let mut written = journal(&world.0);
            let entry = written["entries"].as_array_mut().unwrap().last_mut().unwrap();
            change(entry);
            if !ended {
                entry["phase"] = "moving".into();
                entry["result"] = Value::Null;
            }
            let text = written.to_string();
            world
                .0
                .edit(&NAMING.service(NAMESPACE), |service| service["metadata"]["annotations"][JOURNAL] = text.into());
            let objects =
                || (world.0.object(&NAMING.service(NAMESPACE)), world.0.object(&super::routers::http_route(NAMESPACE)));
            let before = objects();
            for line in ["rollback", "switch green", "switch blue", "switch green 50", "switch green 0", "deploy 3"] {
                let ran =
                    world.run(&format!("{line} --yes --settle 0s --timeout 5s")).await.expect(ExitStatus::Refused);
                assert!(ran.err.contains(words) && ran.err.contains("newer version"), "{line}: {}", ran.err);
                assert_eq!(objects(), before, "{line}");
            }
            world.run("cleanup green --yes").await.expect(ExitStatus::Refused);
            world.run("check").await.expect(ExitStatus::Refused);
            let status = world.run("status -o json").await.expect(ExitStatus::Done).json();
            assert_eq!((&status["canSwitch"], &status["canRollback"]), (&json!(false), &json!(false)));
            assert_eq!(status["split"], Value::Null);
            assert!(world.run("status").await.expect(ExitStatus::Done).out.contains(words));
        }
    }
}
