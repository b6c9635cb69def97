//! Metrics that are a share of what containers request, and the containers that request nothing of it.
//! Not a rule.

use crate::manifest::Place;
use crate::model::scaling::Scaler;
use crate::model::{Member, Model};
use crate::rules::containers::has_misspelt;
use crate::set::{Workload, same_namespace};
use crate::yaml::NodeRef;

/// A metric that is measured in percent of requests.
pub(super) struct Metric<'m> {
    /// Where it is.
    pub(super) place: Place,
    /// `cpu` or `memory`.
    pub(super) resource: &'m str,
    /// The only container that counts; all where nothing is said.
    container: Option<&'m str>,
}

/// The metrics of a scaler that are measured in percent of requests.
pub(super) fn metrics<'m>(scaler: Scaler<'m>) -> Vec<Metric<'m>> {
    let Some(spec) = scaler.object.root().get("spec").filter(|_| scaler.counts_pods()) else { return Vec::new() };
    let list = |key: &str| spec.get(key).into_iter().flat_map(NodeRef::items);
    if scaler.object.is("keda.sh", "ScaledObject") {
        return list("triggers").filter_map(|trigger| trigger_metric(scaler, trigger)).collect();
    }
    let metric = |place, resource, container| Metric { place, resource, container };
    if let Some(node) = spec.get("targetCPUUtilizationPercentage") {
        return vec![metric(scaler.object.at(node), "cpu", None)];
    }
    // An HPA that names no metric scales by cpu.
    if spec.get("metrics").is_none()
        && !has_misspelt(spec, "metrics")
        && !has_misspelt(spec, "targetCPUUtilizationPercentage")
    {
        return vec![metric(scaler.object.at(scaler.target), "cpu", None)];
    }
    let of_item = |item: NodeRef<'m>| {
        let source = ["resource", "containerResource"].iter().find_map(|key| item.get(key))?;
        let is_share =
            source.at(&["target", "averageUtilization"]).is_some() || source.get("targetAverageUtilization").is_some();
        let container = source.get("container").and_then(NodeRef::as_str);
        is_share.then_some(metric(scaler.object.at_own_key(item), source.get("name")?.as_str()?, container))
    };
    list("metrics").filter_map(of_item).collect()
}

fn trigger_metric<'m>(scaler: Scaler<'m>, trigger: NodeRef<'m>) -> Option<Metric<'m>> {
    let resource = trigger.get("type")?.as_str().filter(|of| matches!(*of, "cpu" | "memory"))?;
    let kind = trigger.get("metricType").or_else(|| trigger.at(&["metadata", "type"]))?;
    let container = trigger.at(&["metadata", "containerName"]).and_then(NodeRef::as_str);
    let place = scaler.object.at_own_key(trigger);
    (kind.as_str() == Some("Utilization")).then_some(Metric { place, resource, container })
}

/// Whether a metric counts a container that requests nothing of it.
pub(super) fn is_starved(
    model: &Model,
    member: Member<'_, Workload>,
    container: NodeRef<'_>,
    metric: &Metric<'_>,
) -> bool {
    let name = container.get("name").and_then(NodeRef::as_str);
    let counts = metric.container.is_none_or(|only| name == Some(only));
    let asks = |kind: &str| container.at(&["resources", kind, metric.resource]).is_some();
    counts
        && !asks("requests")
        && !asks("limits")
        && !has_misspelt(container, "resources")
        && !has_defaults(model, member)
}

/// Whether a scaler needs a request that this container does not have: then that is told, with what comes of it.
pub(super) fn is_needed(model: &Model, member: Member<'_, Workload>, container: NodeRef<'_>) -> bool {
    let mut metrics = model.scalers_of(member).flat_map(metrics);
    metrics.any(|metric| is_starved(model, member, container, &metric))
}

/// Whether a `LimitRange` may give containers what they do not request.
fn has_defaults(model: &Model, member: Member<'_, Workload>) -> bool {
    let namespace = member.facts.namespace.as_deref();
    let mut ranges = model.objects().iter().filter(|object| object.is("", "LimitRange"));
    ranges.any(|range| same_namespace(range.id.namespace.as_deref(), namespace))
}
