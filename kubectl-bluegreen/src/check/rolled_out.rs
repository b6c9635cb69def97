//! Refuses while the target's Deployment is not completely rolled out.
//! Believes the Deployment's own status, and only when it is about the current generation.

use k8s_openapi::api::apps::v1::Deployment;

use super::{Check, Question, Verdict};
use crate::observed::name;

pub(super) const CHECK: Check = Check {
    id: "rolled-out",
    refuses: "the target's Deployment is not completely rolled out, or asks for no pods",
    run,
};

fn run(question: &Question<'_>) -> Verdict {
    let Some(deployment) = question.set.deployment(question.target) else {
        return Verdict::skip("there is no Deployment to look at");
    };
    let called = name(&deployment.metadata);
    match unfinished(deployment) {
        None => Verdict::pass(format!("{called} is rolled out")),
        Some((message, help)) => Verdict::fail(format!("{called}: {message}"), help.replace("{}", called)),
    }
}

/// What is not finished, and the way out with `{}` for the Deployment's name.
fn unfinished(deployment: &Deployment) -> Option<(String, &'static str)> {
    let wait = "wait for it: kubectl rollout status deployment/{}";
    let spec = deployment.spec.as_ref()?;
    let status = deployment.status.clone().unwrap_or_default();
    let desired = spec.replicas.unwrap_or(1);
    if spec.paused == Some(true) {
        return Some(("its rollout is paused".to_owned(), "kubectl rollout resume deployment/{}"));
    }
    if desired == 0 {
        return Some((
            "it asks for 0 pods".to_owned(),
            "scale it first: kubectl scale deployment/{} --replicas=N, or use --scale",
        ));
    }
    let generation = deployment.metadata.generation.unwrap_or_default();
    let observed = status.observed_generation.unwrap_or_default();
    if observed < generation {
        let message = format!("its controller has seen generation {observed} of {generation}");
        return Some((message, wait));
    }
    if deadline_exceeded(deployment) {
        return Some(("its rollout has exceeded its deadline".to_owned(), "see why: kubectl describe deployment/{}"));
    }
    let counts = [
        ("updated", status.updated_replicas.unwrap_or_default()),
        ("available", status.available_replicas.unwrap_or_default()),
        ("there", status.replicas.unwrap_or_default()),
    ];
    let (word, count) = counts.into_iter().find(|(_, count)| *count != desired)?;
    Some((format!("{count} of {desired} pods are {word}"), wait))
}

/// Whether the Deployment's controller has given up hope.
pub(crate) fn deadline_exceeded(deployment: &Deployment) -> bool {
    let exceeded = |reason: &Option<String>| reason.as_deref() == Some("ProgressDeadlineExceeded");
    let conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Progressing" && exceeded(&c.reason))
}

/// Whether pods of an earlier version are still there, or the controller has not yet looked.
pub(crate) fn has_old_pods(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    status.observed_generation < deployment.metadata.generation || status.updated_replicas < status.replicas
}

/// Whether the rollout has ended, also at 0 pods.
pub(crate) fn has_ended(deployment: &Deployment) -> bool {
    let none = deployment.spec.as_ref().is_some_and(|spec| spec.replicas == Some(0));
    let current =
        deployment.status.as_ref().and_then(|status| status.observed_generation) >= deployment.metadata.generation;
    let gone = deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or_default() == 0;
    if none { current && gone } else { unfinished(deployment).is_none() }
}
