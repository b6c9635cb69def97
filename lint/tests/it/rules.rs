//! Each rule's fixtures: the bad ones are reported as the snapshot says, the good ones are not reported at all.

use std::path::Path;

use bluegreen_lint::config::{self, Config};
use bluegreen_lint::finding::Severity;
use bluegreen_lint::report::{Report, concise};
use bluegreen_lint::source::Source;
use bluegreen_lint::{lint, rules};

use super::{TODAY, configure, files, root};

fn run(path: &Path, config: &Config) -> (Report, String) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut sources = vec![Source::new(name, std::fs::read_to_string(path).unwrap())];
    let settings =
        path.with_file_name(format!("config-{}", path.with_extension("yaml").file_name().unwrap().display()));
    let mut config = Config { today: Some(TODAY.parse().unwrap()), ..config.clone() };
    if let Ok(text) = std::fs::read_to_string(settings) {
        configure(&mut sources, &text);
        config.layers = config::load(&sources).unwrap();
    }
    let report = lint(&sources, &config);
    let text = concise::render(&report, &sources);
    (report, text)
}

#[test]
fn bad_fixtures_are_reported() {
    let mut snapshot = String::new();
    for rule in rules::ALL {
        let folder = root().join("testdata/lint").join(format!("{}-{}", rule.code.to_lowercase(), rule.name));
        let bad = files(&folder, "bad");
        assert!(bad.len() >= 3, "{} needs bad fixtures in more than one convention", rule.code);
        // What is merely worth knowing is asked for by its name.
        let config = match rule.severity {
            Severity::Info => Config { pedantic: true, select: vec![rule.code.to_owned()], ..Config::default() },
            _ => Config::default(),
        };
        for path in bad {
            let (report, text) = run(&path, &config);
            assert!(report.findings.iter().any(|finding| finding.rule.code == rule.code), "{}: {text}", path.display());
            let codes: std::collections::HashSet<_> = report.findings.iter().map(|finding| finding.rule.code).collect();
            assert_eq!(codes.len(), 1, "one defect, one kind of finding: {}: {text}", path.display());
            snapshot.extend(text.lines().flat_map(|line| [rule.code, "/", line, "\n"]));
        }
    }
    insta::assert_snapshot!(snapshot);
}

#[test]
fn good_fixtures_are_not_reported() {
    let good = files(&root().join("testdata/lint"), "good");
    assert!(good.len() > 8);
    for path in good {
        let (report, text) = run(&path, &Config::default());
        assert!(report.findings.is_empty(), "{}: {text}", path.display());
        assert!(report.objects > 0, "{}", path.display());
    }
}

#[test]
fn the_reference_set_is_clean_and_found() {
    let sources: Vec<Source> = files(&root().join("testdata/api-gateway"), "")
        .iter()
        .map(|path| Source::new(path.file_name().unwrap().to_str().unwrap(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let report = lint(&sources, &Config { pedantic: true, ..Config::default() });
    assert!(report.findings.is_empty(), "{}", concise::render(&report, &sources));
    let [set] = report.sets.as_slice() else { panic!("{:?}", report.sets) };
    assert_eq!((set.name.as_str(), set.color_label.as_deref()), ("api-gateway", Some("deployment")));
    assert!(set.workloads.iter().chain(&set.color_services).all(|(_, member)| member.is_some()));
    assert_eq!(set.active_service.as_ref().unwrap().id.name, "api-gateway-service-active");
}

#[test]
fn a_broken_document_keeps_its_set_silent() {
    let good = std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap();
    let broken = good.replacen("    app: shop\n    color: blue\n  ports:", "    app: shop: x\n  ports:", 1);
    assert_ne!(good, broken);
    let sources = [Source::new("set.yaml", broken)];
    let report = lint(&sources, &Config::default());
    let codes: Vec<_> = report.findings.iter().map(|finding| finding.rule.code).collect();
    assert_eq!(codes, ["BG001"], "{}", concise::render(&report, &sources));
}

#[test]
fn files_of_which_one_is_applied_hold_no_duplicates() {
    let twice = |kind: &str, first: &str, second: &str| {
        let (group, spec) = match kind {
            "Deployment" => ("apps/v1", ""),
            "Namespace" => ("v1", ""),
            _ => ("v1", "spec: {selector: {app: shop}, ports: [{port: 80}]}\n"),
        };
        let text =
            |nth| format!("apiVersion: {group}\nkind: {kind}\nmetadata: {{name: shop, labels: {{n: n{nth}}}}}\n{spec}");
        let sources = if first == second {
            vec![Source::new(first, format!("{}---\n{}", text(1), text(2)))]
        } else {
            vec![Source::new(first, text(1)), Source::new(second, text(2))]
        };
        let config = Config { select: vec!["BG106".to_owned()], ..Config::default() };
        lint(&sources, &config).findings.len()
    };
    for (kind, first, second, count) in [
        ("Service", "k8s/canary.yaml", "k8s/blue-green.yaml", 0),
        ("Deployment", "rolling-update.yaml", "all-in-once.yaml", 0),
        ("Deployment", "deploy-blue.yaml", "deploy-green.yaml", 0),
        ("Service", "service-blue.yaml", "service.yaml", 0),
        ("Namespace", "a.yaml", "b.yaml", 0),
        ("Namespace", "a.yaml", "a.yaml", 1),
        ("Service", "dev/service.yaml", "prod/service.yaml", 0),
        ("Service", "a.yaml", "b.yaml", 1),
        ("Service", "canary.yaml", "canary.yaml", 1),
        ("Deployment", "deploy-blue.yaml", "deploy.yaml", 1),
        ("Service", "service.yaml", "blue-green-deployment.yaml", 1),
    ] {
        assert_eq!(twice(kind, first, second), count, "{kind} in {first} and {second}");
    }
}
