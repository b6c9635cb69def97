//! Rules about probes: what a switch can know of a pod.
//! Holds only what these rules share.

pub(super) mod bg301;
pub(super) mod bg302;
pub(super) mod bg303;
pub(super) mod bg304;
pub(super) mod bg305;
pub(super) mod bg306;

use crate::model::{Member, SetView};
use crate::rules::containers;
use crate::set::Workload;
use crate::yaml::NodeRef;

/// A probe of a container.
#[derive(Clone, Copy)]
struct Probe<'m> {
    /// What it is for: `readiness`, `liveness` or `startup`.
    of: &'static str,
    container: NodeRef<'m>,
    node: NodeRef<'m>,
}

impl<'m> Probe<'m> {
    fn find(container: NodeRef<'m>, of: &'static str) -> Option<Self> {
        let key = match of {
            "readiness" => "readinessProbe",
            "liveness" => "livenessProbe",
            _ => "startupProbe",
        };
        Some(Self { of, container, node: container.get(key)? })
    }

    /// The value that says which port it asks.
    fn port(self) -> Option<NodeRef<'m>> {
        ["httpGet", "tcpSocket", "grpc"].iter().find_map(|handler| self.node.at(&[handler, "port"]))
    }

    /// A setting in seconds, or a number of times; its default where it is not set, nothing where it is no number.
    fn setting(self, key: &str) -> Option<i64> {
        let default = match key {
            "initialDelaySeconds" => 0,
            "periodSeconds" => 10,
            "failureThreshold" => 3,
            _ => 1,
        };
        self.node.get(key).map_or(Some(default), NodeRef::as_int)
    }
}

/// All probes of the containers of both colors.
fn all(set: SetView<'_>) -> impl Iterator<Item = (Member<'_, Workload>, Probe<'_>)> {
    let probes =
        |container| ["readiness", "liveness", "startup"].into_iter().filter_map(move |of| Probe::find(container, of));
    containers::of_set(set).flat_map(move |(member, container)| probes(container).map(move |probe| (member, probe)))
}
