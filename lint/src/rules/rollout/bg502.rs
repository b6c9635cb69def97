//! Re-deploying a color takes away all of its pods before new ones are there.
//!
//! ## Why
//!
//! A switch moves users between colors without a gap. A correction of the active color itself, such as a new setting,
//! is a rollout: with `Recreate`, or when all pods may be unavailable at once, users get no answer until the new pods
//! are ready.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   strategy: {type: Recreate}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   strategy:
//!     type: RollingUpdate
//!     rollingUpdate: {maxUnavailable: 0}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::{Member, Model, SetView};
use crate::rule::{Check, Rule};
use crate::rules::sizes;
use crate::set::Workload;
use crate::yaml::NodeRef;

/// `recreate-strategy`
pub(crate) static RULE: Rule = Rule {
    code: "BG502",
    name: "recreate-strategy",
    severity: Severity::Warning,
    source: include_str!("bg502.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (_, member) in set.workloads() {
        let spec = member.object.root().get("spec");
        let strategy = spec.and_then(|spec| spec.get("strategy").or_else(|| spec.get("updateStrategy")));
        let Some((strategy, why)) = strategy.and_then(|of| Some((of, gap(set.model, member, of)?))) else { continue };
        let name = &member.facts.name;
        let message = format!("{name} has {why}: re-deploying it while it is active has a gap");
        findings
            .report(member.object.at_own_key(strategy), message)
            .help("use RollingUpdate with `maxUnavailable: 0`, or re-deploy only the idle color");
    }
}

/// How a strategy leaves no pod.
fn gap(model: &Model, member: Member<'_, Workload>, strategy: NodeRef<'_>) -> Option<String> {
    if strategy.get("type").and_then(NodeRef::as_str) == Some("Recreate") {
        // With settings for the other strategy beside it, nobody can say which of them was meant.
        return strategy.get("rollingUpdate").is_none().then(|| "the strategy Recreate".to_owned());
    }
    // Argo Rollouts calls it a canary, also where it has no steps.
    let rolling = strategy.get("rollingUpdate").or_else(|| strategy.get("canary"))?;
    let unavailable = rolling.get("maxUnavailable")?;
    if let Some(percent) = unavailable.as_str() {
        let share: i64 = percent.strip_suffix('%')?.parse().ok()?;
        return (share >= 100).then(|| format!("`maxUnavailable: {percent}`"));
    }
    let pods = unavailable.as_int()?;
    let all = sizes::replicas(member.object).filter(|all| *all > 0 && !sizes::is_scaled(model, member))?;
    (pods >= all).then(|| format!("`maxUnavailable: {pods}`, which is all of its replicas"))
}
