//! What rules ask of a container.
//! Not a rule.

use crate::edit::New;
use crate::finding::Edit;
use crate::manifest::{Object, Place};
use crate::model::{Member, SetView, is_misspelt};
use crate::rules::pairing;
use crate::set::{Color, Workload};
use crate::yaml::NodeRef;

/// The containers of both colors that run for as long as the pod.
pub(super) fn of_set(set: SetView<'_>) -> impl Iterator<Item = (Member<'_, Workload>, NodeRef<'_>)> {
    set.workloads().flat_map(|(_, member)| lasting(member.object).map(move |container| (member, container)))
}

/// The init containers of a pod template.
pub(super) fn init(object: &Object) -> impl Iterator<Item = NodeRef<'_>> {
    let list = object.template().and_then(|template| template.at(&["spec", "initContainers"]));
    list.into_iter().flat_map(NodeRef::items)
}

/// All containers that run for as long as the pod: its own, and the sidecars among the init containers.
pub(super) fn lasting(object: &Object) -> impl Iterator<Item = NodeRef<'_>> {
    object.containers().chain(init(object).filter(|container| is_sidecar(*container)))
}

fn is_sidecar(container: NodeRef<'_>) -> bool {
    container.get("restartPolicy").and_then(NodeRef::as_str) == Some("Always")
}

/// The place of a container's name.
pub(super) fn at_name(object: &Object, container: NodeRef<'_>) -> Place {
    container.get("name").map_or_else(|| object.at_own_key(container), |name| object.at(name))
}

/// The name of a container.
pub(super) fn called(container: NodeRef<'_>) -> &str {
    container.get("name").and_then(NodeRef::as_str).unwrap_or("without a name")
}

/// Whether a field is there under a misspelt name: then that is the defect, and what it lacks is only its echo.
pub(super) fn has_misspelt(mapping: NodeRef<'_>, field: &str) -> bool {
    mapping.entries().any(|(entry, _)| is_misspelt(&entry.key, field))
}

/// The same container of the other color.
fn twin<'m>(set: SetView<'m>, color: Color, container: NodeRef<'m>) -> Option<NodeRef<'m>> {
    let containers = |color| Some(set.workload(color)?.object.containers().collect::<Vec<_>>());
    let pairs = pairing::pairs("containers", &containers(Color::Blue)?, &containers(Color::Green)?).both;
    let mut twins =
        pairs.into_iter().map(|(blue, green)| if color == Color::Blue { (blue, green) } else { (green, blue) });
    twins.find(|(own, _)| own.id() == container.id()).map(|(_, other)| other)
}

/// Gives a container of one color what the same container of the other one has under these keys.
pub(super) fn from_twin<'m>(set: SetView<'m>, color: Color, container: NodeRef<'m>, keys: &[&str]) -> Option<Edit> {
    let twin = twin(set, color, container)?;
    let new = New::Copy(twin.at(keys)?, Some(color.other()));
    set.workload(color)?.object.add(container, keys, new, Some(twin))
}
