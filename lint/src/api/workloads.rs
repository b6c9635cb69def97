//! Validates the specs of the kinds that run pods for long: Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet`, and Pod.
//! Must not look into the pod; `pod_spec` does.

use super::pod_spec::{self, Pod, Restarts};
use super::sink::{Sink, int, is_empty, items, owner_of, text};
use super::{names, pod_annotations, projected, selector};
use crate::yaml::{NodeRef, Value};

/// What a Deployment waits for progress unless it says otherwise.
const DEFAULT_DEADLINE_SECONDS: i64 = 600;

/// Validates `spec` of a Deployment.
pub(super) fn deployment<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    not_negative(spec, &["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"], sink);
    selector::of_workload(spec, sink);
    pod_spec::template(spec, Restarts::Always, None, sink);
    if let Some(strategy) = spec.get("strategy") {
        deployment_strategy(strategy, sink);
    }
    let ready = int(spec, "minReadySeconds").unwrap_or_default();
    let deadline = int(spec, "progressDeadlineSeconds").unwrap_or(DEFAULT_DEADLINE_SECONDS);
    if deadline <= ready && deadline >= 0 {
        let node = spec.get("progressDeadlineSeconds").or_else(|| spec.get("minReadySeconds"));
        if let Some(node) = node {
            let reason =
                format!("the deadline for progress ({deadline}) must be more than `minReadySeconds` ({ready})");
            sink.invalid(node, reason, "raise `progressDeadlineSeconds` or lower `minReadySeconds`");
            sink.at_path(|path| path.replace("minReadySeconds", "progressDeadlineSeconds"));
        }
    }
}

fn not_negative<'o>(spec: NodeRef<'o>, keys: &[&str], sink: &mut Sink<'o>) {
    for key in keys {
        sink.number(spec, key, 0, i64::MAX);
    }
}

fn deployment_strategy<'o>(strategy: NodeRef<'o>, sink: &mut Sink<'o>) {
    let kind = text(strategy, "type");
    if kind == "Recreate" {
        if strategy.get("rollingUpdate").is_some() {
            sink.forbidden(strategy, "rollingUpdate", "it is for `type: RollingUpdate`, and the type is `Recreate`");
        }
        return;
    }
    if !matches!(kind, "" | "RollingUpdate") {
        sink.one_of(strategy, "type", &["RollingUpdate", "Recreate"]);
        sink.at_path(owner_of);
        return;
    }
    let Some(update) = strategy.get("rollingUpdate") else { return };
    let before = sink.count();
    let unavailable = amount(update, "maxUnavailable", Some(100), sink);
    let surge = amount(update, "maxSurge", None, sink);
    if before == sink.count()
        && unavailable == Some(0)
        && surge == Some(0)
        && let Some(node) = update.get("maxUnavailable")
    {
        sink.invalid(
            node,
            "it may not be 0 when `maxSurge` is 0: no pod could ever be replaced",
            "raise one of the two",
        );
    }
}

/// Validates a number or percentage, and gives it.
pub(super) fn amount<'o>(
    parent: NodeRef<'o>,
    key: &str,
    most_percent: Option<i64>,
    sink: &mut Sink<'o>,
) -> Option<i64> {
    let node = parent.get(key)?;
    if let Value::Str(written) = node.value() {
        let number = written
            .strip_suffix('%')
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(number) = number else {
            sink.invalid(
                node,
                "a whole number, or a percentage such as `25%`, is needed",
                "write a number without quotes, or a percentage",
            );
            return None;
        };
        let number = number.parse().unwrap_or(i64::MAX);
        if most_percent.is_some_and(|most| number > most) {
            sink.invalid(node, "it cannot be more than 100%", "set at most `100%`");
        }
        Some(number)
    } else {
        sink.number(parent, key, 0, i64::MAX);
        node.as_int()
    }
}

/// Validates `spec` of a `ReplicaSet`.
pub(super) fn replica_set<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    not_negative(spec, &["replicas", "minReadySeconds"], sink);
    selector::of_workload(spec, sink);
    pod_spec::template(spec, Restarts::Always, None, sink);
}

/// Validates `spec` of a `ReplicationController`.
pub(super) fn replication_controller<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    not_negative(spec, &["replicas", "minReadySeconds"], sink);
    let Some(template) = spec.get("template") else {
        sink.missing(spec, "template", "there is no pod to run");
        return;
    };
    let labels = template.at(&["metadata", "labels"]);
    // Without a selector the labels of the template are one.
    if is_empty(spec, "selector") && labels.is_none_or(|labels| labels.entries().next().is_none()) {
        sink.missing(spec, "selector", "without it the controller does not find its pods");
    }
    for (entry, wanted) in spec.get("selector").into_iter().flat_map(NodeRef::entries) {
        let there =
            labels.and_then(|labels| labels.entry(&entry.key)).map(|(_, there)| there.as_str().unwrap_or_default());
        if there != Some(wanted.as_str().unwrap_or_default()) {
            selector::mismatch(&entry.key, wanted, there, sink);
            break;
        }
    }
    pod_spec::template(spec, Restarts::Always, None, sink);
}

/// Validates a `PodTemplate`.
pub(super) fn pod_template<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    pod_spec::template(root, Restarts::Any, None, sink);
}

/// Validates `spec` of a `StatefulSet`.
pub(super) fn stateful_set<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    not_negative(spec, &["replicas", "minReadySeconds"], sink);
    selector::of_workload(spec, sink);
    sink.one_of(spec, "podManagementPolicy", &["OrderedReady", "Parallel"]);
    let claims = claim_names(spec, sink);
    pod_spec::template(spec, Restarts::Always, Some(claims), sink);
    sink.name(spec, "serviceName", names::dns_label);
    for claim in items(spec, "volumeClaimTemplates") {
        if let Some(claimed) = claim.get("spec") {
            projected::claim(claimed, sink);
        } else {
            sink.missing(claim, "spec", "what to claim is needed");
            sink.at_path(|path| format!("{path}.accessModes"));
        }
    }
    if let Some(strategy) = spec.get("updateStrategy") {
        let before = sink.count();
        sink.one_of(strategy, "type", &["RollingUpdate", "OnDelete"]);
        sink.at_paths_since(before, owner_of);
        if let Some(update) = strategy.get("rollingUpdate") {
            if text(strategy, "type") == "OnDelete" {
                sink.forbidden(
                    strategy,
                    "rollingUpdate",
                    "it is for `type: RollingUpdate`, and the type is `OnDelete`",
                );
            } else {
                not_negative(update, &["partition"], sink);
                if amount(update, "maxUnavailable", Some(100), sink) == Some(0)
                    && let Some(node) = update.get("maxUnavailable")
                {
                    sink.invalid(node, "it may not be 0: no pod could ever be replaced", "set at least 1");
                }
            }
        }
    }
    if let Some(ordinals) = spec.get("ordinals") {
        not_negative(ordinals, &["start"], sink);
    }
    if let Some(policy) = spec.get("persistentVolumeClaimRetentionPolicy") {
        for key in ["whenDeleted", "whenScaled"] {
            sink.one_of(policy, key, &["Retain", "Delete"]);
        }
    }
}

/// The names of the claims that a `StatefulSet` makes, which are the first volumes of its pods; two of one name are one.
fn claim_names<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) -> Vec<&'o str> {
    let mut names: Vec<&str> = Vec::new();
    for claim in items(spec, "volumeClaimTemplates") {
        let name = claim.at(&["metadata", "name"]);
        let written = name.and_then(NodeRef::as_str).unwrap_or_default();
        if names.contains(&written) {
            continue;
        }
        let before = sink.count();
        match name {
            Some(name) if !written.is_empty() => sink.syntax(name, names::dns_label),
            _ => sink.missing(claim.get("metadata").unwrap_or(claim), "name", "the volume of the pods is named by it"),
        }
        let index = names.len();
        sink.at_paths_since(before, |_| format!("spec.template.spec.volumes[{index}].name"));
        names.push(written);
    }
    names
}

/// Validates `spec` of a `DaemonSet`.
pub(super) fn daemon_set<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    not_negative(spec, &["minReadySeconds", "revisionHistoryLimit"], sink);
    selector::of_workload(spec, sink);
    if spec.get("selector").is_none() {
        sink.at_path(|_| "spec.template.metadata.labels".to_owned());
    }
    pod_spec::template(spec, Restarts::Always, None, sink);
    let Some(strategy) = spec.get("updateStrategy") else { return };
    let before = sink.count();
    sink.one_of(strategy, "type", &["RollingUpdate", "OnDelete"]);
    sink.at_paths_since(before, owner_of);
    let Some(update) = strategy.get("rollingUpdate").filter(|_| text(strategy, "type") != "OnDelete") else { return };
    let before = sink.count();
    let unavailable = amount(update, "maxUnavailable", Some(100), sink)
        .or(Some(1).filter(|_| update.get("maxUnavailable").is_none()));
    let surge = amount(update, "maxSurge", Some(100), sink).or(Some(0).filter(|_| update.get("maxSurge").is_none()));
    if before != sink.count() {
        return;
    }
    match (unavailable, surge) {
        (Some(0), Some(0)) => {
            if let Some(node) = update.get("maxUnavailable") {
                sink.invalid(
                    node,
                    "it may not be 0 when `maxSurge` is 0: no pod could ever be replaced",
                    "raise one of the two",
                );
            }
        }
        (Some(1..), Some(1..)) => {
            if let Some(node) = update.get("maxSurge") {
                sink.invalid(
                    node,
                    "it may not be set when `maxUnavailable` is not 0 (1 by default)",
                    "set `maxUnavailable: 0`, or remove `maxSurge`",
                );
            }
        }
        _ => {}
    }
}

/// Validates a Pod.
pub(super) fn pod<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "a pod needs at least one container");
        sink.at_path(|path| format!("{path}.containers"));
        return;
    };
    pod_spec::restart_policy(spec, Restarts::Any, sink);
    let pod = Pod::new(spec, false, None, sink);
    if let Some(annotations) = root.at(&["metadata", "annotations"]) {
        pod_annotations::annotations(annotations, &pod, sink);
    }
    pod_spec::pod(&pod, sink);
    if projected::is_set(spec, "priority")
        && text(spec, "priorityClassName").is_empty()
        && let Some(priority) = spec.get("priority")
    {
        sink.forbid_value(priority, "the number comes from a priority class");
    }
}
