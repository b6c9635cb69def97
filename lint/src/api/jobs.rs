//! Validates the specs of Job and `CronJob`.
//! Must not look into the pod; `pod_spec` does.

use super::pod_spec::{self, Restarts};
use super::sink::{Sink, int, is_empty, is_true, items, text};
use super::{names, selector};
use crate::yaml::NodeRef;

const MAX: i64 = i64::MAX;

/// Validates `spec` of a Job.
pub(super) fn job<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    for key in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        sink.number(spec, key, 0, MAX);
    }
    sink.one_of(spec, "completionMode", &["NonIndexed", "Indexed"]);
    pod_spec::template(spec, Restarts::UntilDone, Vec::new(), sink);
    if let Some(own) = spec.get("selector") {
        selector::selector(own, sink);
    }
    indexed(spec, sink);
    sink.one_of(spec, "podReplacementPolicy", &["TerminatingOrFailed", "Failed"]);
    if let Some(manager) = spec.get("managedBy") {
        sink.syntax(manager, names::qualified_name);
    }
    if let Some(policy) = spec.get("podFailurePolicy") {
        failure_policy(spec, policy, sink);
    }
}

fn indexed<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let is_indexed = text(spec, "completionMode") == "Indexed";
    if is_indexed && spec.get("completions").is_none() {
        sink.missing(spec, "completions", "an indexed Job needs the number of its indexes");
    }
    if is_indexed {
        sink.number(spec, "parallelism", 0, 100_000);
    }
    for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
        if let Some(node) = spec.get(key) {
            if is_indexed {
                sink.number(spec, key, 0, MAX);
            } else {
                sink.invalid(node, "it is for `completionMode: Indexed` alone", "remove it, or set `completionMode: Indexed`");
            }
        }
    }
    if spec.get("maxFailedIndexes").is_some() && spec.get("backoffLimitPerIndex").is_none() {
        sink.missing(spec, "backoffLimitPerIndex", "`maxFailedIndexes` needs it");
    }
    let (most, completions) = (int(spec, "maxFailedIndexes"), int(spec, "completions"));
    if let (Some(most), Some(completions), Some(node)) = (most, completions, spec.get("maxFailedIndexes")) {
        if most > completions {
            sink.invalid(node, "it is more than `completions`", "lower it");
        }
    }
}

fn failure_policy<'o>(spec: NodeRef<'o>, policy: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(restart) = spec.at(&["template", "spec", "restartPolicy"]).filter(|node| node.as_str() == Some("OnFailure")) {
        sink.invalid(restart, "with a `podFailurePolicy` it must be `Never`", "set it to `Never`");
    }
    for rule in items(policy, "rules") {
        sink.required_one_of(rule, "action", &["Ignore", "FailIndex", "FailJob", "Count"]);
        let kinds = ["onExitCodes", "onPodConditions"];
        let set = |key: &&str| rule.get(key).is_some_and(|_| **key == *"onExitCodes" || !is_empty(rule, key));
        match kinds.iter().filter(|key| set(key)).count() {
            0 => sink.none_set(rule, &kinds),
            1 => {}
            _ => sink.forbidden(rule, "onPodConditions", "only one of `onExitCodes` and `onPodConditions` can be set"),
        }
        if let Some(codes) = rule.get("onExitCodes") {
            sink.required_one_of(codes, "operator", &["In", "NotIn"]);
            if is_empty(codes, "values") {
                sink.missing(codes, "values", "at least one exit code is needed");
            }
            let zero = items(codes, "values").find(|value| value.as_int() == Some(0));
            if let Some(value) = zero.filter(|_| text(codes, "operator") == "In") {
                sink.invalid(value, "0 is success, not failure", "remove it");
            }
        }
        for condition in items(rule, "onPodConditions") {
            sink.required_name(condition, "type", "the type of the condition is needed", names::qualified_name);
            sink.one_of(condition, "status", &["True", "False", "Unknown"]);
        }
    }
}

/// Validates `spec` of a `CronJob`.
pub(super) fn cron_job<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    if sink.required_text(spec, "schedule", "a schedule such as `0 3 * * *` is needed") {
        sink.name(spec, "schedule", schedule);
    }
    sink.one_of(spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"]);
    for key in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        sink.number(spec, key, 0, MAX);
    }
    let job_spec = spec.at(&["jobTemplate", "spec"]);
    match job_spec {
        Some(job_spec) => {
            job(job_spec, sink);
            if is_true(job_spec, "manualSelector") {
                if let Some(node) = job_spec.get("manualSelector") {
                    sink.forbid_value(node, "a CronJob's Jobs have their own selectors");
                }
            }
        }
        None => sink.missing(spec, "jobTemplate", "the Job to run is needed"),
    }
}

/// A schedule: five fields, or a name such as `@daily`.
fn schedule(text: &str) -> Option<String> {
    let wrong = |reason: &str| Some(reason.to_owned());
    if text.contains("TZ=") {
        return wrong("the time zone belongs into `timeZone`");
    }
    if let Some(name) = text.strip_prefix('@') {
        let known = matches!(name, "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly");
        return if known || name.starts_with("every ") { None } else { wrong("no such name of a schedule") };
    }
    const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != RANGES.len() {
        return wrong("five fields are needed: minute, hour, day of the month, month, day of the week");
    }
    let right = fields.iter().zip(RANGES).all(|(field, (least, most))| field.split(',').all(|part| is_range(part, least, most)));
    if right { None } else { wrong("a field is out of its range: minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6") }
}

fn is_range(part: &str, least: u32, most: u32) -> bool {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| !step.parse::<u32>().is_ok_and(|step| step > 0)) {
        return false;
    }
    if matches!(range, "*" | "?") {
        return true;
    }
    let number = |text: &str| named(text).or_else(|| text.parse::<u32>().ok());
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (number(first), number(last)) {
        (Some(first), Some(last)) => first <= last && first >= least && last <= most,
        _ => false,
    }
}

/// The number of a month or weekday by its English name.
fn named(text: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let lower = text.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == lower).map(|at| at + 1);
    month.or_else(|| DAYS.iter().position(|name| *name == lower)).and_then(|at| u32::try_from(at).ok())
}
