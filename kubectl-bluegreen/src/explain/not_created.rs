//! What keeps pods from being created, by the words with which the API server refuses them: no pod can say it.
//! Pure; the words come with the Deployment's condition.

use k8s_openapi::api::apps::v1::Deployment;

use super::{Diagnosis, OTHERS_MAY_FOLLOW};

/// Why the API server refuses a pod.
struct Reason {
    cause: &'static str,
    /// Some of its words, any of which tells.
    words: &'static [&'static str],
    message: &'static str,
    help: &'static str,
}

/// The reasons that are told apart. The words are those of the admission plugins of the API server: `ResourceQuota`,
/// `LimitRanger`, and `ServiceAccount`, `Priority` and `RuntimeClass`, which look something up.
const REASONS: [Reason; 4] = [
    Reason {
        cause: "quota",
        words: &["exceeded quota"],
        message: "a quota keeps its pods from being created",
        help: "raise the quota, or make room: kubectl describe quota",
    },
    Reason {
        cause: "quota",
        words: &["failed quota"],
        message: "a quota keeps its pods from being created: it counts what they do not say",
        help: "give every container the requests or limits that the quota counts: kubectl describe quota",
    },
    Reason {
        cause: "quota",
        words: &["per Container is", "per Pod is", "limit to request ratio per"],
        message: "a LimitRange keeps its pods from being created",
        help: "give its containers requests and limits within the range: kubectl describe limitrange",
    },
    Reason {
        cause: "missing-object",
        words: &["error looking up service account", "no PriorityClass with name", "RuntimeClass \""],
        message: "its pods cannot be created: they name what is not there",
        help: "apply what is missing, or name another one in the pod template",
    },
];

const REFUSED: Reason = Reason {
    cause: "admission",
    words: &[],
    message: "the API server does not let its pods be created",
    help: "make the pod template what the policy asks for",
};

/// What keeps the pods of a Deployment from being created; nothing where that is not so.
pub(super) fn not_created(deployment: &Deployment) -> Option<Diagnosis> {
    let mut conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let failure = conditions.find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    let words = failure.message.clone().unwrap_or_default();
    let says = |reason: &&Reason| reason.words.iter().any(|some| words.contains(some));
    let Reason { cause, message, help, .. } = REASONS.iter().find(says).unwrap_or(&REFUSED);
    Some(Diagnosis {
        cause,
        pod: None,
        container: None,
        message: (*message).to_owned(),
        help: (*help).to_owned(),
        seen: words,
        certain_after: Some(OTHERS_MAY_FOLLOW),
        log: None,
        pods: (0, 0),
    })
}
