//! Validates a pod: what it is made of, and its own fields.
//! Must not know which kind the pod belongs to, beyond what that kind allows.

use super::sink::{Sink, int, is_true, items, owner_of, text};
use super::{affinity, container, metadata, names, network, pod_annotations, resources, scheduling, security, volumes};
use crate::yaml::{NodeRef, Value};

/// A pod with what its parts ask of it.
#[derive(Debug)]
pub(super) struct Pod<'o> {
    /// The pod's `spec`.
    pub(super) spec: NodeRef<'o>,
    /// Whether it is a template; for a pod itself more is asked.
    pub(super) is_template: bool,
    /// Whether it uses the node's network.
    pub(super) on_host_network: bool,
    /// How many seconds it has to end.
    pub(super) grace_period: i64,
    /// The names of the claims that a `StatefulSet` makes for each pod; nothing for pods of other kinds.
    claim_templates: Option<Vec<&'o str>>,
    /// Whether images can be volumes.
    has_image_volumes: bool,
}

impl<'o> Pod<'o> {
    /// A pod by its `spec`.
    pub(super) fn new(
        spec: NodeRef<'o>,
        is_template: bool,
        claim_templates: Option<Vec<&'o str>>,
        sink: &Sink<'o>,
    ) -> Self {
        Self {
            spec,
            is_template,
            on_host_network: is_true(spec, "hostNetwork"),
            grace_period: int(spec, "terminationGracePeriodSeconds").unwrap_or(30),
            claim_templates,
            has_image_volumes: sink.since(35),
        }
    }

    /// The volumes, as far as the server has their type: one without image volumes drops them without a word. A claim that a
    /// `StatefulSet` makes takes the place of a volume with its name.
    pub(super) fn volumes(&self) -> impl Iterator<Item = NodeRef<'o>> {
        let is_there = |volume: &NodeRef<'o>| self.has_image_volumes || volume.get("image").is_none();
        items(self.spec, "volumes")
            .filter(move |volume| is_there(volume) && !self.has_claim_template(text(*volume, "name")))
    }

    /// How many volumes come before those of the `spec`: one for each claim that a `StatefulSet` makes.
    pub(super) fn claims_before(&self) -> usize {
        self.claim_templates.as_ref().map_or(0, Vec::len)
    }

    /// Whether a mount is dropped with its volume.
    pub(super) fn is_dropped(&self, name: &str) -> bool {
        let mut volumes = items(self.spec, "volumes");
        !self.has_image_volumes && volumes.any(|volume| volume.get("image").is_some() && text(volume, "name") == name)
    }

    /// A volume by its name.
    pub(super) fn volume(&self, name: &str) -> Option<NodeRef<'o>> {
        self.volumes().find(|volume| text(*volume, "name") == name)
    }

    /// The names of all volumes.
    pub(super) fn volume_names(&self) -> impl Iterator<Item = &'o str> {
        self.volumes().map(|volume| text(volume, "name")).filter(|name| !name.is_empty())
    }

    /// Whether the pod belongs to a `StatefulSet`.
    pub(super) fn is_of_stateful_set(&self) -> bool {
        self.claim_templates.is_some()
    }

    /// Whether a `StatefulSet` makes a claim of this name.
    pub(super) fn has_claim_template(&self, name: &str) -> bool {
        self.claim_templates.as_ref().is_some_and(|claims| claims.contains(&name))
    }
}

/// The policies after which a container of a pod may be started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restarts {
    /// `Always` alone, for what is to run on and on.
    Always,
    /// Any but `Always`, for what is to end; it must be set.
    UntilDone,
    /// Any, for what may be either.
    Any,
}

/// Validates a pod template: labels, annotations and the pod.
pub(super) fn template<'o>(parent: NodeRef<'o>, restarts: Restarts, claims: Option<Vec<&'o str>>, sink: &mut Sink<'o>) {
    let Some(template) = parent.get("template") else {
        sink.missing(parent, "template", "there is no pod to run");
        sink.at_path(|path| format!("{path}.spec.containers"));
        return;
    };
    if let Some(metadata) = template.get("metadata") {
        metadata::of_template(metadata, sink);
    }
    let Some(spec) = template.get("spec") else {
        sink.missing(template, "spec", "a pod needs at least one container");
        sink.at_path(|path| format!("{path}.containers"));
        return;
    };
    restart_policy(spec, restarts, sink);
    let pod = Pod::new(spec, true, claims, sink);
    if let Some(annotations) = template.at(&["metadata", "annotations"]) {
        pod_annotations::annotations(annotations, &pod, sink);
    }
    self::pod(&pod, sink);
}

/// Validates when containers are started again.
pub(super) fn restart_policy<'o>(spec: NodeRef<'o>, restarts: Restarts, sink: &mut Sink<'o>) {
    let allowed: &[&str] = match restarts {
        Restarts::Always => &["Always"],
        Restarts::UntilDone => &["OnFailure", "Never"],
        Restarts::Any => &["Always", "OnFailure", "Never"],
    };
    if restarts == Restarts::UntilDone {
        sink.required_one_of(spec, "restartPolicy", allowed);
    } else {
        sink.one_of(spec, "restartPolicy", allowed);
    }
    if restarts == Restarts::Always
        && let Some(deadline) = spec.get("activeDeadlineSeconds")
    {
        sink.forbid_value(deadline, "these pods run on and on, so they have no deadline");
    }
}

/// Validates a pod's `spec`.
pub(super) fn pod<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let spec = pod.spec;
    volumes::volumes(pod, sink);
    container::containers(pod, sink);
    network::network(pod, sink);
    security::of_pod(pod, sink);
    affinity::affinity(pod, sink);
    scheduling::scheduling(pod, sink);
    resources::overhead(spec, sink);
    resources::of_pod(pod, sink);
    resources::pod_claims(spec, sink);
    identity(spec, sink);
    operating_system(pod, sink);
    sink.number(spec, "activeDeadlineSeconds", 1, i64::from(i32::MAX));
    for gate in items(spec, "readinessGates") {
        sink.required_name(gate, "conditionType", "the type of the condition is needed", names::qualified_name);
    }
    sharing(spec, sink);
}

/// Names of objects that a pod refers to.
fn identity<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    for key in ["serviceAccountName", "nodeName", "priorityClassName"] {
        sink.name(spec, key, names::dns_subdomain);
    }
    if text(spec, "serviceAccountName").is_empty() {
        let before = sink.count();
        sink.name(spec, "serviceAccount", names::dns_subdomain);
        sink.at_paths_since(before, |path| format!("{path}Name"));
    }
    sink.name_if_set(spec, "runtimeClassName", names::dns_subdomain);
    if spec.get("preemptionPolicy").is_some() {
        sink.required_one_of(spec, "preemptionPolicy", &["PreemptLowerPriority", "Never"]);
    }
}

fn sharing<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    if is_true(spec, "shareProcessNamespace")
        && is_true(spec, "hostPID")
        && let Some(node) = spec.get("shareProcessNamespace")
    {
        sink.invalid(node, "with `hostPID: true` the processes are the node's", "remove one of the two");
        sink.at_path(|path| path.replace(".shareProcessNamespace", ".securityContext.shareProcessNamespace"));
    }
    // Before 1.33 a server forgets it.
    if spec.get("hostUsers").and_then(NodeRef::as_bool) == Some(false) && sink.since(33) {
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            if is_true(spec, key) {
                sink.forbidden(spec, key, "a pod with `hostUsers: false` is apart from its node");
                sink.at_path(|path| path.replace(".hostPID", ".HostPID").replace(".hostIPC", ".HostIPC"));
            }
        }
        for container in items(spec, "containers").chain(items(spec, "initContainers")) {
            if container.get("volumeDevices").is_some_and(|devices| devices.items().next().is_some()) {
                sink.forbidden(container, "volumeDevices", "a pod with `hostUsers: false` has no devices of its node");
            }
        }
    }
}

/// What a pod of one operating system can have is what that system knows.
fn operating_system<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let Some(os) = pod.spec.get("os") else { return };
    if text(os, "name").is_empty() {
        sink.missing(os, "name", "`linux` or `windows` is needed");
    } else if let Some(name) = os.get("name").filter(|name| !matches!(name.as_str(), Some("linux" | "windows"))) {
        sink.among(name, &["linux", "windows"]);
        sink.at_path(owner_of);
    }
    let (of_pod, of_container): (&[&str], &[&str]) = match text(os, "name") {
        "linux" => (&["windowsOptions"], &["windowsOptions"]),
        "windows" => (&NO_WINDOWS_POD, &NO_WINDOWS_CONTAINER),
        _ => return,
    };
    let system = text(os, "name");
    let mut forbid = |parent: NodeRef<'o>, keys: &[&str]| {
        for key in keys.iter().filter(|key| parent.get(key).is_some_and(|node| !is_nothing(node, key))) {
            sink.forbidden(parent, key, format!("a {system} pod does not have it"));
        }
    };
    if system == "windows" {
        forbid(pod.spec, &["hostPID", "hostIPC", "hostUsers", "shareProcessNamespace", "resources"]);
    }
    if let Some(context) = pod.spec.get("securityContext") {
        forbid(context, of_pod);
    }
    for container in items(pod.spec, "containers").chain(items(pod.spec, "initContainers")) {
        if let Some(context) = container.get("securityContext") {
            forbid(context, of_container);
        }
    }
}

/// Whether a field is there and yet says nothing: empty `sysctls`, or a `host…` that is false.
fn is_nothing(node: NodeRef<'_>, key: &str) -> bool {
    let is_off = node.as_bool() == Some(false) && key.starts_with("host") && key != "hostUsers";
    is_off || (key == "sysctls" && matches!(node.value(), Value::Seq(items) if items.is_empty()))
}

const NO_WINDOWS_POD: [&str; 11] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "seLinuxChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
];

const NO_WINDOWS_CONTAINER: [&str; 10] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];
