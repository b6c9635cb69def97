//! A quantity has a unit that nobody means: memory in bytes or thousandths of a byte, cpu in cores by the hundred.
//!
//! ## Why
//!
//! `memory: 512m` is half a byte and `cpu: 500Mi` is half a billion cores. With such a limit no pod starts, with such a
//! request none is placed: the new color never runs, and the old one is not noticed to be wrong until it has to be
//! placed again.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         resources:
//!           requests: {memory: 128m}   # 128Mi was meant
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
//!         resources:
//!           requests: {memory: 128Mi}
//! ```
//!
//! ## Configuration
//!
//! None. Memory of 1Mi or more and cpu below 64 cores are never reported.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::SetView;
use crate::quantity;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, init};
use crate::yaml::NodeRef;

/// `suspicious-unit`
pub(crate) static RULE: Rule = Rule {
    code: "BG403",
    name: "suspicious-unit",
    severity: Severity::Warning,
    source: include_str!("bg403.rs"),
    check: Check::Set(check),
};

/// In billionths, as quantities are counted.
const ONE: i128 = 1_000_000_000;
/// No process lives in less.
const LEAST_BYTES: i128 = (1 << 20) * ONE;
/// Few machines have more.
const MOST_CORES: i128 = 64 * ONE;

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (_, member) in set.workloads() {
        let object: &Object = member.object;
        for container in object.containers().chain(init(object)) {
            for kind in ["requests", "limits"] {
                for resource in ["cpu", "memory"] {
                    let Some(node) = container.at(&["resources", kind, resource]) else { continue };
                    let Some((shown, why, meant)) = suspicion(resource, node) else { continue };
                    let of = called(container);
                    let message =
                        format!("{kind} of container {of} of {}: `{resource}: {shown}` is {why}", member.facts.name);
                    findings.report(object.at(node), message).help(format!("did you mean `{resource}: {meant}`?"));
                }
            }
        }
    }
}

/// The value, what is odd about it, and what was probably meant.
fn suspicion(resource: &str, node: NodeRef<'_>) -> Option<(String, &'static str, String)> {
    let shown = quantity::text(node)?;
    let amount = quantity::parse(&shown)?;
    let digits: String = shown.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let unit = shown.strip_prefix(&digits).unwrap_or_default();
    match resource {
        "memory" if amount > 0 && amount < LEAST_BYTES => {
            let why = if unit == "m" { "counted in thousandths of a byte" } else { "less than any process needs" };
            Some((shown, why, format!("{digits}Mi")))
        }
        "cpu" if amount >= MOST_CORES || unit.ends_with('i') => {
            Some((shown, "more cores than a machine has", format!("{digits}m")))
        }
        _ => None,
    }
}
