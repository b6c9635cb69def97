//! The active color has one replica.
//!
//! ## Why
//!
//! When that one pod is moved, is evicted or dies, nobody serves, and the idle color does not step in by itself.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}   # active
//! spec: {replicas: 1}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}   # active
//! spec: {replicas: 2}
//! ```
//!
//! ## Configuration
//!
//! None. What an HPA or a `ScaledObject` scales is not judged.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::has_misspelt;
use crate::rules::sizes;

/// `single-replica`
pub(crate) static RULE: Rule = Rule {
    code: "BG501",
    name: "single-replica",
    severity: Severity::Info,
    source: include_str!("bg501.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some(member) = set.active().and_then(|color| set.workload(color)) else { return };
    let misspelt = member.object.root().get("spec").is_some_and(|spec| has_misspelt(spec, "replicas"));
    if misspelt
        || sizes::is_scaled(set.model, member)
        || sizes::may_be_scaled(set.model, member)
        || sizes::replicas(member.object) != Some(1)
    {
        return;
    }
    let message = format!("{} is active and has one replica", member.facts.name);
    findings.report(sizes::place(member.object), message).help("run two or more, so that one can go");
}
