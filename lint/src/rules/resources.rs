//! Rules about requests and limits: what both colors need side by side.
//! Lists its files; judges nothing itself.

pub(super) mod bg401;
pub(super) mod bg402;
