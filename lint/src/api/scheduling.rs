//! Validates where a pod may run: node selector, tolerations, spreading, gates.
//! Must not know the nodes.

use std::collections::{HashMap, HashSet};

use super::pod_spec::Pod;
use super::sink::{Sink, int, items, list_of, owner_of, text};
use super::{names, selector};
use crate::yaml::NodeRef;

/// Validates all fields about scheduling but `affinity`.
pub(super) fn scheduling<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let spec = pod.spec;
    if let Some(labels) = spec.get("nodeSelector") {
        selector::labels(labels, sink);
    }
    let mut seen = HashSet::new();
    for gate in items(spec, "schedulingGates") {
        let Some(name) = gate.get("name").filter(|name| name.as_str() != Some("")) else {
            sink.missing(gate, "name", "a gate needs a name");
            sink.at_path(owner_of);
            continue;
        };
        let before = sink.count();
        sink.syntax(name, names::qualified_name);
        if !seen.insert(text(gate, "name")) {
            sink.duplicate(name);
        }
        if sink.count() > before {
            sink.at_path(owner_of);
        }
    }
    if !pod.is_template && !seen.is_empty() && !text(spec, "nodeName").is_empty() {
        sink.forbidden(spec, "nodeName", "a pod with scheduling gates is not on a node yet");
    }
    items(spec, "tolerations").for_each(|toleration| tolerate(toleration, sink));
    spread(pod, sink);
}

/// Validates a toleration.
pub(super) fn tolerate<'o>(toleration: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.name(toleration, "key", names::qualified_name);
    let key = text(toleration, "key");
    let operator = text(toleration, "operator");
    if key.is_empty() && operator != "Exists" {
        match toleration.get("operator") {
            Some(node) => sink.invalid(node, "without a `key` it must be `Exists`", "set a `key`, or use `Exists`"),
            None => {
                sink.missing(toleration, "operator", "without a `key` it must be `Exists`");
            }
        }
    }
    if let Some(seconds) = toleration.get("tolerationSeconds").filter(|_| text(toleration, "effect") != "NoExecute") {
        sink.invalid(seconds, "it is for `effect: NoExecute` alone", "remove it, or set `effect: NoExecute`");
        sink.at_path(|path| path.replace("tolerationSeconds", "effect"));
    }
    match operator {
        "" | "Equal" => {
            if let Some(value) = toleration.get("value") {
                let before = sink.count();
                sink.syntax(value, names::label_value);
                if sink.count() > before {
                    sink.at_path(|path| path.replace(".value", ".operator"));
                }
            }
        }
        "Exists" => {
            if let Some(value) = toleration.get("value").filter(|value| value.as_str() != Some("")) {
                sink.invalid(value, "`Exists` compares no value", "remove it, or use `Equal`");
                sink.at_path(|path| path.replace(".value", ".operator"));
            }
        }
        _ => sink.one_of(toleration, "operator", &["Equal", "Exists"]),
    }
    sink.one_of(toleration, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
}

fn spread<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let mut seen = HashMap::new();
    for (index, constraint) in items(pod.spec, "topologySpreadConstraints").enumerate() {
        match int(constraint, "maxSkew") {
            None => sink.missing(constraint, "maxSkew", "how uneven it may be is needed, 1 or more"),
            Some(_) => sink.number(constraint, "maxSkew", 1, i64::from(i32::MAX)),
        }
        sink.required_text(constraint, "topologyKey", "the label of the nodes is needed");
        sink.required_one_of(constraint, "whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]);
        let pair = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        let first = *seen.entry(pair).or_insert(index);
        if let Some(node) = constraint.get("topologyKey").filter(|_| first != index) {
            sink.invalid(node, "another constraint has the same key and `whenUnsatisfiable`", "merge the two");
            // The server blames the first of the two.
            sink.at_path(|path| format!("{}[{first}].{{topologyKey, whenUnsatisfiable}}", list_of(path)));
        }
        if let Some(domains) = constraint.get("minDomains") {
            sink.number(constraint, "minDomains", 1, i64::from(i32::MAX));
            if text(constraint, "whenUnsatisfiable") != "DoNotSchedule" {
                sink.invalid(domains, "it is for `whenUnsatisfiable: DoNotSchedule` alone", "remove it");
            }
        }
        for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if let Some(policy) = constraint.get(key) {
                sink.among(policy, &["Honor", "Ignore"]);
            }
        }
        selector::label_keys(constraint, "matchLabelKeys", sink);
        if !pod.is_template {
            selector::keys_are_new(constraint, sink);
        }
        if let Some(labels) = constraint.get("labelSelector") {
            selector::selector(labels, sink);
        }
    }
}
