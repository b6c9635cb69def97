//! Lets a new version have users for a while and watches it: its pods, and the metrics that the settings name.
//! What is asked and whether the answers are good is for `crate::analysis`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use tokio::time::{Instant, sleep};

use super::guard::LOOK_EVERY;
use super::{Executor, RETRY_AFTER};
use crate::analysis::{Analysis, MetricResult, Names, Reading, number, table};
use crate::cluster::ask::Ask;
use crate::cluster::{Cluster, ClusterError, Request, Resource};
use crate::error::Error;
use crate::observed::name;
use crate::plan::SetRef;
use crate::release::Color;
use crate::trail;

/// How often the metrics are asked for.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Over how long a rate is taken at least, in seconds: two scrapes have to be in it.
const WINDOW_MIN: u64 = 30;
/// For how long the metrics may not answer when they are needed.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

impl<C: Cluster> Executor<'_, C> {
    /// Watches a color for a while.
    ///
    /// # Errors
    /// As soon as something is wrong with it; or when nothing at all could be seen.
    pub(super) async fn soak(
        &self,
        set: &SetRef,
        color: Color,
        time: Duration,
        analysis: Option<&Analysis>,
    ) -> Result<String, Error> {
        let started = Instant::now();
        let failed = |reason: String| Error::AnalysisFailed { color, reason };
        let (mut asked, mut answer) = (None::<Instant>, None::<Result<(), ClusterError>>);
        loop {
            let left = time.saturating_sub(started.elapsed());
            let pods = match self.stoppable(self.pods_of(set, color)).await? {
                Ok(pods) => pods,
                Err(error) if !error.is_passing() => return Err(error.into()),
                Err(error) if started.elapsed() >= time + self.options.timeout => return Err(error.into()),
                Err(_) => {
                    self.stoppable(sleep(RETRY_AFTER)).await?;
                    continue;
                }
            };
            let mut bad = self.look_after(&pods.items);
            let is_due = left.is_zero() || asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
            if bad.is_none() && is_due {
                asked = Some(Instant::now());
                bad = self.stoppable(self.events(set)).await?;
                if let Some(analysis) = analysis.filter(|_| bad.is_none()) {
                    let window = started.elapsed().as_secs().max(WINDOW_MIN);
                    let measured = self.stoppable(self.measure(set, color, analysis, window)).await?;
                    let results = measured.as_ref().ok().cloned();
                    *self.metrics.borrow_mut() = results.unwrap_or_else(|| analysis.unknown());
                    answer = Some(measured.map(|_| ()));
                    let metrics = self.metrics.borrow();
                    let out_of_limits = metrics.iter().find(|result| result.ok == Some(false));
                    bad = out_of_limits.map(|bad| format!("{}: {}", bad.name, bad.message));
                }
                self.ui.keep(|| trail::Event::Measured(self.analysis()));
            }
            if let Some(reason) = bad {
                self.ui.always(table(&self.analysis()));
                return Err(failed(reason));
            }
            let requests = self.metrics.borrow().iter().find_map(|result| result.requests);
            let words = requests.map(|requests| format!(", {requests:.0} requests")).unwrap_or_default();
            let ready = self.health.borrow().ready;
            self.progress(&format!("{color}: watching, {ready} pods ready{words}"), left);
            if left.is_zero() && (!matches!(answer, Some(Err(_))) || started.elapsed() >= time + ANSWER_WITHIN) {
                break;
            }
            self.stoppable(self.next_look(set, &pods.resource_version, LOOK_EVERY.min(left.max(RETRY_AFTER)))).await?;
        }
        if let Some(Err(error)) = answer {
            self.ui.always(table(&self.analysis()));
            return Err(failed(unanswered(&error)));
        }
        self.ui.note(table(&self.analysis()));
        Ok(format!("{color} had users for {} s: {}", time.as_secs_f64(), self.summary()))
    }

    /// Asks for the metrics of both colors as the soak will, and forgets the answers: whether there are any is what counts.
    ///
    /// # Errors
    /// When there is no answer, or not one to each question.
    pub(super) async fn ask_metrics(&self, set: &SetRef, color: Color, analysis: &Analysis) -> Result<String, Error> {
        let started = Instant::now();
        loop {
            match self.stoppable(self.measure(set, color, analysis, WINDOW_MIN)).await? {
                Ok(_) => return Ok(format!("{} answers", analysis.source)),
                Err(error) if !error.is_passing() || started.elapsed() >= ANSWER_WITHIN => {
                    return Err(Error::NoMetrics { color, reason: unanswered(&error) });
                }
                Err(_) => self.stoppable(sleep(RETRY_AFTER)).await?,
            }
        }
    }

    /// Hears the events of the pods that have users; answers what is wrong by them. What cannot be read is not wrong.
    async fn events(&self, set: &SetRef) -> Option<String> {
        let events = self.list::<Event>(Resource::Events, &set.namespace, None).await.ok()?;
        self.health.borrow_mut().hear(&events.items)
    }

    /// What was seen, in a few words; first what was not.
    fn summary(&self) -> String {
        let metrics = self.metrics.borrow();
        let unjudged = metrics.iter().filter(|result| result.ok.is_none());
        let unjudged = unjudged.map(|result| format!("{} was not judged ({})", result.name, result.message));
        let counts = self.health.borrow().results();
        let counts = counts.iter().filter_map(|result| {
            let count = result.new.map(|count| if count == 0.0 { "no".to_owned() } else { count.to_string() })?;
            // Of names in the plural, one is one.
            let name = if count == "1" { result.name.trim_end_matches('s') } else { &result.name };
            Some(format!("{count} {name}"))
        });
        unjudged.chain([counts.collect::<Vec<_>>().join(", ")]).collect::<Vec<_>>().join("; ")
    }

    /// What was seen so far: the metrics and the pods.
    pub(super) fn analysis(&self) -> Vec<MetricResult> {
        let mut results = self.metrics.borrow().clone();
        results.extend(self.health.borrow().results());
        results
    }

    async fn measure(
        &self,
        set: &SetRef,
        color: Color,
        analysis: &Analysis,
        window: u64,
    ) -> Result<Vec<MetricResult>, ClusterError> {
        // Where the selector has moved, users come by the active Service to the new color, else to the old one.
        let by_selector = self.moved.get() == Some(color);
        let (new, old) =
            (self.names(set, color, by_selector).await?, self.names(set, color.other(), !by_selector).await?);
        let mut results = Vec::new();
        for metric in &analysis.metrics {
            let reading = async |names: &Names| {
                let (value, requests) = metric.queries(names, window);
                let requests = match requests {
                    Some(query) => Some(self.query(analysis, query).await?.unwrap_or_default()),
                    None => None,
                };
                Ok(Reading { value: self.query(analysis, value).await?, requests })
            };
            results.push(metric.judge(reading(&new).await?, reading(&old).await?));
        }
        Ok(results)
    }

    async fn query(&self, analysis: &Analysis, query: String) -> Result<Option<f64>, ClusterError> {
        let ask = Ask::Query { source: analysis.source.clone(), query };
        Ok(number(&self.cluster.send(&Request::Ask(ask)).await?))
    }

    async fn names(&self, set: &SetRef, color: Color, by_active: bool) -> Result<Names, ClusterError> {
        let pods = self.pods_of(set, color).await?.items;
        Ok(Names {
            namespace: set.namespace.clone(),
            color: color.to_string(),
            deployment: set.deployment(color).to_owned(),
            service: if by_active { set.service.clone() } else { set.color_service(color).to_owned() },
            active: set.service.clone(),
            ports: set.ports.clone(),
            pods: pods.iter().map(|pod| name(&pod.metadata).to_owned()).collect(),
        })
    }
}

fn unanswered(error: &ClusterError) -> String {
    format!("the metrics could not be asked for: {error}")
}
