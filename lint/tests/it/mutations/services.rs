//! Faults of Services: what they select, and where they send.

use serde_json::json;

use super::super::sets::{Role, Set, other};
use super::{CONTAINER, Faults, LABELS, remove};

const SELECTOR: &str = "/spec/selector";

pub(super) fn faults(set: &Set, faults: &mut Faults) {
    selectors(set, faults);
    ports(set, faults);
    for (field, value) in [("publishNotReadyAddresses", json!(true)), ("clusterIP", json!("None"))] {
        faults.add("BG209", Role::Active, format!("\"{field}\""), move |set| {
            set.change(Role::Active, "/spec")[field] = value.clone();
        });
    }
    for (field, value) in
        [("sessionAffinity", "ClientIP"), ("externalTrafficPolicy", "Local"), ("internalTrafficPolicy", "Local")]
    {
        let traps = faults.add("BG209", Role::Active, format!("\"{field}\""), move |set| {
            set.change(Role::Active, "/spec")[field] = json!(value);
            set.change(Role::Active, "/spec")["type"] = json!("LoadBalancer");
        });
        traps.as_info();
    }
    for color in ["blue", "green"] {
        faults.add("BG210", Role::Workload(color), "\"name\"", move |set| {
            set.take(Role::ColorService(color));
        });
    }
    let active = Role::Workload(set.active());
    faults.add("BG206", Role::Active, "\"selector\"", move |set| {
        let mut worker = set.at(active).clone();
        worker["metadata"]["name"] = json!("worker");
        set.objects.push(worker);
    });
    if set.convention.second.is_none() {
        faults.add("BG211", Role::Workload("blue"), "\"name\"", |set| {
            let name = set.name(Role::Active);
            set.take(Role::Active);
            set.objects.retain(|object| !object["spec"].to_string().contains(&format!("\"name\":\"{name}\",\"port\"")));
        });
    }
    let (left, idle) = (set.active(), set.idle());
    faults.add("BG601", Role::Workload(left), "\"name\"", move |set| {
        set.take(Role::Workload(idle));
        set.take(Role::ColorService(idle));
    });
    // The Service and the HPA of a color that is missing say nothing new.
    faults.with(&[super::Extra::Hpa], "BG601", Role::Workload(left), "\"name\"", move |set| {
        set.take(Role::Workload(idle));
    });
}

fn selectors(set: &Set, faults: &mut Faults) {
    let key = set.key();
    let own = set.value(set.active());
    if let Some(second) = set.convention.second {
        let role = Role::Named("Service", second);
        faults.add("BG201", role, format!("\"{key}\": \"{own}x\""), {
            let wrong = format!("{own}x");
            move |set| set.change(role, SELECTOR)[key] = json!(wrong)
        });
        faults.add("BG207", role, "\"targetPort\": \"nowhere\"", move |set| {
            set.change(role, "/spec/ports/0")["targetPort"] = json!("nowhere");
        });
    }
    let mut swapped = own.clone().into_bytes();
    let end = swapped.len();
    swapped.swap(end - 1, end - 2);
    let wrongs = [String::from_utf8(swapped).unwrap(), own.replace(set.active(), "purple"), own.to_uppercase()];
    for wrong in wrongs.into_iter().filter(|wrong| *wrong != own) {
        faults.add("BG201", Role::Active, format!("\"{key}\": \"{wrong}\""), move |set| {
            set.change(Role::Active, SELECTOR)[key] = json!(wrong);
        });
    }
    for (shared, _) in set.convention.shared() {
        faults.add("BG201", Role::Active, format!("\"{shared}\": \"nobody\""), move |set| {
            set.change(Role::Active, SELECTOR)[*shared] = json!("nobody");
        });
        faults.add("BG201", Role::Active, format!("\"{shared}x\""), move |set| {
            let value = set.change(Role::Active, SELECTOR)[*shared].clone();
            remove(set.change(Role::Active, SELECTOR), shared);
            set.change(Role::Active, SELECTOR)[format!("{shared}x")] = value;
        });
    }
    if set.shared().is_some() && set.convention.second.is_none() {
        faults.add("BG202", Role::Active, "\"selector\"", move |set| remove(set.change(Role::Active, SELECTOR), key));
    }
    let active = Role::Workload(set.active());
    faults.add("BG203", Role::Active, "\"build\": \"7\"", move |set| {
        set.change(active, LABELS)["build"] = json!("7");
        set.change(Role::Active, SELECTOR)["build"] = json!("7");
    });
    for color in ["blue", "green"] {
        let role = Role::ColorService(color);
        let wrong = set.value(other(color));
        faults.add("BG204", role, format!("\"{key}\": \"{wrong}\""), move |set| {
            set.change(role, SELECTOR)[key] = json!(wrong);
        });
        let wrong = format!("{}x", set.value(color));
        faults.add("BG205", role, format!("\"{key}\": \"{wrong}\""), move |set| {
            set.change(role, SELECTOR)[key] = json!(wrong);
        });
    }
}

fn ports(set: &Set, faults: &mut Faults) {
    for color in ["blue", "green"] {
        let role = Role::ColorService(color);
        faults.add("BG208", role, "\"port\": 8099", move |set| {
            *set.change(role, "/spec/ports/0/port") = json!(8099);
        });
        faults.add("BG208", role, "\"targetPort\": \"admin\"", move |set| {
            set.change(role, "/spec/ports/0")["targetPort"] = json!("admin");
        });
        let workload = Role::Workload(color);
        if set.by_number() {
            faults.add("BG603", workload, "8199", move |set| {
                *set.change(workload, &format!("{CONTAINER}/ports/0/containerPort")) = json!(8199);
            });
        } else {
            // The port's new name is shown beside the Services that ask for the old one.
            faults.add("BG207", workload, "\"name\": \"web\"", move |set| {
                *set.change(workload, &format!("{CONTAINER}/ports/0/name")) = json!("web");
            });
        }
    }
    for role in [Role::Active, Role::ColorService("blue"), Role::ColorService("green")] {
        for wrong in [json!("nowhere"), json!("htpt"), json!(8181)] {
            faults.add("BG207", role, format!("\"targetPort\": {wrong}"), move |set| {
                set.change(role, "/spec/ports/0")["targetPort"] = wrong.clone();
            });
        }
    }
}
