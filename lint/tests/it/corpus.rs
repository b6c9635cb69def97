//! Real repositories' manifests, where they are at hand: read without a panic, in time, and their sets found as meant.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bluegreen_lint::config::Config;
use bluegreen_lint::manifest;
use bluegreen_lint::model::{Model, SetView};
use bluegreen_lint::set::Active;
use bluegreen_lint::{lint, source};

use super::root;

fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("BLUEGREEN_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    let found = path.is_dir().then_some(path);
    if found.is_none() {
        eprintln!("skipped: there is no corpus of manifests here");
    }
    found
}

/// Where we see it differently, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("jlemoingora/k8s-samples", "pod", "two bare Pods: nothing that a release could size or update"),
    ("jlemoingora/k8s-samples", "replicaset", "two bare ReplicaSets: the same"),
    ("chidakiyo/go-on-docker", "goapp", "two Deployments of one name without a color label: no label to agree on"),
    (
        "ikuo-suyama/k8s-hands-on",
        "suyamai-deployment",
        "the active Service is defined twice, once for each color: one is taken",
    ),
];

#[test]
fn sets_are_found_as_people_meant_them() {
    let Some(corpus) = corpus() else { return };
    let facts = std::fs::read_to_string(corpus.join("FACTS.tsv")).unwrap();
    let mut lines = facts.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (mut pairs, mut found, mut differences) = (0, 0, Vec::new());
    for line in lines {
        let row: Vec<&str> = line.split('\t').collect();
        let of = |name: &str| row.get(column(name)).copied().unwrap_or_default();
        if of("type") != "pair" {
            continue;
        }
        pairs += 1;
        let sources = source::read(&[corpus.join(of("repo").replace('/', "+")).join(of("unit"))], "-").unwrap();
        let model = Model::new(manifest::read(&sources), Vec::new(), |at| sources[at].name.clone());
        let workload = |text: &str| text.split('(').next().unwrap().split('/').nth(1).unwrap().to_owned();
        let wanted: BTreeSet<String> = of("workloads").split(';').map(workload).collect();
        let members =
            |set: &SetView<'_>| set.workloads().map(|(_, member)| member.facts.name.clone()).collect::<BTreeSet<_>>();
        let Some(set) = model.sets().find(|set| members(set) == wanted) else {
            differences.push((of("repo"), of("set")));
            continue;
        };
        found += 1;
        let keys: Vec<&str> = of("colour_keys").split(',').map(|key| key.split('=').next().unwrap()).collect();
        let active = set.active_service().map(|service| service.facts.name.clone()).unwrap_or_default();
        let color = match set.set.active {
            Some(Active::One(color)) => color.as_str(),
            Some(Active::Both) => "both",
            None => "",
        };
        let same_key = set.set.color_label().is_some_and(|key| keys.contains(&key));
        let same_active = of("active").is_empty() || (active == of("active") && color == of("active_colour"));
        if !same_key || !same_active {
            differences.push((of("repo"), of("set")));
        }
    }
    let known: BTreeSet<_> = DIFFERENCES.iter().map(|(repo, set, _)| (*repo, *set)).collect();
    assert_eq!(differences.into_iter().collect::<BTreeSet<_>>(), known);
    assert_eq!((pairs, found), (74, 72));
}

#[test]
fn every_file_is_read_in_time() {
    let Some(corpus) = corpus() else { return };
    let sources = source::read(&[corpus], "-").unwrap();
    assert!(sources.len() > 500, "{}", sources.len());
    for source in sources {
        let name = source.name.clone();
        let sources = [source];
        let took = || {
            let started = Instant::now();
            let _ = lint(&sources, &Config { pedantic: true, ..Config::default() });
            started.elapsed()
        };
        // A busy machine may interrupt one run, but hardly all of five.
        let fastest = (0..5).map(|_| took()).find(|took| *took < Duration::from_millis(500));
        assert!(fastest.is_some(), "{name} took more than 500 ms five times");
    }
}

/// What a server would say, of the version that the verdicts are from.
fn as_that_server() -> Config {
    let kubernetes_version = "1.34".parse().unwrap();
    Config { select: vec!["api".to_owned()], kubernetes_version, ..Config::default() }
}

#[test]
fn what_the_server_accepts_has_no_api_error() {
    let Some(corpus) = corpus() else { return };
    let verdicts = std::fs::read_to_string(corpus.join("VERDICTS.jsonl")).unwrap();
    let config = as_that_server();
    let mut accepted = 0;
    for line in verdicts.lines() {
        let verdict: serde_json::Value = serde_json::from_str(line).unwrap();
        if verdict["verdict"] != "accepted" {
            continue;
        }
        accepted += 1;
        let file = verdict["file"].as_str().unwrap();
        let sources = source::read(&[corpus.join(file)], "-").unwrap();
        let report = lint(&sources, &config);
        let messages: Vec<&str> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert!(messages.is_empty(), "{file}: {messages:?}");
    }
    assert!(accepted > 400, "{accepted}");
}

/// What the server refused and we rightly do not, and why.
const NOT_OURS: &[(&str, &str)] = &[
    (
        "anemettemadsen33+RentHub/k8s/overlays/production/backend-resources.yaml",
        "a kustomize patch, no manifest of its own",
    ),
    (
        "anemettemadsen33+RentHub/k8s/overlays/production/frontend-resources.yaml",
        "a kustomize patch, no manifest of its own",
    ),
    (
        "businesswalrus+pupper/k8s/overlays/production/deployment-patch.yaml",
        "a kustomize patch, no manifest of its own",
    ),
    ("mateothegreat+k8-byexamples-nginx/manifests/service.yaml", "its name is a placeholder that a tool fills in"),
    ("munisp+remitflow/k8s/middleware/middleware-stack.yaml", "that cluster forbids privileged containers"),
    ("munisp+remitflow/k8s/middleware/opensearch-statefulset.yaml", "that cluster forbids privileged containers"),
];

#[test]
fn what_the_server_refuses_has_an_api_error() {
    let Some(corpus) = corpus() else { return };
    let verdicts = std::fs::read_to_string(corpus.join("VERDICTS.jsonl")).unwrap();
    let config = as_that_server();
    let verdicts = verdicts.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let refused: Vec<String> = verdicts
        .filter(|verdict| verdict["verdict"] == "rejected")
        .map(|verdict| verdict["file"].as_str().unwrap().to_owned())
        .collect();
    let is_silent = |file: &&String| {
        // Beside its kustomization a patch is known as one.
        let folder = corpus.join(file.split('/').next().unwrap());
        let sources = source::read(&[folder], "-").unwrap();
        let index = sources.iter().position(|source| source.name.ends_with(file.as_str())).unwrap();
        !lint(&sources, &config).findings.iter().any(|finding| finding.place.source == index)
    };
    let silent: BTreeSet<&str> = refused.iter().filter(is_silent).map(String::as_str).collect();
    assert_eq!(silent, NOT_OURS.iter().map(|(file, _)| *file).collect());
    assert!(refused.len() > 20, "{}", refused.len());
}
