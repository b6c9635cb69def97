//! Every single fault that the rules of labels, Services and drift promise to catch, planted into good sets one by one:
//! the rule's code is reported, on the object and at the line where the fault is.

use bluegreen_lint::config::Config;
use bluegreen_lint::finding::Finding;
use bluegreen_lint::lint;
use bluegreen_lint::manifest::Place;
use bluegreen_lint::source::Source;
use bluegreen_lint::yaml;
use serde_json::{Value, json};

use super::root;

/// A set as objects, with what the faults need to know of its convention.
#[derive(Clone)]
struct Set {
    name: &'static str,
    objects: Vec<Value>,
    key: String,
}

/// Where an object is in a set.
#[derive(Clone, Copy, Debug)]
enum Role {
    Workload(&'static str),
    Active,
    ColorService(&'static str),
}

impl Set {
    fn load(name: &'static str) -> Self {
        let text = std::fs::read_to_string(root().join("testdata/lint/sets").join(name)).unwrap();
        let mut objects = Vec::new();
        for document in yaml::parse(&text).documents {
            let document = document.root().to_json();
            match document["items"].as_array() {
                Some(items) => objects.extend(items.iter().cloned()),
                None => objects.push(document),
            }
        }
        let mut set = Self { name, objects, key: String::new() };
        let labels = |color| set.at(Role::Workload(color))["spec"]["template"]["metadata"]["labels"].clone();
        let (blue, green) = (labels("blue"), labels("green"));
        let key = blue.as_object().unwrap().keys().find(|key| blue[*key] != green[*key]).unwrap().clone();
        set.key = key;
        set
    }

    fn index(&self, role: Role) -> usize {
        let (kind, color) = match role {
            Role::Workload(color) => ("Deployment", Some(color)),
            Role::Active => ("Service", None),
            Role::ColorService(color) => ("Service", Some(color)),
        };
        let color_of = |object: &Value| {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            ["blue", "green"].into_iter().find(|color| name.contains(color))
        };
        self.objects.iter().position(|object| object["kind"] == kind && color_of(object) == color).unwrap()
    }

    fn at(&self, role: Role) -> &Value {
        &self.objects[self.index(role)]
    }

    fn change(&mut self, role: Role, pointer: &str) -> &mut Value {
        let at = self.index(role);
        self.objects[at].pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))
    }

    fn idle(&self) -> &'static str {
        let active = &self.at(Role::Active)["spec"]["selector"][&self.key];
        if active == "blue" { "green" } else { "blue" }
    }

    fn findings(&self, text: &str) -> Vec<Finding> {
        let select = ["labels", "services", "drift"].map(str::to_owned).to_vec();
        lint(&[Source::new(self.name, text)], &Config { select, ..Config::default() }).findings
    }

    /// One object a document, one value a line, so that a line says which value is meant.
    fn text(&self) -> String {
        let objects: Vec<String> =
            self.objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap()).collect();
        format!("---\n{}\n", objects.join("\n---\n"))
    }
}

const CONTAINER: &str = "/spec/template/spec/containers/0";
const LABELS: &str = "/spec/template/metadata/labels";

/// A fault: the code that reports it, the object that is wrong, a text on the line, and the change.
type Fault = (&'static str, Role, String, Box<dyn Fn(&mut Set)>);

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key);
}

fn label_faults(set: &Set) -> Vec<Fault> {
    let (key, idle) = (set.key.clone(), set.idle());
    let active = if idle == "green" { "blue" } else { "green" };
    let mut faults: Vec<Fault> = Vec::new();
    for color in ["blue", "green"] {
        let (wrong, role) = (if color == "blue" { "green" } else { "blue" }, Role::Workload(color));
        let k = key.clone();
        faults.push((
            "BG103",
            role,
            format!("\"{key}\": \"{wrong}\""),
            Box::new(move |set| {
                set.change(role, "/spec/selector/matchLabels")[&k] = json!(wrong);
                set.change(role, LABELS)[&k] = json!(wrong);
            }),
        ));
        let k = key.clone();
        faults.push((
            "BG101",
            role,
            "\"selector\"".to_owned(),
            Box::new(move |set| {
                remove(set.change(role, "/spec/selector/matchLabels"), &k);
            }),
        ));
        let k = key.clone();
        faults.push((
            "BG104",
            role,
            format!("\"{key}\": \"{wrong}\""),
            Box::new(move |set| {
                set.change(role, "/metadata")["labels"] = json!({k.clone(): wrong});
            }),
        ));
        let k = key.clone();
        faults.push((
            "BG102",
            role,
            "\"labels\"".to_owned(),
            Box::new(move |set| {
                remove(set.change(role, "/spec/selector/matchLabels"), &k);
                remove(set.change(role, LABELS), &k);
            }),
        ));
    }
    for role in [Role::Workload(idle), Role::Active, Role::ColorService(idle), Role::ColorService(active)] {
        faults.push((
            "BG105",
            role,
            "\"namespace\": \"elsewhere\"".to_owned(),
            Box::new(move |set| {
                set.objects.iter_mut().for_each(|object| object["metadata"]["namespace"] = json!("web"));
                set.change(role, "/metadata")["namespace"] = json!("elsewhere");
            }),
        ));
    }
    for role in [Role::Workload(idle), Role::Active, Role::ColorService(active)] {
        faults.push((
            "BG106",
            role,
            "\"name\"".to_owned(),
            Box::new(move |set| {
                let copy = set.at(role).clone();
                set.objects.push(copy);
            }),
        ));
    }
    faults
}

fn selector_faults(set: &Set) -> Vec<Fault> {
    let key = set.key.clone();
    let mut faults: Vec<Fault> = Vec::new();
    let selector = "/spec/selector";
    let others: Vec<String> = set.at(Role::Active)["spec"]["selector"].as_object().unwrap().keys().cloned().collect();
    for wrong in ["bleu", "purple", "Blue"] {
        let k = key.clone();
        faults.push((
            "BG201",
            Role::Active,
            format!("\"{key}\": \"{wrong}\""),
            Box::new(move |set| {
                set.change(Role::Active, selector)[&k] = json!(wrong);
            }),
        ));
    }
    for other in others.iter().filter(|other| **other != key) {
        let k = other.clone();
        faults.push((
            "BG201",
            Role::Active,
            format!("\"{other}\": \"nobody\""),
            Box::new(move |set| {
                set.change(Role::Active, selector)[&k] = json!("nobody");
            }),
        ));
    }
    let k = key.clone();
    faults.push((
        "BG202",
        Role::Active,
        "\"selector\"".to_owned(),
        Box::new(move |set| {
            remove(set.change(Role::Active, selector), &k);
        }),
    ));
    faults.push((
        "BG203",
        Role::Active,
        "\"build\": \"7\"".to_owned(),
        Box::new(move |set| {
            let active = if set.idle() == "blue" { "green" } else { "blue" };
            set.change(Role::Workload(active), LABELS)["build"] = json!("7");
            set.change(Role::Active, selector)["build"] = json!("7");
        }),
    ));
    for color in ["blue", "green"] {
        let (role, wrong) = (Role::ColorService(color), if color == "blue" { "green" } else { "blue" });
        let k = key.clone();
        faults.push((
            "BG204",
            role,
            format!("\"{key}\": \"{wrong}\""),
            Box::new(move |set| {
                set.change(role, selector)[&k] = json!(wrong);
            }),
        ));
        let k = key.clone();
        faults.push((
            "BG205",
            role,
            format!("\"{key}\": \"{color}x\""),
            Box::new(move |set| {
                set.change(role, selector)[&k] = json!(format!("{color}x"));
            }),
        ));
        faults.push((
            "BG208",
            role,
            "\"port\": 8099".to_owned(),
            Box::new(move |set| {
                *set.change(role, "/spec/ports/0/port") = json!(8099);
            }),
        ));
    }
    faults
}

fn member_faults(set: &Set) -> Vec<Fault> {
    let idle = set.idle();
    let mut faults: Vec<Fault> = Vec::new();
    for role in [Role::Active, Role::ColorService("blue"), Role::ColorService("green")] {
        faults.push((
            "BG207",
            role,
            "\"targetPort\": \"nowhere\"".to_owned(),
            Box::new(move |set| {
                set.change(role, "/spec/ports/0")["targetPort"] = json!("nowhere");
            }),
        ));
    }
    for (field, value) in [("publishNotReadyAddresses", json!(true)), ("clusterIP", json!("None"))] {
        faults.push((
            "BG209",
            Role::Active,
            format!("\"{field}\""),
            Box::new(move |set| {
                set.change(Role::Active, "/spec")[field] = value.clone();
            }),
        ));
    }
    faults.push((
        "BG206",
        Role::Active,
        "\"selector\"".to_owned(),
        Box::new(move |set| {
            let active = if set.idle() == "blue" { "green" } else { "blue" };
            let mut worker = set.at(Role::Workload(active)).clone();
            worker["metadata"]["name"] = json!("worker");
            set.objects.push(worker);
        }),
    ));
    faults.push((
        "BG211",
        Role::Workload("blue"),
        "\"name\"".to_owned(),
        Box::new(move |set| {
            let at = set.index(Role::Active);
            set.objects.remove(at);
        }),
    ));
    let left = if idle == "blue" { "green" } else { "blue" };
    faults.push((
        "BG601",
        Role::Workload(left),
        "\"name\"".to_owned(),
        Box::new(move |set| {
            let gone = [set.index(Role::Workload(idle)), set.index(Role::ColorService(idle))];
            let mut at = 0;
            set.objects.retain(|_| (!gone.contains(&at), at += 1).0);
        }),
    ));
    faults
}

fn drift_faults() -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for color in ["blue", "green"] {
        let role = Role::Workload(color);
        let mut add = |code: &'static str, pointer: String, value: Value, line: &str| {
            let (parent, key) = pointer.rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            faults.push((
                code,
                role,
                line.to_owned(),
                Box::new(move |set| {
                    set.change(role, &parent)[&key] = value.clone();
                }),
            ));
        };
        let pod = "/spec/template/spec";
        for (field, value) in [
            ("securityContext", json!({"runAsUser": 0})),
            ("command", json!(["/bin/other"])),
            ("args", json!(["--fast"])),
            ("workingDir", json!("/srv")),
            ("lifecycle", json!({"preStop": {"exec": {"command": ["sleep", "7"]}}})),
            ("volumeMounts", json!([{"name": "data", "mountPath": "/data"}])),
        ] {
            add("BG602", format!("{CONTAINER}/{field}"), value, &format!("\"{field}\""));
        }
        for (field, value) in [
            ("serviceAccountName", json!("root")),
            ("terminationGracePeriodSeconds", json!(77)),
            ("nodeSelector", json!({"disk": "ssd"})),
            ("priorityClassName", json!("low")),
            ("hostNetwork", json!(true)),
            ("volumes", json!([{"name": "data", "emptyDir": {}}])),
            ("tolerations", json!([{"key": "a", "operator": "Exists"}])),
            ("initContainers", json!([{"name": "wait", "image": "registry.example.com/wait:1.0"}])),
        ] {
            add("BG602", format!("{pod}/{field}"), value, &format!("\"{field}\""));
        }
        add("BG603", format!("{CONTAINER}/ports/0/containerPort"), json!(8199), "8199");
        add("BG604", format!("{CONTAINER}/readinessProbe/httpGet/path"), json!("/other"), "\"/other\"");
        add("BG604", format!("{CONTAINER}/livenessProbe/periodSeconds"), json!(77), "77");
        add("BG604", format!("{CONTAINER}/readinessProbe/failureThreshold"), json!(9), "9");
        add("BG605", format!("{CONTAINER}/resources/limits/memory"), json!("199Mi"), "199Mi");
        add("BG605", format!("{CONTAINER}/resources/requests/cpu"), json!("77m"), "77m");
        add("BG606", format!("{CONTAINER}/env"), json!([{"name": "CURRENCY", "value": "EUR"}]), "CURRENCY");
        add("BG606", format!("{CONTAINER}/envFrom"), json!([{"configMapRef": {"name": "more"}}]), "configMapRef");
        add("BG607", "/spec/replicas".to_owned(), json!(9), "9");
    }
    faults
}

#[test]
fn every_fault_is_found_where_it_is() {
    let (mut count, mut missed) = (0, Vec::new());
    for name in ["good-a.yaml", "good-b.yaml", "good-c.json"] {
        let good = Set::load(name);
        assert!(good.findings(&good.text()).is_empty(), "{name}");
        for (code, role, line, plant) in label_faults(&good)
            .into_iter()
            .chain(selector_faults(&good))
            .chain(member_faults(&good))
            .chain(drift_faults())
        {
            let object = good.at(role)["metadata"]["name"].as_str().unwrap().to_owned();
            let mut bad = good.clone();
            plant(&mut bad);
            let text = bad.text();
            let findings = bad.findings(&text);
            let all: Vec<_> = findings.iter().map(|finding| (finding.rule.code, finding.message.as_str())).collect();
            let told = format!("{name} {code} {object} {line}: {all:?}");
            let [finding] = findings.as_slice() else {
                missed.push(told);
                continue;
            };
            // Of two places that differ, either may be the wrong one: both are told.
            let related = finding.related.iter().map(|related| &related.place);
            let mut places = std::iter::once(&finding.place).chain(related);
            let here = |place: &Place| {
                let start = text[..place.span.start].rfind('\n').map_or(0, |at| at + 1);
                let on_line = text[start..].lines().next().unwrap().contains(&line);
                place.object.as_ref().is_some_and(|id| id.name == object) && on_line
            };
            if finding.rule.code != code || !places.any(here) {
                missed.push(format!("{told} at {:?}", finding.place.path));
            }
            count += 1;
        }
    }
    assert!(missed.is_empty(), "of {count}, each is to give one finding:\n{}", missed.join("\n"));
    assert!(count > 200, "{count}");
}
