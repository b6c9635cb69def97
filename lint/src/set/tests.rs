//! Sets as people name them: each case is one convention.

use super::*;

fn labels(text: &str) -> Labels {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `name labels` or `namespace/name labels`, with the file after an `@`.
fn parts(line: &str) -> (Option<String>, String, Labels, String) {
    let (line, origin) = line.split_once('@').unwrap_or((line, ""));
    let (name, of) = line.trim().split_once(' ').unwrap_or((line, ""));
    let (namespace, name) = name.split_once('/').map_or((None, name), |(ns, name)| (Some(ns.to_owned()), name));
    (namespace, name.to_owned(), labels(of.trim()), origin.trim().to_owned())
}

fn facts(workloads: &[&str], services: &[&str]) -> Facts {
    let workload = |line: &&str| {
        let (namespace, name, labels, origin) = parts(line);
        let (kind, selector) = ("Deployment".to_owned(), labels.clone());
        let images = vec!["shop:1".into()];
        Workload { can_be_color: true, kind, is_whole: false, namespace, name, origin, labels, selector, images }
    };
    let service = |line: &&str| {
        let (namespace, name, selector, origin) = parts(line);
        Service { namespace, name, origin, selector, recorded: false }
    };
    let (workloads, services) = (workloads.iter().map(workload).collect(), services.iter().map(service).collect());
    Facts { workloads, services, ..Facts::default() }
}

/// One line a set: `name [labels] blue green | active Service -> color | blue Service, green Service`, and what else
/// users reach.
fn summary(facts: &Facts) -> Vec<String> {
    let workload = |at: &Option<usize>| at.map_or("-", |at| facts.workloads[at].name.as_str());
    let service = |at: Option<usize>| at.map_or("-", |at| facts.services[at].name.as_str());
    let line = |set: ReleaseSet| {
        let active = match set.active {
            Some(Active::One(color)) => color.as_str(),
            Some(Active::Both) => "both",
            None => "none",
        };
        let more = set.more_services.iter().fold(String::new(), |more, at| more + " | " + &facts.services[*at].name);
        format!(
            "{} {:?} {} {} | {} -> {active} | {}, {}{more}",
            set.name,
            set.color_labels,
            workload(&set.workloads.blue),
            workload(&set.workloads.green),
            service(set.active_service),
            service(set.color_services.blue),
            service(set.color_services.green),
        )
    };
    discover(facts).into_iter().map(line).collect()
}

#[track_caller]
fn check(workloads: &[&str], services: &[&str], expected: &[&str]) {
    assert_eq!(summary(&facts(workloads, services)), expected);
}

#[test]
fn the_reference_set() {
    check(
        &["api-gateway-blue deployment=blue,version=v1.0", "api-gateway-green deployment=green,version=v1.1"],
        &[
            "api-gateway-service-active deployment=blue",
            "api-gateway-blue-service deployment=blue",
            "api-gateway-green-service deployment=green",
        ],
        &[
            r#"api-gateway ["deployment"] api-gateway-blue api-gateway-green | api-gateway-service-active -> blue | api-gateway-blue-service, api-gateway-green-service"#,
        ],
    );
}

#[test]
fn colors_before_within_and_glued_to_the_name() {
    check(
        &["blue-x app=x,version=blue", "green-x app=x,version=green"],
        &["x app=x,version=green"],
        &[r#"x ["version"] blue-x green-x | x -> green | -, -"#],
    );
    check(
        &["x-blue-web slot=blue,app=x", "x-green-web slot=green,app=x"],
        &["x-svc slot=blue"],
        &[r#"x-web ["slot"] x-blue-web x-green-web | x-svc -> blue | -, -"#],
    );
    check(
        &["xblue app=xblue", "xgreen app=xgreen", "evergreen app=evergreen"],
        &["x app=xblue", "evergreen app=evergreen"],
        &[r#"x ["app"] xblue xgreen | x -> blue | -, -"#],
    );
    check(
        &["blue color=blue", "green color=green"],
        &["web color=blue"],
        &[r#"web ["color"] blue green | web -> blue | -, -"#],
    );
}

#[test]
fn a_prefixed_key_and_two_keys_at_once() {
    check(
        &["shop-blue app=shop,example.com/slot=blue", "shop-green app=shop,example.com/slot=green"],
        &["shop app=shop,example.com/slot=blue"],
        &[r#"shop ["example.com/slot"] shop-blue shop-green | shop -> blue | -, -"#],
    );
    check(
        &["shop-blue app=shop-blue,color=blue,v=1", "shop-green app=shop-green,color=green,v=2"],
        &["shop app=shop-blue,color=blue"],
        &[r#"shop ["color", "app"] shop-blue shop-green | shop -> blue | -, -"#],
    );
}

#[test]
fn names_without_colors_are_told_by_labels_or_by_services() {
    check(
        &["shop-a app=shop,slot=blue", "shop-b app=shop,slot=green"],
        &["shop app=shop,slot=green"],
        &[r#"shop ["slot"] shop-a shop-b | shop -> green | -, -"#],
    );
    check(
        &["shop-a app=shop,track=a", "shop-b app=shop,track=b", "till app=till"],
        &["shop app=shop,track=a", "shop-blue app=shop,track=a", "shop-green app=shop,track=b"],
        &[r#"shop ["track"] shop-a shop-b | shop -> blue | shop-blue, shop-green"#],
    );
}

#[test]
fn names_without_colors_are_told_by_files() {
    check(
        &["web-v2 app=web,release=v2 @k8s/blue.yaml", "web-v1 app=web,release=v1 @k8s/green.yaml"],
        &["web app=web,release=v1 @k8s/svc.yaml"],
        &[r#"web ["release"] web-v2 web-v1 | web -> green | -, -"#],
    );
}

#[test]
fn many_sets_in_one_namespace_stay_apart() {
    check(
        &[
            "a-blue app=a,version=blue",
            "b-green app=b,version=green",
            "a-green app=a,version=green",
            "b-blue app=b,version=blue",
        ],
        &["a app=a,version=blue", "b app=b,version=green", "b-blue app=b,version=blue"],
        &[
            r#"a ["version"] a-blue a-green | a -> blue | -, -"#,
            r#"b ["version"] b-blue b-green | b -> green | b-blue, -"#,
        ],
    );
}

#[test]
fn equal_names_in_two_namespaces_are_two_sets() {
    check(
        &["n/a-blue v=blue", "n/a-green v=green", "m/a-green v=green", "m/a-blue v=blue"],
        &["n/a v=blue", "m/a v=green"],
        &[r#"a ["v"] a-blue a-green | a -> green | -, -"#, r#"a ["v"] a-blue a-green | a -> blue | -, -"#],
    );
}

#[test]
fn services_are_members_also_when_their_selector_is_wrong() {
    let workloads = ["shop-blue app=shop,color=blue", "shop-green app=shop,color=green"];
    check(&workloads, &["shop app=shop,color=bleu"], &[r#"shop ["color"] shop-blue shop-green | shop -> none | -, -"#]);
    check(&workloads, &["shop app=shop"], &[r#"shop ["color"] shop-blue shop-green | shop -> both | -, -"#]);
    check(
        &workloads,
        &["shop color=blue", "shop-blue color=green", "shop-green color=gren"],
        &[r#"shop ["color"] shop-blue shop-green | shop -> blue | shop-blue, shop-green"#],
    );
    check(&workloads, &["till app=till"], &[r#"shop ["color"] shop-blue shop-green | - -> none | -, -"#]);
}

#[test]
fn the_active_service_is_told_from_previews_and_helpers() {
    check(
        &["shop-blue app=shop,color=blue", "shop-green app=shop,color=green"],
        &[
            "shop-preview app=shop,color=green",
            "shop-headless app=shop",
            "shop-active app=shop,color=blue",
            "shop-metrics app=shop",
        ],
        &[r#"shop ["color"] shop-blue shop-green | shop-active -> blue | -, shop-preview"#],
    );
}

#[test]
fn users_may_reach_more_than_one_service() {
    check(
        &["shop-blue app=shop,color=blue", "shop-green app=shop,color=green"],
        &[
            "shop app=shop,color=blue",
            "shop-grpc app=shop,color=blue",
            "shop-ws app=shop,color=bleu",
            "shop-all app=shop",
            "shop-preview app=shop,color=green",
            "shop-cache app=shop,tier=cache",
        ],
        &[r#"shop ["color"] shop-blue shop-green | shop -> blue | -, shop-preview | shop-grpc | shop-ws"#],
    );
}

#[test]
fn a_deployment_with_the_other_colors_label_stays_what_its_name_says() {
    check(
        &["shop-blue app=shop,color=blue", "shop-green app=shop,color=blue"],
        &["shop app=shop,color=blue"],
        &[r#"shop ["color"] shop-blue shop-green | shop -> both | -, -"#],
    );
}

#[test]
fn half_a_set_and_no_set() {
    check(
        &["shop-blue app=shop,color=blue"],
        &["shop color=blue"],
        &[r#"shop ["color"] shop-blue - | shop -> blue | -, -"#],
    );
    check(
        &["m/shop-blue app=shop,color=blue", "m/shop-green app=shop,color=green", "n/shop-blue app=shop,color=blue"],
        &["m/shop app=shop,color=blue", "n/shop app=shop,color=blue"],
        &[
            r#"shop ["color"] shop-blue shop-green | shop -> blue | -, -"#,
            r#"shop ["color"] shop-blue - | shop -> blue | -, -"#,
        ],
    );
    check(&["blue-ocean app=blue-ocean"], &["blue-ocean app=blue-ocean"], &[]);
    check(&["shop-stable track=stable", "shop-canary track=canary"], &["shop app=shop"], &[]);
}

#[test]
fn only_the_color_is_exchanged() {
    let selector = labels("app=shop,color=blue,version=v1");
    let target = labels("app=shop,color=green,version=v2,other=x");
    let exchanged = exchange_color(&selector, &["color".to_owned()], &target);
    assert_eq!(exchanged, labels("app=shop,color=green,version=v1"));
}

#[test]
fn a_thousand_equal_labels_are_quick() {
    let names: Vec<String> = (0..1000)
        .flat_map(|n| ["blue", "green"].map(|color| format!("app{n}-{color} app=app{n},color={color}")))
        .collect();
    let services: Vec<String> = (0..1000).map(|n| format!("app{n} app=app{n},color=blue")).collect();
    let workloads: Vec<&str> = names.iter().map(String::as_str).collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    assert_eq!(discover(&facts(&workloads, &services)).len(), 1000);
}
