//! What routes say, whatever kind they are: hosts, paths, and the Services behind them with ports and weights.
//! Must not judge; kinds that route nothing give nothing.

use crate::manifest::Object;
use crate::set::Route;
use crate::yaml::{NodeRef, Value};

/// An Ingress, a Gateway API route, an Istio, SMI, Traefik or `OpenShift` route.
#[derive(Debug, Default)]
pub struct Routing<'m> {
    /// Its rules; each sends a request to one of its backends.
    pub rules: Vec<Rule<'m>>,
    /// Other Services that it speaks of without sending anything there itself.
    about: Vec<String>,
    /// The names of the Services whose own traffic it takes over.
    pub fronts: Vec<String>,
    /// Whether it splits the traffic behind one Service by itself (a mesh's subsets).
    subsets: bool,
}

/// One rule of a route.
#[derive(Debug)]
pub struct Rule<'m> {
    /// The hosts that it is for; none for any host.
    pub hosts: Vec<NodeRef<'m>>,
    /// The paths that it is for, or a text that has them; none for any path.
    pub paths: Vec<NodeRef<'m>>,
    /// Whether it is only for requests with certain headers or the like.
    pub is_selective: bool,
    /// The Services that share its requests.
    pub backends: Vec<Backend<'m>>,
    /// Whether something else than Services shares its requests, too.
    pub has_others: bool,
}

/// A Service that a rule sends to.
#[derive(Clone, Copy, Debug)]
pub struct Backend<'m> {
    /// The Service's name.
    pub service: &'m str,
    /// The value that names the Service.
    pub name: NodeRef<'m>,
    /// The namespace of the Service, where it is said.
    pub namespace: Option<&'m str>,
    /// The port, as a number or by its name.
    pub port: Option<NodeRef<'m>>,
    /// Its share of the rule's requests.
    pub weight: Option<NodeRef<'m>>,
}

impl<'m> Backend<'m> {
    /// A backend by the mapping that has `name` under this key.
    fn of(mapping: NodeRef<'m>, key: &str) -> Option<Self> {
        let name = mapping.get(key)?;
        let namespace = mapping.get("namespace").and_then(NodeRef::as_str);
        let (port, weight) = (mapping.get("port"), mapping.get("weight"));
        Some(Self { service: name.as_str()?, name, namespace, port, weight })
    }

    /// A backend by a mesh's host: `shop` or `shop.web.svc.cluster.local`. A host outside of the cluster is the name of no
    /// Service.
    fn of_host(host: NodeRef<'m>) -> Option<Self> {
        let text = host.as_str()?;
        let mut labels = text.split('.');
        let service = labels.next()?;
        let namespace = labels.next();
        let outside = namespace.is_some() && labels.next() != Some("svc");
        let (service, namespace) = if outside { (text, None) } else { (service, namespace) };
        Some(Self { service, name: host, namespace, port: None, weight: None })
    }
}

impl<'m> Rule<'m> {
    fn new(backends: Vec<Backend<'m>>) -> Self {
        Self { hosts: Vec::new(), paths: Vec::new(), is_selective: false, backends, has_others: false }
    }
}

impl<'m> Routing<'m> {
    /// What an object routes; nothing for an object that is no route.
    #[must_use]
    pub fn of(object: &'m Object) -> Option<Self> {
        let spec = object.root().get("spec")?;
        match (object.group(), object.id.kind.as_str()) {
            ("networking.k8s.io" | "extensions", "Ingress") => Some(ingress(spec)),
            ("gateway.networking.k8s.io", _) => Some(gateway(spec)),
            ("split.smi-spec.io", "TrafficSplit") => Some(traffic_split(spec)),
            ("networking.istio.io", "VirtualService") => Some(virtual_service(spec)),
            ("networking.istio.io", "DestinationRule") => {
                let about = spec.get("host").and_then(Backend::of_host).map(|backend| backend.service.to_owned());
                let subsets = spec.get("subsets").is_some();
                Some(Self { about: about.into_iter().collect(), subsets, ..Self::default() })
            }
            ("traefik.io" | "traefik.containo.us", _) => Some(traefik(spec)),
            ("route.openshift.io", "Route") => Some(openshift(spec)),
            _ => None,
        }
    }

    /// What discovery needs to know of it.
    #[must_use]
    pub fn facts(self, object: &Object) -> Route {
        let backends = self.rules.iter().flat_map(|rule| &rule.backends).map(|backend| backend.service.to_owned());
        Route {
            namespace: object.id.namespace.clone(),
            backends: backends.chain(self.about).collect(),
            fronts: self.fronts,
            subsets: self.subsets,
        }
    }
}

fn items<'m>(mapping: NodeRef<'m>, key: &str) -> impl Iterator<Item = NodeRef<'m>> + use<'m> {
    mapping.get(key).into_iter().flat_map(NodeRef::items)
}

fn text(mapping: NodeRef<'_>, key: &str) -> Option<String> {
    mapping.get(key).and_then(NodeRef::as_str).map(str::to_owned)
}

/// Whether a reference means a Service: that is the default.
fn is_service(reference: &NodeRef<'_>) -> bool {
    reference.get("kind").is_none_or(|kind| kind.as_str() == Some("Service"))
}

fn ingress<'m>(spec: NodeRef<'m>) -> Routing<'m> {
    let backend = |backend: NodeRef<'m>| {
        let (of, key) = backend.get("service").map_or((backend, "serviceName"), |service| (service, "name"));
        let port = of.at(&["port", "number"]).or_else(|| of.at(&["port", "name"])).or_else(|| of.get("servicePort"));
        // An annotation says what this is, as for the AWS load balancer.
        let is_action = port.and_then(NodeRef::as_str) == Some("use-annotation");
        Backend::of(of, key).filter(|_| !is_action).map(|backend| Backend { port, ..backend })
    };
    let defaults = spec.get("defaultBackend").into_iter().chain(spec.get("backend"));
    let mut rules: Vec<Rule<'m>> = defaults.filter_map(backend).map(|backend| Rule::new(vec![backend])).collect();
    for rule in items(spec, "rules") {
        for path in rule.get("http").into_iter().flat_map(|http| items(http, "paths")) {
            rules.push(Rule {
                hosts: rule.get("host").into_iter().collect(),
                paths: path.get("path").into_iter().collect(),
                ..Rule::new(path.get("backend").and_then(backend).into_iter().collect())
            });
        }
    }
    Routing { rules, ..Routing::default() }
}

fn gateway<'m>(spec: NodeRef<'m>) -> Routing<'m> {
    let parents = items(spec, "parentRefs").filter(|parent| text(*parent, "kind").as_deref() == Some("Service"));
    let rule = |rule: NodeRef<'m>| {
        let backends = items(rule, "backendRefs").filter(is_service).filter_map(|backend| Backend::of(backend, "name"));
        let by_header = |of: &NodeRef<'m>| of.get("headers").is_some() || of.get("queryParams").is_some();
        Rule {
            hosts: items(spec, "hostnames").collect(),
            paths: items(rule, "matches").filter_map(|of| of.at(&["path", "value"])).collect(),
            is_selective: rule.get("matches").is_some() && items(rule, "matches").all(|of| by_header(&of)),
            backends: backends.collect(),
            has_others: items(rule, "backendRefs").any(|backend| !is_service(&backend)),
        }
    };
    let rules = items(spec, "rules").map(rule).collect();
    Routing { rules, fronts: parents.filter_map(|parent| text(parent, "name")).collect(), ..Routing::default() }
}

fn traffic_split(spec: NodeRef<'_>) -> Routing<'_> {
    let backends = items(spec, "backends").filter_map(|backend| Backend::of(backend, "service")).collect();
    Routing {
        rules: vec![Rule::new(backends)],
        fronts: text(spec, "service").into_iter().collect(),
        ..Routing::default()
    }
}

fn virtual_service<'m>(spec: NodeRef<'m>) -> Routing<'m> {
    let mut routing = Routing { fronts: service_names(items(spec, "hosts")), ..Routing::default() };
    for http in ["http", "tcp", "tls"].iter().flat_map(|protocol| items(spec, protocol)) {
        let destinations: Vec<NodeRef<'m>> = items(http, "route").collect();
        routing.subsets |= destinations.iter().any(|of| of.at(&["destination", "subset"]).is_some());
        let backend = |of: &NodeRef<'m>| {
            let destination = of.get("destination")?;
            let port = destination.at(&["port", "number"]);
            Some(Backend { port, weight: of.get("weight"), ..Backend::of_host(destination.get("host")?)? })
        };
        let matches = || items(http, "match");
        let value = |of: NodeRef<'m>, key: &str| {
            let kinds = ["exact", "prefix", "regex"];
            kinds.iter().find_map(|kind| of.at(&[key, kind])).into_iter()
        };
        let special = ["headers", "queryParams", "sourceLabels", "gateways"];
        let is_special = |of: NodeRef<'m>| special.iter().any(|key| of.get(key).is_some());
        routing.rules.push(Rule {
            hosts: items(spec, "hosts").chain(matches().flat_map(|of| value(of, "authority"))).collect(),
            paths: matches().flat_map(|of| value(of, "uri")).collect(),
            is_selective: http.get("match").is_some() && matches().all(is_special),
            ..Rule::new(destinations.iter().filter_map(backend).collect())
        });
    }
    routing
}

fn traefik<'m>(spec: NodeRef<'m>) -> Routing<'m> {
    let services = |of: NodeRef<'m>| {
        let backends = items(of, "services").filter(is_service).filter_map(|service| Backend::of(service, "name"));
        let has_others = items(of, "services").any(|service| !is_service(&service));
        Rule { has_others, ..Rule::new(backends.collect()) }
    };
    let route = |route: NodeRef<'m>| {
        let matched = route.get("match");
        let is_selective =
            matched.and_then(NodeRef::as_str).is_some_and(|of| of.contains("Header") || of.contains("Query"));
        Rule { paths: matched.into_iter().collect(), is_selective, ..services(route) }
    };
    let weighted = spec.get("weighted").map(services);
    Routing { rules: items(spec, "routes").map(route).chain(weighted).collect(), ..Routing::default() }
}

fn openshift(spec: NodeRef<'_>) -> Routing<'_> {
    let targets = spec.get("to").into_iter().chain(items(spec, "alternateBackends"));
    let backends = targets.filter(is_service).filter_map(|to| Backend::of(to, "name")).collect();
    let rule = Rule {
        hosts: spec.get("host").into_iter().collect(),
        paths: spec.get("path").into_iter().collect(),
        ..Rule::new(backends)
    };
    Routing { rules: vec![rule], ..Routing::default() }
}

/// Hosts as names of Services: `shop.web.svc.cluster.local` is `shop`.
fn service_names<'m>(hosts: impl Iterator<Item = NodeRef<'m>>) -> Vec<String> {
    hosts.filter_map(NodeRef::as_str).filter_map(|host| host.split('.').next()).map(str::to_owned).collect()
}

/// Whether an annotation lets an Ingress share a host with another one on purpose.
#[must_use]
pub fn is_canary(object: &Object) -> bool {
    let annotations = object.root().at(&["metadata", "annotations"]);
    annotations.into_iter().flat_map(NodeRef::entries).any(|(entry, value)| {
        let name = entry.key.rsplit('/').next().unwrap_or_default();
        let is_off = matches!(value.value(), Value::Bool(false)) || value.as_str() == Some("false");
        name.starts_with("canary") && !is_off
    })
}
