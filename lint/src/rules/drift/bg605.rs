//! Requests or limits of blue and green differ.
//!
//! ## Why
//!
//! The color that passed its tests with less memory fails under the load that the other one carried.
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
//!           limits: {memory: 128Mi}   # 256Mi on blue
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
//!           limits: {memory: 256Mi}
//! ```
//!
//! ## Configuration
//!
//! None. `1`, `1.0` and `1000m` are the same quantity.

use crate::finding::{Findings, Severity};
use crate::manifest::{Object, is_placeholder};
use crate::model::SetView;
use crate::quantity;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, paired};
use crate::yaml::NodeRef;

/// `resource-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG605",
    name: "resource-drift",
    severity: Severity::Warning,
    source: include_str!("bg605.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    for (b, g) in paired(blue.object, green.object) {
        for kind in ["requests", "limits"] {
            let (of_blue, of_green) = (b.at(&["resources", kind]), g.at(&["resources", kind]));
            let keys = |node: Option<NodeRef<'_>>| -> Vec<String> {
                node.into_iter().flat_map(NodeRef::entries).map(|(entry, _)| entry.key.to_string()).collect()
            };
            let mut resources = keys(of_blue);
            resources.extend(keys(of_green));
            resources.sort();
            resources.dedup();
            for resource in resources {
                let value =
                    |node: Option<NodeRef<'_>>| node.and_then(|node| node.get(&resource)).and_then(quantity::text);
                let (vb, vg) = (value(of_blue), value(of_green));
                let templated = [&vb, &vg].into_iter().flatten().any(|text| is_placeholder(text));
                if templated || vb == vg || quantity::are_equal(vb.as_deref(), vg.as_deref()) {
                    continue;
                }
                let place = |object: &Object, container: NodeRef<'_>, node: Option<NodeRef<'_>>| match node
                    .and_then(|node| node.get(&resource))
                {
                    Some(value) => object.at(value),
                    None => node.map_or_else(|| object.at_key(container, "resources"), |node| object.at_own_key(node)),
                };
                let shown = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
                let message = format!(
                    "{kind}.{resource} of container {} differs: {} on blue, {} on green",
                    called(g),
                    shown(vb),
                    shown(vg)
                );
                let finding = findings.report(place(green.object, g, of_green), message);
                finding.help("make them equal").related(place(blue.object, b, of_blue), "blue has this");
            }
        }
    }
}
