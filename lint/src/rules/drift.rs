//! Rules that hold blue against green.
//! Lists its files; judges nothing itself.

pub(super) mod bg601;
pub(super) mod bg602;
pub(super) mod bg603;
pub(super) mod bg604;
pub(super) mod bg605;
pub(super) mod bg606;
pub(super) mod bg607;
pub(super) mod bg608;
