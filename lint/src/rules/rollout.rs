//! Rules about how pods come and go: images, replicas, strategies, and the end of a pod.
//! Lists its files; judges nothing itself.

pub(super) mod bg501;
pub(super) mod bg502;
pub(super) mod bg503;
pub(super) mod bg504;
pub(super) mod bg505;
