//! A container that a Service's port reaches has no readiness probe.
//!
//! ## Why
//!
//! A pod without one is called ready as soon as it runs. A switch then sends users to a server that may still be starting, and no check can see it.
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
//!         image: registry.example.com/shop:1.1
//!         readinessProbe: null
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
//!         readinessProbe:
//!           httpGet: {path: /ready, port: http}
//! ```
//!
//! ## Configuration
//!
//! None. Containers that no Service of the set reaches, such as most sidecars, need none.

use crate::finding::{Applicability, Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{at_name, called, from_twin, has_misspelt, lasting};
use crate::rules::ports::{reaches, target};
use crate::yaml::NodeRef;

/// `missing-readiness-probe`
pub(crate) static RULE: Rule = Rule {
    code: "BG301",
    name: "missing-readiness-probe",
    severity: Severity::Warning,
    source: include_str!("bg301.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let ports =
        set.services().filter_map(|service| service.object.root().at(&["spec", "ports"])).flat_map(NodeRef::items);
    let targets: Vec<(String, String)> =
        ports.filter_map(target).map(|(_, wanted, protocol)| (wanted, protocol)).collect();
    for (color, member) in set.workloads() {
        let alone = lasting(member.object).count() == 1;
        for container in lasting(member.object) {
            let reached = targets.iter().any(|(wanted, protocol)| alone || reaches(container, wanted, protocol));
            if !reached || container.get("readinessProbe").is_some() || has_misspelt(container, "readinessProbe") {
                continue;
            }
            let (place, called) = (at_name(member.object, container), called(container));
            let message =
                format!("container {called} of {} gets traffic and has no readiness probe", member.facts.name);
            let edit = from_twin(set, color, container, &["readinessProbe"]);
            findings
                .report(place, message)
                .help("add a readinessProbe, so that a switch can know when it serves")
                .fix(Applicability::Unsafe, edit);
        }
    }
}
