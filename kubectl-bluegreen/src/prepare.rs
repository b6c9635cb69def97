//! What the idle color lacks for a release: images and what is named after them, its size, its autoscaler's floor.
//! Pure; what is done already is not planned again, so that it can go on from any point.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use serde_json::{Value, json};

use crate::cluster::{ObjectRef, Resource};
use crate::error::Error;
use crate::image::{image, runs};
use crate::observed::{SetView, name, selector, template_labels};
use crate::plan::{Action, Change, Step};
use crate::release::Color;
use crate::traffic::tag;

/// The annotation of an autoscaler whose floor was raised: what it was before.
pub const FLOOR_BEFORE: &str = "kubectl-bluegreen.dev/min-replicas-before";

/// Whether a color's Deployment runs all these images, by container.
#[must_use]
pub fn runs_all(set: &SetView<'_>, color: Color, images: &BTreeMap<String, String>) -> bool {
    let Some(template) = set.deployment(color).and_then(template) else { return false };
    let has = |name: &str| crate::image::containers(template).find(|container| container.name == name).map(image);
    images.iter().all(|(name, wanted)| has(name).is_some_and(|has| runs(has, wanted)))
}

/// Whose selectors may go by a label of the pods, besides the Services and the Deployment's own.
pub const SELECTING: [Resource; 2] = [Resource::NetworkPolicies, Resource::PodDisruptionBudgets];

/// What the idle color gets.
#[derive(Clone, Debug)]
pub struct Release {
    /// The step that gives it.
    pub step: Step,
    /// Which labels it keeps though they name the old version, and why.
    pub note: Option<String>,
}

/// The pod template of a Deployment.
#[must_use]
pub fn template(deployment: &Deployment) -> Option<&PodTemplateSpec> {
    deployment.spec.as_ref().map(|spec| &spec.template)
}

/// What gives the idle color its images and its size; nothing when it has both.
///
/// # Errors
/// When it lacks one of the containers.
pub fn change(
    set: &SetView<'_>,
    color: Color,
    images: &BTreeMap<String, String>,
    replicas: i32,
) -> Result<Option<Release>, Error> {
    let Some((deployment, template)) = set.deployment(color).and_then(|d| Some((d, template(d)?))) else {
        return Ok(None);
    };
    let called = name(&deployment.metadata);
    let (mut operations, mut words) = (Vec::new(), Vec::new());
    let mut versions = BTreeSet::new();
    for (container, wanted) in images {
        let Some((path, has)) = find(template, container) else {
            let message = format!("deployment/{called} has no container {container}, which {} has", color.other());
            return Err(Error::Forbidden { message, help: "see what differs: kubectl bluegreen diff".to_owned() });
        };
        if runs(image(has), wanted) {
            continue;
        }
        let operation = if has.image.is_some() { "replace" } else { "add" };
        operations.push(json!({"op": operation, "path": format!("{path}/image"), "value": wanted}));
        words.push(format!("image {} -> {wanted}", if has.image.is_some() { image(has) } else { "none" }));
        let pair = (tag(image(has)).to_owned(), tag(wanted).to_owned());
        for (at, variable) in has.env.iter().flatten().enumerate() {
            let new = variable.value.as_deref().and_then(|value| renamed(&variable.name, value, &pair));
            if let Some(new) = new {
                words.push(format!("env {}={new}", variable.name));
                operations.push(json!({"op": "replace", "path": format!("{path}/env/{at}/value"), "value": new}));
            }
        }
        versions.insert(pair);
    }
    let selected = selecting_labels(set, deployment);
    let unseen = set.observed.unread(&SELECTING, set.namespace());
    let mut kept = Vec::new();
    for (key, value) in template_labels(deployment).iter().filter(|(key, _)| !selected.contains(key.as_str())) {
        let Some(new) = versions.iter().find_map(|pair| renamed(key, value, pair)) else { continue };
        if unseen.is_empty() {
            words.push(format!("label {key}={new}"));
            let path = format!("/spec/template/metadata/labels/{}", key.replace('~', "~0").replace('/', "~1"));
            operations.push(json!({"op": "replace", "path": path, "value": new}));
        } else {
            kept.push(format!("{key}={value}"));
        }
    }
    let note = (!kept.is_empty()).then(|| {
        format!(
            "deployment/{called} keeps {}: {} cannot be read, and one may select the pods by that",
            kept.join(", "),
            unseen.join(" and ")
        )
    });
    if set.desired(color) < replicas {
        operations.push(json!({"op": "add", "path": "/spec/replicas", "value": replicas}));
        words.push(format!("{} -> {replicas} replicas", set.desired(color)));
    }
    if operations.is_empty() {
        return Ok(None);
    }
    let object = ObjectRef::new(Resource::Deployments, set.namespace(), called);
    let version = deployment.metadata.resource_version.as_deref().unwrap_or_default();
    let change = Action::Patch(Change::new(object, version, operations));
    let step = Step::new("release", format!("patch deployment/{called}: {}", words.join(", ")), change);
    Ok(Some(Release { step, note }))
}

/// A container, and the path to it.
fn find<'t>(template: &'t PodTemplateSpec, called: &str) -> Option<(String, &'t Container)> {
    let spec = template.spec.as_ref()?;
    let of = |list: &'t [Container], key: &str| {
        let at = list.iter().position(|container| container.name == called)?;
        Some((format!("/spec/template/spec/{key}/{at}"), list.get(at)?))
    };
    of(&spec.containers, "containers").or_else(|| of(spec.init_containers.as_deref()?, "initContainers"))
}

/// The new value of what is named like a version and has the old one, a leading `v` aside.
fn renamed(key: &str, value: &str, (old, new): &(String, String)) -> Option<String> {
    let bare = |text: &str| text.strip_prefix(['v', 'V']).unwrap_or(text).to_owned();
    let key = key.to_ascii_lowercase();
    let is_named_so = ["version", "release", "tag"].iter().any(|word| key.contains(word));
    if !is_named_so || value.is_empty() || bare(value) != bare(old) || new.contains(':') {
        return None;
    }
    let prefix = if value.starts_with(['v', 'V']) { value.get(..1).unwrap_or_default() } else { "" };
    let new = if prefix.is_empty() && bare(old) == *old { new.clone() } else { format!("{prefix}{}", bare(new)) };
    (new != value).then_some(new)
}

/// The labels that must stay as they are: the color, and whatever a selector that was seen looks at.
fn selecting_labels(set: &SetView<'_>, deployment: &Deployment) -> BTreeSet<String> {
    let services = set.observed.services.items.iter();
    let services = services.filter(|service| service.metadata.namespace.as_deref() == Some(set.namespace()));
    let mut keys: BTreeSet<String> = services.flat_map(|service| selector(service).keys().cloned()).collect();
    keys.extend(set.set.color_labels.iter().cloned());
    if let Some(spec) = &deployment.spec {
        let pod = spec.template.spec.as_ref();
        let affinity = pod.and_then(|pod| pod.affinity.as_ref());
        let spread = pod.and_then(|pod| pod.topology_spread_constraints.as_ref());
        keys_of_selectors(&json!([spec.selector, affinity, spread]), &mut keys);
    }
    let lists = SELECTING.into_iter().filter_map(|resource| set.observed.list(resource, set.namespace()));
    lists.flatten().filter_map(|object| object.get("spec")).for_each(|spec| keys_of_selectors(spec, &mut keys));
    keys
}

/// Adds the keys of pods' labels that the selectors in something look at, however deep they are.
fn keys_of_selectors(value: &Value, keys: &mut BTreeSet<String>) {
    let texts =
        |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let key_of = |expression: &Value| Some(expression.get("key")?.as_str()?.to_owned());
    for item in value.as_array().into_iter().flatten() {
        keys_of_selectors(item, keys);
    }
    for (field, value) in value.as_object().into_iter().flatten() {
        match field.as_str() {
            "matchLabels" => keys.extend(value.as_object().into_iter().flatten().map(|(key, _)| key.clone())),
            "matchExpressions" => keys.extend(value.as_array().into_iter().flatten().filter_map(key_of)),
            "matchLabelKeys" | "mismatchLabelKeys" => keys.extend::<Vec<String>>(texts(value)),
            // These look at labels of other things than pods.
            "namespaceSelector" | "nodeAffinity" => {}
            _ => keys_of_selectors(value, keys),
        }
    }
}

/// The step that raises the floor of the idle color's autoscaler: without users it would take the pods away again.
///
/// # Errors
/// When its ceiling is lower than what is needed.
pub fn raise_floor(set: &SetView<'_>, color: Color, replicas: i32) -> Result<Option<Step>, Error> {
    let Some((autoscaler, spec)) = set.autoscaler_of(color).and_then(|a| Some((a, a.spec.as_ref()?))) else {
        return Ok(None);
    };
    if floor_of(autoscaler) >= replicas {
        return Ok(None);
    }
    let called = name(&autoscaler.metadata);
    if spec.max_replicas < replicas {
        let message = format!("hpa/{called} lets {color} have {} pods, and it needs {replicas}", spec.max_replicas);
        let help = format!("raise its maxReplicas: kubectl edit hpa {called} -n {}", set.namespace());
        return Err(Error::Forbidden { message, help });
    }
    Ok(Some(set_floor(set, autoscaler, replicas)))
}

/// The step that gives an autoscaler another floor, and keeps its own one on it.
#[must_use]
pub fn set_floor(set: &SetView<'_>, autoscaler: &HorizontalPodAutoscaler, floor: i32) -> Step {
    // Of a floor that was set before, the first one is the user's.
    let own = floor_before(autoscaler)
        .is_none()
        .then(|| annotate(autoscaler, FLOOR_BEFORE, &floor_of(autoscaler).to_string()));
    floor_step(set, autoscaler, floor, own)
}

/// The step that gives a color's autoscaler back the floor that it had.
#[must_use]
pub fn own_floor(set: &SetView<'_>, color: Color) -> Option<Step> {
    let autoscaler = set.autoscaler_of(color)?;
    let path = format!("/metadata/annotations/{}", FLOOR_BEFORE.replace('/', "~1"));
    let forget = json!({"op": "remove", "path": path});
    Some(floor_step(set, autoscaler, floor_before(autoscaler)?, Some(forget)))
}

/// Whether a color's autoscaler lets it have fewer pods than its user has said.
#[must_use]
pub fn is_floor_lowered(set: &SetView<'_>, color: Color) -> bool {
    set.autoscaler_of(color).is_some_and(|hpa| floor_before(hpa).is_some_and(|before| floor_of(hpa) < before))
}

/// The least number of pods that an autoscaler leaves.
#[must_use]
pub fn floor_of(autoscaler: &HorizontalPodAutoscaler) -> i32 {
    autoscaler.spec.as_ref().and_then(|spec| spec.min_replicas).unwrap_or(1)
}

fn floor_before(autoscaler: &HorizontalPodAutoscaler) -> Option<i32> {
    autoscaler.metadata.annotations.as_ref()?.get(FLOOR_BEFORE)?.parse().ok()
}

fn floor_step(set: &SetView<'_>, hpa: &HorizontalPodAutoscaler, floor: i32, record: Option<Value>) -> Step {
    let called = name(&hpa.metadata);
    let object = ObjectRef::new(Resource::HorizontalPodAutoscalers, set.namespace(), called);
    let version = hpa.metadata.resource_version.as_deref().unwrap_or_default();
    let title = format!("patch hpa/{called}: minReplicas {} -> {floor}", floor_of(hpa));
    let set = json!({"op": "add", "path": "/spec/minReplicas", "value": floor});
    let operations = std::iter::once(set).chain(record).collect();
    Step::new("autoscaler", title, Action::Patch(Change::new(object, version, operations)))
}

fn annotate(autoscaler: &HorizontalPodAutoscaler, key: &str, value: &str) -> Value {
    if autoscaler.metadata.annotations.is_some() {
        json!({"op": "add", "path": format!("/metadata/annotations/{}", key.replace('/', "~1")), "value": value})
    } else {
        json!({"op": "add", "path": "/metadata/annotations", "value": {key: value}})
    }
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn what_is_named_after_the_version_follows_it() {
        let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        for (key, value, old, new, expected) in [
            ("version", "1.0", "1.0", "2.0", Some("2.0")),
            ("version", "v1.0", "1.0", "2.0", Some("v2.0")),
            ("APP_VERSION", "1.0", "v1.0", "v2.0", Some("2.0")),
            ("app.kubernetes.io/version", "v1.0", "v1.0", "v2.0", Some("v2.0")),
            ("version", "0.9", "1.0", "2.0", None),
            ("DEPLOYMENT_ENV", "1.0", "1.0", "2.0", None),
            ("version", "1.0", "1.0", "sha256:aa", None),
            ("version", "", "", "2.0", None),
        ] {
            assert_eq!(renamed(key, value, &pair(old, new)).as_deref(), expected, "{key}={value} {old} -> {new}");
        }
    }
}
