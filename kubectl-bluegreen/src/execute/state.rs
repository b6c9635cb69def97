//! What is true after what was done so far, in words: for an error, and for whoever has stopped it.
//! Only tells; sends nothing and decides nothing.

use super::Executor;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::plan::Plan;
use crate::report::StepReport;

/// The steps that write something else than the selector and the journal.
const WRITES: [&str; 6] = ["scale", "release", "create", "apply", "autoscaler", "delete"];

impl<C: Cluster> Executor<'_, C> {
    pub(super) fn interrupted(&self) -> Error {
        let (state, help) = self.state();
        Error::Interrupted { state, help }
    }

    /// What is true after what was done so far, and the way on.
    pub(super) fn state(&self) -> (String, String) {
        let plan = self.plan.borrow();
        let Some(plan) = plan.as_ref() else { return ("nothing was changed".to_owned(), "run it again".to_owned()) };
        let shared = self.shared.borrow();
        match (self.moved.get(), shared.as_deref()) {
            (Some(color), _) => (
                format!("the selector of service/{} has moved to {color}", plan.set.service),
                plan.again.as_ref().map_or_else(
                    || format!("finish: kubectl bluegreen switch {color}; go back: kubectl bluegreen rollback"),
                    |again| format!("go on: {again}"),
                ),
            ),
            (None, Some(object)) => (
                shares_after(object),
                "run it again to go on; put back what was there before: kubectl bluegreen rollback".to_owned(),
            ),
            (None, None) if self.unknown.borrow().is_some() => {
                let object = self.unknown.borrow().clone().unwrap_or_default();
                let state = format!("it is not known whether the write of {object} happened");
                (state, format!("look: kubectl bluegreen status; then {}", again(plan)))
            }
            (None, None) if self.wrote.get() => {
                let steps = self.steps.borrow();
                let done = steps.iter().filter(|step| WRITES.contains(&step.id) && step.status == "done");
                let done: Vec<&str> = done.map(|step| step.title.as_str()).collect();
                let done = if done.is_empty() {
                    "nothing else was done for sure".to_owned()
                } else {
                    format!("done: {}", done.join("; "))
                };
                (format!("no traffic was moved; {done}"), again(plan))
            }
            (None, None) => ("nothing was changed".to_owned(), again(plan)),
        }
    }

    /// Whether anything is not as it was before this run, or may not be.
    fn has_changed(&self) -> bool {
        let writes = |step: &StepReport| WRITES.contains(&step.id) && step.status == "done";
        self.has_moved() || self.unknown.borrow().is_some() || self.steps.borrow().iter().any(writes)
    }

    /// Whether traffic goes elsewhere than before this run.
    pub(super) fn has_moved(&self) -> bool {
        self.moved.get().is_some() || self.shared.borrow().is_some()
    }

    /// An error after something was written also says so: nobody must think that nothing happened.
    pub(super) fn with_state(&self, error: Error) -> Error {
        let says_it = matches!(
            error,
            Error::TimedOut { .. } | Error::Interrupted { .. } | Error::PutBack { .. } | Error::Held { .. }
        );
        if says_it || !self.has_changed() {
            return error;
        }
        let (state, help) = self.state();
        let (state, help) = match (&error, self.moved.get()) {
            (Error::Declined { .. }, _) => return Error::Declined { state, help: Some(help) },
            // Where the selector is now is what the error itself says.
            (Error::Overridden { .. }, moved) => {
                let shared = self.shared.borrow();
                let shared = shared.as_deref().map(|object| format!(", and {}", shares_after(object)));
                let state = match moved {
                    Some(color) => format!("before that it had moved to {color}{}", shared.unwrap_or_default()),
                    None => state,
                };
                // Nothing is to be written over somebody else unseen.
                let on = Some(help).filter(|_| self.has_moved());
                (state, error.help().into_iter().chain(on).collect::<Vec<_>>().join("; "))
            }
            // What is there now is for whoever has the Lease.
            (Error::LockLost { .. }, Some(color)) => {
                (format!("before that the selector had moved to {color}"), error.help().unwrap_or(help))
            }
            // What keeps it from moving is what is to be put right.
            _ if !self.has_moved() && self.unknown.borrow().is_none() => (state, error.help().unwrap_or(help)),
            _ => (state, help),
        };
        Error::After { error: Box::new(error), state, help }
    }
}

/// What is true of the shares once an object was changed that gives them.
fn shares_after(object: &str) -> String {
    format!("{object} was changed: `kubectl bluegreen status` shows what each color gets now")
}

/// The way on after a stop that leaves the plan to be made again.
fn again(plan: &Plan) -> String {
    plan.again.as_ref().map_or_else(|| "run it again to go on".to_owned(), |again| format!("go on: {again}"))
}
