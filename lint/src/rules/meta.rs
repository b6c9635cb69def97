//! Rules about the linting itself: what was suppressed, and what could not be judged.
//! Lists its files; judges nothing itself.

pub(super) mod bg904;
