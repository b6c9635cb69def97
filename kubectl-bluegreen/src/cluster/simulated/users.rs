//! Users of a Service, who send requests all the time, and the metrics that count them.
//! Looks at endpoints and at how pods behave; changes nothing.

use std::time::Duration;

use serde_json::{Value, json};

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
}

impl Users {
    pub(super) fn new(service: ObjectRef, now: Duration) -> Self {
        Self { service, until: now, sent: 0.0, errors: 0.0, lost: 0.0 }
    }

    /// Lets them send requests until some moment, to the endpoints that there are.
    pub(super) fn send(&mut self, state: &State, until: Duration) {
        let sent = RATE * until.saturating_sub(self.until).as_secs_f64();
        self.until = self.until.max(until);
        self.sent += sent;
        let pods = self.endpoints(state);
        if pods.is_empty() {
            self.lost += sent;
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of pods")]
        let count = pods.len() as f64;
        self.errors += pods.iter().map(|(_, error_rate)| sent / count * error_rate).sum::<f64>();
    }

    fn slice(&self) -> ObjectRef {
        ObjectRef::new(Resource::EndpointSlices, &self.service.namespace, format!("{}-ipv4", self.service.name))
    }

    /// The ready pods behind the Service, and which share of their answers are errors.
    fn endpoints(&self, state: &State) -> Vec<(String, f64)> {
        let slice = state.objects.get(&self.slice());
        let endpoints = slice.and_then(|slice| slice.get("endpoints")?.as_array()).into_iter().flatten();
        let ready = endpoints.filter(|endpoint| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true)));
        let pod = |endpoint: &Value| {
            let name = text(endpoint, "/targetRef/name")?.to_owned();
            let pod = state.objects.get(&ObjectRef::new(Resource::Pods, &self.service.namespace, &name))?;
            Some((name, state.behaviour(pod).error_rate))
        };
        ready.filter_map(pod).collect()
    }

    /// The answer to one of the queries that `analysis` makes of pods: an error rate, a latency, or a count.
    pub(super) fn metric(&self, state: &State, query: &str, now: Duration) -> Value {
        let since = state.since.get(&self.slice()).copied().unwrap_or_default();
        let seconds = now.saturating_sub(since).as_secs_f64();
        let named = query.split("pod=~\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let named: Vec<&str> = named.split('|').collect();
        let all = self.endpoints(state);
        let mine: Vec<f64> =
            all.iter().filter(|(name, _)| named.contains(&name.as_str())).map(|(_, error_rate)| *error_rate).collect();
        #[expect(clippy::cast_precision_loss, reason = "a handful of pods")]
        let (mine_count, all_count) = (mine.len() as f64, all.len().max(1) as f64);
        let value = if mine.is_empty() {
            None
        } else if query.contains("histogram_quantile") {
            Some(LATENCY_SECONDS)
        } else if query.contains(") / (") {
            Some(mine.iter().sum::<f64>() / mine_count)
        } else {
            Some(RATE * seconds * mine_count / all_count)
        };
        let result: Vec<Value> =
            value.iter().map(|value| json!({"metric": {}, "value": [0, value.to_string()]})).collect();
        json!({"resultType": "vector", "result": result})
    }
}
