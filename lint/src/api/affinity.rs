//! Validates affinity to nodes and to other pods.
//! Must not know the nodes.

use super::pod_spec::Pod;
use super::sink::{Sink, int, is_empty, items, list_of, text};
use super::{names, selector};
use crate::yaml::NodeRef;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Validates `affinity`.
pub(super) fn affinity<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let Some(affinity) = pod.spec.get("affinity") else { return };
    if let Some(node) = affinity.get("nodeAffinity") {
        to_nodes(node, sink);
    }
    for pods in ["podAffinity", "podAntiAffinity"].iter().filter_map(|key| affinity.get(key)) {
        items(pods, REQUIRED).for_each(|term| to_pods(pod, term, sink));
        for preferred in items(pods, PREFERRED) {
            weight(preferred, sink);
            if let Some(term) = preferred.get("podAffinityTerm") {
                to_pods(pod, term, sink);
            } else {
                sink.missing(preferred, "podAffinityTerm", "a term with its `topologyKey` is needed");
                sink.at_path(|path| format!("{path}.topologyKey"));
            }
        }
    }
}

fn weight<'o>(preferred: NodeRef<'o>, sink: &mut Sink<'o>) {
    if int(preferred, "weight").is_none() {
        sink.missing(preferred, "weight", "a weight from 1 to 100 is needed");
    }
    sink.number(preferred, "weight", 1, 100);
}

fn to_nodes<'o>(affinity: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(required) = affinity.get(REQUIRED) {
        node_selector(required, sink);
    }
    for preferred in items(affinity, PREFERRED) {
        weight(preferred, sink);
        if let Some(term) = preferred.get("preference") {
            node_term(term, false, sink);
        }
    }
}

fn node_selector<'o>(selector: NodeRef<'o>, sink: &mut Sink<'o>) {
    if is_empty(selector, "nodeSelectorTerms") {
        sink.missing(selector, "nodeSelectorTerms", "at least one term is needed");
    }
    items(selector, "nodeSelectorTerms").for_each(|term| node_term(term, true, sink));
}

/// Validates the nodes that a volume can be reached from.
pub(super) fn of_volume<'o>(affinity: NodeRef<'o>, sink: &mut Sink<'o>) {
    match affinity.get("required") {
        Some(required) => node_selector(required, sink),
        None => sink.missing(affinity, "required", "the nodes are needed"),
    }
}

fn node_term<'o>(term: NodeRef<'o>, is_required: bool, sink: &mut Sink<'o>) {
    items(term, "matchExpressions").for_each(|requirement| node_requirement(requirement, is_required, sink));
    items(term, "matchFields").for_each(|requirement| node_field(requirement, sink));
}

fn node_requirement<'o>(requirement: NodeRef<'o>, is_required: bool, sink: &mut Sink<'o>) {
    sink.required_name(requirement, "key", "the label of the node is needed", names::qualified_name);
    match text(requirement, "operator") {
        "In" | "NotIn" if is_empty(requirement, "values") => {
            sink.missing(requirement, "values", "`In` and `NotIn` need at least one value");
        }
        "Exists" | "DoesNotExist" if !is_empty(requirement, "values") => {
            sink.forbidden(requirement, "values", "`Exists` and `DoesNotExist` compare no value");
        }
        "Gt" | "Lt" if items(requirement, "values").count() != 1 => {
            sink.missing(requirement, "values", "`Gt` and `Lt` need exactly one value");
        }
        _ => sink.required_one_of(requirement, "operator", &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
    }
    // What is merely preferred may name a label value that no node can have.
    if is_required {
        items(requirement, "values").for_each(|value| sink.syntax(value, names::label_value));
    }
}

/// The one field of a node that can be asked for is its name.
fn node_field<'o>(requirement: NodeRef<'o>, sink: &mut Sink<'o>) {
    let operator = text(requirement, "operator");
    if matches!(operator, "In" | "NotIn") {
        if items(requirement, "values").count() != 1 {
            sink.missing(requirement, "values", "exactly one value is needed for a field");
        }
    } else {
        sink.required_one_of(requirement, "operator", &["In", "NotIn"]);
    }
    if text(requirement, "key") == "metadata.name" {
        items(requirement, "values").for_each(|value| sink.syntax(value, names::dns_subdomain));
    } else {
        sink.required_one_of(requirement, "key", &["metadata.name"]);
    }
}

fn to_pods<'o>(pod: &Pod<'o>, term: NodeRef<'o>, sink: &mut Sink<'o>) {
    for selectors in ["labelSelector", "namespaceSelector"].iter().filter_map(|key| term.get(key)) {
        selector::selector(selectors, sink);
    }
    for namespace in items(term, "namespaces") {
        let before = sink.count();
        sink.syntax(namespace, names::dns_label);
        if sink.count() > before {
            sink.at_path(|path| path.replace("namespaces[", "namespace["));
            sink.at_path(list_of);
        }
    }
    sink.required_name(term, "topologyKey", "the label of the nodes is needed", names::qualified_name);
    selector::label_keys(term, "matchLabelKeys", sink);
    if !pod.is_template {
        selector::keys_are_new(term, sink);
    }
    selector::label_keys(term, "mismatchLabelKeys", sink);
    for key in items(term, "mismatchLabelKeys") {
        let same = items(term, "matchLabelKeys").position(|matched| matched.as_str() == key.as_str());
        if let Some(index) = same {
            sink.invalid(key, "it is among `matchLabelKeys`, too", "remove it from one of the two");
            sink.at_path(|path| {
                let term = path.rsplit_once(".mismatchLabelKeys").map_or(path, |(term, _)| term);
                format!("{term}.matchLabelKeys[{index}]")
            });
        }
    }
}
