//! Whether somebody else moves the active Service while a release is under way: then its color serves all users without
//! having been tested and watched, and the release is not done.
//! Looks only; what it finds ends the release, and the traffic stays where that other one has put it.

use super::Executor;
use super::journal::overridden;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::journal::Journal;
use crate::observed::Observed;
use crate::plan::{Plan, Planner};

impl<C: Cluster> Executor<'_, C> {
    /// Refuses to go on with a release whose traffic was moved by others since this run has looked first.
    pub(super) fn not_overtaken(&self, planner: &impl Planner, plan: &Plan, observed: &Observed) -> Result<(), Error> {
        if !planner.puts_back() {
            return Ok(());
        }
        let Some(set) = plan.set.find(observed) else { return Ok(()) };
        let Some(service) = set.active_service() else { return Ok(()) };
        let now = set.base();
        // As long as nothing was done, what serves is where it begins.
        if self.steps.borrow().is_empty() && !self.wrote.get() {
            self.base.set(now);
            return Ok(());
        }
        if now.is_none() || now == self.moved.get().or(self.base.get()) {
            return Ok(());
        }
        // A write whose answer was lost, ours or that of a run before this one, has its open entry in the journal.
        let recorded = Journal::of(service).ok().and_then(|journal| journal.open().cloned());
        if recorded.is_some_and(|entry| Some(entry.to) == now && !entry.split.is_partial()) {
            return Ok(());
        }
        Err(overridden(&plan.set, service))
    }
}
