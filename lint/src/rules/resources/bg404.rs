//! A `ResourceQuota` does not hold both colors at full size.
//!
//! ## Why
//!
//! During a release both colors run side by side. When the quota has room for one only, the pods of the new color are
//! not created, and there is nothing to switch to.
//!
//! ## Bad
//!
//! ```yaml
//! kind: ResourceQuota
//! metadata: {name: shop}
//! spec:
//!   hard: {requests.cpu: 300m}   # two colors of two pods of 100m each
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: ResourceQuota
//! metadata: {name: shop}
//! spec:
//!   hard: {requests.cpu: 500m}
//! ```
//!
//! ## Configuration
//!
//! None. A color at `replicas: 0` is counted as large as the other one. Without `replicas` an HPA's `minReplicas`
//! counts; what containers do not say counts nothing. A quota with scopes is not judged.

use std::collections::BTreeMap;

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::{Model, SetView};
use crate::quantity;
use crate::rule::{Check, Rule};
use crate::rules::containers::init;
use crate::rules::sizes;
use crate::set::same_namespace;
use crate::yaml::NodeRef;

/// `quota-too-small`
pub(crate) static RULE: Rule = Rule {
    code: "BG404",
    name: "quota-too-small",
    severity: Severity::Warning,
    source: include_str!("bg404.rs"),
    check: Check::Model(check),
};

/// The quantities that a quota can bound, by the names that it has for them, in billionths.
type Amounts = BTreeMap<&'static str, i128>;

fn check(model: &Model, findings: &mut Findings<'_>) {
    let quotas: Vec<&Object> = model.objects().iter().filter(|object| object.is("", "ResourceQuota")).collect();
    let scoped =
        |quota: &Object| ["scopes", "scopeSelector"].iter().any(|key| quota.root().at(&["spec", key]).is_some());
    let quotas: Vec<&Object> = quotas.into_iter().filter(|quota| !scoped(quota)).collect();
    if quotas.is_empty() {
        return;
    }
    let sets: Vec<_> =
        model.sets().filter(|set| !set.is_uncertain()).filter_map(|set| Some((set, needed(set)?))).collect();
    for quota in quotas {
        let groups = groups(quota.id.namespace.as_deref(), &sets);
        for (entry, node) in quota.root().at(&["spec", "hard"]).into_iter().flat_map(NodeRef::entries) {
            let Some(text) = quantity::text(node) else { continue };
            let Some(hard) = quantity::parse(&text) else { continue };
            let sum = |group: &Vec<&Needing<'_>>| -> i128 {
                group.iter().filter_map(|(_, needed)| amount(needed, &entry.key)).sum()
            };
            let Some(group) = groups.iter().max_by_key(|group| sum(group)).filter(|group| sum(group) > hard) else {
                continue;
            };
            let names: Vec<&str> = group.iter().map(|(set, _)| set.set.name.as_str()).collect();
            let need = if names.len() == 1 { "need" } else { "together need" };
            let message = format!(
                "the quota allows {text} of {}, and both colors of {} {need} {}",
                entry.key,
                names.join(" and of "),
                shown(&entry.key, sum(group))
            );
            let finding = findings.report(quota.at(node), message);
            finding.help("raise the quota, or make the colors smaller");
            for (color, member) in group.iter().flat_map(|(set, _)| set.workloads()) {
                finding.related(member.object.at_name(), format!("{color} counts"));
            }
        }
    }
}

/// A set and what it needs.
type Needing<'m> = (SetView<'m>, Amounts);

/// The sets that a quota has to hold together: those that say that they are in its namespace. Where nobody says one,
/// they may as well be variants of each other, and each has to fit by itself.
fn groups<'s, 'm>(namespace: Option<&str>, sets: &'s [Needing<'m>]) -> Vec<Vec<&'s Needing<'m>>> {
    let near = sets.iter().filter(|(set, _)| same_namespace(namespace, set.set.namespace.as_deref()));
    let (inside, others): (Vec<_>, Vec<_>) =
        near.partition(|(set, _)| namespace.is_some() && set.set.namespace.as_deref() == namespace);
    let inside = if inside.is_empty() { Vec::new() } else { vec![inside] };
    inside.into_iter().chain(others.into_iter().map(|set| vec![set])).collect()
}

/// What both colors need together.
fn needed(set: SetView<'_>) -> Option<Amounts> {
    let (blue, green) = set.both().filter(|(blue, green)| blue.object.id != green.object.id)?;
    let sizes = [sizes::least(set.model, blue)?, sizes::least(set.model, green)?];
    let larger = sizes.into_iter().max()?;
    let mut sum = Amounts::new();
    for (member, size) in [blue, green].into_iter().zip(sizes) {
        let size = i128::from(if size == 0 { larger } else { size });
        for (key, amount) in of_pod(member.object) {
            *sum.entry(key).or_default() += amount.checked_mul(size)?;
        }
    }
    Some(sum)
}

/// What one pod needs: all containers together, or the largest init container, whichever is more.
fn of_pod(object: &Object) -> Amounts {
    let of = |container: NodeRef<'_>, kind: &str, resource: &str| {
        let value = |kind: &str| container.at(&["resources", kind, resource]).and_then(quantity::text);
        // The API server takes a limit for the request that is missing.
        let text = value(kind).or_else(|| value("limits"));
        text.and_then(|text| quantity::parse(&text)).unwrap_or_default()
    };
    let keys = [
        ("requests.cpu", "requests", "cpu"),
        ("requests.memory", "requests", "memory"),
        ("limits.cpu", "limits", "cpu"),
        ("limits.memory", "limits", "memory"),
    ];
    let mut amounts: Amounts = keys
        .into_iter()
        .map(|(key, kind, resource)| {
            let running: i128 = object.containers().map(|container| of(container, kind, resource)).sum();
            let largest = init(object).map(|container| of(container, kind, resource)).max().unwrap_or_default();
            (key, running.max(largest))
        })
        .collect();
    amounts.insert("pods", quantity::parse("1").unwrap_or_default());
    amounts
}

/// The amount that a quota's key bounds.
fn amount(amounts: &Amounts, key: &str) -> Option<i128> {
    let key = match key {
        "cpu" => "requests.cpu",
        "memory" => "requests.memory",
        "count/pods" => "pods",
        key => key,
    };
    amounts.get(key).copied().filter(|amount| *amount > 0)
}

/// An amount in the unit that people use for it.
fn shown(key: &str, amount: i128) -> String {
    let units = amount / 1_000_000_000;
    if key.ends_with("cpu") {
        format!("{}m", amount / 1_000_000)
    } else if key.ends_with("memory") && units >= 1 << 20 {
        format!("{}Mi", units >> 20)
    } else {
        units.to_string()
    }
}
