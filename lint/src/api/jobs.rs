//! Validates the specs of Job and `CronJob`.
//! Must not look into the pod; `pod_spec` does.

use std::collections::HashSet;

use super::pod_spec::{self, Restarts};
use super::sink::{Sink, int, is_empty, is_true, items, nearest, owner_of, text};
use super::{formats, names, selector};
use crate::yaml::NodeRef;

const MAX: i64 = i64::MAX;

/// Validates `spec` of a Job.
fn job<'o>(spec: NodeRef<'o>, is_template: bool, sink: &mut Sink<'o>) {
    for key in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        sink.number(spec, key, 0, MAX);
    }
    if let Some(mode) = spec.get("completionMode") {
        sink.among(mode, &["NonIndexed", "Indexed"]);
    }
    pod_spec::template(spec, Restarts::UntilDone, None, sink);
    if is_true(spec, "manualSelector") {
        selector::of_job(spec, sink);
    }
    indexed(spec, is_template, sink);
    // With a failure policy a pod is replaced only when it has failed.
    let policies: &[&str] =
        if spec.get("podFailurePolicy").is_some() { &["Failed"] } else { &["TerminatingOrFailed", "Failed"] };
    if let Some(policy) = spec.get("podReplacementPolicy") {
        sink.among(policy, policies);
    }
    if let Some(manager) = spec.get("managedBy") {
        sink.syntax(manager, |name| names::longer_than(name, 63).or_else(|| names::domain_path(name)));
    }
    if let Some(policy) = spec.get("podFailurePolicy") {
        failure_policy(spec, policy, sink);
    }
    if let Some(policy) = spec.get("successPolicy") {
        success_policy(spec, policy, completions(spec, is_template).unwrap_or_default(), sink);
    }
}

/// Validates when an indexed Job has succeeded before all its pods have.
fn success_policy<'o>(spec: NodeRef<'o>, policy: NodeRef<'o>, completions: i64, sink: &mut Sink<'o>) {
    if text(spec, "completionMode") != "Indexed" {
        sink.invalid(
            policy,
            "it is for `completionMode: Indexed` alone",
            "remove it, or set `completionMode: Indexed`",
        );
        return;
    }
    if is_empty(policy, "rules") {
        sink.missing(policy, "rules", "at least one rule is needed");
    }
    for rule in items(policy, "rules") {
        if rule.get("succeededIndexes").is_none() && rule.get("succeededCount").is_none() {
            sink.none_set(rule, &["succeededCount", "succeededIndexes"]);
        }
        let indexes = text(rule, "succeededIndexes");
        let listed = rule.get("succeededIndexes").map(|_| count_indexes(indexes, completions));
        if let Some(node) = rule.get("succeededIndexes").filter(|_| listed == Some(None)) {
            let reason = format!("numbers and ranges below {completions} are needed, in order, such as `0-2,5`");
            sink.invalid(node, reason, "correct the indexes");
        }
        let most = listed.flatten().unwrap_or(completions).min(completions);
        sink.number(rule, "succeededCount", 0, most);
    }
}

/// How many indexes a list such as `0-2,5` has; nothing when it is none.
fn count_indexes(list: &str, completions: i64) -> Option<i64> {
    let mut last = -1;
    let mut count = 0;
    for part in list.split(',').filter(|_| !list.is_empty()) {
        let (first, end) = part.split_once('-').unwrap_or((part, part));
        let (first, end): (i64, i64) = (first.parse().ok()?, end.parse().ok()?);
        if first <= last || end < first || end >= completions || (part.contains('-') && end == first) {
            return None;
        }
        count += end - first + 1;
        last = end;
    }
    Some(count)
}

/// How often a pod must succeed; once, where a Job says nothing of how many run. A `CronJob` has no such default.
fn completions(spec: NodeRef<'_>, is_template: bool) -> Option<i64> {
    int(spec, "completions").or_else(|| (!is_template && spec.get("parallelism").is_none()).then_some(1))
}

fn indexed<'o>(spec: NodeRef<'o>, is_template: bool, sink: &mut Sink<'o>) {
    let is_indexed = text(spec, "completionMode") == "Indexed";
    if is_indexed && completions(spec, is_template).is_none() {
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
                sink.invalid(
                    node,
                    "it is for `completionMode: Indexed` alone",
                    "remove it, or set `completionMode: Indexed`",
                );
            }
        }
    }
    if spec.get("maxFailedIndexes").is_some() && spec.get("backoffLimitPerIndex").is_none() {
        sink.missing(spec, "backoffLimitPerIndex", "`maxFailedIndexes` needs it");
    }
    let (most, completions) = (int(spec, "maxFailedIndexes"), completions(spec, is_template));
    if let (Some(most), Some(completions), Some(node)) = (most, completions, spec.get("maxFailedIndexes"))
        && most > completions
    {
        sink.invalid(node, "it is more than `completions`", "lower it");
    }
}

fn failure_policy<'o>(spec: NodeRef<'o>, policy: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(restart) =
        spec.at(&["template", "spec", "restartPolicy"]).filter(|node| node.as_str() == Some("OnFailure"))
    {
        sink.invalid(restart, "with a `podFailurePolicy` it must be `Never`", "set it to `Never`");
    }
    for rule in items(policy, "rules") {
        sink.required_one_of(rule, "action", &["Ignore", "FailIndex", "FailJob", "Count"]);
        if let Some(action) = rule.get("action").filter(|action| action.as_str() == Some("FailIndex"))
            && spec.get("backoffLimitPerIndex").is_none()
        {
            sink.invalid(action, "it needs a `backoffLimitPerIndex`", "set that, or use `FailJob`");
        }
        let kinds = ["onExitCodes", "onPodConditions"];
        let set = |key: &&str| rule.get(key).is_some_and(|_| **key == *"onExitCodes" || !is_empty(rule, key));
        match kinds.iter().filter(|key| set(key)).count() {
            0 => sink.none_set(rule, &kinds),
            1 => {}
            _ => {
                sink.forbidden(rule, "onPodConditions", "only one of `onExitCodes` and `onPodConditions` can be set");
                sink.at_path(owner_of);
            }
        }
        if let Some(codes) = rule.get("onExitCodes") {
            container_name(spec, codes, sink);
            // Nothing at all counts as 0.
            let number = |code: NodeRef<'_>| if code.is_null() { Some(0) } else { code.as_int() };
            let mut seen = HashSet::new();
            for code in items(codes, "values").filter(|code| number(*code).is_some_and(|code| !seen.insert(code))) {
                sink.duplicate(code);
            }
            sink.required_one_of(codes, "operator", &["In", "NotIn"]);
            if is_empty(codes, "values") {
                sink.missing(codes, "values", "at least one exit code is needed");
            }
            let numbers: Vec<i64> = items(codes, "values").filter_map(number).collect();
            if let Some(list) =
                codes.get("values").filter(|_| numbers.windows(2).any(|pair| pair.first() > pair.last()))
            {
                sink.invalid(list, "the exit codes must be in order", "sort them");
            }
            let zero = items(codes, "values").find(|value| number(*value) == Some(0));
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

fn container_name<'o>(spec: NodeRef<'o>, codes: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(name) = codes.get("containerName") else { return };
    let Some(pod) = spec.at(&["template", "spec"]) else { return };
    let mut containers = items(pod, "containers").chain(items(pod, "initContainers"));
    if !containers.any(|container| Some(text(container, "name")) == name.as_str()) {
        sink.invalid(
            name,
            "the template has no container with this name",
            "name a container or init container of the template",
        );
    }
}

/// Validates a Job.
pub(super) fn job_object<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    name(root, sink);
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "the object says nothing without it");
        sink.at_path(|path| format!("{path}.template.spec.containers"));
        return;
    };
    job(spec, false, sink);
    let is_empty = |own: NodeRef<'_>| is_empty(own, "matchLabels") && is_empty(own, "matchExpressions");
    if let Some(own) = spec.get("selector").filter(|own| !is_empty(*own) && !is_true(spec, "manualSelector")) {
        let before = sink.count();
        selector::selector(own, sink);
        if sink.count() == before {
            sink.invalid(own, "the server makes the selector of a Job, unless `manualSelector` is true", "remove it");
        }
    }
}

/// Validates that the pods of a Job can carry its name as a label, and those of an indexed one can be named for it.
fn name<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let (Some(spec), Some(name)) = (root.get("spec"), root.at(&["metadata", "name"])) else { return };
    if !is_true(spec, "manualSelector") {
        let before = sink.count();
        sink.syntax(name, |name| names::longer_than(name, 63));
        sink.at_paths_since(before, |_| "spec.template.labels".to_owned());
    }
    let completions = completions(spec, false).filter(|&completions| completions > 0);
    let Some(last) = completions.filter(|_| text(spec, "completionMode") == "Indexed") else { return };
    sink.syntax(name, |name| {
        // What is no name at all is reported already.
        if names::dns_subdomain(name).is_some() { None } else { names::dns_label(&format!("{name}-{}", last - 1)) }
    });
}

/// All time zones, sorted: those of the IANA database that the server is built with.
static TIME_ZONES: &str = include_str!("../../../schemas/kubernetes/time-zones.txt");

fn time_zone(zone: &str) -> Option<String> {
    let reason = if zone.eq_ignore_ascii_case("local") {
        "the zone must be named, and not be that of the machine"
    } else if TIME_ZONES.lines().any(|known| known == zone) {
        return None;
    } else {
        "there is no such time zone"
    };
    Some(match nearest(zone, TIME_ZONES.lines()) {
        Some(near) => format!("{reason}; did you mean `{near}`?"),
        None => reason.to_owned(),
    })
}

/// Validates `spec` of a `CronJob`.
pub(super) fn cron_job<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    if sink.required_text(spec, "schedule", "a schedule such as `0 3 * * *` is needed") {
        sink.name(spec, "schedule", schedule);
    }
    sink.name_if_set(spec, "timeZone", time_zone);
    sink.one_of(spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"]);
    for key in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        sink.number(spec, key, 0, MAX);
    }
    let job_spec = spec.at(&["jobTemplate", "spec"]);
    if let Some(job_spec) = job_spec {
        job(job_spec, true, sink);
        if let Some(own) = job_spec.get("selector") {
            sink.forbid_value(own, "a CronJob's Jobs have their own selectors");
        }
        if is_true(job_spec, "manualSelector")
            && let Some(node) = job_spec.get("manualSelector")
        {
            sink.forbid_value(node, "a CronJob's Jobs have their own selectors");
        }
    } else {
        sink.missing(spec, "jobTemplate", "the Job to run is needed");
        sink.at_path(|path| format!("{path}.spec.template.spec.containers"));
    }
}

/// The least and most of each field of a schedule.
const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), MONTH, WEEKDAY];
const MONTH: (u32, u32) = (1, 12);
const WEEKDAY: (u32, u32) = (0, 6);

/// A schedule: five fields, or a name such as `@daily`.
fn schedule(text: &str) -> Option<String> {
    let wrong = |reason: &str| Some(reason.to_owned());
    if text.contains("TZ=") {
        return wrong("the time zone belongs into `timeZone`");
    }
    if let Some(name) = text.strip_prefix('@') {
        let known = matches!(name, "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly");
        let is_right = known || name.strip_prefix("every ").is_some_and(formats::is_duration);
        return if is_right { None } else { wrong("no such name of a schedule, or no duration such as `1h30m`") };
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != RANGES.len() {
        return wrong("five fields are needed: minute, hour, day of the month, month, day of the week");
    }
    let right = fields
        .iter()
        .zip(RANGES)
        .all(|(field, (least, most))| field.split(',').all(|part| is_range(part, least, most)));
    if right {
        None
    } else {
        wrong("a field is out of its range: minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6")
    }
}

fn is_range(part: &str, least: u32, most: u32) -> bool {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| !step.parse::<u32>().is_ok_and(|step| step > 0)) {
        return false;
    }
    if matches!(range, "*" | "?") {
        return true;
    }
    let number = |text: &str| named(text, (least, most)).or_else(|| text.parse::<u32>().ok());
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (number(first), number(last)) {
        (Some(first), Some(last)) => first <= last && first >= least && last <= most,
        _ => false,
    }
}

/// The number of a month or weekday by its English name, in the field of its own.
fn named(text: &str, range: (u32, u32)) -> Option<u32> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let names: &[&str] = match range {
        MONTH => &MONTHS,
        WEEKDAY => &DAYS,
        _ => return None,
    };
    let at = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u32::try_from(at).ok().map(|at| at + range.0)
}
