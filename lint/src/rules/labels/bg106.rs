//! One object is defined twice in the same directory.
//!
//! ## Why
//!
//! Both are applied under one name, and the later one replaces the earlier: which selector or image holds depends on the order
//! of the files.
//!
//! ## Bad
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//!   ports: [{port: 80}]
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: green}
//!   ports: [{port: 80}]
//! ```
//!
//! ## Good
//!
//! ```yaml
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//!   ports: [{port: 80}]
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   selector: {app: shop, color: green}
//!   ports: [{port: 80}]
//! ```
//!
//! ## Configuration
//!
//! None. The same object in two directories is taken for two variants, such as `dev/` and `prod/`; so it is in two files
//! of which each is named for a way to release (`canary.yaml`, `rolling.yaml`) or for a color, of which somebody applies
//! one. A Namespace that every file brings along is no second one.

use crate::finding::{Findings, Severity};
use crate::manifest::{Object, is_placeholder};
use crate::model::Model;
use crate::rule::{Check, Rule};
use crate::set::{Color, color_named};
use std::collections::HashMap;

/// `duplicate-object`
pub(crate) static RULE: Rule = Rule {
    code: "BG106",
    name: "duplicate-object",
    severity: Severity::Warning,
    source: include_str!("bg106.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    let mut seen: HashMap<(&str, &str, &str, Option<&str>, &str), usize> = HashMap::new();
    let mut groups: Vec<Vec<&Object>> = Vec::new();
    for object in model.objects() {
        let name = object.id.name.as_str();
        if name.is_empty() || is_placeholder(name) || object.id.namespace.as_deref().is_some_and(is_placeholder) {
            continue;
        }
        let origin = model.origin(object.source);
        let directory = origin.rsplit_once('/').map_or("", |(directory, _)| directory);
        let key = (directory, object.group(), object.id.kind.as_str(), object.id.namespace.as_deref(), name);
        let at = *seen.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(object),
            None => groups.push(vec![object]),
        }
    }
    for group in groups {
        let Some((first, more)) = group.split_first() else { continue };
        let more: Vec<&Object> = more.iter().filter(|object| !is_variant(model, first, object)).copied().collect();
        let Some((second, rest)) = more.split_first() else { continue };
        let times = if rest.is_empty() { "a second time".to_owned() } else { format!("{} times", more.len() + 1) };
        let finding = findings.report(second.at_name(), format!("{} is defined {times}", second.id));
        finding.help("rename it, or take one of them out: the later one replaces the earlier");
        finding.related(first.at_name(), "the first time");
        for object in rest {
            finding.related(object.at_name(), "and here");
        }
    }
}

/// Whether two definitions are meant to be there, of which somebody applies one.
fn is_variant(model: &Model, first: &Object, second: &Object) -> bool {
    if first.source == second.source {
        return false;
    }
    let [one, other] = [first, second].map(|object| Way::of(model.origin(object.source)));
    let is_switched = first.is_service() || first.group().ends_with("networking.k8s.io");
    first.is("", "Namespace")
        || matches!((one.strategy, other.strategy), (Some(one), Some(other)) if one != other)
        || match (one.color, other.color) {
            (Some(one), Some(other)) => one != other,
            (one, other) => is_switched && one != other,
        }
}

/// The way to release that a file is named for.
struct Way {
    strategy: Option<&'static str>,
    color: Option<Color>,
}

impl Way {
    fn of(path: &str) -> Self {
        const STRATEGIES: [&str; 6] = ["bluegreen", "canary", "rolling", "recreate", "inonce", "atonce"];
        let name = path.rsplit('/').next().unwrap_or_default();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let letters: String = stem.chars().filter(char::is_ascii_alphabetic).collect();
        let letters = letters.to_ascii_lowercase();
        Self { strategy: STRATEGIES.into_iter().find(|word| letters.contains(word)), color: color_named(stem) }
    }
}
