//! Validates an Ingress: hosts, paths and backends.
//! Must not ask whether a Service is there.

use super::names;
use super::ports::MAX_PORT;
use super::sink::{Sink, int, is_empty, items, owner_of, text};
use crate::yaml::NodeRef;

/// The annotation that named the class before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Validates an Ingress.
pub(super) fn ingress<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "`rules` or a `defaultBackend` is needed");
        return;
    };
    if is_empty(spec, "rules") && spec.get("defaultBackend").is_none() {
        sink.none_set(spec, &["rules", "defaultBackend"]);
    }
    if let Some(backend) = spec.get("defaultBackend") {
        self::backend(backend, sink);
    }
    for rule in items(spec, "rules") {
        sink.name(rule, "host", host);
        let Some(http) = rule.get("http") else { continue };
        if is_empty(http, "paths") {
            sink.missing(http, "paths", "at least one path is needed");
        }
        items(http, "paths").for_each(|path| self::path(path, sink));
    }
    for tls in items(spec, "tls") {
        items(tls, "hosts").for_each(|host| sink.syntax(host, names::host));
        sink.name(tls, "secretName", names::dns_subdomain);
    }
    sink.name_if_set(spec, "ingressClassName", names::dns_subdomain);
    let annotation = root.at(&["metadata", "annotations", CLASS]).and_then(NodeRef::as_str);
    if let (Some(class), Some(annotation)) = (spec.get("ingressClassName"), annotation)
        && class.as_str() != Some(annotation)
    {
        sink.invalid(class, format!("the annotation `{CLASS}` says `{annotation}`"), "remove the annotation");
        sink.at_path(|_| format!("annotations.{CLASS}"));
    }
}

fn host(host: &str) -> names::Fault {
    match names::ip(host) {
        Some(_) => Some("a DNS name is needed, not an address".to_owned()),
        None => names::host(host),
    }
}

/// What a path may not contain.
const SEQUENCES: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];

fn path<'o>(path: NodeRef<'o>, sink: &mut Sink<'o>) {
    let kind = text(path, "pathType");
    let written = text(path, "path");
    match kind {
        "Exact" | "Prefix" => {
            let strict = |written: &str| {
                let inside = SEQUENCES.iter().find(|part| written.contains(**part));
                let wrong = inside.or_else(|| ["/..", "/."].iter().find(|end| written.ends_with(**end)));
                relative(written).or_else(|| wrong.map(|part| format!("`{part}` is not allowed")))
            };
            match path.get("path") {
                Some(node) => sink.syntax(node, strict),
                None => sink.missing(path, "path", "a path that starts with `/` is needed"),
            }
        }
        "ImplementationSpecific" => {
            if let Some(node) = path.get("path").filter(|_| !written.is_empty()) {
                sink.syntax(node, relative);
            }
        }
        _ => match path.get("pathType") {
            Some(node) => sink.among(node, &["Exact", "ImplementationSpecific", "Prefix"]),
            None => sink.missing(path, "pathType", "`Prefix`, `Exact` or `ImplementationSpecific` is needed"),
        },
    }
    match path.get("backend") {
        Some(backend) => self::backend(backend, sink),
        None => sink.missing(path, "backend", "the Service is needed"),
    }
}

fn relative(path: &str) -> names::Fault {
    (!path.starts_with('/')).then(|| "a path that starts with `/` is needed".to_owned())
}

/// Validates where requests go: to a Service's port, or to another object.
fn backend<'o>(backend: NodeRef<'o>, sink: &mut Sink<'o>) {
    match (backend.get("service"), backend.get("resource")) {
        (Some(_), Some(_)) => {
            sink.forbidden(backend, "resource", "`service` is set, too, and only one can be");
            sink.at_path(owner_of);
        }
        (None, None) => sink.none_set(backend, &["service", "resource"]),
        (None, Some(resource)) => {
            sink.name_if_set(resource, "apiGroup", names::dns_subdomain);
            sink.required_name(resource, "kind", "the kind of the object is needed", names::path_segment);
            sink.required_name(resource, "name", "the name of the object is needed", names::path_segment);
        }
        (Some(service), None) => of_service(service, sink),
    }
}

fn of_service<'o>(service: NodeRef<'o>, sink: &mut Sink<'o>) {
    let syntax = if sink.since(36) { names::dns_label } else { names::dns_1035_label };
    sink.required_name(service, "name", "the name of the Service is needed", syntax);
    let port = service.get("port");
    let named = port.is_some_and(|port| !text(port, "name").is_empty());
    let number = port.and_then(|port| int(port, "number")).is_some_and(|number| number != 0);
    let before = sink.count();
    match port {
        Some(port) if named && number => {
            sink.forbidden(port, "number", "`name` is set, too, and only one can be");
        }
        Some(port) if named => {
            sink.name(port, "name", names::port_name);
            return;
        }
        Some(port) if number => {
            sink.number(port, "number", 1, MAX_PORT);
            return;
        }
        _ => sink.missing(service, "port", "the name or the number of the Service's port is needed"),
    }
    sink.at_paths_since(before, |path| path.split(".service").next().unwrap_or(path).to_owned());
}
