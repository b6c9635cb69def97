//! Nothing delays the end of a container that gets traffic.
//!
//! ## Why
//!
//! A pod that is deleted gets its signal to stop at the same moment as its removal from the Service is announced. Until
//! every node has heard of that, new connections still come, and are refused. A preStop hook that sleeps a few seconds
//! bridges the gap.
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
//!         lifecycle: null
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
//!         lifecycle:
//!           preStop:
//!             sleep: {seconds: 10}
//! ---
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         lifecycle:
//!           preStop:
//!             sleep: {seconds: 10}
//! ```
//!
//! ## Configuration
//!
//! None. Silent also where `terminationGracePeriodSeconds` is longer than its default of 30, or a mesh's sidecar is
//! told to drain: then somebody has thought of it.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{at_name, called, has_misspelt};
use crate::rules::ports::gets_traffic;
use crate::yaml::NodeRef;

/// `no-drain`
pub(crate) static RULE: Rule = Rule {
    code: "BG504",
    name: "no-drain",
    severity: Severity::Info,
    source: include_str!("bg504.rs"),
    check: Check::Set(check),
};

/// What a pod has without being told.
const DEFAULT_GRACE_SECONDS: i64 = 30;

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    // A sidecar among the init containers ends after these.
    let own = set.workloads().flat_map(|(_, member)| member.object.containers().map(move |of| (member, of)));
    for (member, container) in own {
        let hook = container.at(&["lifecycle", "preStop"]).is_some() || has_misspelt(container, "lifecycle");
        if hook || is_delayed(member.object) || !gets_traffic(set, container) {
            continue;
        }
        let message = format!(
            "container {} of {} gets traffic, and nothing delays its end",
            called(container),
            member.facts.name
        );
        findings
            .report(at_name(member.object, container), message)
            .help("add a preStop hook that sleeps for some seconds, until no node sends there any more");
    }
}

/// Whether something else than a hook lets the pod end slowly.
fn is_delayed(object: &Object) -> bool {
    let Some(template) = object.template() else { return true };
    let grace = template.at(&["spec", "terminationGracePeriodSeconds"]).and_then(NodeRef::as_int);
    let annotations = template.at(&["metadata", "annotations"]).into_iter().flat_map(NodeRef::entries);
    let mut texts = annotations.map(|(entry, value)| format!("{} {}", entry.key, value.as_str().unwrap_or_default()));
    let drains = ["shutdown-grace", "drainduration", "exitonzeroactiveconnections"];
    let drained = texts.any(|text| drains.iter().any(|word| text.to_ascii_lowercase().contains(word)));
    drained || grace.is_some_and(|grace| grace > DEFAULT_GRACE_SECONDS)
}
