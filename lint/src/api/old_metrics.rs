//! Validates the annotations of an `autoscaling/v1` autoscaler that carry what this version has no fields for.
//! Must not know the rules for metrics; what the annotations say is brought into the form of `autoscaling/v2`.

use serde_json::{Value, json};

use super::autoscaler;
use super::in_text::{Fields, Unreadable};
use super::sink::Sink;
use crate::yaml::NodeRef;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Validates what the annotations say, and gives the number of their metrics; the server passes over what it cannot read.
pub(super) fn annotations<'o>(annotations: NodeRef<'o>, sink: &mut Sink<'o>) -> usize {
    let read = |key: &str| {
        let written = annotations.get(key)?;
        Some((written, serde_json::from_str(written.as_str()?).ok()?))
    };
    let mut check = |written: NodeRef<'o>, spec: &Value| {
        let object = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec});
        sink.in_text(written, &object, |root, sink| {
            root.get("spec").into_iter().for_each(|spec| autoscaler::metrics_and_behavior(spec, sink));
        });
    };
    if let Some((written, json)) = read(BEHAVIOR)
        && let Ok(behavior) = behavior(&json)
    {
        check(written, &json!({"behavior": behavior}));
    }
    let Some((written, json)) = read(METRICS) else { return 0 };
    let Ok(metrics) = Fields::each(&json, metric) else { return 0 };
    check(written, &json!({"metrics": metrics}));
    metrics.len()
}

fn behavior(json: &Value) -> Result<Value, Unreadable> {
    let behavior = Fields::of(json)?;
    Ok(json!({"scaleUp": behavior.part("scaleUp", rules)?, "scaleDown": behavior.part("scaleDown", rules)?}))
}

fn metric(metric: Fields<'_>) -> Result<Value, Unreadable> {
    Ok(json!({
        "type": metric.text("type")?,
        "pods": metric.part("pods", of_pods)?,
        "object": metric.part("object", of_object)?,
        "resource": metric.part("resource", of_resource)?,
        "containerResource": metric.part("containerResource", of_resource)?,
        "external": metric.part("external", of_external)?,
    }))
}

/// An amount that is 0 where it is absent.
fn amount(source: Fields<'_>, key: &str) -> Result<Value, Unreadable> {
    Ok(source.quantity(key)?.cloned().unwrap_or(json!(0)))
}

fn of_pods(pods: Fields<'_>) -> Result<Value, Unreadable> {
    Ok(json!({
        "metric": {"name": pods.text("metricName")?},
        "target": {"type": "AverageValue", "averageValue": amount(pods, "targetAverageValue")?},
    }))
}

fn of_object(object: Fields<'_>) -> Result<Value, Unreadable> {
    let target = object.part("target", |target| {
        Ok(json!({
            "apiVersion": target.text("apiVersion")?, "kind": target.text("kind")?, "name": target.text("name")?,
        }))
    })?;
    Ok(json!({
        "metric": {"name": object.text("metricName")?},
        "describedObject": target,
        "target": {
            "type": "Value", "value": amount(object, "targetValue")?, "averageValue": object.quantity("averageValue")?,
        },
    }))
}

fn of_resource(resource: Fields<'_>) -> Result<Value, Unreadable> {
    let mut source = json!({"name": resource.text("name")?, "target": {
        "type": "Utilization",
        "averageUtilization": resource.whole("targetAverageUtilization")?,
        "averageValue": resource.quantity("targetAverageValue")?,
    }});
    if let (Some(container), Some(source)) = (resource.text("container")?, source.as_object_mut()) {
        source.insert("container".to_owned(), json!(container));
    }
    Ok(source)
}

fn of_external(external: Fields<'_>) -> Result<Value, Unreadable> {
    Ok(json!({
        "metric": {"name": external.text("metricName")?},
        "target": {
            "type": "Value",
            "value": external.quantity("targetValue")?,
            "averageValue": external.quantity("targetAverageValue")?,
        },
    }))
}

fn rules(rules: Fields<'_>) -> Result<Value, Unreadable> {
    let policy = |policy: Fields<'_>| {
        Ok(json!({
            "type": policy.text("type")?,
            "value": policy.whole("value")?.unwrap_or_default(),
            "periodSeconds": policy.whole("periodSeconds")?.unwrap_or_default(),
        }))
    };
    Ok(json!({
        "stabilizationWindowSeconds": rules.whole("stabilizationWindowSeconds")?,
        "selectPolicy": rules.text("selectPolicy")?,
        "policies": rules.get("policies").map_or(Ok(Vec::new()), |list| Fields::each(list, policy))?,
        "tolerance": rules.quantity("tolerance")?,
    }))
}
