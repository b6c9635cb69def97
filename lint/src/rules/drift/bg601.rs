//! One color of a release set is not there.
//!
//! ## Why
//!
//! There is nothing to switch to, and nothing to roll back to.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//!     spec:
//!       containers:
//!       - {name: shop, image: "registry.example.com/shop:1.0"}
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//!   ports:
//!   - {port: 80, targetPort: 8080}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         image: registry.example.com/shop:1.1
//! ```
//!
//! ## Configuration
//!
//! None. A file that is named for its color and is linted by itself cannot hold the other one, and is not reported;
//! neither is a workload without a Service, nor one of several that are named for other things in the same way.

use crate::finding::{Findings, Severity};
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::meaning::neutral;
use crate::set::{Color, Workload, color_named, counterpart};

/// `missing-color`
pub(crate) static RULE: Rule = Rule {
    code: "BG601",
    name: "missing-color",
    severity: Severity::Warning,
    source: include_str!("bg601.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let mut there = set.workloads();
    let (Some((color, member)), None) = (there.next(), there.next()) else { return };
    let origin = &member.facts.origin;
    let file = origin.rsplit('/').next().unwrap_or(origin);
    let served = set.services().next().is_some();
    if !served || set.model.has_templated_workload() || (color_named(file) == Some(color) && set.model.is_one_file()) {
        return;
    }
    if set.active_service().is_none() && set.model.workloads().any(|(_, other)| is_sibling(member, color, other)) {
        return;
    }
    let (kind, name, other) = (&member.facts.kind, &member.facts.name, color.other());
    let message = format!("{kind} {name} is {color}, and there is no {other} beside it");
    let finding = findings.report(member.object.at_name(), message);
    let expected = counterpart(name).map(|name| format!(", such as {kind} {name}")).unwrap_or_default();
    finding.help(format!("add the {other} one{expected}, or lint the files of both colors together"));
}

/// Whether another workload differs by nothing but a word in the place of the color, such as `red` beside `blue`: then
/// they are several of a kind, and no release waits for its other color.
fn is_sibling(member: Member<'_, Workload>, color: Color, other: Member<'_, Workload>) -> bool {
    let own = neutral(&member.facts.name, color);
    let Some((before, after)) = own.split_once('*') else { return false };
    let word = other.facts.name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    let Some(word) = word.filter(|word| !word.is_empty() && other.at != member.at) else { return false };
    let same = |(key, value): (&String, &String)| {
        other.facts.labels.get(key).is_some_and(|has| has.replace(word, "*") == neutral(value, color))
    };
    member.facts.labels.len() == other.facts.labels.len() && member.facts.labels.iter().all(same)
}
