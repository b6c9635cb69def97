//! Rules about what the API server itself would refuse.
//! Lists its files; judges nothing itself.

pub(super) mod bg001;
pub(super) mod bg002;
pub(super) mod bg003;
pub(super) mod bg004;
pub(super) mod bg005;
pub(super) mod bg006;
pub(super) mod bg007;
pub(super) mod bg008;
pub(super) mod bg009;
pub(super) mod bg010;
