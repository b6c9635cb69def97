//! Validates the ports of containers and those that they take on the node.
//! Must not look at Services.

use std::collections::HashSet;

use super::container::Role;
use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, int, items, list_of, text};
use crate::yaml::NodeRef;

/// The highest port.
pub(super) const MAX_PORT: i64 = 65535;

/// Validates the ports of one container.
pub(super) fn ports<'o>(pod: &Pod<'o>, container: NodeRef<'o>, role: Role, sink: &mut Sink<'o>) {
    sink.unique(items(container, "ports"), "name");
    for port in items(container, "ports") {
        sink.name(port, "name", names::port_name);
        if int(port, "containerPort").unwrap_or_default() == 0 {
            sink.missing(port, "containerPort", "the number of the port in the container is needed");
        } else {
            sink.number(port, "containerPort", 1, MAX_PORT);
        }
        if int(port, "hostPort") != Some(0) {
            sink.number(port, "hostPort", 1, MAX_PORT);
        }
        if role == Role::Main {
            on_host_network(pod, port, sink);
        }
        sink.one_of(port, "protocol", &["TCP", "UDP", "SCTP"]);
    }
}

/// In the node's own network a port cannot be mapped to another one.
fn on_host_network<'o>(pod: &Pod<'o>, port: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(host) = port.get("hostPort").filter(|_| pod.on_host_network) else { return };
    let number = host.as_int().filter(|number| (1..=MAX_PORT).contains(number));
    if number.is_some() && number != int(port, "containerPort") {
        sink.invalid(
            host,
            "with `hostNetwork: true` it must be the same as `containerPort`",
            "remove `hostPort`, or set it to the `containerPort`",
        );
    }
}

/// No two containers that run side by side may take the same port of the node.
pub(super) fn host_ports<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let mut taken = HashSet::new();
    for port in items(pod.spec, "containers").flat_map(|container| items(container, "ports")) {
        host_port(pod, port, &mut taken, sink);
    }
    // The server compares an init container with itself alone, also one that keeps running.
    for container in items(pod.spec, "initContainers") {
        let mut own = HashSet::new();
        let before = sink.count();
        items(container, "ports").for_each(|port| host_port(pod, port, &mut own, sink));
        // So it is the first one.
        let path = sink.path_of(container);
        sink.at_paths_since(before, |port| port.replace(&path, &format!("{}[0]", list_of(&path))));
    }
}

type Taken<'o> = HashSet<(i64, &'o str, &'o str)>;

fn host_port<'o>(pod: &Pod<'o>, port: NodeRef<'o>, taken: &mut Taken<'o>, sink: &mut Sink<'o>) {
    let written = port.get("hostPort").filter(|node| node.as_int() != Some(0));
    // In a template the server leaves it open; in a pod it fills it in.
    let implied = port.get("containerPort").filter(|_| pod.on_host_network && !pod.is_template);
    let Some(node) = written.or(implied) else { return };
    let Some(number) = node.as_int().filter(|&number| number != 0) else { return };
    let protocol = Some(text(port, "protocol")).filter(|text| !text.is_empty()).unwrap_or("TCP");
    if !taken.insert((number, protocol, text(port, "hostIP"))) {
        sink.invalid(
            node,
            format!("another port of this pod takes port {number} of the node already"),
            "choose another port",
        );
        if written.is_none() {
            sink.at_path(|path| path.replace(".containerPort", ".hostPort"));
        }
    }
}
