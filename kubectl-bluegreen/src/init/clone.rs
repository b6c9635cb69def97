//! Copies of a running Deployment as a color, and of its Service for one color: raw JSON in, raw JSON out.
//! Pure; never through typed structs, which would drop what is newer than they are.

use serde_json::{Map, Value, json};

use super::labels::{Relabeling, matches};
use super::{mapping, strings};
use crate::observed::Labels;
use crate::release::Color;

/// What marks an object as somebody else's. A copy is nobody else's.
const OWNERSHIP: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "app.kubernetes.io/managed-by",
    "deployment.kubernetes.io/",
    "meta.helm.sh/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kustomize.toolkit.fluxcd.io/",
    "argocd.argoproj.io/",
    "objectset.rio.cattle.io/",
    "config.k8s.io/owning-inventory",
];

/// The labels of a Deployment's pod template.
#[must_use]
pub fn template_labels(deployment: &Value) -> Labels {
    strings(deployment.pointer("/spec/template/metadata/labels"))
}

/// A Deployment's copy as a color.
#[must_use]
pub fn deployment(old: &Value, name: &str, color: Color, replicas: i64, relabeling: &Relabeling) -> Value {
    let of_selector = strings(old.pointer("/spec/selector/matchLabels"));
    let mut selector = relabeling.with_color(&of_selector, color.as_str());
    selector.extend(relabeling.labels.clone());
    let mut copy = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": old.pointer("/metadata/namespace"),
            "labels": relabeling.with_color(&strings(kept(old, "labels").as_ref()), color.as_str()),
        },
        "spec": old.get("spec"),
    });
    if let Some(annotations) = kept(old, "annotations")
        && let Some(metadata) = mapping(&mut copy, &["metadata"])
    {
        metadata.insert("annotations".to_owned(), annotations);
    }
    if let Some(spec) = mapping(&mut copy, &["spec"]) {
        spec.insert("replicas".to_owned(), replicas.into());
        spec.insert("selector".to_owned(), json!({"matchLabels": selector}));
        spec.insert("template".to_owned(), template(old, color, relabeling));
        spec.remove("paused");
    }
    copy
}

/// A Deployment's pod template as that of a color.
#[must_use]
pub fn template(old: &Value, color: Color, relabeling: &Relabeling) -> Value {
    let labels = template_labels(old);
    let mut template = old.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(metadata) = mapping(&mut template, &["metadata"]) {
        metadata.insert("labels".to_owned(), json!(relabeling.with_color(&labels, color.as_str())));
        metadata.remove("creationTimestamp");
    }
    for placement in ["affinity", "topologySpreadConstraints"] {
        if let Some(placement) = template.pointer_mut(&format!("/spec/{placement}")) {
            follow(placement, &labels, color, relabeling);
        }
    }
    template
}

/// Lets the selectors by which pods keep away from their like mean the copies of that color.
fn follow(value: &mut Value, labels: &Labels, color: Color, relabeling: &Relabeling) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| follow(item, labels, color, relabeling)),
        Value::Object(fields) => {
            for (key, field) in fields {
                if key == "labelSelector" && matches(field, labels) {
                    rewrite(field, color, relabeling);
                } else {
                    follow(field, labels, color, relabeling);
                }
            }
        }
        _ => {}
    }
}

fn rewrite(selector: &mut Value, color: Color, relabeling: &Relabeling) {
    let own = strings(selector.get("matchLabels"));
    for expression in selector.get_mut("matchExpressions").and_then(Value::as_array_mut).into_iter().flatten() {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let listed = expression.get("operator").and_then(Value::as_str) == Some("In");
        if let (Some(value), true) = (relabeling.labels.get(&key), listed)
            && let Some(expression) = expression.as_object_mut()
        {
            expression.insert("values".to_owned(), json!([value]));
        }
    }
    if let Some(selector) = selector.as_object_mut() {
        selector.insert("matchLabels".to_owned(), json!(relabeling.with_color(&own, color.as_str())));
    }
}

/// What the active Service is to select for a color.
#[must_use]
pub fn selector(service: &Labels, color: Color, relabeling: &Relabeling) -> Labels {
    relabeling.with_color(service, color.as_str())
}

/// A Service for one color, with the ports of the active one.
#[must_use]
pub fn color_service(active: &Value, name: &str, selector: &Labels) -> Value {
    let mut ports = active.pointer("/spec/ports").cloned().unwrap_or_default();
    for port in ports.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        port.remove("nodePort");
    }
    let mut spec = Map::new();
    spec.insert("type".to_owned(), "ClusterIP".into());
    spec.insert("selector".to_owned(), json!(selector));
    spec.insert("ports".to_owned(), ports);
    for same in ["ipFamilyPolicy", "ipFamilies"] {
        if let Some(value) = active.pointer(&format!("/spec/{same}")) {
            spec.insert(same.to_owned(), value.clone());
        }
    }
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": active.pointer("/metadata/namespace")},
        "spec": spec,
    })
}

/// The labels or annotations that are not somebody else's; nothing when none are left.
fn kept(object: &Value, section: &str) -> Option<Value> {
    let all = object.get("metadata")?.get(section)?.as_object()?;
    let is_kept = |(key, _): &(&String, &Value)| !OWNERSHIP.iter().any(|mark| key.starts_with(mark));
    let kept: Map<String, Value> =
        all.iter().filter(is_kept).map(|(key, value)| (key.clone(), value.clone())).collect();
    (!kept.is_empty()).then(|| kept.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relabeling() -> Relabeling {
        Relabeling { labels: [("app".to_owned(), "shop-bluegreen".to_owned())].into(), color_label: "color".to_owned() }
    }

    #[test]
    fn a_copy_has_everything_but_what_is_the_server_s_or_somebody_else_s() {
        let old = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "shop", "namespace": "n", "uid": "u", "resourceVersion": "7", "generation": 3,
                "ownerReferences": [{"kind": "Shop"}], "finalizers": ["x"],
                "labels": {"app": "shop", "team": "a", "app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "shop", "deployment.kubernetes.io/revision": "2", "note": "kept"},
                "managedFields": [{}],
            },
            "spec": {
                "replicas": 5, "paused": true, "minReadySeconds": 3, "ofTheFuture": {"kept": true},
                "selector": {"matchLabels": {"app": "shop"}},
                "template": {
                    "metadata": {"creationTimestamp": null, "labels": {"app": "shop", "tier": "web"}},
                    "spec": {
                        "containers": [{"name": "c", "image": "x:1", "ofTheFuture": 1}],
                        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "shop"}}},
                            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "redis"}}},
                        ]}},
                        "topologySpreadConstraints": [{"labelSelector": {"matchExpressions": [
                            {"key": "app", "operator": "In", "values": ["shop"]},
                        ]}}],
                    },
                },
            },
            "status": {"replicas": 5},
        });
        let copy = deployment(&old, "shop-green", Color::Green, 0, &relabeling());
        let expected = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "shop-green", "namespace": "n",
                "labels": {"app": "shop-bluegreen", "team": "a", "color": "green"},
                "annotations": {"note": "kept"},
            },
            "spec": {
                "replicas": 0, "minReadySeconds": 3, "ofTheFuture": {"kept": true},
                "selector": {"matchLabels": {"app": "shop-bluegreen", "color": "green"}},
                "template": {
                    "metadata": {"labels": {"app": "shop-bluegreen", "tier": "web", "color": "green"}},
                    "spec": {
                        "containers": [{"name": "c", "image": "x:1", "ofTheFuture": 1}],
                        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "shop-bluegreen", "color": "green"}}},
                            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "redis"}}},
                        ]}},
                        "topologySpreadConstraints": [{"labelSelector": {
                            "matchLabels": {"color": "green"},
                            "matchExpressions": [{"key": "app", "operator": "In", "values": ["shop-bluegreen"]}],
                        }}],
                    },
                },
            },
        });
        assert_eq!(copy, expected, "{copy:#}");
    }

    #[test]
    fn a_color_service_has_the_ports_and_nothing_of_the_outside() {
        let active = json!({
            "metadata": {"name": "shop", "namespace": "n", "annotations": {"cloud/lb": "x"}},
            "spec": {
                "type": "LoadBalancer", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "healthCheckNodePort": 1,
                "externalTrafficPolicy": "Local", "ipFamilyPolicy": "SingleStack", "selector": {"app": "shop"},
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}],
            },
        });
        let selector = selector(&strings(active.pointer("/spec/selector")), Color::Blue, &relabeling());
        let expected = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop-blue", "namespace": "n"},
            "spec": {
                "type": "ClusterIP", "ipFamilyPolicy": "SingleStack",
                "selector": {"app": "shop-bluegreen", "color": "blue"},
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        });
        assert_eq!(color_service(&active, "shop-blue", &selector), expected);
    }
}
