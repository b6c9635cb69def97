//! Good sets, made of a naming convention and of what else may stand beside a set; to lint as they are, and to plant
//! faults into.

use bluegreen_lint::config::Config;
use bluegreen_lint::finding::Finding;
use bluegreen_lint::lint;
use bluegreen_lint::source::Source;
use serde_json::{Value, json};

/// How a team calls things.
pub(crate) struct Convention {
    pub(crate) name: &'static str,
    workload: fn(&str) -> String,
    service: fn(Option<&str>) -> String,
    /// The label key that tells the colors apart, and its value.
    key: &'static str,
    value: fn(&str) -> String,
    shared: &'static [(&'static str, &'static str)],
    active: &'static str,
    namespace: Option<&'static str>,
    by_number: bool,
    sidecar: bool,
}

impl Convention {
    pub(crate) fn shared(&self) -> &'static [(&'static str, &'static str)] {
        self.shared
    }

    pub(crate) fn namespace(&self) -> Option<&'static str> {
        self.namespace
    }
}

fn plain(color: &str) -> String {
    color.to_owned()
}

pub(crate) const CONVENTIONS: [Convention; 6] = [
    Convention {
        name: "suffix",
        workload: |color| format!("shop-{color}"),
        service: |color| color.map_or("shop".to_owned(), |color| format!("shop-{color}")),
        key: "color",
        value: plain,
        shared: &[("app", "shop")],
        active: "blue",
        namespace: None,
        by_number: false,
        sidecar: false,
    },
    Convention {
        name: "prefix",
        workload: |color| format!("{color}-till"),
        service: |color| color.map_or("till-active".to_owned(), |color| format!("till-{color}")),
        key: "version",
        value: plain,
        shared: &[("app.kubernetes.io/name", "till"), ("app.kubernetes.io/part-of", "store")],
        active: "green",
        namespace: Some("store"),
        by_number: false,
        sidecar: false,
    },
    Convention {
        name: "one label",
        workload: |color| format!("api-gateway-{color}"),
        service: |color| {
            color.map_or("api-gateway-service-active".to_owned(), |color| format!("api-gateway-{color}-service"))
        },
        key: "deployment",
        value: plain,
        shared: &[],
        active: "blue",
        namespace: None,
        by_number: true,
        sidecar: false,
    },
    Convention {
        name: "infix, with a sidecar",
        workload: |color| format!("web-{color}-deployment"),
        service: |color| color.map_or("web-svc".to_owned(), |color| format!("web-{color}-svc")),
        key: "example.com/track",
        value: plain,
        shared: &[("app", "web"), ("team", "front")],
        active: "green",
        namespace: Some("web"),
        by_number: false,
        sidecar: true,
    },
    Convention {
        name: "color in the app's name",
        workload: |color| format!("pay-{color}"),
        service: |color| color.map_or("pay".to_owned(), |color| format!("pay-{color}")),
        key: "app",
        value: |color| format!("pay-{color}"),
        shared: &[("tier", "backend")],
        active: "blue",
        namespace: None,
        by_number: true,
        sidecar: false,
    },
    Convention {
        name: "environments",
        workload: |color| format!("orders-api-{color}"),
        service: |color| color.map_or("orders-api-live".to_owned(), |color| format!("orders-api-{color}-preview")),
        key: "environment",
        value: plain,
        shared: &[("app", "orders-api"), ("component", "api")],
        active: "green",
        namespace: Some("orders"),
        by_number: false,
        sidecar: true,
    },
];

/// What may stand beside a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    Hpa,
    Pdb,
    Ingress,
    Route,
    Policy,
    Quota,
}

impl Extra {
    pub(crate) const ALL: [Self; 6] = [Self::Hpa, Self::Pdb, Self::Ingress, Self::Route, Self::Policy, Self::Quota];
}

/// An object of a set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Workload(&'static str),
    Active,
    ColorService(&'static str),
    /// By its kind and, where there is one for each color, the color.
    Other(&'static str, Option<&'static str>),
}

impl Role {
    pub(crate) fn color(self) -> Option<&'static str> {
        match self {
            Self::Workload(color) | Self::ColorService(color) => Some(color),
            Self::Active => None,
            Self::Other(_, color) => color,
        }
    }
}

/// A set as objects.
#[derive(Clone)]
pub(crate) struct Set {
    pub(crate) objects: Vec<Value>,
    pub(crate) convention: &'static Convention,
}

impl Set {
    pub(crate) fn new(convention: &'static Convention, extras: &[Extra]) -> Self {
        let mut set = Self { objects: Vec::new(), convention };
        let is_scaled = extras.contains(&Extra::Hpa);
        for color in ["blue", "green"] {
            set.objects.push(set.workload(color, is_scaled));
        }
        for color in [None, Some("blue"), Some("green")] {
            set.objects.push(set.service(color));
        }
        for color in ["blue", "green"] {
            if is_scaled {
                set.objects.push(set.hpa(color));
            }
            if extras.contains(&Extra::Pdb) {
                set.objects.push(set.pdb(color));
            }
        }
        for extra in extras {
            match extra {
                Extra::Ingress => set.objects.push(set.ingress("front", None, "www.example.com")),
                Extra::Route => set.objects.push(set.route(&json!([{"name": set.service_name(None), "port": 80}]))),
                Extra::Policy => set.objects.push(set.policy()),
                Extra::Quota => set.objects.push(set.quota()),
                Extra::Hpa | Extra::Pdb => {}
            }
        }
        set
    }

    fn object(&self, api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        if let Some(namespace) = self.convention.namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object
    }

    pub(crate) fn labels(&self, color: Option<&str>) -> Value {
        let mut labels: serde_json::Map<String, Value> =
            self.convention.shared.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        if let Some(color) = color {
            labels.insert(self.convention.key.to_owned(), json!((self.convention.value)(color)));
        }
        labels.into()
    }

    fn workload(&self, color: &str, is_scaled: bool) -> Value {
        let port = || if self.convention.by_number { json!(8080) } else { json!("http") };
        let resources = json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}});
        let version = if color == "blue" { "1.0.2" } else { "1.1.0" };
        let mut containers = vec![json!({
            "name": "main",
            "image": format!("registry.example.com/main:{version}"),
            "ports": [{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 9090}],
            "env": [{"name": "COLOR", "value": color}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": port()}, "periodSeconds": 5},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "admin"}, "initialDelaySeconds": 10},
            "resources": resources.clone(),
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 5"]}}},
        })];
        if self.convention.sidecar {
            containers.push(json!({
                "name": "proxy",
                "image": "registry.example.com/proxy:3.2.1",
                "ports": [{"name": "status", "containerPort": 15021}],
                "resources": resources,
            }));
        }
        let labels = self.labels(Some(color));
        let mut spec = json!({
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 30, "containers": containers},
            },
        });
        if !is_scaled {
            spec["replicas"] = json!(3);
        }
        self.object("apps/v1", "Deployment", &(self.convention.workload)(color), &spec)
    }

    pub(crate) fn service_name(&self, color: Option<&str>) -> String {
        (self.convention.service)(color)
    }

    fn service(&self, color: Option<&str>) -> Value {
        let target = if self.convention.by_number { json!(8080) } else { json!("http") };
        let selector = self.labels(Some(color.unwrap_or(self.convention.active)));
        let ports = json!([{"name": "http", "port": 80, "targetPort": target}]);
        self.object("v1", "Service", &self.service_name(color), &json!({"selector": selector, "ports": ports}))
    }

    fn hpa(&self, color: &str) -> Value {
        let name = (self.convention.workload)(color);
        let target = json!({"type": "Utilization", "averageUtilization": 70});
        let spec = json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 3,
            "maxReplicas": 9,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        });
        self.object("autoscaling/v2", "HorizontalPodAutoscaler", &name, &spec)
    }

    fn pdb(&self, color: &str) -> Value {
        let selector = json!({"matchLabels": self.labels(Some(color))});
        let spec = json!({"minAvailable": "50%", "selector": selector});
        self.object("policy/v1", "PodDisruptionBudget", &(self.convention.workload)(color), &spec)
    }

    pub(crate) fn ingress(&self, name: &str, color: Option<&str>, host: &str) -> Value {
        let backend = json!({"service": {"name": self.service_name(color), "port": {"number": 80}}});
        let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
        let spec = json!({"rules": [{"host": host, "http": {"paths": paths}}]});
        self.object("networking.k8s.io/v1", "Ingress", name, &spec)
    }

    pub(crate) fn route(&self, backends: &Value) -> Value {
        let spec = json!({
            "parentRefs": [{"name": "gateway"}],
            "hostnames": ["www.example.org"],
            "rules": [{"backendRefs": backends}],
        });
        self.object("gateway.networking.k8s.io/v1", "HTTPRoute", "front", &spec)
    }

    fn policy(&self) -> Value {
        let selector = match self.labels(None) {
            Value::Object(labels) if !labels.is_empty() => json!({"matchLabels": labels}),
            _ => {
                json!({"matchExpressions": [{"key": self.convention.key, "operator": "In", "values": ["blue", "green"]}]})
            }
        };
        let from = json!([{"from": [{"namespaceSelector": {}}]}]);
        let spec = json!({"podSelector": selector, "policyTypes": ["Ingress"], "ingress": from});
        self.object("networking.k8s.io/v1", "NetworkPolicy", "front", &spec)
    }

    fn quota(&self) -> Value {
        let hard = json!({"requests.cpu": "4", "requests.memory": "8Gi", "pods": "40"});
        self.object("v1", "ResourceQuota", "team", &json!({"hard": hard}))
    }

    fn index(&self, role: Role) -> usize {
        let name = match role {
            Role::Workload(color) | Role::Other(_, Some(color)) => (self.convention.workload)(color),
            Role::Active => self.service_name(None),
            Role::ColorService(color) => self.service_name(Some(color)),
            Role::Other(kind, None) => {
                return self
                    .objects
                    .iter()
                    .rposition(|object| object["kind"] == kind)
                    .unwrap_or_else(|| panic!("{kind}"));
            }
        };
        let kind = match role {
            Role::Workload(_) => "Deployment",
            Role::Active | Role::ColorService(_) => "Service",
            Role::Other(kind, _) => kind,
        };
        let here = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name.as_str();
        self.objects.iter().position(here).unwrap_or_else(|| panic!("{kind} {name}"))
    }

    pub(crate) fn at(&self, role: Role) -> &Value {
        &self.objects[self.index(role)]
    }

    pub(crate) fn name(&self, role: Role) -> String {
        self.at(role)["metadata"]["name"].as_str().unwrap().to_owned()
    }

    pub(crate) fn change(&mut self, role: Role, pointer: &str) -> &mut Value {
        let at = self.index(role);
        self.objects[at].pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))
    }

    pub(crate) fn take(&mut self, role: Role) -> Value {
        let at = self.index(role);
        self.objects.remove(at)
    }

    pub(crate) fn key(&self) -> &'static str {
        self.convention.key
    }

    pub(crate) fn value(&self, color: &str) -> String {
        (self.convention.value)(color)
    }

    pub(crate) fn shared(&self) -> Option<&'static str> {
        self.convention.shared.first().map(|(key, _)| *key)
    }

    pub(crate) fn active(&self) -> &'static str {
        self.convention.active
    }

    pub(crate) fn idle(&self) -> &'static str {
        other(self.active())
    }

    pub(crate) fn by_number(&self) -> bool {
        self.convention.by_number
    }

    /// What the linter says of the set, written so.
    pub(crate) fn findings(text: &str) -> Vec<Finding> {
        lint(&[Source::new("set.yaml", text)], &Config::default()).findings
    }

    /// One object a document, one value a line, so that a line says which value is meant.
    pub(crate) fn text(&self) -> String {
        let objects: Vec<String> =
            self.objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap()).collect();
        format!("---\n{}\n", objects.join("\n---\n"))
    }
}

/// The other color.
pub(crate) fn other(color: &str) -> &'static str {
    if color == "blue" { "green" } else { "blue" }
}

#[test]
fn good_sets_have_no_finding_whatever_stands_beside_them() {
    let mut count = 0;
    for convention in &CONVENTIONS {
        for subset in 0..1_usize << Extra::ALL.len() {
            let extras: Vec<Extra> = Extra::ALL
                .into_iter()
                .enumerate()
                .filter(|(at, _)| subset >> at & 1 == 1)
                .map(|(_, extra)| extra)
                .collect();
            let set = Set::new(convention, &extras);
            let list = json!({"apiVersion": "v1", "kind": "List", "items": set.objects});
            for text in [set.text(), list.to_string()] {
                let findings: Vec<_> = Set::findings(&text).into_iter().map(|of| (of.rule.code, of.message)).collect();
                assert!(findings.is_empty(), "{} with {extras:?}: {findings:?}", convention.name);
                count += 1;
            }
        }
    }
    assert_eq!(count, 6 * 64 * 2);
}
