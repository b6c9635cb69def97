//! Rules about probes: what a switch can know of a pod.
//! Lists its files; judges nothing itself.

pub(super) mod bg301;
