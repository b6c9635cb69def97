//! Refuses when an Argo Rollouts object owns the pods; warns of everybody whose next sync would move the selector back.
//! Knows these owners by what they leave on the objects, and asks nobody.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Check, Question, Verdict};
use crate::observed::{Labels, SetView, TOOL, name, selector, template_labels};
use crate::release::Color;
use bluegreen_lint::set::selects;

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

/// Field managers that sync again and again, by a part of their names.
const MANAGERS: &[(&str, &str)] = &[
    ("argocd", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
    ("helm", "Helm"),
    ("Helm", "Helm"),
];

/// How a server-side apply of kubectl's own names itself, and what it is called here.
const SERVER_SIDE: (&str, &str) = ("kubectl", "kubectl apply --server-side");

/// The name of whoever applies a manifest by hand or by script.
const KUBECTL: &str = "kubectl apply";

/// Somebody else who writes the selector of the active Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
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
    let list: Vec<String> = writers.iter().map(|writer| format!("{}: {}", writer.manager, writer.effect)).collect();
    let help = if writers.iter().any(|writer| writer.manager == KUBECTL) {
        format!(
            "keep the Service out of that apply, and let it be forgotten: kubectl annotate service {} {LAST_APPLIED}-",
            name(&service.metadata)
        )
    } else {
        "let the source say the same color, or let it ignore the selector".to_owned()
    };
    Verdict::warn(list.join("; "), help)
}

/// Everybody else who writes the active Service's selector, and what their next sync or apply would do. With a target
/// only those who would move traffic away from it.
#[must_use]
pub fn writers(set: &SetView<'_>, target: Option<Color>) -> Vec<Writer> {
    let Some(service) = set.active_service() else { return Vec::new() };
    let recorded = last_applied(service);
    // Whoever says the same as the move does not undo it.
    let agrees = target.is_some_and(|target| recorded.as_ref() == Some(&set.selector_for(target)));
    let mut found: Vec<(&str, bool)> = Vec::new();
    let mut add = |manager, knows: bool| {
        if !found.iter().any(|(known, _)| *known == manager) {
            found.push((manager, knows));
        }
    };
    for (key, value, owner) in OWNERS {
        if marked(&service.metadata, key, *value) {
            add(owner, true);
        }
    }
    let managed = service.metadata.managed_fields.iter().flatten();
    let owns = |fields: &Value| fields.pointer("/f:spec/f:selector").is_some();
    for entry in managed.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| owns(&fields.0))) {
        let manager = entry.manager.as_deref().unwrap_or_default();
        let known = MANAGERS.iter().find(|(part, _)| manager.contains(part)).map(|(_, owner)| *owner);
        // Who created the Service once is no writer; who applies it again and again is.
        let applies = entry.operation.as_deref() == Some("Apply") && manager != TOOL;
        let manager = if manager == SERVER_SIDE.0 { SERVER_SIDE.1 } else { manager };
        if let Some(writer) = known.or(applies.then_some(manager)) {
            add(writer, false);
        }
    }
    // What kubectl recorded is nobody else's only when nobody else is known.
    if recorded.is_some() && !found.iter().any(|(_, knows)| *knows) {
        found.insert(0, (KUBECTL, true));
    }
    let writer = |(manager, knows): (&str, bool)| {
        let recorded = recorded.as_ref().filter(|_| knows);
        let effect = effect(set, if manager.starts_with(KUBECTL) { "apply" } else { "sync" }, recorded);
        (!(agrees && knows)).then(|| Writer { manager: manager.to_owned(), effect })
    };
    found.into_iter().filter_map(writer).collect()
}

/// What a writer's next sync or apply does to traffic.
fn effect(set: &SetView<'_>, act: &str, recorded: Option<&Labels>) -> String {
    let Some(recorded) = recorded else {
        return format!("its next {act} restores the selector that its source says");
    };
    let said = Color::ALL.into_iter().filter(|color| {
        set.deployment(*color).is_some_and(|deployment| selects(recorded, template_labels(deployment)))
    });
    match said.collect::<Vec<_>>().as_slice() {
        [color] if set.active() == Some(*color) => {
            format!("its source said {color}: after a switch its next {act} moves traffic back to {color}")
        }
        [color] => format!("its source said {color}: its next {act} moves traffic to {color}"),
        [] => format!("its source said neither color: its next {act} takes traffic away from both"),
        _ => format!("its source said no single color: its next {act} gives traffic to both"),
    }
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
