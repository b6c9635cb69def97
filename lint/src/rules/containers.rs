//! Which container of blue is which of green.
//! Not a rule.

use crate::manifest::Object;
use crate::yaml::NodeRef;

/// The containers of two workloads side by side: by their names, and by position where the names carry the color.
pub(super) fn paired<'a>(blue: &'a Object, green: &'a Object) -> Vec<(NodeRef<'a>, NodeRef<'a>)> {
    let blues: Vec<NodeRef<'a>> = blue.containers().collect();
    let greens: Vec<NodeRef<'a>> = green.containers().collect();
    let name = |container: &NodeRef<'a>| container.get("name").and_then(NodeRef::as_str);
    let by_name: Vec<_> = blues
        .iter()
        .filter_map(|blue| greens.iter().find(|green| name(green) == name(blue)).map(|green| (*blue, *green)))
        .collect();
    if by_name.is_empty() && blues.len() == greens.len() {
        return blues.into_iter().zip(greens).collect();
    }
    by_name
}

/// The name of a container.
pub(super) fn called(container: NodeRef<'_>) -> &str {
    container.get("name").and_then(NodeRef::as_str).unwrap_or("without a name")
}

/// Whether a field is there under a misspelt name: then that is the defect, and what it lacks is only its echo.
pub(super) fn has_misspelt(mapping: NodeRef<'_>, field: &str) -> bool {
    mapping.entries().any(|(entry, _)| &*entry.key != field && strsim::damerau_levenshtein(&entry.key, field) <= 2)
}
