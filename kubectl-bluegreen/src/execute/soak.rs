//! Lets a new version have users for a while and watches it: its pods, and the metrics that the settings name.
//! What is asked and whether the answers are good is for `crate::analysis`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, sleep};

use super::waits::belongs;
use super::{Executor, RETRY_AFTER};
use crate::analysis::{Analysis, Health, MetricResult, Names, Reading, number, table};
use crate::cluster::ask::Ask;
use crate::cluster::{Cluster, ClusterError, Request, Resource};
use crate::error::Error;
use crate::observed::{is_terminating, name};
use crate::plan::SetRef;
use crate::release::Color;

/// How often the pods are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the metrics are asked for.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Over how long a rate is taken at least, in seconds: two scrapes have to be in it.
const WINDOW_MIN: u64 = 30;
/// How many looks in a row a pod may be unready. A probe may fail once.
const UNREADY_LOOKS: u32 = 5;

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
        let (mut first, mut unready, mut asked) = (None::<Health>, 0, None::<Instant>);
        let mut last_answer: Option<Result<(), ClusterError>> = None;
        loop {
            let left = time.saturating_sub(started.elapsed());
            match self.stoppable(self.pods_of(set, color)).await? {
                Ok(pods) => {
                    let health = Health::of(&pods);
                    let before = first.get_or_insert_with(|| health.clone());
                    if let Some(reason) = health.worse_than(before) {
                        return Err(failed(reason));
                    }
                    unready = if health.ready < before.ready { unready + 1 } else { 0 };
                    if unready > UNREADY_LOOKS {
                        return Err(failed(format!("{} of {} pods are ready", health.ready, before.ready)));
                    }
                    let is_due = left.is_zero() || asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
                    if let Some(analysis) = analysis.filter(|_| is_due) {
                        asked = Some(Instant::now());
                        let window = started.elapsed().as_secs().max(WINDOW_MIN);
                        let answer = self.stoppable(self.measure(set, color, analysis, window)).await?;
                        let answer = answer.map(|results| *self.analysis.borrow_mut() = results);
                        last_answer = Some(answer);
                        if let Some(bad) = self.analysis.borrow().iter().find(|result| result.ok == Some(false)) {
                            self.ui.always(table(&self.analysis.borrow()));
                            return Err(failed(format!("{}: {}", bad.name, bad.message)));
                        }
                    }
                    let requests = self.analysis.borrow().iter().find_map(|result| result.requests);
                    let words = requests.map(|requests| format!(", {requests:.0} requests")).unwrap_or_default();
                    self.progress(&format!("{color}: watching, {} pods ready{words}", health.ready), left);
                }
                Err(error) if !error.is_passing() => return Err(error.into()),
                Err(error) if started.elapsed() >= time + self.options.timeout => return Err(error.into()),
                Err(_) => {
                    self.stoppable(sleep(RETRY_AFTER)).await?;
                    continue;
                }
            }
            if left.is_zero() {
                break;
            }
            self.stoppable(sleep(left.min(LOOK_EVERY))).await?;
        }
        if let Some(Err(error)) = last_answer.filter(|_| self.analysis.borrow().is_empty()) {
            return Err(failed(format!("the metrics could not be asked for: {error}")));
        }
        if !self.analysis.borrow().is_empty() {
            self.ui.note(table(&self.analysis.borrow()));
        }
        Ok(format!("{color} had users for {} s: no restart, all pods ready", time.as_secs_f64()))
    }

    async fn pods_of(&self, set: &SetRef, color: Color) -> Result<Vec<Pod>, ClusterError> {
        let pods = self.list::<Pod>(Resource::Pods, &set.namespace, None).await?;
        let mine = |pod: &Pod| belongs(pod, set.deployment(color)) && !is_terminating(pod);
        Ok(pods.items.into_iter().filter(mine).collect())
    }

    async fn measure(
        &self,
        set: &SetRef,
        color: Color,
        analysis: &Analysis,
        window: u64,
    ) -> Result<Vec<MetricResult>, ClusterError> {
        let (new, old) = (self.names(set, color).await?, self.names(set, color.other()).await?);
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

    async fn names(&self, set: &SetRef, color: Color) -> Result<Names, ClusterError> {
        let pods = self.pods_of(set, color).await?;
        Ok(Names {
            namespace: set.namespace.clone(),
            color: color.to_string(),
            deployment: set.deployment(color).to_owned(),
            service: set.color_service(color).to_owned(),
            pods: pods.iter().map(|pod| name(&pod.metadata).to_owned()).collect(),
        })
    }
}
