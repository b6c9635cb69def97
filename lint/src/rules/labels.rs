//! Rules about the labels that tell the colors apart.
//! Lists its files; judges nothing itself.

pub(super) mod bg101;
pub(super) mod bg102;
pub(super) mod bg103;
pub(super) mod bg104;
pub(super) mod bg105;
pub(super) mod bg106;
