//! Faults of containers, probes, resources and rollouts, on one color or on both.

use serde_json::{Value, json};

use super::super::sets::{Extra, Role, Set};
use super::{CONTAINER, Faults, remove};

pub(super) fn faults(set: &Set, faults: &mut Faults) {
    for color in ["blue", "green"] {
        let role = Role::Workload(color);
        for (code, parent, key, value, line) in settings() {
            faults.add(code, role, line, move |set| {
                set.change(role, &format!("{CONTAINER}{parent}"))[key] = value.clone();
            });
        }
        for (code, parent, key) in [
            ("BG301", "", "readinessProbe"),
            ("BG401", "/resources/requests", "cpu"),
            ("BG402", "/resources/limits", "memory"),
        ] {
            faults.add(code, role, "\"name\": \"main\"", move |set| {
                remove(set.change(role, &format!("{CONTAINER}{parent}")), key);
            });
        }
        for image in ["main", "main:latest", "main:stable", "main:feature-login", "localhost:5000/main"] {
            faults.add("BG503", role, format!("\"{image}\""), move |set| {
                *set.change(role, &format!("{CONTAINER}/image")) = json!(image);
            });
        }
        gaps(set, role, faults);
        faults.add("BG504", role, "\"name\": \"main\"", move |set| {
            remove(set.change(role, CONTAINER), "lifecycle");
        });
        faults.add("BG304", role, "\"livenessProbe\"", move |set| {
            let probe = set.at(role).pointer(&format!("{CONTAINER}/readinessProbe")).unwrap().clone();
            *set.change(role, &format!("{CONTAINER}/livenessProbe")) = probe;
        });
        faults.add("BG904", role, "${TAG}", move |set| {
            *set.change(role, &format!("{CONTAINER}/image")) = json!("registry.example.com/main:${TAG}");
        });
        faults.add("BG505", role, "\"terminationGracePeriodSeconds\": 5", move |set| {
            *set.change(role, "/spec/template/spec/terminationGracePeriodSeconds") = json!(5);
        });
        faults.add("BG505", role, "\"preStop\"", move |set| {
            *set.change(role, &format!("{CONTAINER}/lifecycle/preStop/exec/command/2")) = json!("sleep 30; true");
        });
    }
    let active = Role::Workload(set.active());
    faults.add("BG501", active, "\"replicas\": 1", move |set| {
        for color in ["blue", "green"] {
            set.change(Role::Workload(color), "/spec")["replicas"] = json!(1);
        }
        for budget in set.objects.iter_mut().filter(|object| object["kind"] == "PodDisruptionBudget") {
            budget["spec"]["minAvailable"] = json!(0);
        }
    });
    for (key, value) in [("requests.cpu", "500m"), ("requests.memory", "700Mi"), ("pods", "5")] {
        faults.with(
            &[Extra::Quota],
            "BG404",
            Role::Other("ResourceQuota", None),
            format!("\"{key}\": \"{value}\""),
            move |set| {
                set.change(Role::Other("ResourceQuota", None), "/spec/hard")[key] = json!(value);
            },
        );
    }
}

/// Strategies that leave no pod.
fn gaps(set: &Set, role: Role, faults: &mut Faults) {
    let kind = set.convention.kind;
    if kind == "Deployment" {
        faults.add("BG502", role, "\"strategy\"", move |set| {
            *set.change(role, "/spec/strategy") = json!({"type": "Recreate"});
        });
    }
    let (field, inner) = match kind {
        "StatefulSet" => ("updateStrategy", "rollingUpdate"),
        "Rollout" => ("strategy", "canary"),
        _ => ("strategy", "rollingUpdate"),
    };
    for all in [json!("100%"), json!(3)] {
        faults.add("BG502", role, format!("\"{field}\""), move |set| {
            set.change(role, "/spec")[field] = json!({inner: {"maxUnavailable": all}});
        });
    }
}

/// Settings of a container that are wrong by themselves: what reports them, where, and the line.
fn settings() -> Vec<(&'static str, &'static str, &'static str, Value, &'static str)> {
    vec![
        ("BG302", "/readinessProbe/httpGet", "port", json!("htpt"), "\"port\": \"htpt\""),
        ("BG302", "/livenessProbe/httpGet", "port", json!("nowhere"), "\"port\": \"nowhere\""),
        ("BG302", "/livenessProbe/httpGet", "port", json!(7070), "\"port\": 7070"),
        ("BG303", "/readinessProbe/httpGet", "port", json!("admin"), "\"port\": \"admin\""),
        ("BG303", "/readinessProbe/httpGet", "port", json!(9090), "\"port\": 9090"),
        ("BG305", "/readinessProbe", "timeoutSeconds", json!(7), "\"timeoutSeconds\": 7"),
        ("BG305", "/livenessProbe", "timeoutSeconds", json!(20), "\"timeoutSeconds\": 20"),
        ("BG306", "/readinessProbe", "initialDelaySeconds", json!(300), "\"livenessProbe\""),
        ("BG403", "/resources/requests", "memory", json!("128m"), "\"memory\": \"128m\""),
        ("BG403", "/resources/requests", "memory", json!(128), "\"memory\": 128"),
        ("BG403", "/resources/limits", "cpu", json!("500Mi"), "\"cpu\": \"500Mi\""),
        ("BG403", "/resources/limits", "cpu", json!(250), "\"cpu\": 250"),
    ]
}
