//! What `status` shows in every state that an operator meets, in wide and in narrow terminals, and how the live view
//! follows.

use std::fmt::Write as _;
use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::{Behaviour, SimulatedCluster};
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::cmd::status::Status;
use kubectl_bluegreen::observe::observe;
use kubectl_bluegreen::paint::Canvas;
use kubectl_bluegreen::place::Place;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use kubectl_bluegreen::screen;
use serde_json::{Value, json};

use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, run, run_until};

/// A screen without its paint, in so many columns.
async fn shown(cluster: &SimulatedCluster, columns: usize) -> String {
    let observed = observe(cluster, Some(NAMESPACE), &[]).await.unwrap();
    let sets = observed.sets();
    let painted = screen::screen(&Status::new(&sets[0], 0), false, Canvas { columns: Some(columns), place: None });
    let plain = anstream::adapter::strip_str(&painted).to_string();
    assert_ne!(plain, painted);
    assert!(plain.lines().all(|line| line.chars().count() <= columns), "wider than {columns}:\n{plain}");
    plain
}

fn deployment(name: &str) -> ObjectRef {
    ObjectRef::new(Resource::Deployments, NAMESPACE, name)
}

/// A state of a set, by its name.
pub(super) async fn states() -> Vec<(&'static str, SimulatedCluster)> {
    let naming = NAMINGS[0];
    let service = naming.service(NAMESPACE);
    let mut states = vec![("fresh", cluster(naming).await)];
    let switched = cluster(naming).await;
    run(&switched, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    tokio::time::sleep(Duration::from_hours(3)).await;
    states.push(("switched three hours ago", switched));
    let broken = cluster(naming).await;
    broken.behave("bgapp:bad", Behaviour { crashes: true, ..Behaviour::default() });
    broken.edit(&deployment(naming.green), |green| {
        green["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.local/bgapp:bad".into();
    });
    tokio::time::sleep(Duration::from_mins(1)).await;
    states.push(("green is half rolled out and crashes", broken));
    let cut_off = cluster(naming).await;
    run(&cut_off, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    cut_off.edit(&service, |service| {
        let text = service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"].as_str().unwrap();
        let text = text.replace("closed", "selector").replacen(r#""phase":"selector""#, r#""phase":"moving""#, 1);
        service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"] = text.into();
    });
    states.push(("a switch was cut off", cut_off));
    let held = cluster(naming).await;
    run(&held, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    let lease = ObjectRef::new(Resource::Leases, NAMESPACE, format!("kubectl-bluegreen-{}", naming.active));
    held.edit(&lease, |lease| lease["spec"]["holderIdentity"] = "tester@laptop/1/x".into());
    states.push(("somebody holds the lease", held));
    let foreign = cluster(naming).await;
    foreign.edit(&service, |service| {
        service["metadata"]["annotations"] = json!({
            "kubectl-bluegreen.dev/journal": "[]",
            "argocd.argoproj.io/tracking-id": "shop:/Service:shop/x",
            "kubectl.kubernetes.io/last-applied-configuration":
                json!({"spec": {"selector": {"app": "it", naming.key: "green"}}}).to_string(),
        });
    });
    states.push(("Argo CD wants green, and the journal is broken", foreign));
    let empty = cluster(naming).await;
    empty.edit(&deployment(naming.blue), |blue| blue["spec"]["replicas"] = 0.into());
    empty.edit(&service, |service| service["spec"]["ports"][0]["targetPort"] = "web".into());
    empty.settle(Duration::from_mins(2)).await;
    states.push(("nothing serves", empty));
    let half = cluster(naming).await;
    half.delete(&deployment(naming.green));
    half.delete(&ObjectRef::new(Resource::Services, NAMESPACE, format!("{}-svc", naming.green)));
    states.push(("green is missing", half));
    let lost = cluster(NAMINGS[1]).await;
    lost.edit(&NAMINGS[1].service(NAMESPACE), |service| service["spec"]["selector"] = json!({"app": "it"}));
    states.push(("both colors are selected, no color Services", lost));
    let routed = cluster(naming).await;
    for (kind, spec) in [
        ("Ingress", json!({"defaultBackend": {"service": {"name": naming.active}}})),
        ("HTTPRoute", json!({"rules": [{"backendRefs": [{"name": naming.active}]}]})),
    ] {
        routed.apply(json!({"kind": kind, "metadata": {"name": "shop", "namespace": NAMESPACE}, "spec": spec}));
    }
    routed.forbid("list", "virtualservices");
    states.push(("routes", routed));
    states
}

#[tokio::test(start_paused = true)]
async fn screens_are_what_they_were() {
    let mut screens = String::new();
    for (name, cluster) in states().await {
        writeln!(screens, "=== {name}\n{}", shown(&cluster, 100).await).unwrap();
        if matches!(name, "fresh" | "a switch was cut off") {
            writeln!(screens, "=== {name}, 60 columns\n{}", shown(&cluster, 60).await).unwrap();
        }
        let ran = run(&cluster, NAMESPACE, "status -o json").await.expect(ExitStatus::Done);
        assert!(!ran.out.contains('\u{1b}'), "{name}: JSON is not painted");
    }
    insta::assert_snapshot!(screens);
}

#[tokio::test(start_paused = true)]
async fn all_sets_that_one_may_see_are_shown() {
    let cluster = cluster(NAMINGS[0]).await;
    for mut manifest in NAMINGS[2].manifests() {
        manifest["metadata"]["namespace"] = "other".into();
        cluster.apply(manifest);
    }
    cluster.settle(Duration::from_hours(1)).await;
    let whole = run(&cluster, NAMESPACE, "status -A").await.expect(ExitStatus::Done);
    let wide = run(&cluster, NAMESPACE, "status -A -o wide").await.expect(ExitStatus::Done);
    insta::assert_snapshot!(format!("{}\n{}", whole.out, wide.out));
    assert_eq!(whole.err, "");
    let names = |ran: &Value| -> Vec<String> {
        let items = ran["items"].as_array().unwrap();
        items.iter().map(|item| format!("{}/{}", item["set"]["namespace"], item["set"]["name"])).collect()
    };
    let json = run(&cluster, NAMESPACE, "status -A -o json").await.json();
    assert_eq!(names(&json), [r#""other"/"cart""#, r#""shop"/"api-gateway""#]);
    assert!(json["items"].as_array().unwrap().iter().all(|item| item["canSwitch"] == true), "{json:#}");

    // Who may not list everything sees what is in the namespaces that are allowed, and that it is not everything.
    cluster.forbid_everywhere("list", "deployments");
    let ran = run(&cluster, NAMESPACE, "status -A -o json").await.expect(ExitStatus::Done);
    assert_eq!(names(&ran.json()).len(), 2, "{}", ran.err);
    assert!(ran.err.contains("2 of 2 namespaces could be looked at"), "{}", ran.err);
    cluster.forbid("list", "namespaces");
    let ran = run(&cluster, NAMESPACE, "status -A -o json").await.expect(ExitStatus::Done);
    assert_eq!(names(&ran.json()), [r#""shop"/"api-gateway""#]);
    assert!(ran.err.contains("only namespace shop was looked at"), "{}", ran.err);

    let nothing = SimulatedCluster::new(jiff::Timestamp::UNIX_EPOCH);
    let ran = run(&nothing, NAMESPACE, "status -A").await.expect(ExitStatus::Done);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("no release set in any namespace"), "{}", ran.err);
    assert_eq!(run(&nothing, NAMESPACE, "status -A -o json").await.json()["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_view_on_a_pipe_has_one_line_for_each_change() {
    let naming = NAMINGS[0];
    let cluster = cluster(naming).await;
    let holder = || Holder::current(Some("tester".to_owned()));
    let play = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
        tokio::time::sleep(Duration::from_secs(30)).await;
        cluster.edit(&deployment(naming.blue), |blue| blue["spec"]["replicas"] = 1.into());
        tokio::time::sleep(Duration::from_secs(30)).await;
        cluster.delete(&naming.service(NAMESPACE));
        tokio::time::sleep(Duration::from_secs(30)).await;
    };
    let ran = run_until(&cluster, NAMESPACE, "status -w", holder(), play).await.expect(ExitStatus::Interrupted);
    insta::assert_snapshot!(format!("{}{}", ran.out, ran.err));

    let play = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        cluster.edit(&deployment(naming.blue), |blue| blue["spec"]["replicas"] = 2.into());
        tokio::time::sleep(Duration::from_secs(30)).await;
    };
    let line = "status -w -A -o json";
    let ran = run_until(&cluster, NAMESPACE, line, holder(), play).await.expect(ExitStatus::Interrupted);
    let ready: Vec<u64> = ran
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["colors"]["blue"]["replicas"]["ready"].as_u64().unwrap()
        })
        .collect();
    assert_eq!((ready.first(), ready.last()), (Some(&1), Some(&2)), "{}", ran.out);

    // A set that is not there is an error, as without -w.
    run(&cluster, "nowhere", "status -w").await.expect(ExitStatus::Failed);
}

/// A route of each kind that sends users to the color Service of blue: a switch would leave them behind.
#[tokio::test(start_paused = true)]
async fn routes_that_a_switch_would_leave_behind_refuse_it() {
    let naming = NAMINGS[0];
    let blue = format!("{}-svc", naming.blue);
    let routes = |weight: u32| {
        [
            (
                "Ingress",
                json!({"rules": [{"host": "shop.example.com", "http": {"paths": [{"backend": {"service": {"name": blue}}}]}}]}),
            ),
            ("HTTPRoute", json!({"rules": [{"backendRefs": [{"name": blue, "weight": weight}]}]})),
            ("GRPCRoute", json!({"rules": [{"backendRefs": [{"name": blue, "weight": weight}]}]})),
            (
                "IngressRoute",
                json!({"routes": [{"match": "Host(`a`)", "services": [{"name": blue, "weight": weight}]}]}),
            ),
            ("TraefikService", json!({"weighted": {"services": [{"name": blue, "weight": weight}]}})),
            ("VirtualService", json!({"http": [{"route": [{"destination": {"host": blue}, "weight": weight}]}]})),
        ]
    };
    for (kind, spec) in routes(1) {
        let cluster = cluster(naming).await;
        cluster.apply(json!({"kind": kind, "metadata": {"name": "users", "namespace": NAMESPACE}, "spec": spec}));
        let ran = run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Refused);
        let named = format!("{}/users sends users to service/{blue}", kind.to_lowercase());
        assert!(ran.err.contains("refused by other-services") && ran.err.contains(&named), "{kind}: {}", ran.err);
        run(&cluster, NAMESPACE, "switch green --yes --accept other-services").await.expect(ExitStatus::Done);
        let ran = run(&cluster, NAMESPACE, "cleanup blue --yes").await.expect(ExitStatus::Refused);
        assert!(ran.err.contains("sends traffic to"), "{kind}: {}", ran.err);
    }
    // At weight 0 nobody stays behind, but the color is not free to be ended either.
    for (kind, spec) in routes(0).into_iter().skip(1) {
        let cluster = cluster(naming).await;
        cluster.apply(json!({"kind": kind, "metadata": {"name": "users", "namespace": NAMESPACE}, "spec": spec}));
        run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
        run(&cluster, NAMESPACE, "cleanup blue --yes").await.expect(ExitStatus::Refused);
    }
}

/// Without a color `check` answers both questions, and how fast the way back is.
#[tokio::test(start_paused = true)]
async fn check_answers_both_questions() {
    let naming = NAMINGS[0];
    let cluster = cluster(naming).await;
    let fresh = run(&cluster, NAMESPACE, "check").await.expect(ExitStatus::Done).out;
    assert!(fresh.contains("green of api-gateway in namespace shop: could serve now"), "{fresh}");
    assert!(fresh.contains("Rollback: refused: the journal of api-gateway is empty"), "{fresh}");
    run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    let after = run(&cluster, NAMESPACE, "check").await.expect(ExitStatus::Done).out;
    assert!(after.contains("Rollback: would pass, to blue (1): its 2 pods are ready"), "{after}");
    cluster.edit(&deployment(naming.blue), |blue| blue["spec"]["replicas"] = 0.into());
    cluster.settle(Duration::from_mins(2)).await;
    let answer = run(&cluster, NAMESPACE, "check -o json").await.expect(ExitStatus::Refused).json();
    let back = &answer["rollback"];
    assert_eq!((&back["ok"], &back["color"]), (&json!(false), &json!("blue")), "{back:#}");
    assert!(back["help"].as_str().unwrap().contains("--scale"), "{back:#}");
    let asked = run(&cluster, NAMESPACE, "check blue -o json").await.json();
    assert_eq!(asked["rollback"], Value::Null);
    cluster.edit(&naming.service(NAMESPACE), |service| {
        service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"] = "mine".into();
    });
    let refused = run(&cluster, NAMESPACE, "check").await.expect(ExitStatus::Refused);
    assert!(refused.err.contains("cannot be read"), "{}", refused.err);
}

/// Pasted from any answer, a way out looks where the run was told to look; also where the terminal is narrow.
#[tokio::test(start_paused = true)]
async fn every_way_out_says_where_it_looks() {
    let naming = NAMINGS[0];
    let cluster = cluster(naming).await;
    let green = ObjectRef::new(Resource::Deployments, NAMESPACE, naming.green);
    cluster.edit(&green, |deployment| deployment["spec"]["replicas"] = 0.into());
    cluster.settle(Duration::from_mins(1)).await;
    let place = "-n shop --context prod";
    for line in ["check", "check -o json", "check -o yaml", "status -o wide", "status -o json", "switch green --yes"] {
        let ran = run(&cluster, NAMESPACE, &format!("{line} {place}")).await;
        let text = ran.out + &ran.err;
        let commands: Vec<&str> = text.split("kubectl ").skip(1).collect();
        assert!(!commands.is_empty(), "{line}: {text}");
        let told = ["bluegreen --context prod -n shop", "--context prod -n shop"];
        let looks = |command: &&str| told.iter().any(|told| command.starts_with(told));
        assert_eq!(commands.iter().find(|command| !looks(command)), None, "{line}: {text}");
    }
    let observed = observe(&cluster, Some(NAMESPACE), &[]).await.unwrap();
    let place = Place::new(&[], Some("shop"), None);
    let canvas = Canvas { columns: Some(60), place: Some(&place) };
    let screen = screen::screen(&Status::new(&observed.sets()[0], 0), false, canvas);
    let screen = anstream::adapter::strip_str(&screen).to_string();
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("kubectl bluegreen -n shop switch ENV"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 60), "{screen}");
}
