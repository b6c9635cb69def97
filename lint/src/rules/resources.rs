//! Rules about requests and limits: whether both colors can run side by side.
//! Lists its files; judges nothing itself.

pub(super) mod bg401;
pub(super) mod bg402;
pub(super) mod bg403;
pub(super) mod bg404;
