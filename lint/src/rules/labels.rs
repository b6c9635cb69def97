//! Rules about the labels that tell the colors apart.
//! Lists its files; judges nothing itself.

pub(super) mod bg103;
