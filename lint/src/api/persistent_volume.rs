//! Validates a `PersistentVolume`.
//! Must not ask which claim takes it.

use super::sink::{Sink, is_empty, text};
use super::{affinity, names, projected, resources, volumes};
use crate::yaml::NodeRef;

/// Every type of volume that lives without a pod.
const TYPES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    FLEX,
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

const FLEX: &str = "flexVolume";

/// Validates a `PersistentVolume`.
pub(super) fn volume<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else {
        sink.missing(root, "spec", "the object says nothing without it");
        sink.at_path(|path| format!("{path}.accessModes"));
        return;
    };
    if let Some(iscsi) = spec.get("iscsi") {
        initiator(root, iscsi, sink);
    }
    projected::access_modes(spec, sink);
    capacity(spec, sink);
    sink.one_of(spec, "persistentVolumeReclaimPolicy", &["Retain", "Delete", "Recycle"]);
    if let Some(own) = spec.get("nodeAffinity") {
        affinity::of_volume(own, sink);
    }
    // A `flexVolume` may stand beside what comes before it, though nobody says which of the two counts.
    let comes_before = TYPES.iter().take_while(|kind| **kind != FLEX).any(|kind| spec.get(kind).is_some());
    let others: Vec<&str> = TYPES.iter().copied().filter(|kind| *kind != FLEX || !comes_before).collect();
    let before = sink.count();
    let kind = sink.exactly_one(spec, &others);
    sink.at_paths_since(before, |path| path.replace(".cephfs", ".cephFS"));
    if let Some((kind, source)) = kind.and_then(|kind| Some((kind, spec.get(kind)?))) {
        of_type(kind, source, spec, sink);
        if let Some(flex) = spec.get(FLEX).filter(|_| kind != FLEX) {
            of_type(FLEX, flex, spec, sink);
        }
        sink.at_paths_since(before, volumes::server_path);
    } else {
        sink.missing(spec, "csi", "the volume itself is needed: `csi`, `nfs`, `local` or another type");
        sink.at_path(|_| "spec".to_owned());
    }
    sink.name(spec, "storageClassName", names::dns_subdomain);
    if let Some(mode) = spec.get("volumeMode") {
        sink.among(mode, &["Block", "Filesystem"]);
    }
    attributes_class(spec, sink);
}

/// With an initiator of its own a volume is known on the node by its name and portal together.
fn initiator<'o>(root: NodeRef<'o>, iscsi: NodeRef<'o>, sink: &mut Sink<'o>) {
    let name = root.get("metadata").map_or("", |metadata| text(metadata, "name"));
    let length = name.len() + 1 + text(iscsi, "targetPortal").len();
    if let Some(portal) = iscsi.get("targetPortal").filter(|_| iscsi.get("initiatorName").is_some() && length > 64) {
        let reason = format!("with the name of the volume and a `:` it may have 64 characters, it has {length}");
        sink.invalid(portal, reason, "shorten one of the two");
        sink.at_path(str::to_lowercase);
    }
}

fn capacity<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(capacity) = spec.get("capacity").filter(|_| !is_empty(spec, "capacity")) else {
        sink.missing(spec, "capacity", "the size of the volume is needed, as `storage`");
        return;
    };
    for (entry, amount) in capacity.entries() {
        if entry.key == "storage" {
            resources::more_than_zero(amount, sink);
            sink.at_path(|path| path.replace("capacity.storage", "capacity[storage]"));
        } else {
            sink.bad_key(capacity, &entry.key, "a volume has `storage` only");
            sink.at_path(|_| "spec.capacity".to_owned());
        }
    }
    if capacity.entry("storage").is_none() {
        sink.missing(capacity, "storage", "the size of the volume is needed");
        sink.at_path(|_| "spec.capacity".to_owned());
    }
}

fn attributes_class<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(class) = spec.get("volumeAttributesClassName") else { return };
    if class.as_str() == Some("") {
        sink.missing(spec, "volumeAttributesClassName", "the name of the class is needed");
    } else {
        sink.syntax(class, names::dns_subdomain);
    }
    // A server without the classes has forgotten it.
    if spec.get("csi").is_none() && sink.since(34) {
        sink.missing(spec, "csi", "only a `csi` volume has a `volumeAttributesClassName`");
    }
}

fn of_type<'o>(kind: &str, source: NodeRef<'o>, spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    match kind {
        "csi" => csi(source, sink),
        "glusterfs" => {
            volumes::of_type(kind, source, sink);
            sink.name_if_set(source, "endpointsNamespace", names::dns_label);
        }
        // The Secret of a volume that belongs to no namespace is named with its own.
        "cinder" | "storageos" => {
            volumes::of_type(kind, source, sink);
            if let Some(secret) = source.get("secretRef") {
                sink.required_text(secret, "namespace", "the namespace of the Secret is needed");
            }
        }
        "azureFile" => {
            volumes::of_type(kind, source, sink);
            if source.get("secretNamespace").is_some() {
                sink.required_text(
                    source,
                    "secretNamespace",
                    "the namespace of the Secret is needed, or none of the field",
                );
            }
        }
        "iscsi" => {
            volumes::of_type(kind, source, sink);
            volumes::secret_name(source, sink);
        }
        "local" => {
            sink.required_name(source, "path", "the path on the node is needed", names::no_parent);
            if spec.get("nodeAffinity").is_none() {
                sink.missing(spec, "nodeAffinity", "a `local` volume is on certain nodes");
            }
        }
        "hostPath" => {
            volumes::of_type(kind, source, sink);
            let is_root =
                matches!(text(source, "path").trim_end_matches('/'), "" | ".") && !text(source, "path").is_empty();
            if is_root && text(spec, "persistentVolumeReclaimPolicy") == "Recycle" {
                sink.forbidden(spec, "persistentVolumeReclaimPolicy", "recycling `/` would empty the node");
            }
        }
        _ => volumes::of_type(kind, source, sink),
    }
}

fn csi<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    volumes::csi_driver(source, sink);
    sink.required_text(source, "volumeHandle", "the driver knows the volume by it");
    let secrets =
        ["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"];
    for secret in secrets.iter().filter_map(|key| source.get(key)) {
        sink.required_name(secret, "name", "the name of the Secret is needed", names::dns_subdomain);
        sink.required_name(secret, "namespace", "the namespace of the Secret is needed", names::dns_label);
    }
}
