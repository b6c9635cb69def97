//! Rules about the active and the color Services: what they select and where they send.
//! Holds only what these rules share.

pub(super) mod bg201;
pub(super) mod bg202;
pub(super) mod bg203;
pub(super) mod bg204;
pub(super) mod bg205;
pub(super) mod bg206;
pub(super) mod bg207;
pub(super) mod bg208;
pub(super) mod bg209;
pub(super) mod bg210;
pub(super) mod bg211;
mod miss;

use crate::model::{Member, SetView};
use crate::set::{Color, Service, same_namespace};

/// Whether a mesh splits the traffic behind a Service of the set, by subsets or by weights: then it selects both colors on
/// purpose.
fn is_split_behind(set: SetView<'_>, service: Member<'_, Service>) -> bool {
    let name = &service.facts.name;
    if set.model.routes_to(name).any(|route| route.subsets) {
        return true;
    }
    let (Some(blue), Some(green)) = (set.color_service(Color::Blue), set.color_service(Color::Green)) else {
        return false;
    };
    let mut routes = set.model.routes_to(&blue.facts.name);
    routes.any(|route| route.backends.contains(&green.facts.name) && route.fronts.contains(name))
}

/// Whether a Service of the set is in another namespace than the workloads: then that is why it selects nothing.
fn is_elsewhere(service: Member<'_, Service>, set: SetView<'_>) -> bool {
    let namespace = service.facts.namespace.as_deref();
    set.workloads().any(|(_, member)| !same_namespace(namespace, member.facts.namespace.as_deref()))
}
