//! Rules about the active and the color Services: what they select and where they send.
//! Holds only what these rules share.

pub(super) mod bg201;
pub(super) mod bg202;
pub(super) mod bg203;
pub(super) mod bg204;
pub(super) mod bg205;
pub(super) mod bg206;
pub(super) mod bg207;
mod miss;

use crate::model::SetView;
use crate::set::color_named;

/// Whether a workload is named for one color and carries the other in its labels: then that is the defect, and what the
/// Services select is only its echo.
fn carries_wrong_color(set: SetView<'_>) -> bool {
    set.workloads().any(|(color, member)| {
        let values = set.set.color_labels.iter().filter_map(|key| member.facts.labels.get(key));
        let wrong = values.filter_map(|value| color_named(value)).any(|of_label| of_label != color);
        color_named(&member.facts.name) == Some(color) && wrong
    })
}

/// Whether a mesh splits the traffic behind the active Service, by subsets: then it selects both colors on purpose.
fn is_split_behind(set: SetView<'_>) -> bool {
    let Some(service) = set.active_service() else { return false };
    set.model.routes().iter().any(|route| route.subsets && route.backends.contains(&service.facts.name))
}
