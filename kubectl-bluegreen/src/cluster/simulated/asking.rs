//! What answers when it is asked: logs, probes, metrics.
//! Looks at the pods and at how their images behave.

use std::time::Duration;

use serde_json::{Value, json};

use super::kubelet::is_ready;
use super::store::{Refusal, State, text};
use super::users::Users;
use crate::cluster::Failure;
use crate::cluster::ask::{Answer, Ask, Call};

/// How long a pod takes to answer, in milliseconds.
const ANSWER_MILLIS: u64 = 2;

pub(super) fn answer(state: &State, users: Option<&Users>, ask: &Ask, now: Duration) -> Result<Value, Refusal> {
    match ask {
        Ask::Log { pod, .. } => {
            let behaviour = state.behaviour(&state.get(pod)?);
            Ok(Value::from(if behaviour.crashes { "starting\nthere is no database\n" } else { "serving\n" }))
        }
        Ask::Probe { pod, call, .. } => {
            let pod = state.get(pod)?;
            let behaviour = state.behaviour(&pod);
            let runs = text(&pod, "/status/phase") == Some("Running");
            let answer = match call {
                Call::Command { .. } => {
                    let body = "commands are not run in a rehearsal".to_owned();
                    Answer { skipped: true, body, ..Answer::default() }
                }
                _ if !runs => Answer { error: Some("connection refused".to_owned()), ..Answer::default() },
                // Nothing listens in a version that can answer nothing well.
                Call::Connect if behaviour.status >= 500 => {
                    Answer { error: Some("connection refused".to_owned()), ..Answer::default() }
                }
                Call::Connect => Answer::default(),
                Call::Http { .. } => {
                    let status = if is_ready(&pod) { behaviour.status } else { 503 };
                    let body = if status < 400 { "{\"status\":\"ok\"}" } else { "{\"status\":\"broken\"}" };
                    Answer { status, body: body.to_owned(), millis: ANSWER_MILLIS, ..Answer::default() }
                }
            };
            Ok(json!(answer))
        }
        Ask::Query { query, .. } => {
            let Some(users) = users else { return Err((Failure::NotFound, "there is no Prometheus".to_owned())) };
            Ok(json!({"status": "success", "data": users.metric(query, now)}))
        }
    }
}
