//! Rules about how a color is rolled out, and what it runs.
//! Lists its files; judges nothing itself.

pub(super) mod bg503;
