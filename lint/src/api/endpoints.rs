//! Validates written-out endpoints of a Service: Endpoints and `EndpointSlice`.
//! Must not ask which Service they belong to.

use std::collections::HashSet;
use std::net::IpAddr;

use super::names::{self, Fault};
use super::sink::{Sink, is_empty, items, list_of, text};
use crate::yaml::NodeRef;

const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
const MAX_ADDRESSES: usize = 100;
const MAX_ENDPOINTS: usize = 1000;
const MAX_HINTS: usize = 8;
const MAX_PORTS: usize = 20_000;

/// Validates Endpoints.
pub(super) fn endpoints<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let syntax = sink.address();
    for subset in items(root, "subsets") {
        let lists = ["addresses", "notReadyAddresses"];
        if lists.iter().all(|key| is_empty(subset, key)) {
            sink.none_set(subset, &lists);
        }
        for address in lists.iter().flat_map(|key| items(subset, key)) {
            sink.required_name(address, "ip", "the address is needed", |ip| {
                syntax(ip).or_else(|| names::ip(ip).and_then(names::special))
            });
            sink.name(address, "hostname", names::dns_label);
            sink.name_if_set(address, "nodeName", names::dns_subdomain);
        }
        let several = items(subset, "ports").count() > 1;
        for port in items(subset, "ports") {
            if several {
                sink.required_name(port, "name", "with several ports each needs a name", names::dns_label);
            } else {
                sink.name(port, "name", names::dns_label);
            }
            match port.get("port") {
                Some(_) => sink.number(port, "port", 1, 65535),
                None => sink.missing(port, "port", "the number of the port is needed"),
            }
            sink.one_of(port, "protocol", &PROTOCOLS);
            sink.name_if_set(port, "appProtocol", names::qualified_name);
        }
    }
}

/// Validates an `EndpointSlice`.
pub(super) fn slice<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_one_of(root, "addressType", &["IPv4", "IPv6", "FQDN"]);
    sink.at_most(root, "endpoints", MAX_ENDPOINTS);
    for endpoint in items(root, "endpoints") {
        if is_empty(endpoint, "addresses") {
            sink.missing(endpoint, "addresses", "at least one address is needed");
        }
        sink.at_most(endpoint, "addresses", MAX_ADDRESSES);
        for address in items(endpoint, "addresses") {
            match text(root, "addressType") {
                // An IPv4 address may be in the form of an IPv6 one.
                "IPv4" => of_family(address, |ip| ip.to_canonical().is_ipv4(), "IPv4", sink),
                "IPv6" => of_family(address, IpAddr::is_ipv6, "IPv6", sink),
                "FQDN" => sink.syntax(address, names::full_domain),
                _ => {}
            }
        }
        sink.name_if_set(endpoint, "nodeName", names::dns_subdomain);
        sink.name_if_set(endpoint, "hostname", names::dns_label);
        if let Some(hints) = endpoint.get("hints") {
            zones(hints, sink);
        }
    }
    sink.at_most(root, "ports", MAX_PORTS);
    let mut seen = HashSet::new();
    for port in items(root, "ports") {
        let name = text(port, "name");
        sink.name(port, "name", names::dns_label);
        if !seen.insert(name) {
            match port.get("name") {
                Some(node) => sink.duplicate(node),
                None => sink.missing(port, "name", "another port has no name, either"),
            }
        }
        if let Some(protocol) = port.get("protocol") {
            sink.among(protocol, &PROTOCOLS);
        }
        sink.name_if_set(port, "appProtocol", names::qualified_name);
    }
}

fn of_family<'o>(address: NodeRef<'o>, is_of_it: fn(&IpAddr) -> bool, name: &str, sink: &mut Sink<'o>) {
    let before = sink.count();
    sink.syntax(address, |ip| family(ip, is_of_it, name));
    // Of one in the form of IPv6 the server names the address, of one of another family the list.
    let is_mapped = name == "IPv6" && address.as_str().is_some_and(|text| text.contains(':'));
    if !is_mapped && address.as_str().and_then(names::ip).is_some_and(|ip| !is_of_it(&ip)) {
        sink.at_paths_since(before, list_of);
    }
}

fn family(text: &str, is_of_it: fn(&IpAddr) -> bool, name: &str) -> Fault {
    match names::ip(text).filter(is_of_it) {
        Some(IpAddr::V6(ip)) if name == "IPv6" && ip.to_ipv4_mapped().is_some() => {
            Some("an IPv4 address in the form of an IPv6 one is not allowed".to_owned())
        }
        Some(ip) if name == "IPv6" && ip.to_string() != text => Some(format!("it must be written as `{ip}`")),
        Some(ip) => names::special(ip.to_canonical()),
        None => Some(format!("an {name} address is needed")),
    }
}

type Syntax = fn(&str) -> Fault;

fn zones<'o>(hints: NodeRef<'o>, sink: &mut Sink<'o>) {
    let kinds: [(&str, Syntax); 2] = [("forZones", names::label_value), ("forNodes", names::dns_subdomain)];
    for (key, syntax) in kinds {
        sink.at_most(hints, key, MAX_HINTS);
        let mut seen = HashSet::new();
        for hint in items(hints, key) {
            let name = text(hint, "name");
            match hint.get("name").filter(|_| !seen.insert(name)) {
                Some(node) => sink.duplicate(node),
                // A zone may have no name, a node may not.
                None if hint.get("name").is_none() && syntax("").is_some() => {
                    sink.missing(hint, "name", "the name is needed");
                }
                None => sink.name_if_set(hint, "name", syntax),
            }
        }
    }
}
