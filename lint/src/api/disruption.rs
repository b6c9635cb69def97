//! Validates a `PodDisruptionBudget`.
//! Must not ask what it selects, or whether it lets anything go.

use super::selector;
use super::sink::Sink;
use super::workloads::amount;
use crate::yaml::NodeRef;

/// Validates a `PodDisruptionBudget`.
pub(super) fn budget<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else { return };
    if spec.get("minAvailable").is_some()
        && let Some(node) = spec.get("maxUnavailable")
    {
        sink.invalid(node, "`minAvailable` is set, too, and only one can be", "remove one of the two");
        sink.at_path(|_| "spec".to_owned());
    }
    for key in ["minAvailable", "maxUnavailable"] {
        amount(spec, key, Some(100), sink);
    }
    if let Some(own) = spec.get("selector") {
        selector::selector(own, sink);
    }
    if let Some(policy) = spec.get("unhealthyPodEvictionPolicy") {
        sink.among(policy, &["AlwaysAllow", "IfHealthyBudget"]);
    }
}
