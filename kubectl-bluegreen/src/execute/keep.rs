//! Shows plans, and tells the story of a move to whoever keeps it: what was read on the way, and nothing besides.
//! Sends no request for it, and changes nothing.

use k8s_openapi::api::core::v1::Pod;

use super::Executor;
use super::waits::belongs;
use crate::cluster::Cluster;
use crate::journal::Colors;
use crate::observed::{Observed, serves};
use crate::plan::{Plan, SetRef};
use crate::router::Router;
use crate::trail::Event;

impl<C: Cluster> Executor<'_, C> {
    /// What was observed, and the plan that was made of it.
    pub(super) fn keep_observed(&self, observed: &Observed, plan: &Plan) {
        if !self.ui.is_followed() {
            return;
        }
        self.ui.keep(|| Event::Planned(plan.title.clone()));
        let Some(set) = plan.set.find(observed) else { return };
        self.ui.keep(|| Event::Split(Router::current(&set).1));
        self.ui.keep(|| Event::Ready(Colors::new(|color| set.ready_pods(color).count())));
        let images = |color| set.images(color).into_iter().map(str::to_owned).collect();
        self.ui.keep(|| Event::Images(Colors::new(images)));
    }

    /// Shows a plan. What was noted of an earlier one is not said again.
    pub(super) fn show(&self, plan: &Plan) {
        let mut shown = plan.clone();
        shown.notes.retain(|note| self.told.borrow_mut().insert(note.clone()));
        let text = shown.to_string();
        // What the files say is shown as they say it.
        let typed = |text: &str| self.ui.place().typed(text).into_owned();
        self.ui.note_as_it_is(match text.split_once(&shown.diff).filter(|_| !shown.diff.is_empty()) {
            Some((before, after)) => typed(before) + &shown.diff + &typed(after),
            None => typed(&text),
        });
    }

    /// How many of the pods of each color are ready.
    pub(super) fn keep_ready(&self, set: &SetRef, pods: &[Pod]) {
        let ready = |called: &str| pods.iter().filter(|pod| serves(pod) && belongs(pod, called)).count();
        self.ui.keep(|| Event::Ready(Colors::new(|color| ready(set.deployment(color)))));
    }
}
