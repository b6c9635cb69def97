//! Sends smoke tests to every ready pod of a color.
//! What is sent and whether an answer is good is for `crate::smoke`.

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, sleep};

use super::waits::belongs;
use super::{Executor, RETRY_AFTER};
use crate::check;
use crate::cluster::ask::{Answer, Ask};
use crate::cluster::{Cluster, ClusterError, Failure, ObjectRef, Request, Resource};
use crate::error::Error;
use crate::observed::{name, serves};
use crate::plan::{Action, Planner, SetRef};
use crate::release::Color;
use crate::report::{Outcome, Report, StepReport};
use crate::smoke::{Test, TestResult, summary};

/// How many pods are asked at once.
const PODS_AT_ONCE: usize = 4;
/// How often a question is sent again that the API server could not pass on.
const ATTEMPTS: u32 = 5;

impl<C: Cluster> Executor<'_, C> {
    /// Observes, plans, and sends the tests, without the Lease: nothing is changed.
    pub async fn look(&self, command: &'static str, planner: &impl Planner) -> (Report, Result<Outcome, Error>) {
        let result = self.look_only(planner).await;
        let (plan, requests) = (self.plan.borrow(), self.cluster.requests());
        let mut report = Report::new(command, plan.as_ref(), self.steps.take(), &result, requests);
        report.tests = self.tests.take();
        (report, result)
    }

    async fn look_only(&self, planner: &impl Planner) -> Result<Outcome, Error> {
        let plan = planner.plan(&self.stoppable(self.observe(planner)).await??)?;
        self.ui.note(&plan);
        *self.plan.borrow_mut() = Some(plan.clone());
        self.started.set(Instant::now());
        for step in &plan.steps {
            let Action::Smoke { color, tests } = &step.action else { continue };
            let result = self.smoke(&plan.set, *color, tests).await;
            let status = if result.is_ok() { "done" } else { "failed" };
            let seconds = self.started.get().elapsed().as_secs_f64();
            self.steps.borrow_mut().push(StepReport { id: step.id, title: step.title.clone(), status, seconds });
            self.ui.done(self.started.get().elapsed(), &result?);
        }
        Ok(Outcome::Done)
    }

    /// Asks every pod everything.
    ///
    /// # Errors
    /// When a pod's answers are not good, or nothing could be asked.
    pub(super) async fn smoke(&self, set: &SetRef, color: Color, tests: &[Test]) -> Result<String, Error> {
        let pods = self.stoppable(self.pods(set)).await??;
        let called = set.deployment(color);
        let mine: Vec<Pod> = pods.items.into_iter().filter(|pod| belongs(pod, called)).collect();
        let is_without_pods = mine.is_empty();
        let pods: Vec<Pod> = mine.into_iter().filter(serves).collect();
        if pods.is_empty() {
            return Err(nothing_to_test(set, color, is_without_pods));
        }
        let mut results: Vec<TestResult> = Vec::new();
        for test in tests {
            let passed = self.started.get().elapsed();
            self.ui.progress(passed, &format!("{color}: testing {}", test.name), &format!("{} pods", pods.len()));
            let each = futures_util::stream::iter(pods.iter().map(|pod| self.test(set, pod, test)));
            let each = self.stoppable(each.buffered(PODS_AT_ONCE).collect::<Vec<_>>()).await?;
            results.extend(each.into_iter().collect::<Result<Vec<_>, ClusterError>>()?);
        }
        self.ui.note(summary(&results));
        let failed: Vec<TestResult> = results.iter().filter(|result| result.ok == Some(false)).cloned().collect();
        let asked = tests.iter().filter(|test| results.iter().any(|r| r.name == test.name && r.ok.is_some())).count();
        self.tests.borrow_mut().extend(results);
        if let Some(TestResult { name, pod, message, .. }) = failed.into_iter().next() {
            return Err(Error::TestsFailed { color, reason: format!("{name}: pod {pod}: {message}") });
        }
        let (tests, have) = if asked == 1 { ("test", "has") } else { ("tests", "have") };
        Ok(format!("{asked} {tests} on {} of {color} {have} passed", check::pods(pods.len())))
    }

    async fn test(&self, set: &SetRef, pod: &Pod, test: &Test) -> Result<TestResult, ClusterError> {
        let called = name(&pod.metadata).to_owned();
        let mut result = TestResult {
            name: test.name.clone(),
            pod: called.clone(),
            ok: None,
            asked: 0,
            failed: 0,
            message: String::new(),
            millis: 0,
        };
        for _ in 0..test.repeat {
            let answer = self.answer(set, &called, pod, test).await?;
            if answer.skipped {
                result.message = answer.body;
                return Ok(result);
            }
            result.asked += 1;
            result.millis = result.millis.max(answer.millis);
            match test.judge(&answer) {
                Ok(message) if result.failed == 0 => result.message = message,
                Ok(_) => {}
                Err(message) => (result.failed, result.message) = (result.failed + 1, message),
            }
        }
        result.ok = Some(result.failed <= test.may_fail);
        Ok(result)
    }

    async fn answer(&self, set: &SetRef, called: &str, pod: &Pod, test: &Test) -> Result<Answer, ClusterError> {
        let ask = Ask::Probe {
            pod: ObjectRef::new(Resource::Pods, &set.namespace, called),
            port: test.port,
            call: test.call_for(pod),
            within: test.within,
        };
        let request = Request::Ask(ask);
        let mut attempt = 1;
        loop {
            match self.cluster.send(&request).await {
                Ok(value) => {
                    return serde_json::from_value(value).map_err(|error| ClusterError {
                        request: request.to_string(),
                        failure: Failure::Invalid,
                        message: error.to_string(),
                    });
                }
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    attempt += 1;
                    sleep(RETRY_AFTER).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn nothing_to_test(set: &SetRef, color: Color, is_without_pods: bool) -> Error {
    let (reason, help) = if is_without_pods {
        let scale = format!("kubectl scale deployment/{} -n {} --replicas=N", set.deployment(color), set.namespace);
        ("it has no pod", format!("scale it up: {scale}; or release to it: kubectl bluegreen deploy VERSION"))
    } else {
        ("it has no ready pod", format!("see why: kubectl bluegreen check {color}"))
    };
    Error::NothingToTest { color, reason: reason.to_owned(), help }
}
