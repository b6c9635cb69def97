//! Rules about the linting itself: what was suppressed, and what could not be judged.
//! Lists its files; judges nothing itself.

pub(super) mod bg901;
pub(super) mod bg902;
pub(super) mod bg903;
pub(super) mod bg904;
