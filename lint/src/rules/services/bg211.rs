//! There are two colors, and no Service or route for users that could be switched between them.
//!
//! ## Why
//!
//! A release has nothing to switch: users reach one color, both or none by means that these files do not show.
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
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: green}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green}
//!     spec:
//!       containers:
//!       - {name: shop, image: "registry.example.com/shop:1.0"}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//! ```
//!
//! ## Configuration
//!
//! None. A route that names a color's Service counts as the way in.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::model::has_placeholder;
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::set::{Color, color_named, exchange_color, same_namespace, selects};

/// `no-active-service`
pub(crate) static RULE: Rule = Rule {
    code: "BG211",
    name: "no-active-service",
    severity: Severity::Warning,
    source: include_str!("bg211.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    let one_namespace = same_namespace(blue.facts.namespace.as_deref(), green.facts.namespace.as_deref());
    if set.set.active_service.is_some() || !one_namespace || blue.object.id == green.object.id || is_echo(set) {
        return;
    }
    let mut services = Color::ALL.iter().filter_map(|color| set.color_service(*color));
    let routed = services.any(|service| set.model.routes_to(&service.facts.name).next().is_some());
    let unjudged = set.model.has_unjudged_service() || has_third_variant(set);
    if unjudged || has_placeholder(&blue.facts.labels) || has_placeholder(&green.facts.labels) || routed {
        return;
    }
    let message = format!("no Service or route sends users to one of {} and {}", blue.facts.name, green.facts.name);
    let finding = findings.report(blue.object.at_name(), message);
    let label = set.set.color_label().and_then(|key| Some((key, blue.facts.labels.get(key)?)));
    let label = label.map(|(key, value)| format!(" by `{key}: {value}`")).unwrap_or_default();
    finding.help(format!("add a Service that selects one of them{label}"));
    finding.related(green.object.at_name(), "the other color");
}

/// Whether a Service waits at a third variant, such as `stable`: with the color exchanged it would select one of these.
fn has_third_variant(set: SetView<'_>) -> bool {
    let keys = &set.set.color_labels;
    set.model.services().any(|service| {
        let selector = &service.facts.selector;
        let waits = keys.iter().any(|key| selector.contains_key(key)) && selector.keys().any(|key| !keys.contains(key));
        waits
            && set.model.selected(selector).next().is_some()
            && set.workloads().any(|(_, member)| {
                let labels = &member.facts.labels;
                same_namespace(service.facts.namespace.as_deref(), member.facts.namespace.as_deref())
                    && !selects(selector, labels)
                    && selects(&exchange_color(selector, keys, labels), labels)
                    && color_named(&service.facts.name).is_none()
            })
    })
}
