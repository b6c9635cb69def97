//! Which workloads a label selector selects, expressions included.
//! Not a rule.

use crate::manifest::{self, Object, is_placeholder};
use crate::model::{Member, Model, has_placeholder};
use crate::set::{Labels, Workload, same_namespace};
use crate::yaml::NodeRef;

/// The workloads in the object's namespace that its selector selects; nothing where that is not to be known.
pub(super) fn selected<'m>(
    model: &'m Model,
    object: &Object,
    selector: NodeRef<'_>,
) -> Option<Vec<Member<'m, Workload>>> {
    selected_in(model, object.id.namespace.as_deref(), selector)
}

/// The workloads in a namespace, or in any, that a selector selects; nothing where that is not to be known.
pub(super) fn selected_in<'m>(
    model: &'m Model,
    namespace: Option<&str>,
    selector: NodeRef<'_>,
) -> Option<Vec<Member<'m, Workload>>> {
    let labels = manifest::labels(selector.get("matchLabels"));
    let known = ["matchLabels", "matchExpressions"];
    if has_placeholder(&labels) || selector.entries().any(|(entry, _)| !known.contains(&&*entry.key)) {
        return None;
    }
    let candidates: Vec<_> = if labels.is_empty() {
        model.workloads().map(|(_, member)| member).collect()
    } else {
        model.selected(&labels).collect()
    };
    let near = candidates.into_iter().filter(|member| same_namespace(member.facts.namespace.as_deref(), namespace));
    let mut selected = Vec::new();
    for member in near {
        let expressions = selector.get("matchExpressions").into_iter().flat_map(NodeRef::items);
        let mut all = true;
        for expression in expressions {
            all &= holds(expression, &member.facts.labels)?;
        }
        if all {
            selected.push(member);
        }
    }
    Some(selected)
}

/// Whether labels fulfil an expression; nothing for one that the API server would refuse.
fn holds(expression: NodeRef<'_>, labels: &Labels) -> Option<bool> {
    let has = labels.get(expression.get("key")?.as_str()?);
    let values: Vec<&str> =
        expression.get("values").into_iter().flat_map(NodeRef::items).filter_map(NodeRef::as_str).collect();
    if values.iter().any(|value| is_placeholder(value)) {
        return None;
    }
    let within = has.is_some_and(|value| values.contains(&value.as_str()));
    match expression.get("operator")?.as_str()? {
        "In" => Some(within),
        "NotIn" => Some(!within),
        "Exists" => Some(has.is_some()),
        "DoesNotExist" => Some(has.is_none()),
        _ => None,
    }
}
