//! Differences between the colors that nobody meant.

use serde_json::{Value, json};

use super::super::sets::{Role, Set};
use super::{CONTAINER, Faults, remove};

pub(super) fn faults(set: &Set, faults: &mut Faults) {
    for color in ["blue", "green"] {
        let role = Role::Workload(color);
        let mut add = |code: &'static str, pointer: String, value: Value, line: &str| {
            let (parent, key) = pointer.rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            faults.add(code, role, line, move |set| {
                set.change(role, &parent)[&key] = value.clone();
            });
        };
        for (field, value) in [
            ("securityContext", json!({"runAsUser": 0})),
            ("command", json!(["/bin/other"])),
            ("args", json!(["--fast"])),
            ("workingDir", json!("/srv")),
            ("tty", json!(true)),
            ("terminationMessagePolicy", json!("FallbackToLogsOnError")),
        ] {
            add("BG602", format!("{CONTAINER}/{field}"), value, &format!("\"{field}\""));
        }
        let pod = "/spec/template/spec";
        for (field, value) in [
            ("serviceAccountName", json!("root")),
            ("terminationGracePeriodSeconds", json!(77)),
            ("nodeSelector", json!({"disk": "ssd"})),
            ("priorityClassName", json!("low")),
            ("hostNetwork", json!(true)),
            ("volumes", json!([{"name": "data", "emptyDir": {}}])),
            ("tolerations", json!([{"key": "a", "operator": "Exists"}])),
            ("imagePullSecrets", json!([{"name": "registry"}])),
        ] {
            add("BG602", format!("{pod}/{field}"), value, &format!("\"{field}\""));
        }
        add("BG603", format!("{CONTAINER}/ports/1/containerPort"), json!(9191), "9191");
        add("BG604", format!("{CONTAINER}/readinessProbe/httpGet/path"), json!("/other"), "\"/other\"");
        add("BG604", format!("{CONTAINER}/livenessProbe/periodSeconds"), json!(77), "77");
        add("BG604", format!("{CONTAINER}/readinessProbe/failureThreshold"), json!(9), "9");
        add("BG605", format!("{CONTAINER}/resources/limits/memory"), json!("199Mi"), "199Mi");
        add("BG605", format!("{CONTAINER}/resources/requests/cpu"), json!("77m"), "77m");
        add("BG605", format!("{CONTAINER}/resources/limits/cpu"), json!("2"), "\"cpu\": \"2\"");
        add("BG606", format!("{CONTAINER}/envFrom"), json!([{"configMapRef": {"name": "more"}}]), "configMapRef");
        add("BG607", "/spec/replicas".to_owned(), json!(9), "9");
        let line = if set.convention.sidecar { "\"name\": \"wait\"" } else { "\"initContainers\"" };
        faults.add("BG602", role, line, move |set| {
            let wait = json!({"name": "wait", "image": "registry.example.com/wait:1.0"});
            match &mut set.change(role, "/spec/template/spec")["initContainers"] {
                Value::Array(there) => there.push(wait),
                none => *none = json!([wait]),
            }
        });
        faults
            .add("BG604", role, "\"name\": \"main\"", move |set| remove(set.change(role, CONTAINER), "livenessProbe"));
        faults.add("BG606", role, "CURRENCY", move |set| {
            let env = set.change(role, &format!("{CONTAINER}/env"));
            env.as_array_mut().unwrap().push(json!({"name": "CURRENCY", "value": "EUR"}));
        });
        let other = faults.add("BG606", role, "LOG_LEVEL", move |set| {
            for color in ["blue", "green"] {
                let level = if Some(color) == role.color() { "debug" } else { "warn" };
                let env = set.change(Role::Workload(color), &format!("{CONTAINER}/env"));
                env.as_array_mut().unwrap().push(json!({"name": "LOG_LEVEL", "value": level}));
            }
        });
        other.as_info();
        faults.add("BG606", role, "TOKEN", move |set| {
            for color in ["blue", "green"] {
                let name = if Some(color) == role.color() { "secret-b" } else { "secret-a" };
                let from = json!({"secretKeyRef": {"name": name, "key": "token"}});
                let env = set.change(Role::Workload(color), &format!("{CONTAINER}/env"));
                env.as_array_mut().unwrap().push(json!({"name": "TOKEN", "valueFrom": from}));
            }
        });
        faults.add("BG608", role, "\"claimName\": \"data\"", move |set| {
            for color in ["blue", "green"] {
                let claim = json!({"claimName": "data"});
                set.change(Role::Workload(color), "/spec/template/spec")["volumes"] =
                    json!([{"name": "data", "persistentVolumeClaim": claim}]);
            }
            let mut claim = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            });
            claim["metadata"]["namespace"] = set.at(Role::Active)["metadata"]["namespace"].clone();
            set.objects.push(claim);
        });
    }
}
