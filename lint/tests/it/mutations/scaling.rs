//! Faults of what scales and protects pods.

use serde_json::json;

use super::super::sets::{Extra, Role, Set, other};
use super::{CONTAINER, Faults, remove};

const HPA: &str = "HorizontalPodAutoscaler";
const PDB: &str = "PodDisruptionBudget";

pub(super) fn faults(set: &Set, faults: &mut Faults) {
    for color in ["blue", "green"] {
        scalers(set, color, faults);
        budgets(color, faults);
    }
}

fn scalers(set: &Set, color: &'static str, faults: &mut Faults) {
    let (hpa, role) = (Role::Other(HPA, Some(color)), Role::Workload(color));
    let needs = &[Extra::Hpa];
    let name = set.name(role);
    let colorless = name.replace(&format!("-{color}"), "").replace(&format!("{color}-"), "");
    for wrong in [format!("{name}s"), name.replacen('e', "", 1), colorless] {
        faults.with(needs, "BG801", hpa, format!("\"name\": \"{wrong}\""), move |set| {
            set.change(hpa, "/spec/scaleTargetRef")["name"] = json!(wrong);
        });
    }
    let wrong = if set.convention.kind == "StatefulSet" { "Deployment" } else { "StatefulSet" };
    faults.with(needs, "BG801", hpa, format!("\"kind\": \"{wrong}\""), move |set| {
        set.change(hpa, "/spec/scaleTargetRef")["apiVersion"] = json!("apps/v1");
        set.change(hpa, "/spec/scaleTargetRef")["kind"] = json!(wrong);
    });
    faults.with(needs, "BG802", role, "\"replicas\": 4", move |set| {
        set.change(role, "/spec")["replicas"] = json!(4);
    });
    let left = Role::Other(HPA, Some(other(color)));
    faults.with(
        needs,
        "BG803",
        left,
        format!("\"name\": \"{}\"", set.name(Role::Workload(other(color)))),
        move |set| {
            set.take(hpa);
        },
    );
    let wrong = set.name(Role::Workload(other(color)));
    faults.with(needs, "BG803", hpa, format!("\"name\": \"{wrong}\""), move |set| {
        set.change(hpa, "/spec/scaleTargetRef")["name"] = json!(wrong);
    });
    faults.with(needs, "BG804", hpa, "\"resource\"", move |set| {
        remove(set.change(role, &format!("{CONTAINER}/resources/requests")), "cpu");
    });
    faults.with(needs, "BG804", hpa, "\"resource\"", move |set| {
        remove(set.change(role, &format!("{CONTAINER}/resources")), "requests");
        set.change(hpa, "/spec/metrics/0/resource")["name"] = json!("cpu");
    });
    faults.with(needs, "BG804", hpa, "\"targetCPUUtilizationPercentage\"", move |set| {
        set.change(hpa, "")["apiVersion"] = json!("autoscaling/v1");
        remove(set.change(hpa, "/spec"), "metrics");
        set.change(hpa, "/spec")["targetCPUUtilizationPercentage"] = json!(60);
        remove(set.change(role, &format!("{CONTAINER}/resources/requests")), "cpu");
    });
}

fn budgets(color: &'static str, faults: &mut Faults) {
    let pdb = Role::Other(PDB, Some(color));
    let needs = &[Extra::Pdb];
    for (field, value) in [
        ("maxUnavailable", json!(0)),
        ("maxUnavailable", json!("0%")),
        ("minAvailable", json!("100%")),
        ("minAvailable", json!("70%")),
        ("minAvailable", json!(3)),
        ("minAvailable", json!(12)),
    ] {
        faults.with(needs, "BG805", pdb, format!("\"{field}\": {value}"), move |set| {
            remove(set.change(pdb, "/spec"), "minAvailable");
            set.change(pdb, "/spec")[field] = value.clone();
        });
    }
    faults.with(needs, "BG806", pdb, "\"selector\"", move |set| {
        let key = set.key();
        set.change(pdb, "/spec")["selector"] = match set.shared() {
            Some(_) => json!({"matchLabels": set.labels(None)}),
            None => json!({"matchExpressions": [{"key": key, "operator": "Exists"}]}),
        };
    });
}
