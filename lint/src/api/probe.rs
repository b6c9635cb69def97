//! Validates probes, and the handlers that probes and lifecycle hooks share.
//! Must not ask whether a probe is wise; rules of the `probes` group do.

use super::names;
use super::ports::MAX_PORT;
use super::sink::{Sink, int, is_empty, items, list_of};
use crate::yaml::{NodeRef, Value};

const UNLIMITED: i64 = i64::MAX;

/// Validates the three probes of a container.
pub(super) fn probes<'o>(container: NodeRef<'o>, sink: &mut Sink<'o>) {
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(key) else { continue };
        handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], sink);
        for number in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            sink.number(probe, number, 0, UNLIMITED);
        }
        if key == "readinessProbe" {
            no_grace_period(probe, sink);
        } else {
            sink.number(probe, "terminationGracePeriodSeconds", 1, UNLIMITED);
            one_success(probe, key, sink);
        }
    }
}

/// Readiness never ends a container, so there is no grace period for it.
fn no_grace_period<'o>(probe: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(period) = probe.get("terminationGracePeriodSeconds") {
        sink.invalid(period, "a readiness probe ends no container, so it has no grace period", "remove it");
    }
}

fn one_success<'o>(probe: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let threshold = probe.get("successThreshold");
    if let Some(threshold) = threshold.filter(|node| node.as_int().is_some_and(|number| number > 1)) {
        sink.invalid(threshold, format!("it must be 1 in a {key}"), "set it to 1, or remove it");
    }
}

/// Validates what a probe or hook does: exactly one thing.
pub(super) fn handler<'o>(parent: NodeRef<'o>, kinds: &[&'static str], sink: &mut Sink<'o>) {
    if sink.exactly_one(parent, kinds).is_none() {
        sink.none_set(parent, kinds);
        return;
    }
    let of = |key| parent.get(key).filter(|_| kinds.contains(&key));
    if let Some(exec) = of("exec").filter(|exec| is_empty(*exec, "command")) {
        sink.missing(exec, "command", "there is nothing to run");
    }
    if let Some(request) = of("httpGet") {
        http_get(request, sink);
    }
    if let Some(socket) = of("tcpSocket") {
        port(socket, "port", sink);
    }
    if let Some(grpc) = of("grpc") {
        if int(grpc, "port").is_none() {
            sink.missing(grpc, "port", "the number of the port is needed");
        } else {
            sink.number(grpc, "port", 1, MAX_PORT);
        }
    }
}

fn http_get<'o>(request: NodeRef<'o>, sink: &mut Sink<'o>) {
    port(request, "port", sink);
    sink.one_of(request, "scheme", &["HTTP", "HTTPS"]);
    for header in items(request, "httpHeaders") {
        if let Some(name) = header.get("name") {
            let before = sink.count();
            sink.syntax(name, names::http_header);
            if sink.count() > before {
                sink.at_path(list_of);
            }
        } else {
            sink.missing(header, "name", "a header needs a name");
            sink.at_path(list_of);
        }
    }
}

/// Validates a port that is a number, or the name of a port of the container.
pub(super) fn port<'o>(parent: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let Some(node) = parent.get(key) else {
        sink.missing(parent, key, "a number, or the name of a port of the container, is needed");
        return;
    };
    match node.value() {
        Value::Str(_) => sink.syntax(node, names::port_name),
        _ => sink.number(parent, key, 1, MAX_PORT),
    }
}
