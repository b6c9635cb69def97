//! Where routes send traffic: Ingresses, and those of the Gateway API, Traefik and Istio where they are served.
//! Reads objects as the API server answers them; asks nobody, and judges nothing.

use std::fmt;

use bluegreen_lint::set;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::Resource;

/// The kinds of routes that are looked at.
pub const KINDS: [Resource; 6] = [
    Resource::Ingresses,
    Resource::HttpRoutes,
    Resource::GrpcRoutes,
    Resource::IngressRoutes,
    Resource::TraefikServices,
    Resource::VirtualServices,
];

/// The annotation of an Ingress that takes a share of another one's traffic.
const CANARY: &str = "nginx.ingress.kubernetes.io/canary";

/// A Service that a route names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// Whether users reach it: not at weight 0, and not by a mirror, whose answers nobody sees.
    pub serves: bool,
    /// What a request must have to come here: hosts, paths, values of headers.
    pub conditions: Vec<String>,
}

/// A route and the Services that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its kind.
    pub resource: Resource,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is a canary of another route.
    pub canary: bool,
    /// The Services that it sends traffic to.
    pub backends: Vec<Backend>,
    /// The Services whose own traffic it takes over, as in a mesh.
    pub fronts: Vec<String>,
    /// Whether it splits the traffic behind one Service by itself.
    pub subsets: bool,
    /// The whole object, as the API server answered it.
    pub object: Value,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource.kind().to_ascii_lowercase(), self.name)
    }
}

/// Why a kind of route is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Reading them is not allowed.
    NotAllowed,
    /// The API server does not serve that kind, or not that version of it.
    NotServed,
}

/// A kind of route that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UnknownKind {
    /// The kind.
    #[schemars(with = "String")]
    pub kind: Resource,
    /// Why.
    pub reason: Why,
}

/// The routes that were seen, and the kinds that could not be.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Those that were seen.
    pub known: Vec<Route>,
    /// The kinds that could not be read.
    pub unknown: Vec<UnknownKind>,
}

impl Routes {
    /// The routes that name a Service, at any weight.
    pub fn to<'r>(&'r self, namespace: &'r str, service: &'r str) -> impl Iterator<Item = (&'r Route, &'r Backend)> {
        let backends = self.known.iter().flat_map(|route| route.backends.iter().map(move |backend| (route, backend)));
        backends.filter(move |(_, backend)| backend.namespace == namespace && backend.service == service)
    }

    /// The kinds that are unknown for a reason, in words; empty when there are none.
    #[must_use]
    pub fn unknown_for(&self, reason: Why) -> String {
        let kinds = self.unknown.iter().filter(|unknown| unknown.reason == reason);
        kinds.map(|unknown| unknown.kind.kind()).collect::<Vec<_>>().join(", ")
    }

    /// What release sets are found by: the routes of each namespace that is sent to.
    pub fn facts(&self) -> impl Iterator<Item = set::Route> {
        self.known.iter().flat_map(|route| {
            let mut namespaces: Vec<&str> = route.backends.iter().map(|backend| backend.namespace.as_str()).collect();
            namespaces.dedup();
            namespaces.into_iter().map(|namespace| set::Route {
                namespace: Some(namespace.to_owned()),
                backends: route
                    .backends
                    .iter()
                    .filter(|b| b.namespace == namespace)
                    .map(|b| b.service.clone())
                    .collect(),
                fronts: route.fronts.clone(),
                subsets: route.subsets,
            })
        })
    }
}

/// Reads the objects of a list as routes.
#[must_use]
pub fn read(resource: Resource, objects: &[Value]) -> Vec<Route> {
    objects.iter().map(|object| route(resource, object)).collect()
}

fn route(resource: Resource, object: &Value) -> Route {
    let of = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let annotations = object.pointer("/metadata/annotations");
    let mut route = Route {
        resource,
        namespace: of("/metadata/namespace"),
        name: of("/metadata/name"),
        canary: annotations.and_then(|all| all.get(CANARY)?.as_str()) == Some("true"),
        backends: Vec::new(),
        fronts: Vec::new(),
        subsets: false,
        object: object.clone(),
    };
    let spec = object.get("spec").unwrap_or(&Value::Null);
    match resource {
        Resource::Ingresses => ingress(spec, &mut route),
        Resource::HttpRoutes | Resource::GrpcRoutes => gateway(spec, &mut route),
        Resource::IngressRoutes | Resource::TraefikServices => traefik(spec, &mut route),
        Resource::VirtualServices => istio(spec, &mut route),
        _ => {}
    }
    route
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> + Clone {
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}

/// Every text in a value, however deep: what a match asks for.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

impl Route {
    /// What it is called in the journal: `HTTPRoute/shop`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.resource.kind(), self.name)
    }

    fn add(&mut self, service: Option<&Value>, namespace: Option<&Value>, serves: bool, conditions: Vec<String>) {
        let Some(service) = service.and_then(Value::as_str) else { return };
        let namespace = namespace.and_then(Value::as_str).unwrap_or(&self.namespace).to_owned();
        self.backends.push(Backend { namespace, service: service.to_owned(), serves, conditions });
    }

    /// A host inside the cluster: `shop`, `shop.web` or `shop.web.svc.cluster.local`.
    fn add_host(&mut self, host: Option<&Value>, serves: bool, conditions: Vec<String>) {
        let mut parts = host.and_then(Value::as_str).unwrap_or_default().split('.').map(Value::from);
        let (service, namespace) = (parts.next(), parts.next());
        self.add(service.as_ref(), namespace.as_ref(), serves, conditions);
    }
}

fn ingress(spec: &Value, route: &mut Route) {
    route.add(spec.pointer("/defaultBackend/service/name"), None, true, Vec::new());
    for rule in items(spec.get("rules")) {
        for path in items(rule.pointer("/http/paths")) {
            let mut conditions = Vec::new();
            [rule.get("host"), path.get("path")].into_iter().flatten().for_each(|text| texts(text, &mut conditions));
            route.add(path.pointer("/backend/service/name"), None, true, conditions);
        }
    }
}

fn gateway(spec: &Value, route: &mut Route) {
    let is_service = |reference: &Value| reference.get("kind").is_none_or(|kind| kind == "Service");
    let parents = items(spec.get("parentRefs")).filter(|parent| parent.get("kind").is_some_and(|k| k == "Service"));
    route.fronts.extend(parents.filter_map(|parent| Some(parent.get("name")?.as_str()?.to_owned())));
    for rule in items(spec.get("rules")) {
        let mut conditions = Vec::new();
        [spec.get("hostnames"), rule.get("matches")].into_iter().flatten().for_each(|all| texts(all, &mut conditions));
        let refs = items(rule.get("backendRefs"));
        for reference in refs.clone().filter(|reference| is_service(reference)) {
            let serves = reference.get("weight") != Some(&Value::from(0));
            route.add(reference.get("name"), reference.get("namespace"), serves, conditions.clone());
        }
        let of_refs = refs.flat_map(|reference| items(reference.get("filters")));
        for filter in items(rule.get("filters")).chain(of_refs) {
            let mirror = filter.pointer("/requestMirror/backendRef").filter(|mirror| is_service(mirror));
            let namespace = mirror.and_then(|mirror| mirror.get("namespace"));
            route.add(mirror.and_then(|mirror| mirror.get("name")), namespace, false, conditions.clone());
        }
    }
}

fn traefik(spec: &Value, route: &mut Route) {
    let is_service = |service: &Value| service.get("kind").is_none_or(|kind| kind == "Service");
    let mut add = |service: &Value, serves: bool, conditions: Vec<String>| {
        if is_service(service) {
            let serves = serves && service.get("weight") != Some(&Value::from(0));
            route.add(service.get("name"), service.get("namespace"), serves, conditions);
        }
    };
    for rule in items(spec.get("routes")) {
        let mut conditions = Vec::new();
        rule.get("match").iter().for_each(|text| texts(text, &mut conditions));
        items(rule.get("services")).for_each(|service| add(service, true, conditions.clone()));
    }
    for list in ["/weighted/services", "/highestRandomWeight/services"] {
        items(spec.pointer(list)).for_each(|service| add(service, true, Vec::new()));
    }
    if let Some(mirroring) = spec.get("mirroring") {
        add(mirroring, true, Vec::new());
        items(mirroring.get("mirrors")).for_each(|service| add(service, false, Vec::new()));
    }
}

fn istio(spec: &Value, route: &mut Route) {
    let hosts = items(spec.get("hosts")).filter_map(Value::as_str).filter_map(|host| host.split('.').next());
    route.fronts.extend(hosts.map(str::to_owned));
    let protocols = ["http", "tcp", "tls"].into_iter().filter_map(|protocol| spec.get(protocol));
    for rule in protocols.flat_map(|rules| items(Some(rules))) {
        let mut conditions = Vec::new();
        [spec.get("hosts"), rule.get("match")].into_iter().flatten().for_each(|all| texts(all, &mut conditions));
        for to in items(rule.get("route")) {
            route.subsets |= to.pointer("/destination/subset").is_some();
            let serves = to.get("weight") != Some(&Value::from(0));
            route.add_host(to.pointer("/destination/host"), serves, conditions.clone());
        }
        let mirrors = items(rule.get("mirrors")).filter_map(|mirror| mirror.get("destination"));
        for mirror in rule.get("mirror").into_iter().chain(mirrors) {
            route.add_host(mirror.get("host"), false, conditions.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backends(resource: Resource, spec: &Value) -> Vec<String> {
        let object = json!({"metadata": {"name": "r", "namespace": "n"}, "spec": spec});
        let routes = read(resource, &[object]);
        let words = |b: &Backend| {
            let serves = if b.serves { "" } else { " (not users)" };
            format!("{}/{} {:?}{serves}", b.namespace, b.service, b.conditions)
        };
        routes.iter().flat_map(|route| route.backends.iter().map(words)).collect()
    }

    #[test]
    fn every_kind_names_its_services() {
        let ingress = json!({"defaultBackend": {"service": {"name": "a"}}, "rules": [
            {"host": "h", "http": {"paths": [{"path": "/p", "backend": {"service": {"name": "b"}}}, {"backend": {"resource": {}}}]}},
        ]});
        assert_eq!(backends(Resource::Ingresses, &ingress), ["n/a []", r#"n/b ["h", "/p"]"#]);
        let http = json!({"hostnames": ["h"], "rules": [{
            "matches": [{"path": {"value": "/p"}, "headers": [{"name": "x-color", "value": "green"}]}],
            "filters": [{"requestMirror": {"backendRef": {"name": "m"}}}],
            "backendRefs": [{"name": "a", "weight": 90}, {"name": "b", "namespace": "o", "weight": 0}, {"kind": "Bucket", "name": "c"}],
        }]});
        let conditions = r#"["h", "x-color", "green", "/p"]"#;
        assert_eq!(
            backends(Resource::HttpRoutes, &http),
            [
                format!("n/a {conditions}"),
                format!("o/b {conditions} (not users)"),
                format!("n/m {conditions} (not users)")
            ]
        );
        let service = json!({"weighted": {"services": [{"name": "a", "weight": 3}, {"name": "t", "kind": "TraefikService"}]},
            "mirroring": {"name": "b", "mirrors": [{"name": "m"}]}});
        assert_eq!(backends(Resource::TraefikServices, &service), ["n/a []", "n/b []", "n/m [] (not users)"]);
        let routes = json!({"routes": [{"match": "Host(`h`)", "services": [{"name": "a"}]}]});
        assert_eq!(backends(Resource::IngressRoutes, &routes), [r#"n/a ["Host(`h`)"]"#]);
        let mesh = json!({"hosts": ["shop"], "http": [{
            "route": [{"destination": {"host": "a.o.svc.cluster.local", "subset": "v1"}}, {"destination": {"host": "b"}, "weight": 0}],
            "mirror": {"host": "m"},
        }]});
        assert_eq!(
            backends(Resource::VirtualServices, &mesh),
            [r#"o/a ["shop"]"#, r#"n/b ["shop"] (not users)"#, r#"n/m ["shop"] (not users)"#]
        );
    }

    #[test]
    fn nonsense_is_no_route_to_anywhere() {
        for spec in [json!(null), json!([]), json!({"rules": 3, "routes": {}, "http": [[]], "defaultBackend": "x"})] {
            for kind in KINDS {
                assert_eq!(backends(kind, &spec), Vec::<String>::new());
            }
        }
    }
}
