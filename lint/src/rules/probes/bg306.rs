//! The liveness probe can kill a container before its readiness probe could first succeed.
//!
//! ## Why
//!
//! A container that needs its time to start is restarted again and again, and the new color never becomes ready: the
//! release hangs, for no reason that its pods' logs show.
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
//!         readinessProbe:
//!           initialDelaySeconds: 60
//!         livenessProbe:
//!           initialDelaySeconds: 5
//!           periodSeconds: 5
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
//!         readinessProbe:
//!           initialDelaySeconds: 5
//!         livenessProbe:
//!           initialDelaySeconds: 60
//!           periodSeconds: 5
//! ```
//!
//! ## Configuration
//!
//! None. With a startup probe, liveness waits until that has succeeded.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::containers::{called, has_misspelt, of_set};
use crate::rules::probes::Probe;

/// `liveness-before-ready`
pub(crate) static RULE: Rule = Rule {
    code: "BG306",
    name: "liveness-before-ready",
    severity: Severity::Warning,
    source: include_str!("bg306.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    for (member, container) in of_set(set) {
        let probes = Probe::find(container, "liveness").zip(Probe::find(container, "readiness"));
        let Some((liveness, readiness)) = probes else { continue };
        if container.get("startupProbe").is_some() || has_misspelt(container, "startupProbe") {
            continue;
        }
        let Some((killed, ready)) = last_failure(liveness).zip(first_success(readiness)) else { continue };
        if killed >= ready {
            continue;
        }
        let message = format!(
            "liveness of container {} of {} can kill it after {killed} s, and it cannot be ready before {ready} s",
            called(container),
            member.facts.name
        );
        let finding = findings.report(member.object.at_own_key(liveness.node), message);
        finding.help("let liveness begin later, or add a startupProbe");
        let delay = readiness.node.get("initialDelaySeconds").map(|delay| member.object.at(delay));
        let place = delay.unwrap_or_else(|| member.object.at_own_key(readiness.node));
        finding.related(place, "readiness begins here");
    }
}

/// After how many seconds a container can be killed, where it refuses every request at once.
fn last_failure(liveness: Probe<'_>) -> Option<i64> {
    let more = liveness.setting("failureThreshold")?.checked_sub(1)?.max(0);
    more.checked_mul(liveness.setting("periodSeconds")?)?.checked_add(liveness.setting("initialDelaySeconds")?)
}

/// After how many seconds a container can be ready at the earliest.
fn first_success(readiness: Probe<'_>) -> Option<i64> {
    let more = readiness.setting("successThreshold")?.checked_sub(1)?.max(0);
    more.checked_mul(readiness.setting("periodSeconds")?)?.checked_add(readiness.setting("initialDelaySeconds")?)
}
