//! The pods of a color that has users, look after look: restarts, readiness that is lost, warnings.
//! Pure; knows no clock: it is told how much time has passed since the look before.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::analysis::MetricResult;
use crate::observed::{is_ready, name, uid};

/// How long a pod may be unready.
const UNREADY_MAX: Duration = Duration::from_secs(5);
/// How often a pod may lose its readiness: a probe may fail once.
const LOST_MAX: u32 = 1;
/// How many warnings of a pod for one reason are too many: as many failures as make a probe fail, unless its own
/// threshold says otherwise.
const WARNINGS_MAX: i32 = 2;

/// The kubelet's reasons that say of a pod that it does not serve as it should; others are only shown.
const REASONS: [&str; 5] = ["Unhealthy", "BackOff", "Failed", "Evicted", "NodeNotReady"];

/// What was seen of the pods of a color so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    pods: BTreeMap<String, Seen>,
    looked: bool,
    /// How many pods were ready at the last look.
    pub ready: usize,
    /// How often each event had happened that does not count: from before, or of a pod that starts.
    known: BTreeMap<String, i32>,
    /// Warnings since the first look, by pod and reason: how many, and the last words.
    warnings: BTreeMap<(String, String), Warning>,
    heard: bool,
}

/// Warnings of one pod for one reason.
#[derive(Clone, Debug, Default, PartialEq)]
struct Warning {
    count: i32,
    words: String,
}

/// What was seen of one pod.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    name: String,
    restarts_before: i32,
    restarts: i32,
    was_ready: bool,
    is_ready: bool,
    since: Option<Time>,
    lost: u32,
    unready_for: Duration,
}

impl Health {
    /// Takes a look at the pods, so long after the one before, and answers what is wrong with them.
    pub fn look(&mut self, pods: &[Pod], passed: Duration) -> Option<String> {
        let is_first = !std::mem::replace(&mut self.looked, true);
        self.ready = pods.iter().filter(|pod| is_ready(pod)).count();
        // A pod that is gone is replaced, or not needed any more.
        self.pods.retain(|known, _| pods.iter().any(|pod| uid(pod) == *known));
        for pod in pods {
            let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
            let restarts = statuses.map(|status| status.restart_count).sum();
            let seen = self
                .pods
                .entry(uid(pod))
                .or_insert_with(|| Seen { name: name(&pod.metadata).to_owned(), ..Seen::default() });
            seen.restarts = restarts;
            // Who was never ready had no users yet.
            if is_first || !seen.was_ready {
                seen.restarts_before = restarts;
            }
            let (ready, since) = (is_ready(pod), ready_since(pod));
            let went = seen.is_ready && (!ready || seen.since != since);
            seen.lost += u32::from(went);
            seen.unready_for =
                if ready || !seen.was_ready || went { Duration::ZERO } else { seen.unready_for + passed };
            (seen.is_ready, seen.since, seen.was_ready) = (ready, since, seen.was_ready || ready);
        }
        self.wrong()
    }

    fn wrong(&self) -> Option<String> {
        if self.ready == 0 {
            return Some("no pod is ready any more".to_owned());
        }
        let wrong = |seen: &Seen| {
            let Seen { name, restarts_before: before, restarts, lost, unready_for, .. } = seen;
            if restarts > before {
                return Some(format!("pod {name} restarted under users ({before} -> {restarts} restarts)"));
            }
            if *unready_for >= UNREADY_MAX {
                return Some(format!("pod {name} was ready and has not been so for 5 s"));
            }
            (*lost > LOST_MAX).then(|| format!("pod {name} became unready {lost} times under users"))
        };
        self.pods.values().find_map(wrong)
    }

    /// Hears the events of the namespace, and answers what is wrong by them.
    pub fn hear(&mut self, events: &[Event]) -> Option<String> {
        let is_first = !std::mem::replace(&mut self.heard, true);
        for event in events.iter().filter(|event| event.type_.as_deref() == Some("Warning")) {
            let about = event.involved_object.uid.as_ref().and_then(|uid| self.pods.get(uid));
            let (Some(pod), Some(id)) = (about, &event.metadata.uid) else { continue };
            let series = event.series.as_ref().and_then(|series| series.count);
            let count = series.or(event.count).unwrap_or(1);
            let known = self.known.entry(id.clone()).or_default();
            let new = count - *known;
            *known = count;
            if is_first || !pod.was_ready || new <= 0 {
                continue;
            }
            let key = (pod.name.clone(), event.reason.clone().unwrap_or_default());
            let warning = self.warnings.entry(key).or_default();
            warning.count += new;
            event.message.as_deref().unwrap_or_default().trim().clone_into(&mut warning.words);
        }
        self.too_many()
    }

    /// A warning that came too often and says that a pod does not serve.
    fn too_many(&self) -> Option<String> {
        let is_bad = |reason: &str, count: i32| count > WARNINGS_MAX && REASONS.contains(&reason);
        let bad = self.warnings.iter().find(|((_, reason), warning)| is_bad(reason, warning.count));
        bad.map(|((pod, reason), Warning { count, words })| format!("pod {pod}: {count} times {reason}: {words}"))
    }

    /// What was seen as lines of the table; none where nobody has looked.
    #[must_use]
    pub fn results(&self) -> Vec<MetricResult> {
        if !self.looked {
            return Vec::new();
        }
        let row = |name: &str, count: i64, bad: bool, message: String| MetricResult {
            name: name.to_owned(),
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            new: Some(count as f64),
            ok: Some(!bad),
            message,
            ..MetricResult::default()
        };
        let restarts: i32 = self.pods.values().map(|seen| (seen.restarts - seen.restarts_before).max(0)).sum();
        let lost: u32 = self.pods.values().map(|seen| seen.lost).sum();
        let warnings: i32 = self.warnings.values().map(|warning| warning.count).sum();
        let words = self.warnings.iter().next_back();
        let words = words.map(|((pod, reason), warning)| format!("pod {pod}: {reason}: {}", warning.words));
        let unready = self.pods.values().any(|seen| seen.lost > LOST_MAX || seen.unready_for >= UNREADY_MAX);
        let mut rows = vec![
            row("restarts", restarts.into(), restarts > 0, "of containers of the new pods".to_owned()),
            row(
                "readiness lost",
                lost.into(),
                self.ready == 0 || unready,
                format!("{} pods are ready now", self.ready),
            ),
        ];
        let words = words.unwrap_or_else(|| "events of the new pods".to_owned());
        rows.push(if self.heard {
            row("warnings", warnings.into(), self.too_many().is_some(), words)
        } else {
            let (name, message) = ("warnings".to_owned(), "no events were read".to_owned());
            MetricResult { name, message, ..MetricResult::default() }
        });
        rows
    }
}

/// Since when the readiness of a pod is what it is, as the kubelet wrote it.
fn ready_since(pod: &Pod) -> Option<Time> {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.find(|condition| condition.type_ == "Ready")?.last_transition_time.clone()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pod(uid: &str, ready: bool, restarts: i32, since: u32) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": uid, "uid": uid}, "status": {
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" },
                "lastTransitionTime": format!("2026-01-01T00:00:{since:02}Z")}],
            "containerStatuses": [{"name": "app", "image": "", "imageID": "", "ready": ready, "restartCount": restarts}],
        }}))
        .unwrap()
    }

    fn warning(id: &str, pod: &str, count: i32) -> Event {
        serde_json::from_value(
            json!({"metadata": {"uid": id}, "involvedObject": {"kind": "Pod", "name": pod, "uid": pod},
            "type": "Warning", "reason": "Unhealthy", "message": "Readiness probe failed: 500", "count": count}),
        )
        .unwrap()
    }

    #[test]
    fn restarts_are_wrong_at_once_and_those_of_before_do_not_count() {
        let mut health = Health::default();
        assert_eq!(health.look(&[pod("a", true, 1, 0), pod("b", true, 0, 0)], SECOND), None);
        assert!(
            health.look(&[pod("a", true, 2, 0), pod("b", true, 0, 0)], SECOND).unwrap().contains("pod a restarted")
        );
        assert_eq!((health.results()[0].new, health.results()[0].ok), (Some(1.0), Some(false)));
        let mut health = Health::default();
        assert!(health.look(&[pod("a", false, 0, 0)], SECOND).unwrap().contains("no pod is ready"));
    }

    #[test]
    fn a_pod_may_be_unready_once_and_for_some_looks() {
        let mut health = Health::default();
        assert_eq!(health.look(&[pod("a", true, 0, 0), pod("b", true, 0, 0)], SECOND), None);
        for _ in 0..5 {
            assert_eq!(health.look(&[pod("a", false, 0, 3), pod("b", true, 0, 0)], SECOND), None);
        }
        assert_eq!(health.look(&[pod("a", true, 0, 9), pod("b", true, 0, 0)], SECOND), None);
        assert_eq!(health.results()[1].new, Some(1.0));
        // Between two looks it was unready again.
        assert!(
            health.look(&[pod("a", true, 0, 12), pod("b", true, 0, 0)], SECOND).unwrap().contains("unready 2 times")
        );
        let mut health = Health::default();
        health.look(&[pod("a", true, 0, 0), pod("b", true, 0, 0)], SECOND);
        let wrong = (0..=5).find_map(|_| health.look(&[pod("a", false, 0, 3), pod("b", true, 0, 0)], SECOND));
        assert!(wrong.unwrap().contains("pod a was ready and has not been so for 5 s"));
    }

    #[test]
    fn nothing_is_said_of_what_was_not_looked_at() {
        let mut health = Health::default();
        assert!(health.results().is_empty());
        health.look(&[pod("a", true, 0, 0)], SECOND);
        assert_eq!(health.results().len(), 3);
    }

    #[test]
    fn pods_that_come_and_go_are_not_wrong() {
        let mut health = Health::default();
        assert_eq!(health.look(&[pod("a", true, 0, 0), pod("b", true, 0, 0)], SECOND), None);
        for _ in 0..20 {
            assert_eq!(health.look(&[pod("a", true, 0, 0), pod("c", false, 0, 5)], SECOND), None);
        }
    }

    #[test]
    fn warnings_count_since_the_first_look_and_of_pods_that_were_ready() {
        let mut health = Health::default();
        health.look(&[pod("a", true, 0, 0), pod("c", false, 0, 0)], SECOND);
        assert_eq!(health.results()[2].ok, None);
        assert_eq!(health.hear(&[warning("e", "a", 7), warning("f", "c", 9)]), None);
        assert_eq!(health.hear(&[warning("e", "a", 9), warning("f", "c", 30), warning("g", "elsewhere", 9)]), None);
        assert_eq!((health.results()[2].new, health.results()[2].ok), (Some(2.0), Some(true)));
        let wrong = health.hear(&[warning("e", "a", 10)]).unwrap();
        assert_eq!(wrong, "pod a: 3 times Unhealthy: Readiness probe failed: 500");
        // What says nothing of how it serves is shown, and no more.
        let mut health = Health::default();
        health.look(&[pod("a", true, 0, 0)], SECOND);
        health.hear(&[]);
        let noise = Event { reason: Some("MissingClusterDNS".to_owned()), ..warning("e", "a", 9) };
        assert_eq!(health.hear(&[noise]), None);
        assert_eq!((health.results()[2].new, health.results()[2].ok), (Some(9.0), Some(true)));
    }
}
