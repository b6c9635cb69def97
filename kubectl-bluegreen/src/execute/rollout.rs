//! Waits until a color is rolled out and ready, says how far it is, and why it does not get there as soon as that is certain.
//! Decides nothing itself: what is seen is judged by `explain`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use tokio::time::{Instant, sleep};

use super::waits::belongs;
use super::{Executor, RETRY_AFTER};
use crate::check::{pods, rollout_deadline_exceeded, rollout_has_ended};
use crate::cluster::ask::Ask;
use crate::cluster::{Cluster, ClusterError, Failure, ObjectRef, Request, Resource};
use crate::error::Error;
use crate::explain::{Diagnosis, diagnose};
use crate::observed::{is_ready, is_terminating, name};
use crate::plan::SetRef;
use crate::release::Color;

/// How long to wait for a change before looking again: what lasts becomes certain by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long a color may take before anybody asks why.
const ASK_WHY_AFTER: Duration = Duration::from_secs(1);
/// How many of a container's last words are shown.
const LOG_LINES: u32 = 10;
/// How much is shown of each of these lines, in characters: all of them are to fit on a screen.
const LOG_LINE_MAX: usize = 400;

/// What one look at a color showed.
struct Look {
    deployment: Option<Deployment>,
    pods: Vec<Pod>,
    versions: [(Resource, String); 2],
}

impl Look {
    fn is_done(&self) -> bool {
        self.deployment.as_ref().is_some_and(rollout_has_ended) && self.pods.iter().all(is_ready)
    }

    /// Pods by state, in a few words.
    fn words(&self, color: Color) -> String {
        let Some(deployment) = &self.deployment else { return format!("{color}: there is no Deployment") };
        let status = deployment.status.as_ref();
        if status.and_then(|status| status.observed_generation) < deployment.metadata.generation {
            return format!("{color}: the rollout begins");
        }
        let desired = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let new = status.and_then(|status| status.updated_replicas).unwrap_or_default();
        let ready = self.pods.iter().filter(|pod| is_ready(pod)).count();
        let mut words = format!("{color}: {new} of {desired} pods are new, {ready} ready");
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        for pod in self.pods.iter().filter(|pod| !is_ready(pod)) {
            *states.entry(state(pod)).or_default() += 1;
        }
        for (state, count) in states {
            let _ = write!(words, ", {count} {state}");
        }
        words
    }
}

/// The state of a pod that is not ready, as `kubectl get pods` would call it.
fn state(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let mut containers = status.into_iter().flat_map(|status| status.container_statuses.iter().flatten());
    let waiting = containers.find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let phase = || status.and_then(|status| status.phase.clone());
    waiting.or_else(phase).unwrap_or_else(|| "Pending".to_owned())
}

impl<C: Cluster> Executor<'_, C> {
    pub(super) async fn await_rollout(&self, set: &SetRef, color: Color) -> Result<String, Error> {
        let called = set.deployment(color);
        let started = Instant::now();
        let mut seen_since: BTreeMap<(&'static str, Option<String>), Instant> = BTreeMap::new();
        let mut latest: Option<Diagnosis> = None;
        loop {
            let left = self.options.timeout.saturating_sub(started.elapsed());
            match self.stoppable(self.look_at(set, called)).await? {
                Ok(look) if look.is_done() => {
                    let count = look.pods.len();
                    let verb = if count == 1 { "is" } else { "are" };
                    return Ok(format!("deployment/{called} is rolled out, {} {verb} ready", pods(count)));
                }
                Ok(look) => {
                    let found =
                        if started.elapsed() < ASK_WHY_AFTER { Vec::new() } else { self.why(set, &look).await? };
                    seen_since.retain(|seen, _| found.iter().any(|diagnosis| *seen == key(diagnosis)));
                    for diagnosis in &found {
                        let since = *seen_since.entry(key(diagnosis)).or_insert_with(Instant::now);
                        if diagnosis.certain_after.is_some_and(|after| since.elapsed() >= after) {
                            return Err(self.not_ready(set, color, diagnosis.clone()).await?);
                        }
                    }
                    latest = found.into_iter().next();
                    let late = look.deployment.as_ref().is_some_and(rollout_deadline_exceeded);
                    if let Some(diagnosis) = latest.clone().filter(|_| late) {
                        return Err(self.not_ready(set, color, diagnosis).await?);
                    }
                    let why = latest.as_ref().map(|latest| format!("; {}", latest.message)).unwrap_or_default();
                    self.progress(&format!("{}{why}", look.words(color)), left);
                    if !left.is_zero() {
                        self.next_change(set, &look.versions, left.min(LOOK_AGAIN)).await?;
                    }
                }
                Err(error) if !error.is_passing() => return Err(error.into()),
                Err(_) => self.stoppable(sleep(RETRY_AFTER.min(left))).await?,
            }
            if left.is_zero() {
                if let Some(diagnosis) = latest {
                    let _ = self.not_ready(set, color, diagnosis).await?;
                }
                let (state, help) = self.state();
                let (waited_for, seconds) =
                    (format!("the rollout of deployment/{called}"), self.options.timeout.as_secs());
                return Err(Error::TimedOut { waited_for, seconds, state, help });
            }
        }
    }

    async fn look_at(&self, set: &SetRef, called: &str) -> Result<Look, ClusterError> {
        let (deployments, pods) =
            tokio::join!(self.list::<Deployment>(Resource::Deployments, &set.namespace, None), self.pods(set),);
        let (deployments, pods) = (deployments?, pods?);
        let mine = |pod: &Pod| belongs(pod, called) && !is_terminating(pod);
        // Either can be the last to follow: the pods before the Deployment's status, or after it.
        let versions = [(Resource::Deployments, deployments.resource_version), (Resource::Pods, pods.resource_version)];
        Ok(Look {
            deployment: deployments.items.into_iter().find(|deployment| name(&deployment.metadata) == called),
            pods: pods.items.into_iter().filter(mine).collect(),
            versions,
        })
    }

    /// Waits until one of two lists has changed, or some time has passed.
    async fn next_change(
        &self,
        set: &SetRef,
        [one, other]: &[(Resource, String); 2],
        within: Duration,
    ) -> Result<(), Error> {
        let watch = |(resource, version): &(Resource, String)| {
            let (resource, version) = (*resource, version.clone());
            async move { self.cluster.changed(resource, Some(&set.namespace), None, &version, within).await }
        };
        let either = async {
            tokio::select! { result = watch(one) => result, result = watch(other) => result }
        };
        match self.stoppable(either).await? {
            Err(error) if !error.is_passing() => Err(error.into()),
            Err(_) => self.stoppable(sleep(RETRY_AFTER.min(within))).await,
            Ok(()) => Ok(()),
        }
    }

    /// What stands in the way. Events help, and are not needed.
    async fn why(&self, set: &SetRef, look: &Look) -> Result<Vec<Diagnosis>, Error> {
        let Some(deployment) = &look.deployment else { return Ok(Vec::new()) };
        let events = self.stoppable(self.list::<Event>(Resource::Events, &set.namespace, None)).await?;
        let events = events.map(|events| events.items).unwrap_or_default();
        Ok(diagnose(deployment, &look.pods.iter().collect::<Vec<_>>(), &events))
    }

    /// Shows a reason, with the container's last words where they help, and makes an error of it.
    async fn not_ready(&self, set: &SetRef, color: Color, diagnosis: Diagnosis) -> Result<Error, Error> {
        let mut text = format!("\n{color} does not become ready\n{diagnosis}");
        if let (Some(previous), Some(pod), Some(container)) = (diagnosis.log, &diagnosis.pod, &diagnosis.container) {
            for line in self.stoppable(self.last_words(&set.namespace, pod, container, previous)).await? {
                let _ = write!(text, "\n  log    {line}");
            }
        }
        self.ui.always(text);
        Ok(Error::NotReady { color, diagnosis: Box::new(diagnosis) })
    }

    async fn last_words(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Vec<String> {
        let log = async |previous: bool| {
            let pod = ObjectRef::new(Resource::Pods, namespace, pod);
            let ask = Ask::Log { pod, container: container.to_owned(), previous, lines: LOG_LINES };
            self.cluster.send(&Request::Ask(ask)).await
        };
        let answer = match log(previous).await {
            // The run before may be gone already, or this may still be the first one.
            Err(error) if matches!(error.failure, Failure::Invalid | Failure::NotFound) => log(!previous).await,
            answer => answer,
        };
        let text = answer.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
        text.lines().map(shortened).collect()
    }

    /// Says what is waited for, and how long is left.
    pub(super) fn progress(&self, words: &str, left: Duration) {
        let seconds = left.as_secs_f64().ceil();
        let (minutes, seconds) = ((seconds / 60.0).floor(), seconds % 60.0);
        self.ui.progress(self.started.get().elapsed(), words, &format!("{minutes}:{seconds:02} left"));
    }
}

/// A line, or its beginning.
fn shortened(line: &str) -> String {
    match line.char_indices().nth(LOG_LINE_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn key(diagnosis: &Diagnosis) -> (&'static str, Option<String>) {
    (diagnosis.cause, diagnosis.container.clone())
}
