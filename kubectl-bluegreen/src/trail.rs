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

/// How many moments of metrics are kept at most, an even number: twice as many as a curve is drawn with.
const MEASURED_MAX: usize = 800;

/// Everything that happened so far.
#[derive(Clone, Debug)]
pub struct Trail {
    began: Instant,
    /// How many looks at the metrics one moment stands for by now, and how many the last one does.
    looks: (usize, usize),
    /// How long it took; nothing while it goes on.
    pub took: Option<Duration>,
    /// What happened, in its order.
    pub moments: Vec<Moment>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { began: Instant::now(), looks: (1, 0), took: None, moments: Vec::new() }
    }
}

impl Trail {
    /// Keeps what happens now. What is as it was is kept once; what comes after the end is not kept.
    pub fn keep(&mut self, event: Event) {
        let lasts = matches!(event, Event::Split(_) | Event::Ready(_) | Event::Images(_) | Event::Planned(_));
        let kind = std::mem::discriminant(&event);
        let mut before = self.moments.iter().rev().map(|moment| &moment.event);
        let is_known = lasts && before.find(|known| std::mem::discriminant(*known) == kind) == Some(&event);
        if self.took.is_some() || is_known {
            return;
        }
        let at = self.began.elapsed();
        let event = if let Event::Measured(results) = event { self.measured(results) } else { event };
        self.moments.push(Moment { at, event });
    }

    /// The moment of metrics that is to be kept now. However long they are watched, the number of moments is bounded: then
    /// one stands for several looks, as many as any other, with the highest values of them.
    fn measured(&mut self, results: Vec<MetricResult>) -> Event {
        let is_measured = |moment: &Moment| matches!(moment.event, Event::Measured(_));
        let (each, last) = self.looks;
        if last == each && self.moments.iter().filter(|moment| is_measured(moment)).count() >= MEASURED_MAX {
            let mut first: Option<Vec<MetricResult>> = None;
            self.moments.retain_mut(|moment| match (&mut moment.event, first.take()) {
                (Event::Measured(results), None) => {
                    first = Some(std::mem::take(results));
                    false
                }
                (Event::Measured(results), Some(earlier)) => {
                    *results = highest(earlier, std::mem::take(results));
                    true
                }
                (_, kept) => {
                    first = kept;
                    true
                }
            });
            self.looks = (each * 2, each * 2);
        }
        let (each, last) = self.looks;
        let open = self.moments.iter().rposition(is_measured).filter(|_| last < each);
        if let Some(Event::Measured(earlier)) = open.map(|at| self.moments.remove(at).event) {
            self.looks.1 += 1;
            Event::Measured(highest(earlier, results))
        } else {
            self.looks.1 = 1;
            Event::Measured(results)
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

/// The later ones of two looks at the same metrics, with the higher values.
fn highest(earlier: Vec<MetricResult>, mut later: Vec<MetricResult>) -> Vec<MetricResult> {
    let higher = |one: Option<f64>, other: Option<f64>| one.into_iter().chain(other).reduce(f64::max);
    for result in earlier {
        match later.iter_mut().find(|known| known.name == result.name) {
            Some(known) => {
                (known.new, known.old) = (higher(result.new, known.new), higher(result.old, known.old));
                known.limit = known.limit.or(result.limit);
            }
            None => later.push(result),
        }
    }
    later
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Hours under users: so many moments and no more, as far apart as each other, and no peak is lost.
    #[tokio::test(start_paused = true)]
    async fn metrics_are_thinned_evenly() {
        let mut trail = Trail::default();
        let of = |new: u32, old: u32| {
            let result = |name: &str, new: u32, old: u32| {
                let (new, old) = (Some(f64::from(new)), Some(f64::from(old)));
                MetricResult { name: name.to_owned(), new, old, limit: Some(5.0), ..MetricResult::default() }
            };
            vec![result("errors", new, 1), result("latency", 2, old)]
        };
        for look in 0..10_000 {
            trail.keep(Event::Measured(of(if look == 777 { 9 } else { 0 }, if look == 4321 { 7 } else { 3 })));
            if look == 5000 {
                trail.keep(Event::Said("half of it".to_owned()));
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        let measured = trail.moments.iter().filter_map(|moment| match &moment.event {
            Event::Measured(results) => Some((moment.at.as_secs(), results)),
            _ => None,
        });
        let measured: Vec<_> = measured.collect();
        assert!((400..=800).contains(&measured.len()) && trail.moments.len() == measured.len() + 1);
        assert!(trail.moments.is_sorted_by_key(|moment| moment.at));
        let (first, last) = (measured[0].0, measured[measured.len() - 1].0);
        assert!(first <= 75 && last == 9999 * 5, "{first} {last}");
        let gaps: BTreeSet<u64> = measured.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        // The last one is still to get its looks.
        assert!(gaps.len() <= 2 && gaps.last() == Some(&80), "{gaps:?}");
        let peaks = |of: fn(&[MetricResult]) -> Option<f64>, peak: f64| {
            measured.iter().filter(|(_, results)| of(results) == Some(peak)).map(|(at, _)| *at).collect::<Vec<_>>()
        };
        let (errors, latency) = (peaks(|results| results[0].new, 9.0), peaks(|results| results[1].old, 7.0));
        assert!(errors.len() == 1 && (777 * 5..777 * 5 + 80).contains(&errors[0]), "{errors:?}");
        assert!(latency.len() == 1 && (4321 * 5..4321 * 5 + 80).contains(&latency[0]), "{latency:?}");
        assert!(measured.iter().all(|(_, results)| results.len() == 2 && results[0].limit == Some(5.0)));
    }

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
