//! Validates the annotations of a pod that the server itself reads.
//! Must not look at those that only other programs read.

use serde_json::{Value, json};

use super::in_text::{Fields, Unreadable};
use super::names;
use super::pod_spec::Pod;
use super::scheduling;
use super::sink::{Sink, items, last_step, text};
use crate::yaml::NodeRef;

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP: &str = "container.seccomp.security.alpha.kubernetes.io/";
const MIRROR: &str = "kubernetes.io/config.mirror";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Validates the annotations that stand for fields of a pod, or change what is done with it.
pub(super) fn annotations<'o>(annotations: NodeRef<'o>, pod: &Pod<'o>, sink: &mut Sink<'o>) {
    for (entry, value) in annotations.entries() {
        let key = &*entry.key;
        if let Some(name) = key.strip_prefix(APP_ARMOR) {
            let container = containers(pod).find(|container| text(*container, "name") == name);
            app_armor(key, value, container, pod, sink);
        } else if key == SECCOMP_OF_POD {
            seccomp(key, value, Some(pod.spec), sink);
        } else if let Some(name) = key.strip_prefix(SECCOMP) {
            seccomp(key, value, containers(pod).find(|container| text(*container, "name") == name), sink);
        } else if key == TOLERATIONS && !written(value).is_empty() {
            tolerations(value, sink);
        } else if key == MIRROR && text(pod.spec, "nodeName").is_empty() {
            bad_value(key, value, "it is for a pod that a node runs by itself, which has a `nodeName`", sink);
        } else if key == DELETION_COST && !is_cost(written(value)) {
            bad_value(key, value, "a whole number from -2147483648 to 2147483647 is needed", sink);
        }
    }
}

fn containers<'o>(pod: &Pod<'o>) -> impl Iterator<Item = NodeRef<'o>> + use<'o> {
    items(pod.spec, "initContainers").chain(items(pod.spec, "containers"))
}

fn written(value: NodeRef<'_>) -> &str {
    value.as_str().unwrap_or_default()
}

/// The tolerations as they were written before there was a field for them.
fn tolerations<'o>(value: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Ok(tolerations) = read_tolerations(written(value)) else {
        sink.invalid(value, "a list of tolerations in JSON is needed", "use the field `tolerations`");
        return sink.at_path(mapping_of);
    };
    let before = sink.count();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"tolerations": tolerations}});
    sink.in_text(value, &pod, |pod, sink| {
        pod.get("spec")
            .into_iter()
            .flat_map(|spec| items(spec, "tolerations"))
            .for_each(|one| scheduling::tolerate(one, sink));
    });
    let mapping = mapping_of(&sink.path_of(value));
    sink.at_paths_since(before, |path| path.replacen("spec.tolerations", &format!("{mapping}.{TOLERATIONS}"), 1));
}

fn read_tolerations(text: &str) -> Result<Vec<Value>, Unreadable> {
    let json: Value = serde_json::from_str(text).map_err(|_| Unreadable)?;
    let one = |one: Fields<'_>| {
        Ok(json!({
            "key": one.text("key")?, "operator": one.text("operator")?, "value": one.text("value")?,
            "effect": one.text("effect")?, "tolerationSeconds": one.whole("tolerationSeconds")?,
        }))
    };
    if json.is_null() { Ok(Vec::new()) } else { Fields::each(&json, one) }
}

/// Neither a `+` nor zeros may be in front.
fn is_cost(text: &str) -> bool {
    let has_front = text.starts_with('+') || (text.starts_with('0') && text != "0");
    !has_front && text.parse::<i32>().is_ok()
}

fn bad_value<'o>(key: &str, value: NodeRef<'o>, reason: &str, sink: &mut Sink<'o>) {
    sink.invalid(value, reason, "correct the annotation, or remove it");
    sink.at_path(|path| format!("{}[{key}]", mapping_of(path)));
}

/// The server leaves the template's `metadata` out, but not a pod's own.
fn mapping_of(path: &str) -> String {
    let end = path.find("annotations").map_or(path.len(), |start| start + "annotations".len());
    path.get(..end).unwrap_or(path).replace(".metadata.", ".")
}

/// What an annotation says as a field says it: the type of the profile, and its file.
fn as_field(profile: &str) -> Option<(&'static str, &str)> {
    match profile {
        "runtime/default" => Some(("RuntimeDefault", "")),
        "unconfined" => Some(("Unconfined", "")),
        _ => Some(("Localhost", profile.strip_prefix("localhost/")?)),
    }
}

fn app_armor<'o>(key: &str, value: NodeRef<'o>, container: Option<NodeRef<'o>>, pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let Some(container) = container else {
        return bad_value(key, value, "the pod has no container with this name", sink);
    };
    let said = as_field(written(value));
    if said.is_none() && !written(value).is_empty() {
        return bad_value(key, value, "`runtime/default`, `unconfined` or `localhost/…` is needed", sink);
    }
    let profile = |owner: NodeRef<'o>| owner.at(&["securityContext", "appArmorProfile"]);
    if let Some(field) = profile(container).or_else(|| profile(pod.spec)) {
        let before = sink.count();
        must_agree(key, said, field, sink);
        // The server names the container's field, also where the pod's stands for it.
        let owner = sink.path_of(container);
        sink.at_paths_since(before, |path| format!("{owner}.securityContext.appArmorProfile.{}", last_step(path)));
    }
}

fn seccomp<'o>(key: &str, value: NodeRef<'o>, owner: Option<NodeRef<'o>>, sink: &mut Sink<'o>) {
    let profile = if written(value) == "docker/default" { "runtime/default" } else { written(value) };
    let said = as_field(profile);
    let reason = match said {
        Some((_, file)) => names::inner_path(file),
        None => Some("`runtime/default`, `unconfined` or `localhost/…` is needed".to_owned()),
    };
    if let Some(reason) = reason {
        bad_value(key, value, &reason, sink);
        sink.at_path(|path| format!("{}.{key}", mapping_of(path)));
        return;
    }
    if let Some(field) = owner.and_then(|owner| owner.at(&["securityContext", "seccompProfile"])) {
        must_agree(key, said, field, sink);
    }
}

/// An annotation may say again what a field says, but nothing else.
fn must_agree<'o>(key: &str, said: Option<(&str, &str)>, field: NodeRef<'o>, sink: &mut Sink<'o>) {
    let same_type = said.is_some_and(|(kind, _)| kind == text(field, "type"));
    let part = if same_type { "localhostProfile" } else { "type" };
    let agrees = same_type && said.is_some_and(|(_, file)| file == text(field, "localhostProfile"));
    if let Some(node) = field.get(part).filter(|_| !agrees) {
        sink.invalid(node, format!("the annotation `{key}` says something else"), "remove the annotation");
    }
}
