//! Faults of what leads users to the Services.

use serde_json::{Value, json};

use super::super::sets::{Extra, Role, Set, other};
use super::Faults;

const INGRESS: Role = Role::Other("Ingress", None);
const ROUTE: Role = Role::Other("HTTPRoute", None);
const BACKEND: &str = "/spec/rules/0/http/paths/0/backend/service";
const REFS: &str = "/spec/rules/0/backendRefs";

pub(super) fn faults(set: &Set, faults: &mut Faults) {
    backends(set, faults);
    weights(set, faults);
    policies(set, faults);
    for color in ["blue", "green"] {
        let name = set.service_name(Some(color));
        let wrong = name.clone();
        faults.with(&[Extra::Ingress], "BG702", INGRESS, format!("\"name\": \"{name}\""), move |set| {
            set.change(INGRESS, BACKEND)["name"] = json!(wrong);
        });
        let wrong = name.clone();
        faults.with(&[Extra::Route], "BG702", ROUTE, format!("\"name\": \"{name}\""), move |set| {
            set.change(ROUTE, REFS)[0]["name"] = json!(wrong);
        });
        faults.add("BG702", Role::Other("VirtualService", None), format!("\"host\": \"{name}\""), move |set| {
            let name = set.service_name(Some(color));
            add(
                set,
                "networking.istio.io/v1",
                "VirtualService",
                &json!({
                    "hosts": ["www.example.com"], "http": [{"route": [{"destination": {"host": name}}]}],
                }),
            );
        });
        faults.add("BG702", Role::Other("IngressRoute", None), format!("\"name\": \"{name}\""), move |set| {
            let name = set.service_name(Some(color));
            add(set, "traefik.io/v1alpha1", "IngressRoute", &json!({
                "routes": [{"match": "Host(`www.example.com`)", "kind": "Rule", "services": [{"name": name, "port": 80}]}],
            }));
        });
        faults.add("BG705", INGRESS, "\"host\": \"try.example.com\"", move |set| {
            let first = set.ingress("first", Some(other(color)), "try.example.com");
            let second = set.ingress("second", Some(color), "try.example.com");
            set.objects.extend([first, second]);
        });
    }
}

fn add(set: &mut Set, api_version: &str, kind: &str, spec: &Value) {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "more"}, "spec": spec});
    if let Some(namespace) = set.convention.namespace() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    set.objects.push(object);
}

fn backends(set: &Set, faults: &mut Faults) {
    let active = set.service_name(None);
    let mut swapped = active.clone().into_bytes();
    let end = swapped.len();
    swapped.swap(end - 1, end - 2);
    for wrong in [format!("{active}s"), String::from_utf8(swapped).unwrap(), active[1..].to_owned()] {
        let name = wrong.clone();
        faults.with(&[Extra::Ingress], "BG701", INGRESS, format!("\"name\": \"{wrong}\""), move |set| {
            set.change(INGRESS, BACKEND)["name"] = json!(name);
        });
        faults.with(&[Extra::Route], "BG701", ROUTE, format!("\"name\": \"{wrong}\""), move |set| {
            set.change(ROUTE, REFS)[0]["name"] = json!(wrong);
        });
    }
    for port in [json!({"number": 8080}), json!({"name": "web"})] {
        let line = port.as_object().unwrap().iter().map(|(key, value)| format!("\"{key}\": {value}")).next().unwrap();
        faults.with(&[Extra::Ingress], "BG701", INGRESS, line, move |set| {
            set.change(INGRESS, BACKEND)["port"] = port.clone();
        });
    }
    faults.with(&[Extra::Route], "BG701", ROUTE, "\"port\": 8443", move |set| {
        set.change(ROUTE, REFS)[0]["port"] = json!(8443);
    });
    faults.with(&[Extra::Ingress], "BG701", INGRESS, "\"number\": 80", move |set| {
        *set.change(Role::Active, "/spec/ports/0/port") = json!(81);
        // What the route of another kind says goes with it.
        for object in set.objects.iter_mut().filter(|object| object["kind"] == "HTTPRoute") {
            object["spec"]["rules"][0]["backendRefs"][0]["port"] = json!(81);
        }
    });
    faults.add("BG208", Role::Active, "\"port\": 81", |set| {
        *set.change(Role::Active, "/spec/ports/0/port") = json!(81);
        for object in &mut set.objects {
            if object["kind"] == "HTTPRoute" {
                object["spec"]["rules"][0]["backendRefs"][0]["port"] = json!(81);
            }
            if object["kind"] == "Ingress" {
                object["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["number"] = json!(81);
            }
        }
    });
}

fn weights(set: &Set, faults: &mut Faults) {
    let names = [set.service_name(Some("blue")), set.service_name(Some("green"))];
    let backends = names.clone().map(|name| json!({"name": name, "port": 80, "weight": 0}));
    faults.with(&[Extra::Route], "BG703", ROUTE, "\"weight\": 0", move |set| {
        *set.change(ROUTE, REFS) = json!(backends);
    });
    for (blue, green) in [(50, 60), (0, 0), (90, 1), (100, 100)] {
        let names = names.clone();
        faults.add("BG703", Role::Other("VirtualService", None), format!("\"weight\": {blue}"), move |set| {
            let route = |name: &String, weight: i32| json!({"destination": {"host": name}, "weight": weight});
            let http = json!([{"route": [route(&names[0], blue), route(&names[1], green)]}]);
            add(set, "networking.istio.io/v1", "VirtualService", &json!({"hosts": ["www.example.com"], "http": http}));
        });
    }
    faults.add("BG703", Role::Other("TrafficSplit", None), "\"weight\": 0", move |set| {
        let backends = names.clone().map(|name| json!({"service": name, "weight": 0}));
        let spec = json!({"service": set.service_name(None), "backends": backends});
        add(set, "split.smi-spec.io/v1alpha4", "TrafficSplit", &spec);
    });
}

fn policies(set: &Set, faults: &mut Faults) {
    let policy = Role::Other("NetworkPolicy", None);
    for color in ["blue", "green"] {
        let labels = set.labels(Some(color));
        faults.with(&[Extra::Policy], "BG704", policy, "\"podSelector\"", move |set| {
            *set.change(policy, "/spec/podSelector") = json!({"matchLabels": labels});
        });
        let labels = set.labels(Some(color));
        faults.add("BG704", policy, "\"podSelector\"", move |set| {
            add(
                set,
                "networking.k8s.io/v1",
                "NetworkPolicy",
                &json!({
                    "podSelector": {"matchLabels": {"app": "some-client"}},
                    "policyTypes": ["Egress"],
                    "egress": [{"to": [{"podSelector": {"matchLabels": labels}}]}],
                }),
            );
        });
    }
}
