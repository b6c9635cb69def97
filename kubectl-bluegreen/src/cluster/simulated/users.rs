//! Users of a Service, who send requests all the time, and the metrics that count them.
//! Looks at routes, endpoints and at how pods behave; changes nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::shares;
use super::store::{State, text};
use crate::cluster::{ObjectRef, Resource};

/// How many requests users send, each second.
const RATE: f64 = 100.0;
/// The quantile of the latency that every pod has, in seconds.
const LATENCY_SECONDS: f64 = 0.02;

/// Users of one Service, and what became of their requests.
#[derive(Clone, Debug)]
pub struct Users {
    service: ObjectRef,
    until: Duration,
    /// How many requests they have sent.
    pub sent: f64,
    /// How many were answered with an error.
    pub errors: f64,
    /// How many found nobody to answer.
    pub lost: f64,
    served: Vec<Served>,
}

/// A time for which a pod had the same share of the requests.
#[derive(Clone, Debug)]
struct Served {
    pod: String,
    from: Duration,
    until: Duration,
    /// How many requests it had, each second.
    rate: f64,
    /// Which part of them it answered with an error.
    error_rate: f64,
}

impl Users {
    pub(super) fn new(service: ObjectRef, now: Duration) -> Self {
        Self { service, until: now, sent: 0.0, errors: 0.0, lost: 0.0, served: Vec::new() }
    }

    /// Lets them send requests until some moment, to the endpoints that there are.
    pub(super) fn send(&mut self, state: &State, until: Duration) {
        let from = self.until;
        self.until = from.max(until);
        let seconds = until.saturating_sub(from).as_secs_f64();
        if seconds == 0.0 {
            return;
        }
        self.sent += RATE * seconds;
        let shares = shares::of(state, &self.service);
        let pods: Vec<(f64, Vec<(String, f64)>)> =
            shares.services.iter().map(|(service, share)| (*share, self.endpoints(state, service))).collect();
        if shares.fails_whole && pods.iter().any(|(_, pods)| pods.is_empty()) {
            self.lost += RATE * seconds;
            return;
        }
        for (share, pods) in pods {
            if pods.is_empty() {
                self.lost += RATE * seconds * share;
            }
            #[expect(clippy::cast_precision_loss, reason = "a handful of pods")]
            let rate = RATE * share / pods.len() as f64;
            for (pod, error_rate) in pods {
                self.errors += rate * seconds * error_rate;
                self.serve(Served { pod, from, until, rate, error_rate });
            }
        }
    }

    fn serve(&mut self, new: Served) {
        let same = |old: &&mut Served| {
            let is_same = |a: f64, b: f64| (a - b).abs() < f64::EPSILON;
            old.until == new.from && is_same(old.rate, new.rate) && is_same(old.error_rate, new.error_rate)
        };
        match self.served.iter_mut().rev().find(|old| old.pod == new.pod).filter(same) {
            Some(old) => old.until = new.until,
            None => self.served.push(new),
        }
    }

    /// The ready pods behind a Service, and which share of their answers are errors.
    fn endpoints(&self, state: &State, service: &str) -> Vec<(String, f64)> {
        let namespace = &self.service.namespace;
        let slice = ObjectRef::new(Resource::EndpointSlices, namespace, format!("{service}-ipv4"));
        let slice = state.objects.get(&slice);
        let endpoints = slice.and_then(|slice| slice.get("endpoints")?.as_array()).into_iter().flatten();
        let ready = endpoints.filter(|endpoint| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true)));
        let pod = |endpoint: &Value| {
            let name = text(endpoint, "/targetRef/name")?.to_owned();
            let pod = state.objects.get(&ObjectRef::new(Resource::Pods, namespace, &name))?;
            Some((name, state.behaviour(pod).error_rate))
        };
        ready.filter_map(pod).collect()
    }

    /// The answer to one of the queries that `analysis` makes of pods: an error rate, a latency, or a count.
    pub(super) fn metric(&self, query: &str, now: Duration) -> Value {
        let between = |before: &str, after: char| query.split(before).nth(1)?.split(after).next();
        let named: Vec<&str> = between("pod=~\"", '"').unwrap_or_default().split('|').collect();
        let window = between("}[", 's').and_then(|seconds| seconds.parse().ok()).map_or(now, Duration::from_secs);
        let since = now.saturating_sub(window);
        let (mut sent, mut errors) = (0.0, 0.0);
        for served in self.served.iter().filter(|served| named.contains(&served.pod.as_str())) {
            let requests = served.rate * served.until.saturating_sub(served.from.max(since)).as_secs_f64();
            sent += requests;
            errors += requests * served.error_rate;
        }
        let value = if query.contains("histogram_quantile") {
            LATENCY_SECONDS
        } else if query.contains(") / (") {
            errors / sent
        } else {
            sent
        };
        let value = (sent > 0.0).then_some(value);
        let result: Vec<Value> =
            value.iter().map(|value| json!({"metric": {}, "value": [0, value.to_string()]})).collect();
        json!({"resultType": "vector", "result": result})
    }
}
