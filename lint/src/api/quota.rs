//! Validates what a namespace may use: `ResourceQuota` and `LimitRange`.
//! Must not add up what is used.

use std::collections::{BTreeMap, HashSet};

use super::resources::{self, ONE};
use super::sink::{Sink, is_empty, items, text};
use super::{names, selector};
use crate::quantity;
use crate::yaml::NodeRef;

/// What is counted in whole numbers.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// What is measured.
const MEASURED: [&str; 11] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "storage",
];

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

fn is_standard(name: &str) -> bool {
    COUNTED.contains(&name) || MEASURED.contains(&name) || is_huge_page(name)
}

/// The name of a resource; one without a prefix must be among those that Kubernetes knows.
fn resource_name(name: &str, standard: fn(&str) -> bool) -> names::Fault {
    names::qualified_name(name).or_else(|| {
        (!name.contains('/') && !standard(name))
            .then(|| "Kubernetes knows no such resource; others have a prefix".to_owned())
    })
}

fn in_quota(name: &str) -> bool {
    is_standard(name) && name != "storage"
}

/// Validates a `ResourceQuota`.
pub(super) fn quota<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else { return };
    for (entry, amount) in spec.get("hard").into_iter().flat_map(NodeRef::entries) {
        let hard = spec.get("hard").unwrap_or(spec);
        if let Some(reason) = resource_name(&entry.key, in_quota) {
            sink.bad_key(hard, &entry.key, reason);
            sink.at_path(|path| resources::in_brackets(path, &entry.key));
        }
        let before = sink.count();
        let value = resources::amount(amount).unwrap_or_default();
        if value < 0 {
            sink.invalid(amount, "it must be 0 or more", "set an amount that is not negative");
        } else if (COUNTED.contains(&&*entry.key) || resources::is_extended(&entry.key)) && !resources::is_whole(amount)
        {
            sink.invalid(amount, "this resource is counted in whole numbers", "set a whole number");
        }
        sink.at_paths_since(before, |path| resources::in_brackets(path, &entry.key));
    }
    scopes(spec, sink);
}

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];
const OPPOSITES: [(&str, &str); 2] = [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")];

/// Whether the use of a resource can be told apart by a scope.
fn is_in_scope(scope: &str, resource: &str) -> bool {
    let computed = matches!(
        resource,
        "pods" | "cpu" | "memory" | "limits.cpu" | "limits.memory" | "requests.cpu" | "requests.memory"
    );
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => computed,
        _ => true,
    }
}

fn scopes<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let before = sink.count();
    let mut seen = HashSet::new();
    for scope in items(spec, "scopes") {
        one_scope(spec, scope, sink);
        opposite(scope, &mut seen, sink);
    }
    sink.at_paths_since(before, |_| "spec.scopes".to_owned());
    let Some(selector) = spec.get("scopeSelector") else { return };
    let mut seen = HashSet::new();
    for requirement in items(selector, "matchExpressions") {
        let before = sink.count();
        let name = text(requirement, "scopeName");
        match requirement.get("scopeName") {
            Some(scope) => {
                one_scope(spec, scope, sink);
                opposite(scope, &mut seen, sink);
            }
            None => sink.missing(requirement, "scopeName", "the scope is needed"),
        }
        selector::operator(requirement, sink);
        let is_yes_or_no = SCOPES.contains(&name) && !matches!(name, "PriorityClass" | "VolumeAttributesClass");
        if let Some(operator) = requirement
            .get("operator")
            .filter(|node| is_yes_or_no && matches!(node.as_str(), Some("In" | "NotIn" | "DoesNotExist")))
        {
            sink.invalid(operator, format!("for the scope {name} it must be `Exists`"), "set it to `Exists`");
        }
        sink.at_paths_since(before, server_path);
    }
}

/// The server names the list without the number of the item.
fn server_path(path: &str) -> String {
    let field = path.rsplit_once("].").map(|(_, field)| field).filter(|field| !field.is_empty());
    let list = "spec.scopeSelector.matchExpressions";
    field.map_or_else(|| list.to_owned(), |field| format!("{list}.{field}"))
}

fn one_scope<'o>(spec: NodeRef<'o>, scope: NodeRef<'o>, sink: &mut Sink<'o>) {
    let before = sink.count();
    sink.among(scope, &SCOPES);
    let Some(name) = scope.as_str().filter(|_| sink.count() == before) else { return };
    let mut counted = spec.get("hard").into_iter().flat_map(NodeRef::entries).map(|(entry, _)| &*entry.key);
    if let Some(resource) = counted.find(|resource| in_quota(resource) && !is_in_scope(name, resource)) {
        let reason = format!("the use of `{resource}` cannot be told apart by it");
        sink.invalid(scope, reason, "make another ResourceQuota for one of the two");
        sink.at_path(|path| path.trim_end_matches(".scopeName").to_owned());
    }
}

fn opposite<'o>(scope: NodeRef<'o>, seen: &mut HashSet<&'o str>, sink: &mut Sink<'o>) {
    let Some(name) = scope.as_str() else { return };
    let other = OPPOSITES.iter().find_map(|(a, b)| match name {
        name if name == *a => Some(*b),
        name if name == *b => Some(*a),
        _ => None,
    });
    if let Some(other) = other.filter(|other| seen.contains(other)) {
        sink.invalid(scope, format!("no pod is in this scope and in `{other}`"), "remove one of the two");
        sink.at_path(|path| path.trim_end_matches(".scopeName").to_owned());
    }
    seen.insert(name);
}

/// Validates a `LimitRange`.
pub(super) fn limit_range<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else { return };
    let mut seen = HashSet::new();
    for limit in items(spec, "limits") {
        let kind = text(limit, "type");
        match limit.get("type").filter(|_| !seen.insert(kind)) {
            Some(node) => sink.duplicate(node),
            None => {
                sink.required_name(
                    limit,
                    "type",
                    "`Container`, `Pod` or `PersistentVolumeClaim` is needed",
                    limit_type,
                );
            }
        }
        one_limit(limit, kind, sink);
    }
}

fn limit_type(kind: &str) -> names::Fault {
    names::qualified_name(kind).or_else(|| {
        let is_known = kind.contains('/') || matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim");
        (!is_known).then(|| "`Container`, `Pod` or `PersistentVolumeClaim` is needed".to_owned())
    })
}

const LISTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// The amounts of a list by resource.
type Amounts<'o> = BTreeMap<&'o str, (i128, NodeRef<'o>)>;

fn fill<'o>(amounts: &mut Amounts<'o>, from: &Amounts<'o>) {
    for (name, amount) in from {
        amounts.entry(name).or_insert(*amount);
    }
}

fn one_limit<'o>(limit: NodeRef<'o>, kind: &str, sink: &mut Sink<'o>) {
    for list in LISTS {
        if kind == "Pod" && list.starts_with("default") {
            if !is_empty(limit, list) {
                sink.forbidden(limit, list, "a Pod as a whole has no defaults; its containers have");
            }
            continue;
        }
        for (entry, _) in limit.get(list).into_iter().flat_map(NodeRef::entries) {
            let fault = match kind {
                "Pod" | "Container" => resources::container_resource(&entry.key),
                _ => resource_name(&entry.key, is_standard),
            };
            if let (Some(reason), Some(mapping)) = (fault, limit.get(list)) {
                sink.bad_key(mapping, &entry.key, reason);
                sink.at_path(|path| resources::in_brackets(path, &entry.key));
            }
        }
    }
    let has_storage =
        ["min", "max"].iter().any(|list| limit.get(list).is_some_and(|list| list.entry("storage").is_some()));
    if kind == "PersistentVolumeClaim" && !has_storage {
        sink.missing(limit, "min", "`min` or `max` of `storage` is needed");
        sink.at_path(|path| path.trim_end_matches("min").to_owned() + "limits");
    }
    let of = |list: &str| -> Amounts<'o> {
        let entries = limit.get(list).into_iter().flat_map(NodeRef::entries);
        entries.filter_map(|(entry, node)| Some((&*entry.key, (resources::amount(node)?, node)))).collect()
    };
    let [max, min, mut default, mut request, ratio] = LISTS.map(of);
    if kind == "Container" {
        // What is not said is taken from what is, in this order.
        fill(&mut default, &max);
        fill(&mut request, &default);
        fill(&mut request, &min);
    }
    let pairs = [
        ("min", &min, "max", &max),
        ("min", &min, "defaultRequest", &request),
        ("defaultRequest", &request, "max", &max),
        ("defaultRequest", &request, "default", &default),
        ("min", &min, "default", &default),
        ("default", &default, "max", &max),
    ];
    // One wrong amount disagrees with several others: the first of them is enough.
    let mut wrong = HashSet::new();
    for (low, lows, high, highs) in pairs {
        for (name, (amount, node)) in lows {
            let Some((_, other)) = highs.get(name).filter(|(most, _)| amount > most) else { continue };
            if !wrong.insert(*name) {
                continue;
            }
            let at = if low == "min" && high != "max" { (*other, high) } else { (*node, low) };
            not_more(at.0, at.1, name, (low, *node), (high, *other), sink);
        }
    }
    for (name, (amount, node)) in ratio.iter().filter(|(name, _)| !wrong.contains(*name)) {
        ratio_of(name, *amount, *node, min.get(name).map(|of| of.0), max.get(name).map(|of| of.0), sink);
    }
    for (name, (amount, node)) in request.iter().filter(|(name, _)| resources::may_not_overcommit(name)) {
        if default.get(name).is_some_and(|(other, _)| other != amount) {
            sink.invalid(
                *node,
                format!("for {name} the default request must equal the default limit"),
                "make both the same",
            );
            sink.at_path(|path| path_of(path, "defaultRequest", name));
        }
    }
}

/// The path of an amount, which may have been written in another list.
fn path_of(path: &str, list: &str, name: &str) -> String {
    let item = path.split_once(']').map_or(path, |(item, _)| item);
    format!("{item}].{list}[{name}]")
}

fn not_more<'o>(
    at: NodeRef<'o>,
    list: &str,
    name: &str,
    low: (&str, NodeRef<'o>),
    high: (&str, NodeRef<'o>),
    sink: &mut Sink<'o>,
) {
    let shown = |node| quantity::text(node).unwrap_or_default();
    let reason = format!("`{}` of {name} ({}) is more than `{}` ({})", low.0, shown(low.1), high.0, shown(high.1));
    sink.invalid(at, reason, "change one of the two");
    sink.at_path(|path| path_of(path, list, name));
}

/// Whether a ratio is more than `max` / `min`; with a `min` of 0 that is as much as can be.
fn is_more_than_ratio(ratio: i128, min: i128, max: i128) -> bool {
    let (reached, most) = (ratio.saturating_mul(min), max.saturating_mul(ONE));
    // What the server cannot count is never more.
    if ratio / ONE > i128::from(i64::MAX) {
        return false;
    }
    match min {
        0 => max < 0,
        1.. => reached > most,
        _ => reached < most,
    }
}

fn ratio_of<'o>(name: &str, ratio: i128, node: NodeRef<'o>, min: Option<i128>, max: Option<i128>, sink: &mut Sink<'o>) {
    let before = sink.count();
    if ratio < ONE {
        sink.invalid(node, "it must be 1 or more", "set a ratio of at least 1");
    } else if let (Some(min), Some(max)) = (min, max)
        && is_more_than_ratio(ratio, min, max)
    {
        sink.invalid(
            node,
            "it can never be reached: `max` is less than `min` times that",
            "lower it to `max` / `min` or less",
        );
    }
    sink.at_paths_since(before, |path| path_of(path, "maxLimitRequestRatio", name));
}
