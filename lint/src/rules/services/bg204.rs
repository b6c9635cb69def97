//! A color Service selects the other color.
//!
//! ## Why
//!
//! Tests before the switch go to the color that already serves, and pass, whatever the new version does.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   selector: {app: shop, color: blue}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   selector: {app: shop, color: green}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Applicability, Edit, Findings, Severity};
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::{Color, Service, color_named, exchange_color, selects};

/// `color-service-wrong-color`
pub(crate) static RULE: Rule = Rule {
    code: "BG204",
    name: "color-service-wrong-color",
    severity: Severity::Error,
    source: include_str!("bg204.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    if is_echo(set) {
        return;
    }
    for color in Color::ALL {
        let (Some(service), Some(other)) = (set.color_service(color), set.workload(color.other())) else { continue };
        let selector = &service.facts.selector;
        let own = set.workload(color).is_some_and(|own| selects(selector, &own.facts.labels));
        let is_named = color_named(&service.facts.name) == Some(color);
        if own || !(is_named || set.set.is_declared) || !selects(selector, &other.facts.labels) {
            continue;
        }
        let key = set.set.color_labels.iter().find(|key| selector.contains_key(*key));
        let node = key.and_then(|key| service.object.root().at(&["spec", "selector", key]));
        let place = node.map_or_else(|| service.object.at_name(), |node| service.object.at(node));
        let name = &service.facts.name;
        let is_its = if is_named { "named for" } else { "that of" };
        let message = format!("the Service {name} is {is_its} {color} and selects the pods of {}", other.facts.name);
        let finding = findings.report(place, message);
        let meant = key.and_then(|key| Some((key, set.workload(color)?.facts.labels.get(key)?)));
        if let Some((key, value)) = meant {
            finding.help(format!("did you mean `{key}: {value}`?"));
            finding.fix(Applicability::Safe, recolor(set, color, service).into_iter().flatten());
        }
    }
}

/// The selector's color labels as the color's own pods have them; nothing where these would not be selected even then.
fn recolor(set: SetView<'_>, color: Color, service: Member<'_, Service>) -> Option<Vec<Edit>> {
    let labels = &set.workload(color)?.facts.labels;
    let selector = &service.facts.selector;
    let meant = exchange_color(selector, &set.set.color_labels, labels);
    let edit = |(key, value): (&String, &String)| {
        let node = service.object.root().at(&["spec", "selector", key])?;
        service.object.rewrite(node, value)
    };
    let changed = meant.iter().filter(|(key, value)| selector.get(*key) != Some(*value));
    if selects(&meant, labels) { changed.map(edit).collect() } else { None }
}
