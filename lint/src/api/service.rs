//! Validates a Service: its type and what the type allows, its ports and addresses.
//! Must not ask what it selects.

use std::collections::HashSet;
use std::net::IpAddr;

use super::ports::MAX_PORT;
use super::sink::{Sink, int, is_empty, items, owner_of, text};
use super::{names, probe, selector};
use crate::yaml::{NodeRef, Value};

/// The annotation that older clusters read instead of `loadBalancerSourceRanges`.
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// Validates a Service.
pub(super) fn service<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "a Service needs at least one port");
        sink.at_path(|path| format!("{path}.ports"));
        return;
    };
    let kind = Some(text(spec, "type")).filter(|kind| !kind.is_empty()).unwrap_or("ClusterIP");
    let service = Service { spec, kind, is_headless: is_headless(spec) };
    sink.one_of(spec, "type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    service.ports(sink);
    if let Some(own) = spec.get("selector") {
        selector::labels(own, sink);
    }
    service.affinity(sink);
    if kind == "ExternalName" {
        service.external_name(sink);
    } else {
        service.addresses(sink);
    }
    external_addresses(spec, sink);
    service.load_balancer(root, sink);
    service.traffic(sink);
}

/// Whether it has no address of its own.
fn is_headless(spec: NodeRef<'_>) -> bool {
    match text(spec, "clusterIP") {
        "" => items(spec, "clusterIPs").map(NodeRef::as_str).eq([Some("None")]),
        address => address == "None",
    }
}

struct Service<'o> {
    spec: NodeRef<'o>,
    /// With the default filled in.
    kind: &'o str,
    is_headless: bool,
}

impl<'o> Service<'o> {
    fn ports(&self, sink: &mut Sink<'o>) {
        let spec = self.spec;
        if is_empty(spec, "ports") && !self.is_headless && self.kind != "ExternalName" {
            sink.missing(spec, "ports", "a Service needs at least one port");
        }
        let many = items(spec, "ports").count() > 1;
        sink.unique(items(spec, "ports"), "name");
        for port in items(spec, "ports") {
            if many {
                sink.required_text(port, "name", "with several ports each needs a name");
            }
            sink.name(port, "name", names::dns_label);
            if port.get("port").is_none() {
                sink.missing(port, "port", "the number that clients connect to is needed");
            }
            sink.number(port, "port", 1, MAX_PORT);
            sink.one_of(port, "protocol", &["SCTP", "TCP", "UDP"]);
            target(port, sink);
            sink.name_if_set(port, "appProtocol", names::qualified_name);
            if int(port, "nodePort").is_some_and(|number| number != 0) {
                self.node_port(port, sink);
            }
        }
        no_duplicates(spec, "port", sink);
        no_duplicates(spec, "nodePort", sink);
    }

    fn node_port(&self, port: NodeRef<'o>, sink: &mut Sink<'o>) {
        if self.kind == "ClusterIP" {
            sink.forbidden(port, "nodePort", "a Service of type ClusterIP has no port on the nodes");
        }
        // The range that a cluster gives out is its own: only its allocator refuses a number.
    }

    fn affinity(&self, sink: &mut Sink<'o>) {
        sink.one_of(self.spec, "sessionAffinity", &["ClientIP", "None"]);
        let config = self.spec.at(&["sessionAffinityConfig", "clientIP"]);
        if let Some(config) = config.filter(|_| text(self.spec, "sessionAffinity") == "ClientIP") {
            sink.number(config, "timeoutSeconds", 1, 86_400);
        }
    }

    fn external_name(&self, sink: &mut Sink<'o>) {
        for (key, list) in [("clusterIP", "clusterIPs"), ("clusterIPs", "clusterIPs")] {
            if !is_nothing(self.spec, key) {
                sink.forbidden(self.spec, key, "a Service of type ExternalName has no address");
                sink.at_path(|path| path.replace(key, list));
                break;
            }
        }
        for key in ["ipFamilies", "ipFamilyPolicy"] {
            if !is_nothing(self.spec, key) || (key == "ipFamilyPolicy" && self.spec.get(key).is_some()) {
                sink.forbidden(self.spec, key, "a Service of type ExternalName has no address");
            }
        }
        let name = |name: &str| names::dns_subdomain(name.strip_suffix('.').unwrap_or(name));
        sink.required_name(self.spec, "externalName", "the name that it stands for is needed", name);
    }

    /// `clusterIP`, `clusterIPs` and the families of addresses.
    fn addresses(&self, sink: &mut Sink<'o>) {
        let spec = self.spec;
        let single = spec.get("clusterIP").filter(|node| node.as_str().is_some_and(|text| !text.is_empty()));
        let before = sink.count();
        families(spec, sink);
        let families_count = items(spec, "ipFamilies").count();
        let list: Vec<NodeRef<'o>> = items(spec, "clusterIPs").collect();
        match (single, list.first()) {
            (None, Some(_)) => {
                if let Some(node) = spec.get("clusterIPs") {
                    sink.invalid(node, "it must be empty when `clusterIP` is", "set `clusterIP` to the first of them");
                }
            }
            (Some(single), Some(first)) if single.as_str() != first.as_str() => {
                if let Some(node) = spec.get("clusterIPs") {
                    sink.invalid(node, "the first one must be `clusterIP`", "make both the same");
                }
            }
            _ => {}
        }
        let all = if list.is_empty() { single.into_iter().collect() } else { list.clone() };
        let index = |path: &str| path.replace("spec.clusterIP", "spec.clusterIPs[0]");
        for (at, address) in all.iter().enumerate() {
            let is_none = address.as_str() == Some("None");
            if is_none && at == 0 {
                if all.len() > 1
                    && let Some(node) = spec.get("clusterIPs")
                {
                    sink.invalid(node, "`None` must be the only one", "remove the others");
                }
                continue;
            }
            let found = sink.count();
            sink.syntax(*address, sink.address());
            if list.is_empty() {
                sink.at_paths_since(found, index);
            }
        }
        if all.len() > 2
            && let Some(node) = spec.get("clusterIPs")
        {
            sink.invalid(node, "at most two are allowed", "keep one of each family");
        }
        if sink.count() > before {
            return;
        }
        self.address_families(&all, list.is_empty(), families_count, sink);
        if self.is_headless
            && matches!(self.kind, "LoadBalancer" | "NodePort")
            && let Some(node) = single
        {
            sink.invalid(
                node,
                format!("a Service of type {} needs an address", self.kind),
                "remove it, or change the type",
            );
            sink.at_path(|path| path.replace("spec.clusterIP", "spec.clusterIPs[0]"));
        }
    }

    fn address_families(&self, all: &[NodeRef<'o>], is_single: bool, families: usize, sink: &mut Sink<'o>) {
        let parsed: Vec<Option<IpAddr>> = all.iter().map(|node| node.as_str().and_then(names::ip)).collect();
        if let [Some(first), Some(second)] = parsed[..]
            && first.is_ipv4() == second.is_ipv4()
            && let Some(node) = self.spec.get("clusterIPs")
        {
            sink.invalid(
                node,
                "only one address of each family is allowed",
                "remove one, or take one of the other family",
            );
            return;
        }
        for ((node, address), family) in all.iter().zip(&parsed).zip(items(self.spec, "ipFamilies")) {
            let Some(address) = address else { continue };
            let own = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            if family.as_str().is_some_and(|family| family != own) {
                sink.invalid(
                    *node,
                    "it is not of the family that `ipFamilies` says",
                    "change the address or `ipFamilies`",
                );
                if is_single {
                    sink.at_path(|path| path.replace("spec.clusterIP", "spec.clusterIPs[0]"));
                }
            }
        }
        if families > 1 || all.len() > 1 {
            self.several_families(sink);
        }
    }

    /// Without a word about it a Service has one family of addresses, unless somebody else keeps its endpoints.
    fn several_families(&self, sink: &mut Sink<'o>) {
        let reason = "with several families of addresses `PreferDualStack` or `RequireDualStack` is needed";
        match self.spec.get("ipFamilyPolicy") {
            Some(node) if node.as_str() == Some("SingleStack") => {
                sink.invalid(node, reason, "use `PreferDualStack` or `RequireDualStack`");
            }
            None if !self.is_headless || !is_empty(self.spec, "selector") => {
                sink.missing(self.spec, "ipFamilyPolicy", reason);
            }
            _ => {}
        }
    }

    /// What is for load balancers alone.
    fn load_balancer(&self, root: NodeRef<'o>, sink: &mut Sink<'o>) {
        let spec = self.spec;
        let is_balanced = self.kind == "LoadBalancer";
        for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if spec.get(key).is_some() && !is_balanced {
                sink.forbidden(spec, key, "it is for `type: LoadBalancer` alone");
            }
        }
        if is_balanced {
            sink.name_if_set(spec, "loadBalancerClass", names::qualified_name);
        }
        let before = sink.count();
        if !is_empty(spec, "loadBalancerSourceRanges") {
            if !is_balanced {
                sink.forbidden(spec, "loadBalancerSourceRanges", "it is for `type: LoadBalancer` alone");
            }
            let syntax = sink.address_range();
            items(spec, "loadBalancerSourceRanges").for_each(|range| sink.syntax(range, |text| syntax(text.trim())));
            sink.at_paths_since(before, |path| path.replace("loadBalancer", "LoadBalancer"));
        } else if let Some(annotation) = root.at(&["metadata", "annotations", SOURCE_RANGES]) {
            if !is_balanced {
                sink.forbid_value(annotation, "it is for `type: LoadBalancer` alone");
            }
            let ranges = |text: &str| text.split(',').map(str::trim).find_map(names::cidr);
            if !annotation.as_str().is_none_or(|text| text.trim().is_empty()) {
                sink.syntax(annotation, ranges);
            }
        }
    }

    /// Which pods get the traffic.
    fn traffic(&self, sink: &mut Sink<'o>) {
        let spec = self.spec;
        if let Some(policy) = spec.get("internalTrafficPolicy") {
            sink.among(policy, &["Cluster", "Local"]);
        }
        let is_external = matches!(self.kind, "LoadBalancer" | "NodePort")
            || (self.kind == "ClusterIP" && !is_empty(spec, "externalIPs"));
        if is_external {
            sink.one_of(spec, "externalTrafficPolicy", &["Cluster", "Local"]);
        } else if !text(spec, "externalTrafficPolicy").is_empty()
            && let Some(policy) = spec.get("externalTrafficPolicy")
        {
            sink.invalid(policy, "it is for Services that can be reached from outside", "remove it");
        }
        let has_check = self.kind == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local";
        if let Some(port) = spec.get("healthCheckNodePort").filter(|port| port.as_int() != Some(0)) {
            if has_check {
                sink.number(spec, "healthCheckNodePort", 1, MAX_PORT);
            } else {
                let reason = "it is for `type: LoadBalancer` with `externalTrafficPolicy: Local`";
                sink.invalid(port, reason, "remove it");
            }
        }
        let known: &[&str] =
            if sink.since(34) { &["PreferClose", "PreferSameZone", "PreferSameNode"] } else { &["PreferClose"] };
        // Kubernetes 1.30 drops the field unless it is told otherwise.
        if let Some(distribution) = spec.get("trafficDistribution").filter(|_| sink.since(31)) {
            sink.among(distribution, known);
        }
    }
}

/// Whether a field is absent or empty.
fn is_nothing(spec: NodeRef<'_>, key: &str) -> bool {
    spec.get(key).is_none_or(|node| match node.value() {
        Value::Str(text) => text.is_empty(),
        Value::Seq(items) => items.is_empty(),
        _ => false,
    })
}

/// The port of the pods; 0 and nothing mean the same port as the Service's.
fn target<'o>(port: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(target) = port.get("targetPort") else { return };
    if target.as_int() != Some(0) && target.as_str() != Some("") {
        probe::port(port, "targetPort", sink);
    }
}

/// Two ports of one protocol cannot have one number.
fn no_duplicates<'o>(spec: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let mut seen = HashSet::new();
    for port in items(spec, "ports") {
        let Some(node) = port.get(key).filter(|node| node.as_int() != Some(0)) else { continue };
        let protocol = Some(text(port, "protocol")).filter(|text| !text.is_empty()).unwrap_or("TCP");
        if node.as_int().is_some_and(|number| !seen.insert((protocol, number))) {
            sink.duplicate(node);
            if key == "port" {
                sink.at_path(owner_of);
            }
        }
    }
}

fn families<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mut seen = HashSet::new();
    for family in items(spec, "ipFamilies") {
        sink.among(family, &["IPv4", "IPv6"]);
        if family.as_str().is_some_and(|text| !seen.insert(text)) {
            sink.duplicate(family);
        }
    }
    if let Some(policy) = spec.get("ipFamilyPolicy") {
        sink.among(policy, &["PreferDualStack", "RequireDualStack", "SingleStack"]);
    }
}

/// Addresses of the nodes that the Service takes: none that every machine has.
fn external_addresses<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    for address in items(spec, "externalIPs") {
        let syntax = sink.address();
        sink.syntax(address, |text| syntax(text).or_else(|| names::ip(text).and_then(names::special)));
    }
}
