//! Warns when the pods that would be left do not seem to end gently: ending them later would cut requests.
//! Judges the template of the color that serves now.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::{Check, Question, Verdict};
use crate::observed::name;

pub(super) const CHECK: Check = Check {
    id: "drain",
    refuses: "nothing; warns when the color that is left has no grace period, or no preStop hook and no sign that it drains",
    run,
};

/// Parts of the names of environment variables by which servers are told to drain.
const SIGNS: [&str; 3] = ["DRAIN", "GRACE", "SHUTDOWN"];

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, .. } = *question;
    let left = set.base().filter(|base| *base != target).and_then(|base| set.deployment(base));
    let Some(left) = left else { return Verdict::skip("the active Service leaves no other color") };
    let called = name(&left.metadata);
    let Some(pod) = left.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()) else {
        return Verdict::skip(format!("{called} has no pod template"));
    };
    if pod.termination_grace_period_seconds == Some(0) {
        let message = format!("{called} has no grace period: its pods end in the middle of a request");
        return Verdict::warn(message, "set terminationGracePeriodSeconds");
    }
    if drains(pod) {
        return Verdict::pass(format!("{called} ends gently"));
    }
    let message = format!("{called} has no preStop hook: whether its server drains cannot be seen");
    Verdict::warn(message, "a preStop sleep of some seconds lets the last connections end")
}

fn drains(pod: &PodSpec) -> bool {
    let pre_stop = |container: &Container| container.lifecycle.as_ref().is_some_and(|hooks| hooks.pre_stop.is_some());
    let sign = |container: &Container| {
        let mut names = container.env.iter().flatten().map(|env| env.name.to_ascii_uppercase());
        names.any(|name| SIGNS.iter().any(|sign| name.contains(sign)))
    };
    pod.containers.iter().any(|container| pre_stop(container) || sign(container))
}
