//! A Deployment is named for one color and its pod template carries the other.
//!
//! ## Why
//!
//! Everything that goes by the name (people, pipelines, `deploy`) changes one color, and the Service sends users to it as the other: an update of the idle color reaches users at once.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: blue}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: blue}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   selector:
//!     matchLabels: {app: shop, color: green}
//!   template:
//!     metadata:
//!       labels: {app: shop, color: green}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::labeling::wrong_color;
use crate::set::counterpart;

/// `name-color-disagrees`
pub(crate) static RULE: Rule = Rule {
    code: "BG103",
    name: "name-color-disagrees",
    severity: Severity::Error,
    source: include_str!("bg103.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (color, member) in set.workloads() {
        let Some((key, value)) = wrong_color(set, color, member) else { continue };
        let labels = member.object.template().and_then(|template| template.at(&["metadata", "labels"]));
        let place = labels
            .and_then(|labels| labels.get(key))
            .map_or_else(|| member.object.at_name(), |node| member.object.at(node));
        let message = format!("{} is named for {color}, and its pods carry `{key}: {value}`", member.facts.name);
        let finding = findings.report(place, message);
        finding.related(member.object.at_name(), format!("named for {color}"));
        if let Some(meant) = counterpart(value) {
            finding.help(format!("did you mean `{key}: {meant}`?"));
        }
    }
}
