//! The examples of every rule's page do what the page says: the bad one is reported, the good one is not.
//!
//! An example whose documents all have an `apiVersion` is complete and is linted as it stands. Any other one is an
//! excerpt: it is laid over the set in `testdata/lint/sets/good-a.yaml` (`shop-blue`, `shop-green`, and the Services
//! `shop`, `shop-blue`, `shop-green`). Mappings are merged, so are lists whose items have names; other values replace
//! what was there, `null` takes it away, and an object that the set does not have is added to it. One that begins with
//! `# .bluegreen.yaml` is a configuration for that set.

use bluegreen_lint::config::{self, Config};
use bluegreen_lint::finding::Severity;
use bluegreen_lint::rule::Rule;
use bluegreen_lint::source::Source;
use bluegreen_lint::{lint, rules, yaml};
use serde_json::{Value, json};

use super::{TODAY, configure, root};

/// The first YAML block of a section.
fn example(rule: &Rule, heading: &str) -> String {
    let page = rule.documentation();
    let section = page.split(&format!("## {heading}\n")).nth(1).unwrap_or_else(|| panic!("{}: {heading}", rule.code));
    let section = section.split("\n## ").next().unwrap();
    let block = section.split("```yaml\n").nth(1).unwrap_or_else(|| panic!("{}: no YAML in {heading}", rule.code));
    block.split("```").next().unwrap().to_owned()
}

fn documents(text: &str) -> Vec<Value> {
    yaml::parse(text).documents.iter().map(|document| document.root().to_json()).collect()
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(base), Value::Array(over)) if over.iter().all(|item| item["name"].is_string()) => {
            for item in over {
                match base.iter_mut().find(|own| own["name"] == item["name"]) {
                    Some(own) => merge(own, item),
                    None => base.push(item),
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// What the linter says of an example.
fn findings(text: &str) -> Vec<(&'static str, Severity, String)> {
    let settings = text.starts_with("# .bluegreen.yaml").then_some(text);
    let excerpts = if settings.is_some() { Vec::new() } else { documents(text) };
    let is_excerpt = excerpts.iter().any(|document| document["apiVersion"].is_null()) && !excerpts.is_empty();
    let text = if is_excerpt {
        let good = std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap();
        let mut objects = documents(&good);
        for mut excerpt in excerpts {
            let same = |object: &&mut Value| {
                object["kind"] == excerpt["kind"] && object["metadata"]["name"] == excerpt["metadata"]["name"]
            };
            if let Some(object) = objects.iter_mut().find(same) {
                merge(object, excerpt);
            } else {
                if excerpt["apiVersion"].is_null() {
                    let kind = excerpt["kind"].as_str().unwrap_or_else(|| panic!("an excerpt without kind"));
                    excerpt["apiVersion"] = json!(match kind {
                        "Deployment" => "apps/v1",
                        "PodDisruptionBudget" => "policy/v1",
                        "HorizontalPodAutoscaler" => "autoscaling/v2",
                        "Ingress" | "NetworkPolicy" => "networking.k8s.io/v1",
                        _ => "v1",
                    });
                }
                objects.push(excerpt);
            }
        }
        json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
    } else if settings.is_some() {
        std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap()
    } else {
        text.to_owned()
    };
    let mut sources = vec![Source::new("example.yaml", text)];
    let mut config = Config { pedantic: true, today: Some(TODAY.parse().unwrap()), ..Config::default() };
    if let Some(settings) = settings {
        configure(&mut sources, settings);
        config.layers = config::load(&sources).unwrap();
    }
    let report = lint(&sources, &config);
    report.findings.iter().map(|finding| (finding.rule.code, finding.severity, finding.message.clone())).collect()
}

#[test]
fn bad_examples_are_reported_and_good_ones_are_not() {
    for rule in rules::ALL {
        let bad = findings(&example(rule, "Bad"));
        assert!(bad.iter().any(|(code, ..)| *code == rule.code), "{}, Bad: {bad:?}", rule.code);
        let good = findings(&example(rule, "Good"));
        let wrong = good.iter().find(|(code, severity, _)| *code == rule.code || *severity == Severity::Error);
        assert!(wrong.is_none(), "{}, Good: {wrong:?}", rule.code);
    }
}
