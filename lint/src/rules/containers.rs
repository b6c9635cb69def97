//! What rules ask of a container.
//! Not a rule.

use crate::model::is_misspelt;
use crate::yaml::NodeRef;

/// The name of a container.
pub(super) fn called(container: NodeRef<'_>) -> &str {
    container.get("name").and_then(NodeRef::as_str).unwrap_or("without a name")
}

/// Whether a field is there under a misspelt name: then that is the defect, and what it lacks is only its echo.
pub(super) fn has_misspelt(mapping: NodeRef<'_>, field: &str) -> bool {
    mapping.entries().any(|(entry, _)| is_misspelt(&entry.key, field))
}
