//! Faults of labels and namespaces.

use serde_json::json;

use super::super::sets::{Role, Set, other};
use super::{Faults, LABELS, remove};

const OWN: &str = "/spec/selector/matchLabels";

pub(super) fn faults(set: &Set, faults: &mut Faults) {
    let key = set.key();
    for color in ["blue", "green"] {
        let role = Role::Workload(color);
        let wrong = set.value(other(color));
        let line = format!("\"{key}\": \"{wrong}\"");
        let value = wrong.clone();
        faults.add("BG103", role, line.clone(), move |set| {
            set.change(role, OWN)[key] = json!(value);
            set.change(role, LABELS)[key] = json!(value);
        });
        faults.add("BG104", role, line, move |set| {
            set.change(role, "/metadata")["labels"] = json!({key: wrong});
        });
        if set.shared().is_some() {
            faults.add("BG101", role, "\"selector\"", move |set| remove(set.change(role, OWN), key));
            faults.add("BG102", role, "\"labels\"", move |set| {
                remove(set.change(role, OWN), key);
                remove(set.change(role, LABELS), key);
            });
        }
    }
    let (idle, active) = (set.idle(), set.active());
    for role in [Role::Workload(idle), Role::Active, Role::ColorService(idle), Role::ColorService(active)] {
        faults.add("BG105", role, "\"namespace\": \"elsewhere\"", move |set| {
            for object in set.objects.iter_mut().filter(|object| object["metadata"]["namespace"].is_null()) {
                object["metadata"]["namespace"] = json!("web");
            }
            set.change(role, "/metadata")["namespace"] = json!("elsewhere");
        });
    }
    for role in [Role::Workload(idle), Role::Active, Role::ColorService(active)] {
        faults.add("BG106", role, "\"name\"", move |set| {
            let copy = set.at(role).clone();
            set.objects.push(copy);
        });
    }
}
