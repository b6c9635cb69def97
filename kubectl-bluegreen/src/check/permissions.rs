//! Refuses when the API server says that a write of the move is not allowed, before anything is changed.
//! What the API server did not say is left to it.

use super::{Check, Question, Verdict};
use crate::observed::{Observed, SetView, lease_name, name};
use crate::rights::{Right, of_a_move, way_out};

pub(super) const CHECK: Check =
    Check { id: "permissions", refuses: "the API server does not allow a write that the move needs", run };

fn run(question: &Question<'_>) -> Verdict {
    let set = question.set;
    let Some(service) = set.active_service() else { return Verdict::skip("there is no active Service") };
    let service = name(&service.metadata);
    judge(set, &of_a_move(service, &lease_name(service)))
}

/// What the API server says of rights in a set's namespace.
pub(super) fn judge(set: &SetView<'_>, needed: &[Right]) -> Verdict {
    in_namespace(set.observed, set.namespace(), needed)
}

/// What the API server says of rights in a namespace.
pub(super) fn in_namespace(observed: &Observed, namespace: &str, needed: &[Right]) -> Verdict {
    let Some(rights) = observed.rights.get(namespace) else {
        return Verdict::skip("the API server does not say what is allowed");
    };
    let list = |rights: &[&Right]| rights.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let denied: Vec<&Right> = needed.iter().filter(|right| rights.allows(right) == Some(false)).collect();
    let unknown: Vec<&Right> = needed.iter().filter(|right| rights.allows(right).is_none()).collect();
    if !denied.is_empty() {
        return Verdict::fail(format!("not allowed: {}", list(&denied)), way_out(namespace, &denied));
    }
    if unknown.is_empty() {
        Verdict::pass("every write is allowed")
    } else {
        Verdict::skip(format!("not known to be allowed: {}", list(&unknown)))
    }
}
