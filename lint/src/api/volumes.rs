//! Validates the volumes of a pod.
//! Must not look at how containers mount them.

use super::environment::{self, FILE_FIELDS};
use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, int, is_empty, is_true, items, list_of, owner_of, text};
use super::{projected, resources};
use crate::quantity;
use crate::yaml::NodeRef;

/// Every type of volume, in the order in which the server looks: of two it blames the second.
const TYPES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// Validates `volumes`.
pub(super) fn volumes<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let before_all = sink.count();
    sink.unique(pod.volumes(), "name");
    for volume in pod.volumes() {
        sink.required_name(volume, "name", "every volume needs a name", names::dns_label);
        let before = sink.count();
        let kind = sink.exactly_one(volume, &TYPES);
        sink.at_paths_since(before, |path| path.replace(".downwardAPI", ".downwarAPI").replace(".cephfs", ".cephFS"));
        if let Some((kind, source)) = kind.and_then(|kind| Some((kind, volume.get(kind)?))) {
            of_type(kind, source, sink);
            if kind == "iscsi" {
                iscsi_session(volume, source, sink);
            }
            sink.at_paths_since(before, server_path);
        }
    }
    // The server counts the claims first, and what it drops not at all.
    if sink.count() > before_all {
        let paths: Vec<String> = pod.volumes().map(|volume| sink.path_of(volume)).collect();
        sink.at_paths_since(before_all, |path| counted(path, &paths, pod.claims_before()));
    }
}

/// The path of a volume by its number among those that the server has, after so many others.
fn counted(path: &str, volumes: &[String], others: usize) -> String {
    let own =
        volumes.iter().zip(others..).find_map(|(volume, number)| Some((volume, number, path.strip_prefix(&**volume)?)));
    own.map_or_else(|| path.to_owned(), |(volume, number, rest)| format!("{}[{number}]{rest}", list_of(volume)))
}

/// Some fields have other names in the server's words.
pub(super) fn server_path(path: &str) -> String {
    let path =
        path.replace(".gcePersistentDisk.", ".persistentDisk.").replace(".iscsi.initiatorName", ".iscsi.initiatorname");
    match path.split_once(".downwardAPI.items[") {
        Some((volume, rest)) => {
            let field = rest.split_once(']').map_or("", |(_, field)| field);
            format!("{volume}.downwardAPI{field}")
        }
        None => path,
    }
}

/// Validates a volume of a type.
pub(super) fn of_type<'o>(kind: &str, source: NodeRef<'o>, sink: &mut Sink<'o>) {
    match kind {
        "emptyDir" => empty_dir(source, sink),
        "hostPath" => host_path(source, sink),
        "secret" => file_source(source, Some("secretName"), sink),
        "configMap" => file_source(source, Some("name"), sink),
        "downwardAPI" => {
            projected::mode(source, "defaultMode", sink);
            items(source, "items").for_each(|item| downward_file(item, sink));
        }
        "projected" => projected::projected(source, sink),
        "persistentVolumeClaim" => {
            sink.required_text(source, "claimName", "the name of the claim is needed");
        }
        "csi" => csi(source, sink),
        "ephemeral" => projected::ephemeral(source, sink),
        "image" => {
            sink.required_text(source, "reference", "the image is needed");
            sink.one_of(source, "pullPolicy", &["Always", "IfNotPresent", "Never"]);
        }
        _ => of_old_type(kind, source, sink),
    }
}

fn empty_dir<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(limit) = source.get("sizeLimit") else { return };
    if quantity::text(limit).as_deref().and_then(quantity::parse).is_some_and(|amount| amount < 0) {
        sink.forbid_value(limit, "it must be 0 or more");
    }
}

fn host_path<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_name(source, "path", "the path on the node is needed", names::no_parent);
    sink.one_of(
        source,
        "type",
        &["DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"],
    );
}

/// Files from a Secret or `ConfigMap`.
pub(super) fn file_source<'o>(source: NodeRef<'o>, name: Option<&str>, sink: &mut Sink<'o>) {
    if let Some(name) = name {
        sink.required_text(source, name, "the name of the object is needed");
    }
    projected::mode(source, "defaultMode", sink);
    for item in items(source, "items") {
        sink.required_text(item, "key", "the key in the object is needed");
        sink.required_name(item, "path", "the path of the file is needed", names::file_path);
        projected::mode(item, "mode", sink);
    }
}

/// A file with a field of the pod.
pub(super) fn downward_file<'o>(item: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_name(item, "path", "the path of the file is needed", names::file_path);
    let kinds = ["fieldRef", "resourceFieldRef"];
    let before = sink.count();
    if sink.exactly_one(item, &kinds).is_none() {
        sink.none_set(item, &kinds);
    }
    sink.at_paths_since(before, |path| path.trim_end_matches(".resourceFieldRef").to_owned());
    if let Some(field) = item.get("fieldRef") {
        environment::field_ref(field, &FILE_FIELDS, sink);
    } else if let Some(resource) = item.get("resourceFieldRef") {
        environment::resource_field(resource, true, sink);
    }
    projected::mode(item, "mode", sink);
}

/// Validates the name of a driver.
pub(super) fn csi_driver<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let driver = |text: &str| {
        (text.len() > 63)
            .then(|| "at most 63 characters are allowed".to_owned())
            .or_else(|| names::dns_subdomain(&text.to_ascii_lowercase()))
    };
    sink.required_name(source, "driver", "the name of the driver is needed", driver);
}

fn csi<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    csi_driver(source, sink);
    if let Some(secret) = source.get("nodePublishSecretRef")
        && sink.required_text(secret, "name", "the name of the Secret is needed")
    {
        let before = sink.count();
        sink.name(secret, "name", names::dns_subdomain);
        sink.at_paths_since(before, |path| path.replace(".nodePublishSecretRef", ""));
    }
}

/// The types that a server of today still knows, though most drivers are gone.
fn of_old_type<'o>(kind: &str, source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let required: &[&str] = match kind {
        "gitRepo" => &["repository"],
        "gcePersistentDisk" => &["pdName"],
        "awsElasticBlockStore" | "cinder" | "portworxVolume" => &["volumeID"],
        "nfs" => &["server", "path"],
        "iscsi" => &["targetPortal", "iqn"],
        "glusterfs" => &["endpoints", "path"],
        "rbd" => &["image"],
        "flexVolume" => &["driver"],
        "azureFile" => &["secretName", "shareName"],
        "vsphereVolume" => &["volumePath"],
        "quobyte" => &["registry", "volume"],
        "azureDisk" => &["diskName", "diskURI"],
        "photonPersistentDisk" => &["pdID"],
        "scaleIO" => &["gateway", "system", "volumeName"],
        "storageos" => &["volumeName"],
        _ => &[],
    };
    for key in required {
        sink.required_text(source, key, "this type of volume needs it");
    }
    match kind {
        "gitRepo" => sink.name(source, "directory", names::inner_path),
        "gcePersistentDisk" | "awsElasticBlockStore" => sink.number(source, "partition", 0, 255),
        "nfs" => absolute(source, "path", sink),
        "rbd" | "cephfs" if is_empty(source, "monitors") => {
            sink.missing(source, "monitors", "at least one monitor is needed");
        }
        "flocker" => flocker(source, sink),
        "quobyte" => {
            sink.name(source, "registry", host_ports);
            sink.name(source, "tenant", |tenant| names::longer_than(tenant, 64));
        }
        "flexVolume" => flex_options(source, sink),
        "fc" => fibre_channel(source, sink),
        "iscsi" => iscsi(source, sink),
        "azureDisk" => azure_disk(source, sink),
        "cinder" => secret_name(source, sink),
        "storageos" => {
            secret_name(source, sink);
            sink.name(source, "volumeName", names::dns_label);
            sink.name(source, "volumeNamespace", names::dns_label);
        }
        _ => {}
    }
}

/// Validates that the Secret of a volume is named.
pub(super) fn secret_name<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(secret) = source.get("secretRef") {
        sink.required_text(secret, "name", "the name of the Secret is needed");
    }
}

/// Options of Kubernetes' own are not for others to set.
fn flex_options<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(options) = source.get("options") else { return };
    for (entry, _) in options.entries() {
        let domain = entry.key.split_once('/').map_or(&*entry.key, |(domain, _)| domain).to_ascii_lowercase();
        if ["kubernetes.io", "k8s.io"].iter().any(|own| domain == *own || domain.ends_with(&format!(".{own}"))) {
            sink.bad_key(options, &entry.key, "names below `kubernetes.io` and `k8s.io` are reserved");
            sink.at_path(|path| resources::in_brackets(path, &entry.key));
        }
    }
}

/// A data set by its name or its id; an empty one counts as none.
fn flocker<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    match (text(source, "datasetName"), text(source, "datasetUUID")) {
        ("", "") => sink.none_set(source, &["datasetName", "datasetUUID"]),
        ("", _) => {}
        (name, "") if !name.contains('/') => {}
        (_, "") => sink.name(source, "datasetName", |_| Some("`/` is not allowed".to_owned())),
        _ => {
            sink.forbidden(source, "datasetUUID", "`datasetName` is set, too, and only one can be");
            sink.at_path(owner_of);
        }
    }
}

/// Hosts with their ports, separated by commas.
fn host_ports(text: &str) -> names::Fault {
    let is_pair = |pair: &str| match pair.strip_prefix('[') {
        Some(rest) => rest
            .split_once("]:")
            .is_some_and(|(host, port)| !host.contains(['[', ']']) && !port.contains([':', '[', ']'])),
        None => pair.matches(':').count() == 1 && !pair.contains(['[', ']']),
    };
    (!text.split(',').all(is_pair)).then(|| "a host and a port are needed, such as `host:7861`".to_owned())
}

fn absolute<'o>(source: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let syntax = |path: &str| (!path.starts_with('/')).then(|| "an absolute path is needed".to_owned());
    sink.name(source, key, syntax);
}

fn fibre_channel<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let by_name = !is_empty(source, "targetWWNs");
    let by_id = !is_empty(source, "wwids");
    if by_name && by_id {
        sink.invalid(source, "`targetWWNs` and `wwids` cannot be both set", "remove one of the two");
        sink.at_path(|path| format!("{path}.targetWWNs"));
    } else if !by_name && !by_id {
        sink.missing(source, "targetWWNs", "`targetWWNs` or `wwids` is needed");
    }
    if by_name && int(source, "lun").is_none() {
        sink.missing(source, "lun", "`targetWWNs` need it");
    } else if by_name {
        sink.number(source, "lun", 0, 255);
    }
}

fn iscsi<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.name(source, "iqn", iscsi_name);
    sink.name_if_set(source, "initiatorName", iscsi_name);
    sink.number(source, "lun", 0, 255);
    let secured = is_true(source, "chapAuthDiscovery") || is_true(source, "chapAuthSession");
    if secured && source.get("secretRef").is_none() {
        sink.missing(source, "secretRef", "CHAP needs the Secret with the login");
    }
}

/// With a name of the node's own the session is named for the volume and the portal.
fn iscsi_session<'o>(volume: NodeRef<'o>, source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let length = text(volume, "name").len() + 1 + text(source, "targetPortal").len();
    if source.get("initiatorName").is_some()
        && length > 64
        && let Some(name) = volume.get("name")
    {
        sink.invalid(name, "with `initiatorName`, it and `targetPortal` may have 63 characters together", "shorten it");
    }
}

/// A name of the forms `iqn.2001-04.com.example:disk`, `eui.` with 16 and `naa.` with 32 letters or digits.
fn iscsi_name(text: &str) -> names::Fault {
    let of_length = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let qualified = |text: &str| {
        let shape =
            |at: usize, byte: u8| if at == 4 { byte == b'-' } else { at == 7 && byte == b'.' || byte.is_ascii_digit() };
        let (date, rest) = text.split_at_checked(8)?;
        let (domain, name) = rest.split_once(':')?;
        let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let in_name = |c: char| !c.is_ascii_whitespace() && !",;*&$|".contains(c);
        let is_right = date.bytes().enumerate().all(|(at, byte)| shape(at, byte))
            && !domain.is_empty()
            && domain.bytes().all(in_domain)
            && !name.is_empty()
            && name.chars().all(in_name);
        is_right.then_some(())
    };
    let is_right = match text.split_at_checked(4) {
        Some(("iqn.", rest)) => qualified(rest).is_some(),
        Some(("eui.", rest)) => of_length(rest, 16),
        Some(("naa.", rest)) => of_length(rest, 32),
        _ => false,
    };
    (!is_right).then(|| "a name such as `iqn.2001-04.com.example:disk`, `eui.…` or `naa.…` is needed".to_owned())
}

fn azure_disk<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(mode) = source.get("cachingMode") {
        sink.among(mode, &["None", "ReadOnly", "ReadWrite"]);
    }
    if let Some(kind) = source.get("kind") {
        sink.among(kind, &["Dedicated", "Managed", "Shared"]);
    }
    let Some(uri) = source.get("diskURI").filter(|uri| uri.as_str() != Some("")) else { return };
    let managed = text(source, "kind") == "Managed";
    let start = if managed { "/subscriptions/" } else { "https://" };
    if !text(source, "diskURI").starts_with(start) {
        sink.invalid(
            uri,
            format!("for this kind of disk it must start with `{start}`"),
            "correct the address or `kind`",
        );
    }
}
