//! What rules ask of a container.
//! Not a rule.

use crate::edit::New;
use crate::finding::Edit;
use crate::model::{SetView, is_misspelt};
use crate::rules::pairing;
use crate::set::Color;
use crate::yaml::NodeRef;

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
