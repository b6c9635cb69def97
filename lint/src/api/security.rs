//! Validates security contexts of pods and containers.
//! Must not ask whether they are strict enough.

use std::collections::HashSet;

use super::container::is_privileged;
use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, is_true, items, owner_of, text};
use crate::yaml::NodeRef;

const MAX_ID: i64 = i32::MAX as i64;

/// Validates `securityContext` of a pod.
pub(super) fn of_pod<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    host_process(pod, sink);
    let Some(context) = pod.spec.get("securityContext") else { return };
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        sink.number(context, key, 0, MAX_ID);
    }
    for group in items(context, "supplementalGroups") {
        if group.as_int().is_some_and(|id| !(0..=MAX_ID).contains(&id)) {
            sink.invalid(group, "a group is a number from 0 to 2147483647", "set such a number");
        }
    }
    if let Some(policy) = context.get("supplementalGroupsPolicy") {
        sink.among(policy, &["Merge", "Strict"]);
    }
    if let Some(policy) = context.get("fsGroupChangePolicy") {
        sink.among(policy, &["OnRootMismatch", "Always"]);
    }
    if let Some(policy) = context.get("seLinuxChangePolicy").filter(|_| sink.since(33)) {
        // Until 1.37 only a server that is told so mounts all volumes with their label.
        sink.among(policy, if sink.since(37) { &["MountOption", "Recursive"] } else { &["Recursive"] });
    }
    sysctls(pod, context, sink);
    profile(context, "seccompProfile", sink);
    profile(context, "appArmorProfile", sink);
    windows(context, sink);
}

/// Validates `securityContext` of a container.
pub(super) fn of_container<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(context) = container.get("securityContext") else { return };
    for key in ["runAsUser", "runAsGroup"] {
        sink.number(context, key, 0, MAX_ID);
    }
    if let Some(mount) = context.get("procMount") {
        sink.among(mount, &["Default", "Unmasked"]);
        if mount.as_str() == Some("Unmasked") && pod.spec.get("hostUsers").and_then(NodeRef::as_bool) != Some(false) {
            sink.invalid(
                mount,
                "an unmasked `/proc` needs `hostUsers: false` of the pod",
                "set `hostUsers: false`, or use `Default`",
            );
        }
    }
    if context.get("allowPrivilegeEscalation").and_then(NodeRef::as_bool) == Some(false) {
        no_escalation(container, context, sink);
    }
    profile(context, "seccompProfile", sink);
    profile(context, "appArmorProfile", sink);
    windows(context, sink);
}

fn no_escalation<'o>(container: NodeRef<'o>, context: NodeRef<'o>, sink: &mut Sink<'o>) {
    let added = context.get("capabilities").into_iter().flat_map(|capabilities| items(capabilities, "add"));
    let admin = added.filter_map(NodeRef::as_str).any(|name| name == "CAP_SYS_ADMIN");
    let reason = match (is_privileged(container), admin) {
        (true, _) => "a privileged container can always escalate",
        (_, true) => "a container with `CAP_SYS_ADMIN` can always escalate",
        _ => return,
    };
    if let Some(node) = context.get("allowPrivilegeEscalation") {
        sink.invalid(node, reason, "remove it, or take the privilege away");
        sink.at_path(owner_of);
    }
}

/// Validates a seccomp or `AppArmor` profile.
fn profile<'o>(context: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let Some(profile) = context.get(key) else { return };
    sink.required_one_of(profile, "type", &["RuntimeDefault", "Localhost", "Unconfined"]);
    let file = profile.get("localhostProfile");
    let trimmed = |text: &str| {
        (text.trim() != text || text.len() > 4095)
            .then(|| "it has spaces at its ends, or more than 4095 characters".to_owned())
    };
    if text(profile, "type") == "Localhost" {
        let reason = "a profile of the node is named by it";
        match file {
            // An empty path is the folder of all profiles, and no mistake to the server.
            Some(file) if key == "seccompProfile" => sink.syntax(file, names::inner_path),
            _ => sink.required_name(profile, "localhostProfile", reason, trimmed),
        }
    } else if let Some(file) = file {
        sink.invalid(file, "it is for `type: Localhost` alone", "remove it, or set `type: Localhost`");
    }
}

fn sysctls<'o>(pod: &Pod<'o>, context: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mut seen = HashSet::new();
    for sysctl in items(context, "sysctls") {
        if !sink.required_text(sysctl, "name", "the name of the kernel parameter is needed") {
            continue;
        }
        let Some(name) = sysctl.get("name") else { continue };
        sink.syntax(name, sysctl_name);
        let dotted = text(sysctl, "name").replace('/', ".");
        if is_true(pod.spec, "hostNetwork") && dotted.starts_with("net.") {
            sink.invalid(name, "with `hostNetwork: true` it would be the node's", "remove it");
        } else if is_true(pod.spec, "hostIPC")
            && (dotted.starts_with("kernel.shm")
                || dotted.starts_with("kernel.msg")
                || dotted == "kernel.sem"
                || dotted.starts_with("fs.mqueue."))
        {
            sink.invalid(name, "with `hostIPC: true` it would be the node's", "remove it");
        }
        if !seen.insert(text(sysctl, "name")) {
            sink.duplicate(name);
        }
    }
}

fn sysctl_name(name: &str) -> Option<String> {
    let part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        part.chars().all(inner) && edge(part.chars().next()) && edge(part.chars().next_back())
    };
    let right = name.len() <= 253 && name.split(['.', '/']).all(part);
    (!right).then(|| "parts of lower case letters, digits, `-` and `_`, joined by `.` or `/`, are needed".to_owned())
}

fn windows<'o>(context: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(options) = context.get("windowsOptions") else { return };
    sink.name_if_set(options, "gmsaCredentialSpecName", names::dns_subdomain);
    let spec = options.get("gmsaCredentialSpec");
    if let Some(spec) = spec.filter(|spec| spec.as_str().is_some_and(|text| text.is_empty() || text.len() > 64 * 1024))
    {
        sink.invalid(spec, "a text of 1 to 65536 bytes is needed", "set the specification, or remove it");
    }
    sink.name_if_set(options, "runAsUserName", windows_user);
}

fn windows_user(name: &str) -> Option<String> {
    let problem = |reason: &str| Some(reason.to_owned());
    if name.is_empty() {
        return problem("it may not be empty");
    }
    if name.chars().any(char::is_control) {
        return problem("control characters are not allowed");
    }
    let parts: Vec<&str> = name.split('\\').collect();
    let (domain, user) = match parts[..] {
        [user] => (None, user),
        [domain, user] => (Some(domain), user),
        _ => return problem("at most one `\\` is allowed, between domain and user"),
    };
    if user.is_empty() || user.len() > 104 {
        return problem("the user must have 1 to 104 characters");
    }
    if user.chars().all(|c| matches!(c, '.' | ' ')) || user.contains(|c| "\"/\\:;|=,+*?<>@[]".contains(c)) {
        return problem("the user has characters that Windows does not allow");
    }
    let is_net_bios =
        |text: &str| text.len() < 16 && !text.starts_with('.') && !text.contains(|c| "\\/:*?\"<>|".contains(c));
    let is_dns = |text: &str| {
        text.len() < 256 && {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
            text.split('.').all(|part| {
                !part.is_empty() && part.chars().all(allowed) && !part.starts_with('-') && !part.ends_with('-')
            })
        }
    };
    match domain {
        Some("") => problem("the domain is empty"),
        Some(domain) if !is_net_bios(domain) && !is_dns(domain) => problem("the domain is no NetBIOS or DNS name"),
        _ => None,
    }
}

/// With one host process container all must be, and they need the node's network.
fn host_process<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let asked = |owner: NodeRef<'o>| owner.at(&["securityContext", "windowsOptions", "hostProcess"]);
    let of_pod = asked(pod.spec);
    let (mut host, mut others) = (None, None);
    for container in items(pod.spec, "initContainers").chain(items(pod.spec, "containers")) {
        let own = asked(container);
        if let (Some(own), Some(of_pod)) = (own, of_pod)
            && own.as_bool() != of_pod.as_bool()
        {
            sink.invalid(own, "it must be what the pod says", "make both the same, or remove one of the two");
        }
        match own.or(of_pod) {
            Some(node) if node.as_bool() == Some(true) => host = Some(node),
            _ => others = Some(container),
        }
    }
    let Some(node) = host else { return };
    if others.is_some() {
        sink.invalid(node, "with one host process container all must be", "set it for all containers, or for none");
        sink.at_path(|path| spec_path(path).to_owned());
    }
    if !pod.on_host_network {
        sink.invalid(node, "host process containers need `hostNetwork: true`", "set `hostNetwork: true`");
        sink.at_path(|path| format!("{}.hostNetwork", spec_path(path)));
    }
}

/// The path of the pod's `spec` to which a path below it belongs.
fn spec_path(path: &str) -> &str {
    let end = [".containers[", ".initContainers[", ".securityContext"].iter().filter_map(|part| path.find(part)).min();
    end.and_then(|end| path.get(..end)).unwrap_or(path)
}
