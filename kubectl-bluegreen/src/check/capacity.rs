//! Refuses when the target has fewer ready pods than its share of the traffic needs, measured by what serves now.
//! For a way back it only warns: a smaller good color beats a broken one.

use super::{Check, Means, Question, Verdict, pods};

pub(super) const CHECK: Check =
    Check { id: "capacity", refuses: "the target has fewer ready pods than its share of the traffic needs", run };

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, percent, way_back, means } = *question;
    if means == Means::Both && percent < 100 {
        return Verdict::skip("the share itself says how many pods there are");
    }
    let Some(deployment) = set.deployment(target) else { return Verdict::skip("there is no Deployment to look at") };
    let ready = set.ready_pods(target).count();
    let serving = set.base().filter(|base| *base != target).map_or(0, |base| set.ready_pods(base).count());
    let needed = (serving * usize::from(percent)).div_ceil(100).max(1);
    if ready >= needed {
        return Verdict::pass(format!("{} ready, {needed} needed", pods(ready)));
    }
    let called = crate::observed::name(&deployment.metadata);
    let mut message = format!("{called} has {} ready and needs {needed}: {} serve now", pods(ready), pods(serving));
    if let Some(autoscaler) = set.autoscaler(target).filter(|_| set.desired(target) == 0) {
        message = format!("{message}; hpa/{autoscaler} sleeps at 0 replicas and does not wake it");
    }
    let help = format!("scale it first: kubectl scale deployment/{called} --replicas={needed}, or use --scale");
    if way_back && ready > 0 { Verdict::warn(message, help) } else { Verdict::fail(message, help) }
}
