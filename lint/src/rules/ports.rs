//! Ports of containers and Services, as the rules compare them.
//! Not a rule.

use std::fmt;

use crate::manifest::{Object, Place, is_placeholder};
use crate::model::{Member, Model, SetView};
use crate::rules::containers;
use crate::set::{Service, Workload, selects};
use crate::yaml::{NodeRef, Value};

/// A port that a container declares.
pub(super) struct Port<'d> {
    /// Its entry in the list.
    pub(super) node: NodeRef<'d>,
    /// Its name.
    pub(super) name: Option<String>,
    /// Its number.
    pub(super) number: Option<i64>,
    protocol: String,
}

impl Port<'_> {
    /// Whether a Service's target means this port.
    pub(super) fn is(&self, wanted: &str, protocol: &str) -> bool {
        let number = self.number.map(|number| number.to_string());
        self.protocol == protocol && (self.name.as_deref() == Some(wanted) || number.as_deref() == Some(wanted))
    }
}

impl fmt::Display for Port<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        match &self.name {
            Some(name) => write!(f, "{name} ({number})")?,
            None => f.write_str(&number)?,
        }
        if self.protocol == "TCP" { Ok(()) } else { write!(f, "/{}", self.protocol) }
    }
}

fn protocol(port: NodeRef<'_>) -> String {
    port.get("protocol").and_then(NodeRef::as_str).unwrap_or("TCP").to_owned()
}

/// The ports that one container declares.
pub(super) fn of_container(container: NodeRef<'_>) -> Vec<Port<'_>> {
    let ports = container.get("ports").into_iter().flat_map(NodeRef::items);
    let port = |node: NodeRef<'_>| {
        (
            node.get("name").and_then(NodeRef::as_str).map(str::to_owned),
            node.get("containerPort").and_then(NodeRef::as_int),
        )
    };
    ports
        .map(|node| {
            let (name, number) = port(node);
            Port { node, name, number, protocol: protocol(node) }
        })
        .collect()
}

/// The ports that a pod template declares, those of sidecars among the init containers included.
pub(super) fn declared(object: &Object) -> Vec<Port<'_>> {
    containers::lasting(object).flat_map(of_container).collect()
}

/// Whether a container declares the port that a Service sends to.
pub(super) fn reaches(container: NodeRef<'_>, wanted: &str, protocol: &str) -> bool {
    of_container(container).iter().any(|port| port.is(wanted, protocol))
}

/// Where a Service's port sends to: the value that says it, the name or number, and the protocol.
pub(super) fn target(port: NodeRef<'_>) -> Option<(NodeRef<'_>, String, String)> {
    let node = port.get("targetPort").or_else(|| port.get("port"))?;
    Some((node, text(node)?, protocol(port)))
}

/// Whether a Service offers a port, by its number or name; nothing where that is not to be known.
pub(super) fn offers(service: &Object, wanted: &str) -> Option<bool> {
    let ports: Vec<NodeRef<'_>> = service.root().at(&["spec", "ports"]).into_iter().flat_map(NodeRef::items).collect();
    let numbers: Option<Vec<i64>> = ports.iter().map(|port| port.get("port")?.as_int()).collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty())?;
    let named = ports.iter().any(|port| port.get("name").and_then(NodeRef::as_str) == Some(wanted));
    Some(named || numbers.iter().any(|number| number.to_string() == wanted))
}

/// Whether a route asks a Service for a port that it does not offer.
pub(super) fn is_asked_in_vain(model: &Model, service: Member<'_, Service>) -> bool {
    let mut ports = model.ports_asked(&service.facts.name, service.facts.namespace.as_deref());
    ports.any(|port| text(port).is_some_and(|port| offers(service.object, &port) == Some(false)))
}

/// The ports that a Service offers, as they are shown.
pub(super) fn offered(service: &Object) -> String {
    let ports = service.root().at(&["spec", "ports"]).into_iter().flat_map(NodeRef::items);
    let shown = ports.filter_map(|port| {
        let number = port.get("port").and_then(text)?;
        let name = port.get("name").and_then(NodeRef::as_str);
        Some(name.map_or_else(|| number.clone(), |name| format!("{number} ({name})")))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A port as a text: its name, or its number.
pub(super) fn text(port: NodeRef<'_>) -> Option<String> {
    match port.value() {
        Value::Str(name) => Some(name.to_string()),
        _ => Some(port.as_int()?.to_string()),
    }
}

/// Whether a port is a number, also where it is written as a text.
pub(super) fn is_number(port: &str) -> bool {
    port.parse::<u32>().is_ok()
}

/// Whether none of these ports is the wanted one, as far as that is to be known: without a declaration a number may
/// well be right, and a placeholder may become any name.
pub(super) fn is_undeclared(known: &[Port<'_>], wanted: &str, protocol: &str) -> bool {
    let templated = known.iter().any(|port| port.name.as_deref().is_some_and(is_placeholder) || port.number.is_none());
    let unjudged = templated || is_placeholder(wanted) || (is_number(wanted) && known.is_empty());
    !unjudged && !known.iter().any(|port| port.is(wanted, protocol))
}

/// The ports that the Services of the set send to at a workload's pods, after a switch at the latest.
pub(super) fn targets_at<'m>(
    set: SetView<'m>,
    member: Member<'m, Workload>,
) -> impl Iterator<Item = (Member<'m, Service>, (NodeRef<'m>, String, String))> {
    let active = set.set.active_service;
    let sends = move |service: &Member<'m, Service>| {
        let reached = |of: &Member<'m, Workload>| selects(&service.facts.selector, &of.facts.labels);
        reached(&member) || (active == Some(service.at) && set.workloads().any(|(_, of)| reached(&of)))
    };
    set.services().filter(sends).flat_map(|service| {
        let ports = service.object.root().at(&["spec", "ports"]).into_iter().flat_map(NodeRef::items);
        ports.filter_map(target).map(move |target| (service, target))
    })
}

/// The place of a declared port: its name, where it has one.
pub(super) fn place(object: &Object, port: &Port<'_>) -> Place {
    port.node.get("name").map_or_else(|| object.at_own_key(port.node), |name| object.at(name))
}

/// The declared port that a wrong one was probably meant to be: one of nearly this name, the one that has the same place
/// on the other color, or the only one.
pub(super) fn meant<'p, 'd>(known: &'p [Port<'d>], wanted: &str, other: &[Port<'_>]) -> Option<&'p Port<'d>> {
    let near =
        |port: &&Port<'_>| port.name.as_deref().is_some_and(|name| strsim::damerau_levenshtein(name, wanted) <= 2);
    let there = other.iter().find(|port| port.is(wanted, &port.protocol));
    let alike = |port: &&Port<'_>| {
        there.is_some_and(|there| port.number == there.number || (port.name.is_some() && port.name == there.name))
    };
    let only = || known.first().filter(|_| known.len() == 1 && there.is_some());
    known.iter().find(alike).or_else(|| known.iter().find(near)).or_else(only)
}

/// Whether a container gets traffic from a Service of the set: it declares a port that one sends to, or it is alone.
pub(super) fn gets_traffic(set: SetView<'_>, container: NodeRef<'_>) -> bool {
    let ports =
        set.services().filter_map(|service| service.object.root().at(&["spec", "ports"])).flat_map(NodeRef::items);
    let mut targets = ports.filter_map(target);
    let alone = set.workloads().all(|(_, member)| containers::lasting(member.object).count() == 1);
    targets.any(|(_, wanted, protocol)| alone || reaches(container, &wanted, &protocol))
}
