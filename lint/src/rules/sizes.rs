//! How many pods a workload has, as far as the files say it.
//! Not a rule.

use crate::manifest::{Object, Place};
use crate::model::scaling::Scaler;
use crate::model::{Member, Model};
use crate::set::Workload;
use crate::yaml::NodeRef;

/// The replicas as the API server counts them: one where nothing is said.
pub(super) fn replicas(object: &Object) -> Option<i64> {
    object.root().at(&["spec", "replicas"]).map_or(Some(1), NodeRef::as_int)
}

/// The place of the replicas, or of the key that they would be in.
pub(super) fn place(object: &Object) -> Place {
    match object.root().at(&["spec", "replicas"]) {
        Some(replicas) => object.at(replicas),
        None => object.at_key(object.root(), "spec"),
    }
}

/// Whether something changes the number of pods while they run.
pub(super) fn is_scaled(model: &Model, member: Member<'_, Workload>) -> bool {
    model.scalers_of(member).any(Scaler::counts_pods)
}

/// How many pods there are at least, when a color is to serve: its replicas, or what a scaler keeps.
pub(super) fn least(model: &Model, member: Member<'_, Workload>) -> Option<i64> {
    scaled(model, member, ["minReplicas", "minReplicaCount"]).or_else(|| replicas(member.object))
}

/// How many pods there are at most: its replicas, or what a scaler may make of them; nothing where that has no bound.
pub(super) fn most(model: &Model, member: Member<'_, Workload>) -> Option<i64> {
    if is_scaled(model, member) {
        return scaled(model, member, ["maxReplicas", "maxReplicaCount"]);
    }
    replicas(member.object).filter(|_| !may_be_scaled(model, member))
}

/// Whether a workload says nothing of its replicas, and something is probably meant to scale it: the other color is
/// scaled, or a scaler has lost its target.
pub(super) fn may_be_scaled(model: &Model, member: Member<'_, Workload>) -> bool {
    let set = model.set_with_workload(member.at);
    let is_other = set.is_some_and(|set| set.workloads().any(|(_, other)| is_scaled(model, other)));
    let is_silent = member.object.root().at(&["spec", "replicas"]).is_none();
    is_silent && (is_other || model.lost_scalers().next().is_some())
}

/// A number that a scaler of the workload says under one of these keys.
fn scaled(model: &Model, member: Member<'_, Workload>, keys: [&str; 2]) -> Option<i64> {
    let mut scalers = model.scalers_of(member).filter(|scaler| scaler.counts_pods());
    scalers.find_map(|scaler| keys.iter().find_map(|key| scaler.object.root().at(&["spec", key])?.as_int()))
}
