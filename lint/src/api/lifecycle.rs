//! Validates the lifecycle hooks of a container.
//! Must not ask how long a pod takes to end; rules of the `rollout` group do.

use super::pod_spec::Pod;
use super::probe;
use super::sink::{Sink, int, owner_of};
use crate::yaml::NodeRef;

/// Validates `lifecycle`.
pub(super) fn hooks<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(lifecycle) = container.get("lifecycle") else { return };
    for hook in ["postStart", "preStop"].iter().filter_map(|key| lifecycle.get(key)) {
        probe::handler(hook, &["exec", "httpGet", "tcpSocket", "sleep"], sink);
        if let Some(sleep) = hook.get("sleep") {
            pause(pod, sleep, sink);
        }
    }
}

/// A pause must end before the pod is ended by force; 0 is allowed since Kubernetes 1.33.
fn pause<'o>(pod: &Pod<'o>, sleep: NodeRef<'o>, sink: &mut Sink<'o>) {
    let most = pod.grace_period;
    let least = i64::from(!sink.since(33));
    let Some(seconds) = sleep.get("seconds") else {
        if least > 0 {
            sink.missing(sleep, "seconds", "the number of seconds is needed");
        }
        return;
    };
    let wrong = int(sleep, "seconds").is_some_and(|number| number < least || number > most);
    if wrong {
        sink.invalid(
            seconds,
            format!("it must be {least} or more, and not more than the pod's `terminationGracePeriodSeconds` ({most})"),
            "sleep for less time, or raise `terminationGracePeriodSeconds`",
        );
        sink.at_path(owner_of);
    }
}
