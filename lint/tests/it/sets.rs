//! Good sets, made of a naming convention and of what else may stand beside a set; to lint as they are, and to plant
//! faults into.

mod conventions;

use bluegreen_lint::config::Config;
use bluegreen_lint::finding::Finding;
use bluegreen_lint::lint;
use bluegreen_lint::source::Source;
use serde_json::{Value, json};

pub(crate) use conventions::{CONVENTIONS, Convention};

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
    /// By its kind and name.
    Named(&'static str, &'static str),
    /// By its kind and, where there is one for each color, the color.
    Other(&'static str, Option<&'static str>),
}

impl Role {
    pub(crate) fn color(self) -> Option<&'static str> {
        match self {
            Self::Workload(color) | Self::ColorService(color) => Some(color),
            Self::Active | Self::Named(..) => None,
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
        if let Some(name) = convention.second {
            let mut second = set.service(None);
            second["metadata"]["name"] = json!(name);
            set.objects.push(second);
        }
        set.objects.extend(convention.neighbor.into_iter().flat_map(|neighbor| Self::new(neighbor, &[]).objects));
        set
    }

    fn object(&self, api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        if let Some(namespace) = self.convention.namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        if self.convention.chart {
            object["metadata"]["labels"] = json!({
                "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/version": "1.0.2", "helm.sh/chart": "web-1.4.0",
            });
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
        let mut template = json!({
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 30, "containers": containers},
        });
        if self.convention.sidecar {
            template["spec"]["initContainers"] = json!([{
                "name": "migrate", "image": "registry.example.com/migrate:1.0", "command": ["migrate", "--up"],
            }]);
        }
        if self.convention.chart {
            template["metadata"]["labels"]["helm.sh/chart"] = json!("web-1.4.0");
            template["metadata"]["annotations"] = json!({"checksum/config": format!("{color}0a1b2c3d")});
        }
        let mut spec = json!({"selector": {"matchLabels": labels}, "template": template});
        match self.convention.kind {
            "StatefulSet" => spec["serviceName"] = json!(self.service_name(Some(color))),
            "Rollout" => spec["strategy"] = json!({"canary": {"maxUnavailable": 0}}),
            _ => spec["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}),
        }
        if !is_scaled {
            spec["replicas"] = json!(3);
        }
        let (api_version, kind) = (self.convention.api_version(), self.convention.kind);
        self.object(api_version, kind, &(self.convention.workload)(color), &spec)
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
            "scaleTargetRef": {
                "apiVersion": self.convention.api_version(), "kind": self.convention.kind, "name": name,
            },
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
            Role::Named(_, name) => name.to_owned(),
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
            Role::Workload(_) => self.convention.kind,
            Role::Active | Role::ColorService(_) => "Service",
            Role::Other(kind, _) | Role::Named(kind, _) => kind,
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

    /// The set as files.
    pub(crate) fn sources(&self) -> Vec<Source> {
        self.convention.layout.write(&self.objects)
    }
}

/// What the linter says of files.
pub(crate) fn findings(sources: &[Source], pedantic: bool) -> Vec<Finding> {
    lint(sources, &Config { pedantic, ..Config::default() }).findings
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
            for sources in [set.sources(), vec![Source::new("set.json", list.to_string())]] {
                let found = findings(&sources, true);
                let findings: Vec<_> = found.into_iter().map(|of| (of.rule.code, of.message)).collect();
                assert!(findings.is_empty(), "{} with {extras:?}: {findings:?}", convention.name);
                count += 1;
            }
        }
    }
    assert_eq!(count, CONVENTIONS.len() * 64 * 2);
}
