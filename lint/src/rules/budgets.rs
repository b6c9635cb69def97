//! What a `PodDisruptionBudget` counts, and whether it ever lets a pod go.
//! Not a rule.

use crate::manifest::Object;
use crate::model::{Member, Model};
use crate::rules::selecting::selected;
use crate::rules::sizes;
use crate::set::Workload;
use crate::yaml::NodeRef;

/// A budget of a release set.
pub(super) struct Budget<'m> {
    /// The `PodDisruptionBudget`.
    pub(super) object: &'m Object,
    /// The workloads whose pods it counts.
    pub(super) selected: Vec<Member<'m, Workload>>,
    /// Where it never allows an eviction: the field that says so, and why.
    pub(super) blocked: Option<(NodeRef<'m>, String)>,
}

/// The budgets that count pods of a release set.
pub(super) fn all(model: &Model) -> Vec<Budget<'_>> {
    let budgets = model.objects().iter().filter(|object| object.is("policy", "PodDisruptionBudget"));
    let budget = |object: &'_ Object| {
        let selected = selected(model, object, object.root().at(&["spec", "selector"])?)?;
        let of_set = selected.iter().any(|member| model.set_with_workload(member.at).is_some());
        of_set.then_some(selected)
    };
    budgets
        .filter_map(|object| {
            let selected = budget(object)?;
            let blocked = blocked(model, object, &selected);
            Some(Budget { object, selected, blocked })
        })
        .collect()
}

fn blocked<'m>(model: &Model, object: &'m Object, selected: &[Member<'_, Workload>]) -> Option<(NodeRef<'m>, String)> {
    let sizes =
        selected.iter().map(|member| if member.facts.can_be_color { sizes::most(model, *member) } else { None });
    let pods: Option<i64> = sizes.sum();
    if pods == Some(0) {
        return None;
    }
    let spec = object.root().get("spec")?;
    if let Some(node) = spec.get("maxUnavailable") {
        let none = node.as_int() == Some(0) || percent(node) == Some(0);
        return none.then(|| (node, "not one pod may be unavailable".to_owned()));
    }
    let node = spec.get("minAvailable")?;
    if percent(node).is_some_and(|percent| percent >= 100) {
        return Some((node, "all pods are to be available".to_owned()));
    }
    let pods = pods?;
    let wanted = match percent(node) {
        Some(percent) => percent.checked_mul(pods)?.checked_add(99)?.checked_div(100)?,
        None => node.as_int()?,
    };
    (wanted >= pods).then(|| (node, format!("{wanted} are to be available, and there are {pods} at most")))
}

fn percent(node: NodeRef<'_>) -> Option<i64> {
    node.as_str()?.strip_suffix('%')?.parse().ok()
}
