//! Validates the classes that other objects name: `StorageClass`, `PriorityClass`, `IngressClass`.
//! Must not ask who names them.

use std::collections::{BTreeSet, HashSet};

use super::names;
use super::sink::{Sink, int, is_empty, is_true, items, text};
use crate::yaml::NodeRef;

const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETER_BYTES: usize = 256 * 1024;

/// Validates a `StorageClass`.
pub(super) fn storage<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let provisioner = |name: &str| names::qualified_name(&name.to_lowercase());
    sink.required_name(root, "provisioner", "what makes the volumes is needed", provisioner);
    if let Some(parameters) = root.get("parameters") {
        let bytes: usize =
            parameters.entries().map(|(entry, value)| entry.key.len() + value.as_str().map_or(0, str::len)).sum();
        if parameters.entries().count() > MAX_PARAMETERS || bytes > MAX_PARAMETER_BYTES {
            let reason = format!("at most {MAX_PARAMETERS} parameters with {MAX_PARAMETER_BYTES} bytes are allowed");
            sink.invalid(parameters, reason, "remove some");
        }
        if parameters.entry("").is_some() {
            sink.invalid(parameters, "a parameter has no name", "name it");
        }
    }
    sink.one_of(root, "reclaimPolicy", &["Delete", "Retain"]);
    if let Some(mode) = root.get("volumeBindingMode") {
        sink.among(mode, &["Immediate", "WaitForFirstConsumer"]);
    }
    topologies(root, sink);
}

/// Where volumes may be: no two terms may say the same.
fn topologies<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    // A term that says nothing counts as there already.
    let mut seen = HashSet::from([BTreeSet::new()]);
    for term in items(root, "allowedTopologies") {
        let mut keys = HashSet::new();
        let mut meaning = BTreeSet::new();
        for requirement in items(term, "matchLabelExpressions") {
            if is_empty(requirement, "values") {
                sink.missing(requirement, "values", "at least one value is needed");
            }
            let mut values = BTreeSet::new();
            for value in items(requirement, "values") {
                if !values.insert(value.as_str().unwrap_or_default()) {
                    sink.duplicate(value);
                }
            }
            let key = text(requirement, "key");
            match requirement.get("key").filter(|_| !keys.insert(key)) {
                Some(node) => sink.duplicate(node),
                None => {
                    sink.required_name(requirement, "key", "the label of the nodes is needed", names::qualified_name);
                }
            }
            meaning.insert((key, values));
        }
        if !seen.insert(meaning) {
            sink.invalid(term, "another term says the same", "remove one of the two");
            sink.at_path(|path| format!("{path}.matchLabelExpressions"));
        }
    }
}

/// The greatest value that is not for Kubernetes' own pods.
const MAX_PRIORITY: i64 = 1_000_000_000;

/// The classes that every cluster has.
const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// Validates a `PriorityClass`.
pub(super) fn priority<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let value = int(root, "value").unwrap_or_default();
    if let Some(name) =
        root.at(&["metadata", "name"]).filter(|name| name.as_str().is_some_and(|name| name.starts_with("system-")))
    {
        let is_known = SYSTEM_CLASSES.iter().any(|(known, of)| (name.as_str(), value) == (Some(*known), *of));
        if !is_known || is_true(root, "globalDefault") {
            sink.invalid(
                name,
                "names that start with `system-` are for Kubernetes' own classes",
                "choose another name",
            );
        }
    } else if let Some(node) = root.get("value").filter(|_| value > MAX_PRIORITY) {
        sink.invalid(node, format!("at most {MAX_PRIORITY} is allowed"), "lower it");
    }
    if root.get("preemptionPolicy").is_some() {
        sink.required_one_of(root, "preemptionPolicy", &["PreemptLowerPriority", "Never"]);
    }
}

/// Validates an `IngressClass`.
pub(super) fn ingress<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "the controller of the class is needed");
        sink.at_path(|path| format!("{path}.controller"));
        return;
    };
    let controller = |name: &str| names::longer_than(name, 250).or_else(|| names::domain_path(name));
    sink.required_name(spec, "controller", "the controller of the class is needed", controller);
    let Some(parameters) = spec.get("parameters") else { return };
    sink.name_if_set(parameters, "apiGroup", names::dns_subdomain);
    for (key, reason) in [("kind", "the kind of the object is needed"), ("name", "the name of the object is needed")] {
        sink.required_name(parameters, key, reason, names::path_segment);
    }
    if let Some(scope) = parameters.get("scope") {
        sink.among(scope, &["Cluster", "Namespace"]);
    }
    match (text(parameters, "scope"), parameters.get("namespace")) {
        ("Namespace", Some(namespace)) => sink.syntax(namespace, names::dns_label),
        ("Namespace", None) => sink.missing(parameters, "namespace", "with `scope: Namespace` it is needed"),
        ("" | "Cluster", Some(_)) => sink.forbidden(parameters, "namespace", "it is for `scope: Namespace` alone"),
        _ => {}
    }
}
