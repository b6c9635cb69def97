//! Manifests as the API server reads them: a null is no value, and older versions of a kind become the one that is kept.
//! Judges nothing; what the API server would refuse is for the linter.

use serde_json::{Value, json};

/// A manifest as it is stored.
pub(super) fn decoded(mut manifest: Value) -> Value {
    drop_nulls(&mut manifest);
    if manifest.get("apiVersion").is_some_and(|version| version == "autoscaling/v1") {
        autoscaler(&mut manifest);
    }
    manifest
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// `autoscaling/v1` knows one metric, the CPU.
fn autoscaler(manifest: &mut Value) {
    if let Some(version) = manifest.get_mut("apiVersion") {
        *version = json!("autoscaling/v2");
    }
    let Some(spec) = manifest.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(percent) = spec.remove("targetCPUUtilizationPercentage") {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".to_owned(), json!([metric]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_old_versions_are_read_as_the_server_reads_them() {
        let written = json!({"apiVersion": "autoscaling/v1", "metadata": {"labels": null}, "spec": {
            "maxReplicas": 3, "minReplicas": null, "targetCPUUtilizationPercentage": 80}});
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let kept = json!({"apiVersion": "autoscaling/v2", "metadata": {}, "spec": {
            "maxReplicas": 3, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}});
        assert_eq!(decoded(written), kept);
        assert_eq!(decoded(json!({"a": [{"b": null}, 1]})), json!({"a": [{}, 1]}));
    }
}
