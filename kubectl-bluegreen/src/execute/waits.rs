//! The waits of a plan: a question about the cluster, asked again whenever what it looked at has changed.
//! Only reads; bounded by `--timeout`, and ended by whoever wants to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::time::{Instant, sleep};

use super::journal::{overridden, typed};
use super::{Executor, RETRY_AFTER};
use crate::cluster::{Cluster, ClusterError, Failure, Listed, ObjectRef, Request, Resource};
use crate::error::Error;
use crate::lock::trying_again;
use crate::observed::{Labels, deployment_of, endpoints, has_ended, selector, serves, shown, uid};
use crate::plan::SetRef;
use crate::release::{Color, Split};
use crate::router::{self, share_of};

/// The lists that a question has looked at, with the versions from which a watch goes on; at most two.
type Watched = Vec<(Resource, String)>;

/// How long a watch may say nothing until it is read what is true: its connection may have died in silence.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl<C: Cluster> Executor<'_, C> {
    /// Waits for a moment, and says how long is left.
    pub(super) async fn count_down(&self, moment: jiff::Timestamp) -> Result<(), Error> {
        loop {
            let left = Duration::try_from(moment.duration_since(self.cluster.now())).unwrap_or_default();
            if left.is_zero() {
                return Ok(());
            }
            self.progress("waiting", left);
            self.stoppable(sleep(left.min(Duration::from_secs(1)))).await?;
        }
    }

    /// Waits until a question about the set is answered with yes. A read that fails for a passing reason is asked again.
    /// The question also answers with the lists that it has looked at: the next time is when one of them has changed.
    async fn until<T, F: Future<Output = Result<(Option<T>, Watched), ClusterError>>>(
        &self,
        set: &SetRef,
        labels: Option<&str>,
        waited_for: &str,
        ask: impl Fn() -> F,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let mut told = false;
        loop {
            let left = self.options.timeout.saturating_sub(started.elapsed());
            match self.stoppable(ask()).await? {
                Ok((Some(answer), _)) => return Ok(answer),
                Ok((None, watched)) if !left.is_zero() => {
                    let within = left.min(LOOK_AGAIN);
                    let watch = |at: usize| {
                        let (resource, version) = watched.get(at)?;
                        Some(self.cluster.changed(*resource, Some(&set.namespace), labels, version, within))
                    };
                    let either = async {
                        match (watch(0), watch(1)) {
                            (Some(one), Some(other)) => {
                                tokio::select! { result = one => result, result = other => result }
                            }
                            (Some(one), None) => one.await,
                            _ => Ok(()),
                        }
                    };
                    match self.stoppable(either).await? {
                        Err(error) if error.failure == Failure::Unauthorized => return Err(error.into()),
                        // No watch, or none any more: what is true now is read after a moment.
                        Err(_) => self.stoppable(sleep(RETRY_AFTER.min(left))).await?,
                        Ok(()) => {}
                    }
                }
                Err(error) if error.is_passing() && !left.is_zero() => {
                    if !std::mem::replace(&mut told, true) {
                        self.ui.note(format_args!("            {}", trying_again(&error, left)));
                    }
                    self.stoppable(sleep(RETRY_AFTER.min(left))).await?;
                }
                Err(error) if !error.is_passing() => return Err(error.into()),
                Ok((None, _)) | Err(_) => {
                    let (state, help) = self.state();
                    let seconds = self.options.timeout.as_secs();
                    return Err(Error::TimedOut { waited_for: waited_for.to_owned(), seconds, state, help });
                }
            }
        }
    }

    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: &str,
        labels: Option<&str>,
    ) -> Result<Listed<T>, ClusterError> {
        let (namespace, labels) = (Some(namespace.to_owned()), labels.map(str::to_owned));
        self.cluster.list(&Request::List { resource, namespace, labels, since: None, limit: None }).await
    }

    /// The pods of the namespace.
    pub(super) async fn pods(&self, set: &SetRef) -> Result<Listed<Pod>, ClusterError> {
        let pods = self.list::<Pod>(Resource::Pods, &set.namespace, None).await?;
        self.keep_ready(set, &pods.items);
        Ok(pods)
    }

    /// The pods as they were when the plan was made, or later. Another server of the cluster may not be that far yet; then
    /// they are read as they are now.
    async fn pods_since(&self, namespace: &str) -> Result<Listed<Pod>, ClusterError> {
        let (resource, since) = (Resource::Pods, self.pods.borrow().clone());
        if since.is_some() {
            let namespace = Some(namespace.to_owned());
            let request = Request::List { resource, namespace, labels: None, since, limit: None };
            if let Ok(pods) = self.cluster.list(&request).await {
                return Ok(pods);
            }
        }
        self.list(resource, namespace, None).await
    }

    pub(super) async fn await_endpoints(
        &self,
        set: &SetRef,
        colors: &[Color],
        wanted: &Labels,
    ) -> Result<String, Error> {
        let labels = format!("kubernetes.io/service-name={}", set.service);
        let words = colors.iter().map(|color| color.as_str()).collect::<Vec<_>>().join(" and ");
        let get = Request::Get(set.active_service());
        let ask = async || {
            let (slices, pods, service) = tokio::join!(
                self.list::<EndpointSlice>(Resource::EndpointSlices, &set.namespace, Some(&labels)),
                self.pods_since(&set.namespace),
                self.cluster.send(&get),
            );
            let (slices, pods, service) = (slices?, pods?, typed::<Service>(service?));
            self.keep_ready(set, &pods.items);
            let of_colors = |pod: &Pod| colors.iter().any(|color| belongs(pod, set.deployment(*color)));
            let is_new = |pod: &&Pod| of_colors(pod) && serves(pod);
            let ready = |pods: &[Pod]| pods.iter().filter(is_new).map(uid).collect::<BTreeSet<String>>();
            let answer = if selector(&service) == wanted {
                let served = endpoints(slices.items.iter(), &set.service);
                let mut pods = pods.items;
                if !served.are_exactly(&ready(&pods)) {
                    // That may be true of the past only.
                    pods = self.pods(set).await?.items;
                }
                let of_green = |pod: &&Pod| is_new(pod) && belongs(pod, set.deployment(Color::Green));
                let (all, green) = (ready(&pods), pods.iter().filter(of_green).count());
                served.are_exactly(&all).then_some(Ok((green, all.len())))
            } else {
                Some(Err(overridden(set, &service)))
            };
            Ok((answer, vec![(Resource::EndpointSlices, slices.resource_version)]))
        };
        let waited_for = format!("that service/{} sends traffic to exactly the ready pods of {words}", set.service);
        let (green, count) = self.until(set, Some(&labels), &waited_for, ask).await??;
        self.seen.set(Some(Split::giving(Color::Green, share_of(green, count))));
        Ok(format!("exactly the {count} ready pods of {words} are the endpoints of service/{}", set.service))
    }

    /// Waits for the word of whoever serves a route. A refusal of the route as it is now is final.
    pub(super) async fn await_accepted(&self, set: &SetRef, route: &ObjectRef, back: bool) -> Result<String, Error> {
        let (namespace, resource) = (&route.namespace, route.resource);
        let ask = async || {
            let list = Request::list(resource, Some(namespace));
            let (seen, version) = router::accepted(route, back, &self.cluster.send(&list).await?);
            Ok((seen, vec![(resource, version)]))
        };
        let waited_for = format!("that the Gateways of {route} accept it as it is now");
        let seen = self.until(set, None, &waited_for, ask).await?;
        seen.map_err(|reason| Error::Rejected { route: route.to_string(), reason })
    }

    /// Also looks at the selector: somebody may have chosen the color a moment before it was scaled.
    pub(super) async fn await_scale_down(&self, set: &SetRef, color: Color, wanted: &Labels) -> Result<String, Error> {
        self.await_no_pods(set, set.deployment(color), Some(wanted)).await
    }

    pub(super) async fn await_end(&self, set: &SetRef, called: &str) -> Result<String, Error> {
        self.await_no_pods(set, called, None).await
    }

    async fn await_no_pods(&self, set: &SetRef, called: &str, wanted: Option<&Labels>) -> Result<String, Error> {
        let get = Request::Get(set.active_service());
        let ask = async || {
            let service = async {
                if wanted.is_none() || set.service.is_empty() {
                    Ok(None)
                } else {
                    self.cluster.send(&get).await.map(Some)
                }
            };
            let (pods, service) = tokio::join!(self.pods(set), service);
            let (pods, service) = (pods?, service?.map(typed::<Service>));
            let changed = service.filter(|service| Some(selector(service)) != wanted);
            let left = pods.items.iter().any(|pod| belongs(pod, called));
            let answer = match changed {
                Some(service) => {
                    let seen = shown(selector(&service));
                    Some(Err(Error::Chosen { service: set.service.clone(), deployment: called.to_owned(), seen }))
                }
                None => (!left).then_some(Ok(())),
            };
            Ok((answer, vec![(Resource::Pods, pods.resource_version)]))
        };
        self.until(set, None, &format!("the end of all pods of deployment/{called}"), ask).await??;
        Ok(format!("deployment/{called} has no pods"))
    }
}

/// Whether the pod was made by the Deployment and has not ended.
pub(super) fn belongs(pod: &Pod, deployment: &str) -> bool {
    deployment_of(pod) == Some(deployment) && !has_ended(pod)
}
