//! Looks after a color that has users by now, while a release waits for something else.
//! What is wrong with pods is for `crate::health` to say.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, sleep};

use super::waits::belongs;
use super::{Executor, RETRY_AFTER};
use crate::cluster::{Cluster, ClusterError, Listed, Resource};
use crate::error::Error;
use crate::observed::is_terminating;
use crate::plan::{Action, Plan, SetRef, Step};
use crate::release::Color;

/// How long to wait for a change of the pods before looking again.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for more of what comes in a burst.
const BURST: Duration = Duration::from_millis(50);

impl<C: Cluster> Executor<'_, C> {
    /// Goes on with a step, and leaves it when it only waits and the pods that have users go down meanwhile.
    pub(super) async fn guarding<T>(
        &self,
        plan: &Plan,
        step: &Step,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let waits = matches!(
            step.action,
            Action::AwaitEndpoints { .. }
                | Action::AwaitBoth(_)
                | Action::AwaitAccepted { .. }
                | Action::AwaitRollout(_)
                | Action::Settle(_)
        );
        if !(waits && self.guards.get() && (self.has_moved() || self.under_way.get())) {
            return work.await;
        }
        tokio::select! {
            biased;
            result = work => result,
            bad = self.gone_bad(&plan.set, plan.to) => Err(bad),
        }
    }

    /// Ends when something is wrong with the pods. What cannot be read is not wrong.
    async fn gone_bad(&self, set: &SetRef, color: Color) -> Error {
        loop {
            match self.pods_of(set, color).await {
                Ok(pods) => {
                    if let Some(reason) = self.look_after(&pods.items) {
                        return Error::AnalysisFailed { color, reason };
                    }
                    self.next_look(set, &pods.resource_version, LOOK_EVERY).await;
                }
                Err(_) => sleep(RETRY_AFTER).await,
            }
        }
    }

    /// Takes a look at the pods that have users; answers what is wrong with them.
    pub(super) fn look_after(&self, pods: &[Pod]) -> Option<String> {
        let passed = self.looked.replace(Instant::now()).elapsed();
        self.health.borrow_mut().look(pods, passed)
    }

    /// Waits for a change of the pods, or for some time.
    pub(super) async fn next_look(&self, set: &SetRef, version: &str, within: Duration) {
        let changed = self.cluster.changed(Resource::Pods, Some(&set.namespace), None, version, within).await;
        // Pods change in bursts; and where there is no watch, time passes all the same.
        sleep(if changed.is_ok() { BURST } else { within }.min(within)).await;
    }

    /// The pods of a color that stay.
    pub(super) async fn pods_of(&self, set: &SetRef, color: Color) -> Result<Listed<Pod>, ClusterError> {
        let mut pods = self.pods(set).await?;
        pods.items.retain(|pod| belongs(pod, set.deployment(color)) && !is_terminating(pod));
        Ok(pods)
    }
}
