//! Refuses when an Argo Rollouts object owns the pods; warns of everybody whose next sync would move the selector back.
//! Knows these owners by what they leave on the objects, and asks nobody.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use super::{Check, Question, Verdict};
use crate::observed::{Labels, SetView, TOOL, name, selector};
use crate::release::Color;

pub(super) const CHECK: Check = Check {
    id: "foreign-owner",
    refuses: "an Argo Rollouts object owns the pods; warns of Argo CD, Flux, Helm and `kubectl apply`, which would move it back",
    run,
};

const ROLLOUTS_HASH: &str = "rollouts-pod-template-hash";
const ROLLOUTS_SERVICE: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Who is known by a label or annotation, and what its next sync does.
const OWNERS: &[(&str, Option<&str>, &str)] = &[
    ("argocd.argoproj.io/tracking-id", None, "Argo CD"),
    ("argocd.argoproj.io/instance", None, "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", None, "Flux"),
    ("helm.toolkit.fluxcd.io/name", None, "Flux"),
    ("meta.helm.sh/release-name", None, "Helm"),
    ("app.kubernetes.io/managed-by", Some("Helm"), "Helm"),
];

/// Somebody else who writes the selector of the active Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Writer {
    /// Who: a product's name, or the field manager.
    pub manager: String,
    /// What its next sync or apply would do.
    pub effect: String,
}

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, .. } = *question;
    let Some(service) = set.active_service() else { return Verdict::skip("there is no active Service") };
    let rollout = set.pods_of(target).chain(set.pods()).find(|pod| {
        let labels = pod.metadata.labels.as_ref();
        labels.is_some_and(|labels| {
            labels.contains_key(ROLLOUTS_HASH)
                && selector(service).iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    });
    let marked = service.metadata.annotations.as_ref().and_then(|annotations| annotations.get(ROLLOUTS_SERVICE));
    if let Some(rollout) = marked {
        let message = format!("Argo Rollouts moves service/{} for the rollout {rollout}", name(&service.metadata));
        return Verdict::fail(message, "move traffic with Argo Rollouts: kubectl argo rollouts promote");
    }
    if let Some(pod) = rollout {
        let message = format!("pod/{} belongs to an Argo Rollouts object, not to a Deployment", name(&pod.metadata));
        return Verdict::fail(message, "move traffic with Argo Rollouts: kubectl argo rollouts promote");
    }
    let writers = writers(set, Some(target));
    if writers.is_empty() {
        return Verdict::pass("nobody else is known to write the selector");
    }
    let list: Vec<String> = writers.iter().map(|writer| format!("{} {}", writer.manager, writer.effect)).collect();
    Verdict::warn(list.join("; "), "let the source say the same color, or let it ignore the selector")
}

/// Everybody else who writes the active Service's selector, and what comes of it when traffic is on a color.
#[must_use]
pub fn writers(set: &SetView<'_>, target: Option<Color>) -> Vec<Writer> {
    let Some(service) = set.active_service() else { return Vec::new() };
    let mut writers: Vec<Writer> = Vec::new();
    let mut add = |manager: &str, effect: String| {
        if !writers.iter().any(|writer| writer.manager == manager) {
            writers.push(Writer { manager: manager.to_owned(), effect });
        }
    };
    for (key, value, owner) in OWNERS {
        if marked(&service.metadata, key, *value) {
            add(owner, "owns the Service: its next sync may move the selector back".to_owned());
        }
    }
    if let Some(applied) = last_applied(service) {
        let wanted = target.map(|target| set.selector_for(target));
        let differs = wanted.as_ref().is_some_and(|wanted| *wanted != applied);
        if target.is_none() || differs {
            add("kubectl apply", "has recorded a selector: the next apply of that manifest restores it".to_owned());
        }
    }
    let managed = service.metadata.managed_fields.iter().flatten();
    let owns = |fields: &Value| fields.pointer("/f:spec/f:selector").is_some();
    for entry in managed.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| owns(&fields.0))) {
        // Who created the Service once is no writer; who applies it again and again is.
        let applies = entry.operation.as_deref() == Some("Apply");
        let manager = entry.manager.as_deref().unwrap_or_default();
        if applies && manager != TOOL {
            add(manager, "applies the selector: its next apply restores it".to_owned());
        }
    }
    writers
}

fn marked(metadata: &ObjectMeta, key: &str, value: Option<&str>) -> bool {
    let found = [&metadata.labels, &metadata.annotations].into_iter().flatten().find_map(|map| map.get(key));
    found.is_some_and(|found| value.is_none_or(|value| found == value))
}

/// The selector in the manifest that `kubectl apply` recorded.
fn last_applied(service: &Service) -> Option<Labels> {
    let text = service.metadata.annotations.as_ref()?.get(LAST_APPLIED)?;
    let manifest: Value = serde_json::from_str(text).ok()?;
    serde_json::from_value(manifest.pointer("/spec/selector")?.clone()).ok()
}
