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
    for set in model.sets().filter(|set| !set.is_uncertain()) {
        let Some(needed) = needed(set) else { continue };
        let namespace = set.set.namespace.as_deref();
        for quota in quotas.iter().filter(|quota| same_namespace(quota.id.namespace.as_deref(), namespace)) {
            for (entry, node) in quota.root().at(&["spec", "hard"]).into_iter().flat_map(NodeRef::entries) {
                let (Some(needed), Some(text)) = (amount(&needed, &entry.key), quantity::text(node)) else { continue };
                if quantity::parse(&text).is_none_or(|hard| hard >= needed) {
                    continue;
                }
                let message = format!(
                    "the quota allows {text} of {}, and both colors of {} need {}",
                    entry.key,
                    set.set.name,
                    shown(&entry.key, needed)
                );
                let finding = findings.report(quota.at(node), message);
                finding.help("raise the quota, or make the colors smaller");
                for (color, member) in set.workloads() {
                    finding.related(member.object.at_name(), format!("{color} counts"));
                }
            }
        }
    }
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
