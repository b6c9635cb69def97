//! Validates label selectors and labels.
//! Must not ask what a selector selects, but for a workload's own template.

use super::names;
use super::sink::{Sink, is_empty, items, text};
use crate::yaml::NodeRef;

/// Validates a label selector.
pub(super) fn selector<'o>(selector: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(own) = selector.get("matchLabels") {
        labels(own, sink);
    }
    for requirement in items(selector, "matchExpressions") {
        operator(requirement, sink);
        sink.required_name(requirement, "key", "the key of the label is needed", names::qualified_name);
        items(requirement, "values").for_each(|value| sink.syntax(value, names::label_value));
    }
}

/// Validates the operator of a requirement, and whether it has the values that the operator compares.
pub(super) fn operator<'o>(requirement: NodeRef<'o>, sink: &mut Sink<'o>) {
    match text(requirement, "operator") {
        "In" | "NotIn" if is_empty(requirement, "values") => {
            sink.missing(requirement, "values", "`In` and `NotIn` need at least one value");
        }
        "Exists" | "DoesNotExist" if !is_empty(requirement, "values") => {
            sink.forbidden(requirement, "values", "`Exists` and `DoesNotExist` compare no value");
        }
        _ => sink.required_one_of(requirement, "operator", &["In", "NotIn", "Exists", "DoesNotExist"]),
    }
}

/// Validates the keys and values of labels.
pub(super) fn labels<'o>(labels: NodeRef<'o>, sink: &mut Sink<'o>) {
    let before = sink.count();
    for (entry, value) in labels.entries() {
        if let Some(reason) = names::qualified_name(&entry.key) {
            sink.bad_key(labels, &entry.key, reason);
        }
        sink.syntax(value, names::label_value);
    }
    sink.at_whole(before, labels);
}

/// Validates keys of labels whose values the pod's own are compared with.
pub(super) fn label_keys<'o>(parent: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    if is_empty(parent, key) {
        return;
    }
    if parent.get("labelSelector").is_none() {
        sink.forbidden(parent, key, "there is no `labelSelector` to add it to");
        return;
    }
    items(parent, key).for_each(|name| sink.syntax(name, names::qualified_name));
}

/// Validates that the `matchLabelKeys` of a pod are not in the `labelSelector` already, to which the server adds them; it
/// adds nothing in a template.
pub(super) fn keys_are_new<'o>(parent: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(selector) = parent.get("labelSelector") else { return };
    for name in items(parent, "matchLabelKeys") {
        let asked =
            items(selector, "matchExpressions").any(|requirement| Some(text(requirement, "key")) == name.as_str());
        let labelled =
            selector.get("matchLabels").is_some_and(|own| name.as_str().is_some_and(|name| own.entry(name).is_some()));
        if asked || labelled {
            sink.invalid(name, "it is in the `labelSelector` already", "remove it from one of the two");
            sink.at_path(|path| path.replace(".matchLabelKeys[", "["));
        }
    }
}

/// Validates the selector of a Job that has its own: an empty one selects all pods of the namespace.
pub(super) fn of_job<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(own) = spec.get("selector") else {
        sink.missing(spec, "selector", "with `manualSelector: true` it is needed");
        return;
    };
    let before = sink.count();
    selector(own, sink);
    if sink.count() == before {
        let template = spec.get("template").and_then(|template| template.at(&["metadata", "labels"]));
        against_template(spec, own, template, sink);
    }
}

/// Validates a workload's selector: it must be there, select something, and match the own template.
pub(super) fn of_workload<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(own) = spec.get("selector") else {
        sink.missing(spec, "selector", "without it the workload does not find its pods");
        return;
    };
    let before = sink.count();
    selector(own, sink);
    if is_empty(own, "matchLabels") && is_empty(own, "matchExpressions") {
        sink.invalid(own, "an empty selector is not allowed", "set `matchLabels` to the labels of the template");
        return;
    }
    let template = spec.get("template").and_then(|template| template.at(&["metadata", "labels"]));
    if sink.count() == before {
        against_template(spec, own, template, sink);
    }
}

/// Reports a label that a selector wants, with what the template has instead.
pub(super) fn mismatch<'o>(key: &str, wanted: NodeRef<'o>, there: Option<&str>, sink: &mut Sink<'o>) {
    let wanted_text = wanted.as_str().unwrap_or_default();
    let state = there.map_or_else(|| format!("has no label `{key}`"), |there| format!("has `{there}`"));
    let message = format!("the selector wants `{key}: {wanted_text}`, and the template {state}");
    sink.mismatch(wanted, message, format!("set the template's label `{key}` to `{wanted_text}`"));
}

fn against_template<'o>(spec: NodeRef<'o>, own: NodeRef<'o>, template: Option<NodeRef<'o>>, sink: &mut Sink<'o>) {
    if spec.get("template").is_none() {
        return;
    }
    let label = |key: &str| template.and_then(|labels| labels.get(key)).and_then(NodeRef::as_str);
    let has = |key: &str| template.is_some_and(|labels| labels.entry(key).is_some());
    for (entry, wanted) in own.get("matchLabels").into_iter().flat_map(NodeRef::entries) {
        let (wanted_text, there) =
            (wanted.as_str().unwrap_or_default(), label(&entry.key).or(has(&entry.key).then_some("")));
        if there != Some(wanted_text) {
            mismatch(&entry.key, wanted, there, sink);
            return;
        }
    }
    for requirement in items(own, "matchExpressions") {
        let key = text(requirement, "key");
        let listed =
            label(key).is_some_and(|there| items(requirement, "values").any(|value| value.as_str() == Some(there)));
        let holds = match text(requirement, "operator") {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => has(key),
            _ => !has(key),
        };
        if !holds {
            let message = format!("the template's labels do not satisfy what the selector asks of `{key}`");
            sink.mismatch(requirement, message, format!("change the template's label `{key}`, or the selector"));
            return;
        }
    }
}
