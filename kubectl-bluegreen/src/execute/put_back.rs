//! What happens when a release goes wrong: its planner says how it is taken back, and that is done at once.
//! Decides only when; what is written comes from the plan.

use super::Executor;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::lock::Lock;
use crate::observed::Observed;
use crate::plan::{Plan, Planner};
use crate::report::Outcome;
use crate::ui::Choice;

/// The way back as a plan of its own.
struct PutBack<'p, P> {
    planner: &'p P,
    why: String,
}

impl<P: Planner> Planner for PutBack<'_, P> {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        self.planner.put_back(observed, &self.why)
    }

    fn asks_again(&self) -> bool {
        false
    }
}

impl<C: Cluster> Executor<'_, C> {
    /// Does what is planned; when that goes wrong, takes back what was begun.
    pub(super) async fn guarded(&self, planner: &impl Planner, plan: Plan, lock: &Lock) -> Result<Outcome, Error> {
        if !planner.puts_back() {
            return self.locked(planner, Some(plan), lock).await;
        }
        let mut agreed = Some(plan);
        loop {
            self.guards.set(true);
            let error = match self.locked(planner, agreed.take(), lock).await {
                // Who says no to the next share of a release that was cut off does not say that it is to be put back.
                Err(error @ Error::Declined { .. }) if self.under_way.get() && !self.has_moved() => return Err(error),
                Err(error) if error.is_to_be_undone() => error,
                result => return result,
            };
            if matches!(error, Error::Interrupted { .. }) && (self.has_moved() || self.under_way.get()) {
                self.interrupt.reset();
                match self.ui.choose().await {
                    Some(Choice::GoOn) => continue,
                    Some(Choice::Hold) => return Err(error),
                    Some(Choice::PutBack) | None => {}
                }
            }
            return Err(self.put_back(planner, error, lock).await);
        }
    }

    async fn put_back(&self, planner: &impl Planner, error: Error, lock: &Lock) -> Error {
        self.interrupt.reset();
        self.guards.set(false);
        let (moved, plan) = (self.has_moved() || self.under_way.get(), self.plan.borrow().clone());
        let first = self.steps.borrow().len();
        if moved {
            self.ui.always(format_args!("\n{error}\nPutting all traffic back."));
        }
        let way_back = PutBack { planner, why: error.to_string() };
        let result = Box::pin(self.locked(&way_back, None, lock)).await;
        let to = self.plan.borrow().as_ref().map(|plan| plan.to);
        let did_something = self.steps.borrow().len() > first;
        // To give an autoscaler its floor back moves no traffic.
        let moved_back = self.steps.borrow().iter().skip(first).any(|step| step.id != "autoscaler");
        if !moved {
            *self.plan.borrow_mut() = plan;
        }
        match (to, result) {
            (Some(to), Ok(_)) if moved && moved_back => Error::PutBack { error: Box::new(error), to },
            (_, Err(reason)) if moved => {
                Error::Held { error: Box::new(error), reason: reason.to_string(), state: self.state().0 }
            }
            (_, Err(reason)) if did_something => {
                self.ui.always(format_args!("not everything could be taken back: {reason}"));
                error
            }
            _ => error,
        }
    }
}
