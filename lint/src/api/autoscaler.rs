//! Validates a `HorizontalPodAutoscaler`, `autoscaling/v2` and `autoscaling/v1`.
//! Must not ask whether its target is there.

use super::sink::{Sink, int, is_empty, items, text};
use super::{names, old_metrics, resources};
use crate::quantity;
use crate::yaml::NodeRef;

/// The sources of metrics by their types.
const SOURCES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

/// Validates `spec` of an `autoscaling/v2` autoscaler.
pub(super) fn v2<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    bounds(spec, sink);
    target_ref(spec, "scaleTargetRef", true, sink);
    if int(spec, "minReplicas") == Some(0) {
        scale_to_zero(spec, sink);
    }
    metrics_and_behavior(spec, sink);
}

/// Validates what an autoscaler looks at, and how it answers.
pub(super) fn metrics_and_behavior<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    items(spec, "metrics").for_each(|metric| metric_spec(metric, sink));
    for rules in ["scaleUp", "scaleDown"].iter().filter_map(|key| spec.at(&["behavior", key])) {
        scaling_rules(rules, sink);
    }
}

/// Validates an `autoscaling/v1` autoscaler.
pub(super) fn v1<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let annotations = root.at(&["metadata", "annotations"]);
    let others = annotations.map_or(0, |annotations| old_metrics::annotations(annotations, sink));
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "the object says nothing without it");
        sink.at_path(|path| format!("{path}.maxReplicas"));
        return;
    };
    bounds(spec, sink);
    target_ref(spec, "scaleTargetRef", true, sink);
    let before = sink.count();
    sink.number(spec, "targetCPUUtilizationPercentage", 1, i64::MAX);
    // The server validates it as what it becomes.
    sink.at_paths_since(before, |_| format!("spec.metrics[{others}].resource.target.averageUtilization"));
    if int(spec, "minReplicas") == Some(0) {
        scale_to_zero(spec, sink);
    }
}

fn bounds<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    // Kubernetes lets an autoscaler go down to 0 without being told to since 1.37.
    sink.number(spec, "minReplicas", i64::from(!sink.since(37)), i64::MAX);
    let (least, most) = (int(spec, "minReplicas"), int(spec, "maxReplicas").unwrap_or_default());
    match spec.get("maxReplicas") {
        None => sink.missing(spec, "maxReplicas", "the most replicas are needed"),
        Some(_) if most < 1 => sink.number(spec, "maxReplicas", 1, i64::MAX),
        Some(node) if least.is_some_and(|least| most < least) => {
            sink.invalid(node, "it must be at least `minReplicas`", "raise it, or lower `minReplicas`");
        }
        Some(_) => {}
    }
}

fn scale_to_zero<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let outside = |metric: NodeRef<'_>| matches!(text(metric, "type"), "Object" | "External");
    // Without metrics the server takes the use of the processor.
    let default = spec.get("minReplicas").filter(|_| sink.since(37));
    if let Some(metrics) = spec.get("metrics").or(default).filter(|metrics| !metrics.items().any(outside)) {
        sink.invalid(
            metrics,
            "from 0 replicas only a metric of an object or from outside can lead up",
            "add one, or set `minReplicas: 1`",
        );
    }
}

/// What is scaled, or described by a metric.
fn target_ref<'o>(parent: NodeRef<'o>, key: &str, has_group: bool, sink: &mut Sink<'o>) {
    let Some(reference) = parent.get(key) else {
        for field in ["kind", "name"] {
            sink.missing(parent, key, format!("the {field} of the object is needed"));
            sink.at_path(|path| format!("{path}.{field}"));
        }
        return;
    };
    sink.required_name(reference, "kind", "the kind of the object is needed", names::path_segment);
    sink.required_name(reference, "name", "the name of the object is needed", names::path_segment);
    let version = text(reference, "apiVersion");
    let reason = match version.split_once('/') {
        Some((_, rest)) if rest.contains('/') && sink.since(34) => "at most one `/` is allowed",
        Some((group, _)) if !group.is_empty() => return,
        _ if !has_group || text(reference, "kind") == "ReplicationController" || !sink.since(34) => return,
        _ => "the group is needed, such as in `apps/v1`",
    };
    match reference.get("apiVersion") {
        Some(node) => sink.invalid(node, reason, "for a Deployment it is `apps/v1`"),
        None => sink.missing(reference, "apiVersion", reason),
    }
}

fn metric_spec<'o>(metric: NodeRef<'o>, sink: &mut Sink<'o>) {
    let kinds = SOURCES.map(|(kind, _)| kind);
    sink.required_one_of(metric, "type", &kinds);
    let present: Vec<(&str, NodeRef<'o>)> = ["object", "external", "pods", "resource", "containerResource"]
        .iter()
        .filter_map(|key| Some((*key, metric.get(key)?)))
        .collect();
    if let [(key, source), ..] = present[..] {
        metric_source(key, source, sink);
    }
    let Some((_, expected)) = SOURCES.iter().find(|(kind, _)| *kind == text(metric, "type")) else { return };
    if metric.get(expected).is_none() {
        sink.missing(metric, expected, "the metric of this type is needed");
    }
    for (key, _) in present.iter().filter(|(key, _)| key != expected) {
        sink.forbidden(metric, key, format!("the metric is of type `{}`", text(metric, "type")));
    }
}

fn metric_source<'o>(key: &str, source: NodeRef<'o>, sink: &mut Sink<'o>) {
    if matches!(key, "object" | "external" | "pods") {
        if let Some(metric) = source.get("metric") {
            sink.required_name(metric, "name", "the name of the metric is needed", names::path_segment);
        } else {
            sink.missing(source, "metric", "the metric is needed");
            sink.at_path(|path| format!("{path}.name"));
        }
    }
    match key {
        "object" => target_ref(source, "describedObject", false, sink),
        "containerResource" => {
            let resource = "the resource is needed, such as `cpu`";
            sink.required_name(source, "name", resource, resources::container_resource);
            sink.required_name(source, "container", "the name of the container is needed", names::dns_label);
        }
        "resource" => {
            sink.required_text(source, "name", "the resource is needed, such as `cpu`");
        }
        _ => {}
    }
    let Some(target) = source.get("target") else {
        sink.missing(source, "target", "the value to reach is needed");
        sink.at_path(|path| format!("{path}.type"));
        return;
    };
    metric_target(target, sink);
    let has = |field: &str| target.get(field).is_some();
    match key {
        "pods" if !has("averageValue") => sink.missing(target, "averageValue", "the value for each pod is needed"),
        "external" if has("value") && has("averageValue") => {
            sink.forbidden(target, "value", "`averageValue` is set, too, and only one can be");
        }
        "object" | "external" if !has("value") && !has("averageValue") => {
            sink.missing(target, "averageValue", "`value` or `averageValue` is needed");
        }
        "resource" | "containerResource" => match (has("averageUtilization"), has("averageValue")) {
            (true, true) => {
                sink.forbidden(target, "averageValue", "`averageUtilization` is set, too, and only one can be");
            }
            (false, false) => {
                sink.missing(target, "averageUtilization", "`averageUtilization` or `averageValue` is needed");
            }
            _ => {}
        },
        _ => {}
    }
}

fn metric_target<'o>(target: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_one_of(target, "type", &["Utilization", "Value", "AverageValue"]);
    for key in ["value", "averageValue"] {
        if let Some(node) = target.get(key).filter(|_| amount_of(target, key).is_some_and(|amount| amount <= 0)) {
            sink.invalid(node, "it must be more than 0", "set an amount that is more than 0");
        }
    }
    sink.number(target, "averageUtilization", 1, i64::MAX);
}

fn amount_of(parent: NodeRef<'_>, key: &str) -> Option<i128> {
    quantity::text(parent.get(key)?).as_deref().and_then(quantity::parse)
}

fn scaling_rules<'o>(rules: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.number(rules, "stabilizationWindowSeconds", 0, 3600);
    if let Some(policy) = rules.get("selectPolicy") {
        sink.among(policy, &["Disabled", "Max", "Min"]);
    }
    if rules.get("policies").is_some() && is_empty(rules, "policies") {
        sink.missing(rules, "policies", "at least one policy is needed, or none of the field at all");
    }
    for policy in items(rules, "policies") {
        sink.required_one_of(policy, "type", &["Percent", "Pods"]);
        for (key, most) in [("value", i64::MAX), ("periodSeconds", 1800)] {
            match policy.get(key) {
                Some(_) => sink.number(policy, key, 1, most),
                None => sink.missing(policy, key, "it must be 1 or more"),
            }
        }
    }
    let tolerance = rules.get("tolerance").filter(|_| sink.since(35));
    if let Some(node) = tolerance.filter(|_| amount_of(rules, "tolerance").is_some_and(|amount| amount < 0)) {
        sink.invalid(node, "it must be 0 or more", "set a share such as `0.05`");
    }
}
