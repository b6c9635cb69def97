//! Why a color does not become ready: what is seen of its pods and their events, and what that means.
//! Pure; how long something must have been seen to be certain is said here, and measured by who asks.

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Event, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::observed::{is_ready, is_terminating, lasting_containers, name};

mod not_created;
use not_created::not_created;

/// What others may still bring along, as an apply of several objects does: a `ConfigMap`, room in a quota.
const OTHERS_MAY_FOLLOW: Duration = Duration::from_secs(10);
/// A registry may be busy. The kubelet tries again after 10 s, then after 20 s.
const REGISTRY_MAY_RECOVER: Duration = Duration::from_secs(40);
/// A node may be on its way; where an autoscaler says that it is, nothing is certain.
const NODES_MAY_COME: Duration = Duration::from_secs(30);
/// After so many ends of a container in the same way, the next start is hoped for by nobody.
const CRASHES: i32 = 2;

/// What the server puts before the words of events that it has made one of.
const COMBINED: &str = "(combined from similar events): ";

/// One reason, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What it is, for programs.
    pub cause: &'static str,
    /// The pod; nothing when there is none yet.
    pub pod: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// What is wrong, in a few words.
    pub message: String,
    /// What the cluster says.
    pub seen: String,
    /// What to do.
    pub help: String,
    /// How long it must last to be certain; nothing when it may pass at any time.
    pub certain_after: Option<Duration>,
    /// Whether the last words of the container are worth a look, and whether those are of the run before.
    pub log: Option<bool>,
    /// On how many of how many pods it is seen.
    pub pods: (usize, usize),
}

/// What stands in the way, the most certain first, each reason once.
#[must_use]
pub fn diagnose(deployment: &Deployment, pods: &[&Pod], events: &[Event]) -> Vec<Diagnosis> {
    let status = deployment.status.as_ref();
    let current = status.and_then(|status| status.observed_generation) >= deployment.metadata.generation;
    if !current {
        return Vec::new();
    }
    let newest =
        pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|at| at.0)).and_then(|pod| hash(pod));
    let updated = status.and_then(|status| status.updated_replicas).unwrap_or_default() > 0;
    let is_new = |pod: &&&Pod| updated && hash(pod) == newest && !is_terminating(pod);
    let new: Vec<&Pod> = pods.iter().filter(is_new).copied().collect();
    let mut found: Vec<Diagnosis> = Vec::new();
    let of_pods = new.iter().filter(|pod| !is_ready(pod)).flat_map(|pod| of_pod(pod, events));
    for diagnosis in of_pods.chain(not_created(deployment)) {
        let same = |known: &&mut Diagnosis| known.cause == diagnosis.cause && known.container == diagnosis.container;
        match found.iter_mut().find(same) {
            Some(known) => known.pods.0 += 1,
            None => found.push(diagnosis),
        }
    }
    for diagnosis in &mut found {
        diagnosis.pods.1 = new.len();
    }
    found.sort_by_key(|diagnosis| diagnosis.certain_after.unwrap_or(Duration::MAX));
    found
}

fn hash(pod: &Pod) -> Option<&str> {
    pod.metadata.labels.as_ref()?.get("pod-template-hash").map(String::as_str)
}

/// The last words of a pod's events for one reason.
fn event<'e>(events: &'e [Event], pod: &Pod, reason: &str) -> Option<&'e str> {
    event_that(events, pod, reason, |_| true)
}

/// The latest event of a reason whose words are these.
fn event_that<'e>(events: &'e [Event], pod: &Pod, reason: &str, says: impl Fn(&str) -> bool) -> Option<&'e str> {
    let about = |event: &&Event| {
        let object = &event.involved_object;
        event.reason.as_deref() == Some(reason)
            && object.name == pod.metadata.name
            && (object.uid.is_none() || object.uid == pod.metadata.uid)
    };
    let at = |event: &&Event| event.last_timestamp.as_ref().map(|at| at.0).or(event.event_time.as_ref().map(|at| at.0));
    let words = |event: &'e Event| Some(event.message.as_deref()?.trim_start_matches(COMBINED));
    let said = |event: &&'e Event| words(event).is_some_and(&says);
    events.iter().filter(about).filter(said).max_by_key(at).and_then(words)
}

fn of_pod(pod: &Pod, events: &[Event]) -> Vec<Diagnosis> {
    let status = pod.status.as_ref();
    let scheduled = status.into_iter().flat_map(|status| status.conditions.iter().flatten());
    let unscheduled =
        scheduled.filter(|c| c.type_ == "PodScheduled" && c.status == "False").find_map(|c| c.message.as_deref());
    if let Some(reason) = unscheduled {
        return vec![unschedulable(pod, reason, event(events, pod, "TriggeredScaleUp").is_some())];
    }
    if let Some(words) = event(events, pod, "FailedMount").or_else(|| event(events, pod, "FailedAttachVolume"))
        && no_container_runs(pod)
    {
        return vec![unmounted(pod, words)];
    }
    let mut statuses = status.into_iter().flat_map(|status| {
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
    });
    let of_containers = statuses.find_map(|container| of_container(pod, container, events));
    of_containers.or_else(|| unprepared(pod, events)).into_iter().collect()
}

/// Whether the place for its containers has been made: then what kept it from that is over.
fn is_set_up(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let mut conditions = status.conditions.iter().flatten();
    status.pod_ip.is_some() || conditions.any(|c| c.type_ == "PodReadyToStartContainers" && c.status == "True")
}

fn no_container_runs(pod: &Pod) -> bool {
    let mut statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses
        .all(|status| status.state.as_ref().is_none_or(|state| state.running.is_none() && state.terminated.is_none()))
}

fn diagnosis(cause: &'static str, pod: &Pod, message: impl Into<String>, seen: &str, help: String) -> Diagnosis {
    Diagnosis {
        cause,
        pod: Some(name(&pod.metadata).to_owned()),
        container: None,
        message: message.into(),
        seen: seen.trim().to_owned(),
        help,
        certain_after: None,
        log: None,
        pods: (1, 1),
    }
}

fn unschedulable(pod: &Pod, reason: &str, grows: bool) -> Diagnosis {
    if reason.contains("persistentvolumeclaim") {
        let help = "apply the PersistentVolumeClaim, or see why it is not bound: kubectl get pvc".to_owned();
        let found = diagnosis("missing-volume", pod, "a PersistentVolumeClaim is missing", reason, help);
        return Diagnosis { certain_after: Some(OTHERS_MAY_FOLLOW), ..found };
    }
    let help = "give the cluster room, or ask for less: lower the requests, or end what is not needed; \
                see: kubectl describe nodes"
        .to_owned();
    let found = diagnosis("unschedulable", pod, "no node takes the pod", reason, help);
    Diagnosis { certain_after: (!grows).then_some(NODES_MAY_COME), ..found }
}

fn unmounted(pod: &Pod, words: &str) -> Diagnosis {
    let missing = words.contains("not found") || words.contains("references non-existent");
    let (message, help) = if missing {
        ("a volume needs what is not there", "apply the ConfigMap or Secret that the volume names, in this namespace")
    } else {
        ("a volume cannot be mounted", "see the volume and its driver: kubectl describe pod")
    };
    let found = diagnosis("missing-volume", pod, message, words, help.to_owned());
    Diagnosis { certain_after: missing.then_some(OTHERS_MAY_FOLLOW), ..found }
}

/// A node that takes a pod and cannot make the place for its containers.
fn unprepared(pod: &Pod, events: &[Event]) -> Option<Diagnosis> {
    let words = event(events, pod, "FailedCreatePodSandBox").filter(|_| no_container_runs(pod) && !is_set_up(pod))?;
    if words.contains("OOM-killed") {
        let message = "the memory limit is too low for any container to start";
        let help = "raise resources.limits.memory of its containers".to_owned();
        let found = diagnosis("out-of-memory", pod, message, words, help);
        return Some(Diagnosis { certain_after: Some(OTHERS_MAY_FOLLOW), ..found });
    }
    let help = "see the node, its network and its container runtime: kubectl describe pod".to_owned();
    Some(diagnosis("sandbox", pod, "the node cannot set the pod up", words, help))
}

fn of_container(pod: &Pod, status: &ContainerStatus, events: &[Event]) -> Option<Diagnosis> {
    let state = status.state.as_ref()?;
    let container = Some(status.name.clone());
    let found = if let Some(waiting) = &state.waiting {
        let words = waiting.message.as_deref().unwrap_or_default();
        match waiting.reason.as_deref().unwrap_or_default() {
            reason @ ("ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull") => {
                pull(pod, status, reason, words, events)
            }
            "CreateContainerConfigError" if !words.contains("not found") && !words.contains("couldn't find key") => {
                cannot_start(pod, words)
            }
            "CreateContainerConfigError" => {
                let help = "apply the ConfigMap or Secret that the container's environment names, in this namespace";
                let message = "the container's environment needs what is not there";
                let found = diagnosis("missing-config", pod, message, words, help.to_owned());
                Diagnosis { certain_after: Some(OTHERS_MAY_FOLLOW), ..found }
            }
            "CreateContainerError" | "RunContainerError" => cannot_start(pod, words),
            "CrashLoopBackOff" => crash(pod, status, ended(status.last_state.as_ref()), events),
            _ => return None,
        }
    } else if let Some(ended) = state.terminated.as_ref().filter(|ended| ended.exit_code != 0) {
        crash(pod, status, Some(ended), events)
    } else if state.running.is_some() && !status.ready {
        match ended(status.last_state.as_ref()) {
            Some(ended) if status.restart_count >= CRASHES => crash(pod, status, Some(ended), events),
            _ => unready(pod, status, events)?,
        }
    } else {
        return None;
    };
    Some(Diagnosis { container, ..found })
}

fn ended(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    state?.terminated.as_ref()
}

fn pull(pod: &Pod, status: &ContainerStatus, reason: &str, words: &str, events: &[Event]) -> Diagnosis {
    let words = event(events, pod, "Failed").filter(|words| words.contains("pull")).unwrap_or(words);
    let lower = words.to_ascii_lowercase();
    let is_final = [
        "not found",
        "manifest unknown",
        "unauthorized",
        "denied",
        "forbidden",
        "no match for platform",
        "authentication required",
    ];
    let is_final =
        matches!(reason, "InvalidImageName" | "ErrImageNeverPull") || is_final.iter().any(|part| lower.contains(part));
    let help = if lower.contains("unauthorized") || lower.contains("denied") || lower.contains("authentication") {
        "check the name and the tag, and that the pods may pull it: imagePullSecrets".to_owned()
    } else {
        format!(
            "check that {} exists and that the nodes reach its registry, then deploy the right version",
            status.image
        )
    };
    let words = if words.is_empty() { reason } else { words };
    let found = diagnosis("image-pull", pod, format!("the image {} cannot be pulled", status.image), words, help);
    Diagnosis { certain_after: Some(if is_final { Duration::ZERO } else { REGISTRY_MAY_RECOVER }), ..found }
}

fn cannot_start(pod: &Pod, words: &str) -> Diagnosis {
    let help = if words.contains("on-root") || words.contains("runAsNonRoot") {
        "let it run as a user that is not root: runAsUser in its securityContext, or USER in the image".to_owned()
    } else {
        "see the container's command and mounts: kubectl describe pod".to_owned()
    };
    let found = diagnosis("cannot-start", pod, "the container cannot be started", words, help);
    Diagnosis { certain_after: Some(OTHERS_MAY_FOLLOW), ..found }
}

fn crash(pod: &Pod, status: &ContainerStatus, end: Option<&ContainerStateTerminated>, events: &[Event]) -> Diagnosis {
    // Between two attempts it is called a crash loop, although the program has never begun.
    if let Some(end) = end.filter(|end| matches!(end.reason.as_deref(), Some("StartError" | "ContainerCannotRun"))) {
        return cannot_start(pod, end.message.as_deref().unwrap_or_default());
    }
    let code = end.map_or_else(|| "an unknown code".to_owned(), |end| format!("exit code {}", end.exit_code));
    let signal = end.and_then(|end| end.signal).map(|signal| format!(" (signal {signal})")).unwrap_or_default();
    let times = status.restart_count + i32::from(status.state.as_ref().is_some_and(|state| state.terminated.is_some()));
    let seen = format!("it ended with {code}{signal}, {times} times so far");
    let certain_after = (status.restart_count >= CRASHES).then_some(Duration::ZERO);
    let previous = status.state.as_ref().is_none_or(|state| state.terminated.is_none());
    let killed = event_that(events, pod, "Unhealthy", |words| !words.starts_with("Readiness"));
    let found = if end.and_then(|end| end.reason.as_deref()) == Some("OOMKilled") {
        let help = "raise resources.limits.memory of the container, or make the program need less".to_owned();
        diagnosis("out-of-memory", pod, "the container is killed: it needs more memory than its limit", &seen, help)
    } else if let Some(words) = killed {
        let help = "give it more time to start (startupProbe), or see why it does not answer".to_owned();
        let seen = format!("{words}; {seen}");
        diagnosis("liveness-probe", pod, "the container is restarted: its probe fails", &seen, help)
    } else {
        let help = "see its last words, mend the program or its settings, and deploy again".to_owned();
        diagnosis("crash-loop", pod, "the container ends again and again", &seen, help)
    };
    Diagnosis { certain_after, log: Some(previous), ..found }
}

/// A program that runs and is not ready may become so at any time: this is never certain by itself.
fn unready(pod: &Pod, status: &ContainerStatus, events: &[Event]) -> Option<Diagnosis> {
    let words = event(events, pod, "Unhealthy")?;
    let which = if status.started == Some(false) { "startup" } else { "readiness" };
    let asked = probe(pod, &status.name, which);
    let message = format!("the {which} probe fails{}", asked.map(|asked| format!(": {asked}")).unwrap_or_default());
    let help = "see why it answers so; if it only needs longer, deploy with a longer --timeout".to_owned();
    Some(Diagnosis { log: Some(false), ..diagnosis("probe", pod, message, words, help) })
}

fn shown(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    }
}

/// What a probe asks, in a few words.
fn probe(pod: &Pod, container: &str, which: &str) -> Option<String> {
    let container = lasting_containers(pod.spec.as_ref()?).find(|spec| spec.name == container)?;
    let probe = if which == "startup" { &container.startup_probe } else { &container.readiness_probe };
    let probe = probe.as_ref()?;
    if let Some(get) = &probe.http_get {
        return Some(format!("GET {}", get.path.as_deref().unwrap_or("/")));
    }
    if let Some(connect) = &probe.tcp_socket {
        return Some(format!("connect to port {}", shown(&connect.port)));
    }
    if let Some(health) = &probe.grpc {
        return Some(format!("gRPC health on port {}", health.port));
    }
    probe.exec.as_ref().and_then(|exec| exec.command.as_ref()).map(|command| command.join(" "))
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  what   {}", self.message)?;
        if let Some(pod) = &self.pod {
            let container = self.container.as_ref().map(|name| format!(", container {name}")).unwrap_or_default();
            let (seen, all) = self.pods;
            let others = if all > 1 { format!(" ({seen} of {all} new pods)") } else { String::new() };
            writeln!(f, "  where  pod {pod}{container}{others}")?;
        }
        if !self.seen.is_empty() {
            writeln!(f, "  seen   {}", self.seen.replace('\n', "\n         "))?;
        }
        write!(f, "  to do  {}", self.help)
    }
}

#[cfg(test)]
mod tests;
