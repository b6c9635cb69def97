//! Rules about what scales and protects the pods of a color: HPAs and their like, and `PodDisruptionBudgets`.
//! Lists its files; judges nothing itself.

pub(super) mod bg801;
pub(super) mod bg802;
pub(super) mod bg803;
pub(super) mod bg804;
pub(super) mod bg805;
pub(super) mod bg806;
