//! Validates what a pod is called in the network, and how it finds others.
//! Must not look at Services.

use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, is_empty, is_true, items, owner_of, text};
use crate::yaml::NodeRef;

/// Validates host names, DNS and host aliases.
pub(super) fn network<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let spec = pod.spec;
    // The server does not look at these of a StatefulSet, which names its pods itself.
    if !pod.is_of_stateful_set() {
        sink.name(spec, "hostname", names::dns_label);
        sink.name(spec, "subdomain", names::dns_label);
    }
    hostname_override(spec, sink);
    sink.one_of(spec, "dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]);
    for alias in items(spec, "hostAliases") {
        sink.required_name(alias, "ip", "the address is needed", sink.address());
        for name in items(alias, "hostnames") {
            sink.syntax(name, names::dns_subdomain);
        }
    }
    if text(spec, "dnsPolicy") == "None" && spec.get("dnsConfig").is_none() {
        sink.missing(spec, "dnsConfig", "with `dnsPolicy: None` the name servers must be given");
        return;
    }
    if let Some(config) = spec.get("dnsConfig") {
        dns_config(spec, config, sink);
    }
}

/// A host name that is not made of the pod's, as the API reference describes it.
fn hostname_override<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    if text(spec, "hostnameOverride").is_empty() {
        return;
    }
    sink.name(spec, "hostnameOverride", |name| names::shorter_subdomain(name, 64));
    if let Some(key) = ["setHostnameAsFQDN", "hostNetwork"].iter().find(|key| is_true(spec, key)) {
        sink.forbidden(spec, "hostnameOverride", format!("`{key}` is true, and gives the pod another host name"));
    }
}

fn dns_config<'o>(spec: NodeRef<'o>, config: NodeRef<'o>, sink: &mut Sink<'o>) {
    if text(spec, "dnsPolicy") == "None" && is_empty(config, "nameservers") {
        sink.missing(config, "nameservers", "with `dnsPolicy: None` at least one name server is needed");
    }
    sink.at_most(config, "nameservers", 3);
    for server in items(config, "nameservers") {
        sink.syntax(server, sink.address());
    }
    sink.at_most(config, "searches", 32);
    let total: usize = items(config, "searches").filter_map(NodeRef::as_str).map(|text| text.len() + 1).sum();
    if let Some(searches) = config.get("searches").filter(|_| total > 2049) {
        sink.invalid(searches, "all together may have 2048 characters", "remove some");
    }
    for search in items(config, "searches") {
        let syntax = if sink.since(33) { search_domain } else { strict_search_domain };
        sink.syntax(search, syntax);
    }
    for option in items(config, "options") {
        if text(option, "name").is_empty() {
            sink.missing(option, "name", "an option needs a name");
            sink.at_path(owner_of);
        }
    }
}

/// A search domain, as Kubernetes up to 1.32 reads it, may end with a dot.
fn strict_search_domain(text: &str) -> Option<String> {
    names::dns_subdomain(text.strip_suffix('.').unwrap_or(text))
}

/// A search domain may end with a dot, and its labels may have `_`, but not at their end and only one at their beginning.
fn search_domain(text: &str) -> Option<String> {
    if text == "." {
        return None;
    }
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    let relaxed = labels.map(|label| {
        let rest = label.strip_prefix('_').unwrap_or(label);
        if rest.starts_with('_') || rest.ends_with('_') { label.to_owned() } else { rest.replace('_', "a") }
    });
    names::dns_subdomain(&relaxed.collect::<Vec<_>>().join("."))
}
