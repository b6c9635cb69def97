//! Validates where a container mounts the pod's volumes, as directories or as devices.
//! Must not judge the volumes themselves.

use std::collections::HashSet;

use super::container::is_privileged;
use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, is_true, items, text};
use crate::yaml::NodeRef;

/// Validates `volumeMounts`.
pub(super) fn mounts<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    let devices: Vec<NodeRef<'o>> = items(container, "volumeDevices").collect();
    let mut paths = HashSet::new();
    for mount in items(container, "volumeMounts").filter(|mount| !pod.is_dropped(text(*mount, "name"))) {
        refers_to_volume(pod, mount, sink);
        if let Some(name) = mount.get("name").filter(|_| devices.iter().any(|device| is_same(*device, mount, "name"))) {
            sink.invalid(
                name,
                "the volume is among `volumeDevices` already",
                "mount it or use it as a device, not both",
            );
        }
        sink.required_text(mount, "mountPath", "the path in the container is needed");
        if let Some(path) = mount.get("mountPath") {
            if !paths.insert(text(mount, "mountPath")) {
                sink.invalid(path, "another volume is mounted there already", "mount it somewhere else");
            } else if devices.iter().any(|device| text(*device, "devicePath") == text(mount, "mountPath")) {
                sink.invalid(path, "a device of `volumeDevices` is there already", "mount it somewhere else");
            }
        }
        let before = sink.count();
        sub_path(mount, sink);
        propagation(container, mount, sink);
        recursive_read_only(mount, sink);
        sink.at_paths_since(before, without_index);
        one_sub_path(mount, sink);
    }
}

fn is_same(a: NodeRef<'_>, b: NodeRef<'_>, key: &str) -> bool {
    !text(a, key).is_empty() && text(a, key) == text(b, key)
}

fn refers_to_volume<'o>(pod: &Pod<'o>, mount: NodeRef<'o>, sink: &mut Sink<'o>) {
    if !sink.required_text(mount, "name", "the name of a volume is needed") {
        return;
    }
    let name = text(mount, "name");
    if pod.volume(name).is_none() && !pod.has_claim_template(name) {
        let near = pod.volume_names().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
        let help = match near.filter(|(distance, _)| *distance <= 2) {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => "add a volume with this name to `volumes`".to_owned(),
        };
        if let Some(node) = mount.get("name") {
            sink.invalid(node, "the pod has no volume with this name", help);
        }
    }
}

fn sub_path<'o>(mount: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.name(mount, "subPath", names::inner_path);
    sink.name(mount, "subPathExpr", names::inner_path);
}

fn one_sub_path<'o>(mount: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(expression) = mount.get("subPathExpr").filter(|node| node.as_str() != Some("")) else { return };
    if !text(mount, "subPath").is_empty() {
        sink.invalid(expression, "`subPath` is set, too, and only one can be", "remove `subPath` or `subPathExpr`");
    }
}

fn propagation<'o>(container: NodeRef<'o>, mount: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(node) = mount.get("mountPropagation") else { return };
    sink.among(node, &["None", "HostToContainer", "Bidirectional"]);
    if node.as_str() == Some("Bidirectional") && !is_privileged(container) {
        sink.invalid(
            node,
            "only a privileged container may send its mounts to the node",
            "use `HostToContainer`, or make the container privileged",
        );
    }
}

fn recursive_read_only<'o>(mount: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(node) = mount.get("recursiveReadOnly") else { return };
    match node.as_str().unwrap_or_default() {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !is_true(mount, "readOnly") {
                sink.forbidden(mount, "recursiveReadOnly", "the mount is not `readOnly: true`");
            } else if !matches!(text(mount, "mountPropagation"), "" | "None") {
                sink.forbidden(mount, "recursiveReadOnly", "it needs `mountPropagation: None`");
            }
        }
        _ => sink.among(node, &["Disabled", "Enabled", "IfPossible"]),
    }
}

/// The server leaves the index out: `volumeMounts.subPath` for `volumeMounts[0].subPath`.
fn without_index(path: &str) -> String {
    let parts = path.rsplit_once('[').and_then(|(list, rest)| Some((list, rest.split_once(']')?.1)));
    parts.map_or_else(|| path.to_owned(), |(list, rest)| format!("{list}{rest}"))
}

/// Validates `volumeDevices`.
pub(super) fn devices<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mounts: Vec<NodeRef<'o>> = items(container, "volumeMounts").collect();
    let (mut names_seen, mut paths) = (HashSet::new(), HashSet::new());
    for device in items(container, "volumeDevices") {
        refers_to_volume(pod, device, sink);
        let name = text(device, "name");
        if let Some(node) = device.get("name").filter(|_| !name.is_empty()) {
            let claims =
                |volume: NodeRef<'_>| volume.get("persistentVolumeClaim").or(volume.get("ephemeral")).is_some();
            if pod.volume(name).is_some_and(|volume| !claims(volume)) {
                sink.invalid(
                    node,
                    "only a volume of a PersistentVolumeClaim can be a device",
                    "use `volumeMounts` for it, or another volume",
                );
            } else if !names_seen.insert(name) {
                sink.duplicate(node);
            } else if mounts.iter().any(|mount| is_same(*mount, device, "name")) {
                sink.invalid(
                    node,
                    "the volume is among `volumeMounts` already",
                    "mount it or use it as a device, not both",
                );
            }
        }
        if !sink.required_text(device, "devicePath", "the path of the device in the container is needed") {
            continue;
        }
        let Some(path) = device.get("devicePath") else { continue };
        sink.syntax(path, names::no_parent);
        if !paths.insert(text(device, "devicePath")) {
            sink.duplicate(path);
        } else if mounts.iter().any(|mount| text(*mount, "mountPath") == text(device, "devicePath")) {
            sink.invalid(path, "a volume of `volumeMounts` is there already", "choose another path");
        }
    }
}
