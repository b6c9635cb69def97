//! What differs between the two live colors, by the linter's own drift rules.
//! Hands the linter live objects as manifests; judges nothing itself.

use std::cell::RefCell;

use bluegreen_lint::config::Config;
use bluegreen_lint::lint;
use bluegreen_lint::source::Source;
use k8s_openapi::api::apps::v1::Deployment;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::observed::SetView;
use crate::release::Color;

/// One thing that differs and is not meant to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Difference {
    /// The linter's rule.
    pub code: &'static str,
    /// How bad it is: `error`, `warning` or `info`.
    pub severity: String,
    /// The field, as the API server writes field paths.
    pub path: String,
    /// What differs, in one sentence.
    pub message: String,
}

/// The manifests that were compared, whether pedantically, and what was said of them.
type Compared = ((String, bool), Vec<Difference>);

thread_local! {
    /// The last comparison: a run judges the same two Deployments several times.
    static LAST: RefCell<Option<Compared>> = const { RefCell::new(None) };
}

/// What the linter says of a set's two Deployments; nothing when there are not two.
#[must_use]
pub fn differences(set: &SetView<'_>, pedantic: bool) -> Vec<Difference> {
    let colors = Color::ALL.map(|color| set.deployment(color));
    let service = set.active_service().and_then(|service| serde_json::to_value(service).ok());
    let mut objects: Vec<Value> = colors.into_iter().flatten().map(manifest).collect();
    if objects.len() < colors.len() {
        return Vec::new();
    }
    objects.extend(service.map(|service| clean(service, "v1", "Service")));
    let asked = (json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string(), pedantic);
    let known = LAST.with_borrow(|last| last.as_ref().filter(|(of, _)| *of == asked).map(|(_, said)| said.clone()));
    known.unwrap_or_else(|| {
        let said = compared(asked.0.clone(), pedantic);
        LAST.set(Some((asked, said.clone())));
        said
    })
}

fn compared(list: String, pedantic: bool) -> Vec<Difference> {
    let config = Config { select: vec!["drift".to_owned()], pedantic, live: true, ..Config::default() };
    let report = lint(&[Source::new("the cluster", list)], &config);
    let difference = |finding: bluegreen_lint::finding::Finding| Difference {
        code: finding.rule.code,
        severity: finding.severity.to_string(),
        path: finding.place.path.clone(),
        message: finding.message,
    };
    report.findings.into_iter().map(difference).collect()
}

/// A live Deployment as a manifest would say it.
#[must_use]
pub fn manifest(deployment: &Deployment) -> Value {
    clean(serde_json::to_value(deployment).unwrap_or_default(), "apps/v1", "Deployment")
}

/// Takes out what only the API server writes.
fn clean(mut object: Value, api_version: &str, kind: &str) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.insert("apiVersion".to_owned(), api_version.into());
        object.insert("kind".to_owned(), kind.into());
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for server_side in ["managedFields", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp"]
        {
            metadata.remove(server_side);
        }
    }
    object
}
