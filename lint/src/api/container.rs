//! Validates the containers of a pod: their names, images, policies, and what each is made of.
//! Must not look at the pod beyond what a container refers to.

use std::collections::HashSet;

use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, is_empty, is_true, items, owner_of, text};
use super::{environment, lifecycle, mounts, ports, probe, resources, security};
use crate::yaml::NodeRef;

/// What kind of container it is: what may be set differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs for as long as the pod.
    Main,
    /// Runs before the others, to its end.
    Init,
    /// An init container that keeps running: `restartPolicy: Always`.
    Sidecar,
}

/// Validates all containers of a pod.
pub(super) fn containers<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    if is_empty(pod.spec, "containers") {
        sink.missing(pod.spec, "containers", "a pod needs at least one container");
    }
    for container in items(pod.spec, "containers") {
        one(pod, container, Role::Main, sink);
    }
    for container in items(pod.spec, "initContainers") {
        let role = if text(container, "restartPolicy") == "Always" { Role::Sidecar } else { Role::Init };
        one(pod, container, role, sink);
    }
    ephemeral(pod, sink);
    unique_names(pod.spec, sink);
    ports::host_ports(pod, sink);
}

/// Ephemeral containers are put into a pod that runs, by another request; none can be in a new one.
fn ephemeral<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    if !is_empty(pod.spec, "ephemeralContainers") {
        sink.forbidden(
            pod.spec,
            "ephemeralContainers",
            "ephemeral containers are put into a running pod only, by `kubectl debug`",
        );
    }
}

fn unique_names<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.unique(items(spec, "containers").chain(items(spec, "initContainers")), "name");
}

fn one<'o>(pod: &Pod<'o>, container: NodeRef<'o>, role: Role, sink: &mut Sink<'o>) {
    sink.required_name(container, "name", "every container needs a name", names::dns_label);
    image(pod, container, sink);
    sink.one_of(container, "terminationMessagePolicy", &["File", "FallbackToLogsOnError"]);
    ports::ports(pod, container, role, sink);
    environment::variables(pod, container, sink);
    environment::sources(container, sink);
    mounts::mounts(pod, container, sink);
    mounts::devices(pod, container, sink);
    resources::of_container(pod, container, sink);
    resize_policy(pod, container, sink);
    security::of_container(pod, container, sink);
    restart(container, role, sink);
    if role == Role::Init {
        for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            let is_dropped = |node: NodeRef<'_>| {
                node.get("stopSignal").is_some() && node.get("postStart").or(node.get("preStop")).is_none()
            };
            // A stop signal alone is dropped without a word.
            if container.get(key).is_some_and(|node| !is_dropped(node)) {
                sink.forbidden(
                    container,
                    key,
                    "an init container that runs to its end has none; only one with `restartPolicy: Always` can",
                );
            }
        }
    } else {
        lifecycle::hooks(pod, container, sink);
        probe::probes(container, sink);
    }
}

fn image<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_text(container, "image", "every container needs an image");
    if let Some(image) = container.get("image").filter(|_| !pod.is_template)
        && image.as_str().is_some_and(|text| text.trim() != text)
    {
        sink.invalid(image, "spaces before or after the name are not allowed", "remove the spaces");
    }
    sink.one_of(container, "imagePullPolicy", &["Always", "IfNotPresent", "Never"]);
}

/// A restart policy of a container's own: up to Kubernetes 1.33 only `Always` of an init container; 1.34 drops any other
/// without a word; later ones know all of a pod's, and rules beside them.
fn restart<'o>(container: NodeRef<'o>, role: Role, sink: &mut Sink<'o>) {
    if let Some(policy) = container.get("restartPolicy") {
        if sink.since(35) {
            sink.among(policy, &["Always", "OnFailure", "Never"]);
        } else if !sink.since(34) && role != Role::Main {
            sink.among(policy, &["Always"]);
        }
    }
    if sink.since(35) && !is_empty(container, "restartPolicyRules") {
        restart_rules(container, sink);
    }
}

/// The limits of the rules, as the API reference describes them.
const MAX_RESTART_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;

fn restart_rules<'o>(container: NodeRef<'o>, sink: &mut Sink<'o>) {
    if container.get("restartPolicy").is_none() {
        sink.missing(container, "restartPolicy", "it says what holds where no rule does");
    }
    sink.at_most(container, "restartPolicyRules", MAX_RESTART_RULES);
    for rule in items(container, "restartPolicyRules") {
        sink.required_one_of(rule, "action", &["Restart", "RestartAllContainers"]);
        if let Some(codes) = rule.get("exitCodes") {
            sink.required_one_of(codes, "operator", &["In", "NotIn"]);
            sink.at_most(codes, "values", MAX_EXIT_CODES);
        }
    }
}

fn resize_policy<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(list) = container.get("resizePolicy") else { return };
    let mut seen = HashSet::new();
    for policy in list.items() {
        let before = sink.count();
        sink.required_one_of(policy, "resourceName", &["cpu", "memory"]);
        sink.required_one_of(policy, "restartPolicy", &["NotRequired", "RestartContainer"]);
        let restarts = text(policy, "restartPolicy") == "RestartContainer";
        if let Some(restart) =
            policy.get("restartPolicy").filter(|_| restarts && text(pod.spec, "restartPolicy") == "Never")
        {
            sink.invalid(restart, "a pod with `restartPolicy: Never` restarts no container", "use `NotRequired`");
        }
        sink.at_whole(before, list);
        if let Some(name) = policy.get("resourceName").filter(|name| !seen.insert(name.as_str())) {
            sink.duplicate(name);
            sink.at_path(owner_of);
        }
    }
}

/// Whether a container may do everything on its node.
pub(super) fn is_privileged(container: NodeRef<'_>) -> bool {
    container.get("securityContext").is_some_and(|context| is_true(context, "privileged"))
}
