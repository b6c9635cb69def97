//! Warns of what differs between the two live Deployments and is not meant to: the linter's rules, on live objects.
//! Image, color, versions and replicas are meant to differ.

use bluegreen_lint::config::Config;
use bluegreen_lint::lint;
use bluegreen_lint::source::Source;
use serde_json::{Value, json};

use super::{Check, Question, Verdict};
use crate::observed::SetView;
use crate::release::Color;

pub(super) const CHECK: Check = Check {
    id: "drift",
    refuses: "nothing; warns of what the linter's drift rules say of the two live Deployments",
    run,
};

fn run(question: &Question<'_>) -> Verdict {
    let differences = differences(question.set);
    match differences.as_slice() {
        [] => Verdict::pass("the colors differ only in what is meant to differ"),
        [one] => Verdict::warn(one.clone(), "look at it: kubectl bluegreen check -o json"),
        [first, rest @ ..] => {
            let message = format!("{first}; and {} more", rest.len());
            Verdict::warn(message, "look at them: kubectl bluegreen-lint or kubectl diff on the manifests")
        }
    }
}

/// What the linter says, one sentence for each difference.
fn differences(set: &SetView<'_>) -> Vec<String> {
    let (Some(blue), Some(green)) = (set.deployment(Color::Blue), set.deployment(Color::Green)) else {
        return Vec::new();
    };
    let service = set.active_service().and_then(|service| serde_json::to_value(service).ok());
    let deployments = [blue, green].into_iter().filter_map(|deployment| serde_json::to_value(deployment).ok());
    let objects: Vec<Value> = deployments
        .map(|object| typed(object, "apps/v1", "Deployment"))
        .chain(service.map(|object| typed(object, "v1", "Service")))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let config = Config { select: vec!["drift".to_owned()], ..Config::default() };
    let report = lint(&[Source::new("the cluster", list.to_string())], &config);
    report.findings.iter().map(|finding| finding.message.clone()).collect()
}

/// An object as a manifest would say it.
fn typed(mut object: Value, api_version: &str, kind: &str) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.insert("apiVersion".to_owned(), api_version.into());
        object.insert("kind".to_owned(), kind.into());
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        metadata.remove("annotations");
    }
    object
}
