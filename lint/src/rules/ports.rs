//! Ports of containers and Services, as the rules compare them.
//! Not a rule.

use std::fmt;

use crate::manifest::Object;
use crate::model::SetView;
use crate::yaml::{NodeRef, Value};

/// A port that a container declares.
pub(super) struct Port<'d> {
    /// Its entry in the list.
    pub(super) node: NodeRef<'d>,
    /// Its name.
    pub(super) name: Option<String>,
    number: Option<i64>,
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

/// The ports that a pod template declares, sidecars among the init containers included.
pub(super) fn declared(object: &Object) -> Vec<Port<'_>> {
    let inits = object
        .template()
        .and_then(|template| template.at(&["spec", "initContainers"]))
        .into_iter()
        .flat_map(NodeRef::items);
    object.containers().chain(inits).flat_map(of_container).collect()
}

/// Whether a container declares the port that a Service sends to.
pub(super) fn reaches(container: NodeRef<'_>, wanted: &str, protocol: &str) -> bool {
    of_container(container).iter().any(|port| port.is(wanted, protocol))
}

/// Where a Service's port sends to: the value that says it, the name or number, and the protocol.
pub(super) fn target(port: NodeRef<'_>) -> Option<(NodeRef<'_>, String, String)> {
    let node = port.get("targetPort").or_else(|| port.get("port"))?;
    let wanted = match node.value() {
        Value::Str(name) => name.to_string(),
        _ => node.as_int()?.to_string(),
    };
    Some((node, wanted, protocol(port)))
}

/// Whether a container gets traffic from a Service of the set: it declares a port that one sends to, or it is alone.
pub(super) fn gets_traffic(set: SetView<'_>, container: NodeRef<'_>) -> bool {
    let ports =
        set.services().filter_map(|service| service.object.root().at(&["spec", "ports"])).flat_map(NodeRef::items);
    let mut targets = ports.filter_map(target);
    let alone = set.workloads().all(|(_, member)| member.object.containers().count() == 1);
    targets.any(|(_, wanted, protocol)| alone || reaches(container, &wanted, &protocol))
}
