//! The container ports of blue and green differ.
//!
//! ## Why
//!
//! After the switch a Service or a probe looks for a port that only the other color has.
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
//!         ports:
//!         - {name: http, containerPort: 8081}   # 8080 on blue
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
//!         ports:
//!         - {name: http, containerPort: 8080}
//! ```
//!
//! ## Configuration
//!
//! None.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, paired};
use crate::rules::ports::{Port, of_container};
use crate::yaml::NodeRef;

/// `port-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG603",
    name: "port-drift",
    severity: Severity::Warning,
    source: include_str!("bg603.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    for (b, g) in paired(blue.object, green.object) {
        let (of_blue, of_green) = (of_container(b), of_container(g));
        let templated = of_blue.iter().chain(&of_green).any(|port| port.name.as_deref().is_some_and(is_placeholder));
        let only = |ports: &[Port<'_>], others: &[Port<'_>]| {
            ports.iter().position(|port| !others.iter().any(|other| other.is_same(port)))
        };
        let (in_blue, in_green) = (only(&of_blue, &of_green), only(&of_green, &of_blue));
        if templated || (in_blue.is_none() && in_green.is_none()) {
            continue;
        }
        let list = |ports: &[Port<'_>]| match ports {
            [] => "none".to_owned(),
            ports => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let at_green =
            nth(&of_green, in_green).map_or_else(|| green.object.at_key(g, "ports"), |node| green.object.at(node));
        let at_blue =
            nth(&of_blue, in_blue).map_or_else(|| blue.object.at_key(b, "ports"), |node| blue.object.at(node));
        let message = format!(
            "the ports of container {} differ: {} on blue, {} on green",
            called(g),
            list(&of_blue),
            list(&of_green)
        );
        findings.report(at_green, message).help("make them equal").related(at_blue, "blue has this");
    }
}

fn nth<'d>(ports: &[Port<'d>], at: Option<usize>) -> Option<NodeRef<'d>> {
    at.and_then(|at| ports.get(at)).map(|port| port.node)
}
