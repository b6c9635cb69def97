//! Refuses while a pod of the target is not ready.
//! Looks at the pods themselves: right after a scale-up a Deployment can be called rolled out while a Service has no endpoint.

use super::{Check, Question, Verdict, pods};
use crate::observed::{is_ready, is_terminating, name};

pub(super) const CHECK: Check = Check { id: "pods-ready", refuses: "a pod of the target is not ready", run };

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, .. } = *question;
    let Some(deployment) = set.deployment(target) else { return Verdict::skip("there is no Deployment to look at") };
    let staying: Vec<_> = set.pods_of(target).filter(|pod| !is_terminating(pod)).collect();
    let called = name(&deployment.metadata);
    if staying.is_empty() {
        let help = format!("scale it first: kubectl scale deployment/{called} --replicas=N, or use --scale");
        return Verdict::fail(format!("{called} has no pods"), help);
    }
    let unready: Vec<&str> = staying.iter().filter(|pod| !is_ready(pod)).map(|pod| name(&pod.metadata)).collect();
    match unready.as_slice() {
        [] if staying.len() == 1 => Verdict::pass("1 pod is ready"),
        [] => Verdict::pass(format!("all {} are ready", pods(staying.len()))),
        [first, ..] => Verdict::fail(
            format!(
                "{} of {} {} not ready: {}",
                unready.len(),
                pods(staying.len()),
                if unready.len() == 1 { "is" } else { "are" },
                unready.join(", ")
            ),
            format!("see why: kubectl describe pod/{first}"),
        ),
    }
}
