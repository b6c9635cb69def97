//! Rules that hold blue against green.
//! Lists its files; judges nothing itself.

pub(super) mod bg603;
pub(super) mod bg605;
