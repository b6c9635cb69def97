//! A preStop hook sleeps for as long as the pod may take to end, or longer.
//!
//! ## Why
//!
//! The grace period counts from before the hook. When the hook uses it up, the container is killed without ever having
//! been asked to stop, with all requests that it was still answering.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       terminationGracePeriodSeconds: 30
//!       containers:
//!       - name: shop
//!         lifecycle:
//!           preStop:
//!             exec: {command: ["/bin/sh", "-c", "sleep 60"]}
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
//!       terminationGracePeriodSeconds: 90
//!       containers:
//!       - name: shop
//!         lifecycle:
//!           preStop:
//!             exec: {command: ["/bin/sh", "-c", "sleep 60"]}
//! ```
//!
//! ## Configuration
//!
//! None. Without `terminationGracePeriodSeconds` it is 30.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, of_set};
use crate::yaml::NodeRef;

/// `grace-too-short`
pub(crate) static RULE: Rule = Rule {
    code: "BG505",
    name: "grace-too-short",
    severity: Severity::Warning,
    source: include_str!("bg505.rs"),
    check: Check::Set(check),
};

/// What a pod has without being told.
const DEFAULT_GRACE_SECONDS: i64 = 30;

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (member, container) in of_set(set) {
        let Some(hook) = container.at(&["lifecycle", "preStop"]) else { continue };
        let template = member.object.template();
        let node = template.and_then(|template| template.at(&["spec", "terminationGracePeriodSeconds"]));
        let grace = node.map_or(Some(DEFAULT_GRACE_SECONDS), NodeRef::as_int);
        let Some((sleeps, grace)) = sleeps(hook).zip(grace).filter(|(sleeps, grace)| sleeps >= grace) else { continue };
        let message = format!(
            "the preStop hook of container {} of {} sleeps {sleeps} s, and the pod is killed after {grace} s",
            called(container),
            member.facts.name
        );
        let hook = member.object.at_own_key(hook);
        let finding = findings.report(node.map_or_else(|| hook.clone(), |node| member.object.at(node)), message);
        finding.help("make terminationGracePeriodSeconds longer than the hook and the end of the requests together");
        if node.is_some() {
            finding.related(hook, "this sleeps");
        }
    }
}

/// For how many seconds a hook sleeps; nothing where that is not to be seen.
fn sleeps(hook: NodeRef<'_>) -> Option<i64> {
    if let Some(seconds) = hook.at(&["sleep", "seconds"]) {
        return seconds.as_int();
    }
    let command =
        hook.at(&["exec", "command"])?.items().filter_map(crate::quantity::text).collect::<Vec<_>>().join(" ");
    if is_placeholder(&command) {
        return None;
    }
    let mut words =
        command.split(|c: char| c.is_whitespace() || ";&|()\"'".contains(c)).filter(|word| !word.is_empty());
    let mut sum = None;
    while let Some(word) = words.next() {
        if word.rsplit('/').next() == Some("sleep") {
            sum = Some(sum.unwrap_or(0_i64).checked_add(duration(words.next()?)?)?);
        }
    }
    sum
}

/// The seconds of an argument of `sleep`, such as `15`, `15s` or `2m`.
fn duration(text: &str) -> Option<i64> {
    let (number, seconds) = match text.char_indices().last()? {
        (at, 's') => (text.get(..at)?, 1),
        (at, 'm') => (text.get(..at)?, 60),
        (at, 'h') => (text.get(..at)?, 3600),
        _ => (text, 1),
    };
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    whole.parse::<i64>().ok()?.checked_mul(seconds)
}
