//! What happens during a move, moment by moment, for the page that `--report` writes.
//! Only keeps what it is told; asks nobody, and decides and prints nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::analysis::MetricResult;
use crate::journal::Colors;
use crate::release::{Color, Split};
use crate::report::StepReport;

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A person was told something.
    Said(String),
    /// A plan was made, or another one in its place.
    Planned(String),
    /// A step has ended, well or not.
    Stepped(StepReport),
    /// The shares of the traffic, as the Service and its routes say them; nothing where they cannot be told.
    Split(Option<Split>),
    /// How many pods of each color were ready.
    Ready(Colors<usize>),
    /// The images of each color.
    Images(Colors<Vec<String>>),
    /// What the metrics and the pods under users looked like.
    Measured(Vec<MetricResult>),
}

/// Something that happened, so long after the beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Since the beginning.
    pub at: Duration,
    /// What.
    pub event: Event,
}

/// Everything that happened so far.
#[derive(Clone, Debug)]
pub struct Trail {
    began: Instant,
    /// How long it took; nothing while it goes on.
    pub took: Option<Duration>,
    /// What happened, in its order.
    pub moments: Vec<Moment>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { began: Instant::now(), took: None, moments: Vec::new() }
    }
}

impl Trail {
    /// Keeps what happens now. What is as it was is kept once; what comes after the end is not kept.
    pub fn keep(&mut self, event: Event) {
        let lasts = matches!(event, Event::Split(_) | Event::Ready(_) | Event::Images(_) | Event::Planned(_));
        let kind = std::mem::discriminant(&event);
        let mut before = self.moments.iter().rev().map(|moment| &moment.event);
        let is_known = lasts && before.find(|known| std::mem::discriminant(*known) == kind) == Some(&event);
        if self.took.is_none() && !is_known {
            self.moments.push(Moment { at: self.began.elapsed(), event });
        }
    }

    /// Says that it is over.
    pub fn close(&mut self) {
        self.took.get_or_insert(self.began.elapsed());
    }

    /// The shares of a color over time, in percent; nothing from where they cannot be told.
    pub fn shares(&self, color: Color) -> impl Iterator<Item = (Duration, Option<u8>)> {
        self.moments.iter().filter_map(move |moment| match &moment.event {
            Event::Split(split) => Some((moment.at, split.map(|split| split.share(color)))),
            _ => None,
        })
    }

    /// The number of ready pods of a color over time.
    pub fn ready(&self, color: Color) -> impl Iterator<Item = (Duration, usize)> {
        self.moments.iter().filter_map(move |moment| match &moment.event {
            Event::Ready(ready) => Some((moment.at, *ready.of(color))),
            _ => None,
        })
    }

    /// The images of a color when it began and when it ended; nothing where they were never seen.
    #[must_use]
    pub fn images(&self, color: Color) -> Option<(&[String], &[String])> {
        let mut seen = self.moments.iter().filter_map(|moment| match &moment.event {
            Event::Images(images) => Some(images.of(color).as_slice()),
            _ => None,
        });
        let first = seen.next()?;
        Some((first, seen.next_back().unwrap_or(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_as_it_was_is_kept_once_and_nothing_after_the_end() {
        let mut trail = Trail::default();
        let wait = || tokio::time::sleep(Duration::from_secs(1));
        for split in [Split::all(Color::Blue), Split::all(Color::Blue), Split::giving(Color::Green, 10)] {
            trail.keep(Event::Split(Some(split)));
            trail.keep(Event::Said("again".to_owned()));
            wait().await;
        }
        trail.close();
        trail.keep(Event::Split(None));
        let shares: Vec<_> = trail.shares(Color::Green).map(|(at, share)| (at.as_secs(), share)).collect();
        assert_eq!(shares, [(0, Some(0)), (2, Some(10))]);
        assert_eq!((trail.took, trail.moments.len()), (Some(Duration::from_secs(3)), 5));
    }
}
