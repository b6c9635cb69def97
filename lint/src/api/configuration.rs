//! Validates what pods are configured with: `ConfigMap`, Secret, and `PersistentVolumeClaim`.
//! Must not ask who uses them.

use serde_json::Value;

use super::sink::{Sink, text};
use super::{formats, names, projected, resources};
use crate::yaml::NodeRef;

/// How many bytes all values may have together.
const MAX_BYTES: usize = 1024 * 1024;

/// Validates a `ConfigMap`.
pub(super) fn config_map<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mut bytes = 0;
    for key in ["data", "binaryData"] {
        let Some(data) = root.get(key) else { continue };
        bytes += keys_and_size(data, key == "binaryData", sink);
        for (entry, _) in data.entries().filter(|_| key == "data") {
            if root.get("binaryData").is_some_and(|binary| binary.entry(&entry.key).is_some()) {
                sink.bad_key(data, &entry.key, "it is in `binaryData`, too");
                sink.at_path(|path| resources::in_brackets(path, &entry.key));
            }
        }
    }
    too_large(root, bytes, sink);
}

/// Validates the keys of data, and gives the bytes of all values.
fn keys_and_size<'o>(data: NodeRef<'o>, is_base64: bool, sink: &mut Sink<'o>) -> usize {
    let mut bytes = 0;
    for (entry, value) in data.entries() {
        if let Some(reason) = names::config_key(&entry.key) {
            sink.bad_key(data, &entry.key, reason);
            sink.at_path(|path| resources::in_brackets(path, &entry.key));
        }
        let length = value.as_str().map_or(0, str::len);
        bytes += if is_base64 { decoded_length(value.as_str().unwrap_or_default()) } else { length };
    }
    bytes
}

fn decoded_length(base64: &str) -> usize {
    base64.bytes().filter(|byte| !matches!(byte, b'=' | b'\r' | b'\n')).count() * 3 / 4
}

fn too_large<'o>(root: NodeRef<'o>, bytes: usize, sink: &mut Sink<'o>) {
    if bytes > MAX_BYTES
        && let Some(data) = root.get("data").or_else(|| root.get("binaryData"))
    {
        sink.invalid(data, format!("all values together may have {MAX_BYTES} bytes, they have {bytes}"), "split it");
    }
}

/// Validates a Secret: the keys, the size, and what its type asks for.
pub(super) fn secret<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mut bytes = 0;
    for key in ["data", "stringData"] {
        if let Some(data) = root.get(key) {
            bytes += keys_and_size(data, key == "data", sink);
            sink.at_paths_since(0, |path| path.replace("stringData", "data"));
        }
    }
    too_large(root, bytes, sink);
    let value = |key: &str| {
        let of = |data: &str| root.get(data)?.entry(key).map(|(_, value)| value);
        of("stringData").or_else(|| of("data"))
    };
    let has = |key: &str| value(key).is_some();
    let needed: &[&str] = match text(root, "type") {
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needed.iter().filter(|key| !has(key)) {
        missing_key(root, key, sink);
    }
    let kind = text(root, "type");
    let is_empty = |value: NodeRef<'_>| value.as_str().is_none_or(str::is_empty);
    if kind == "kubernetes.io/ssh-auth" && value("ssh-privatekey").is_none_or(is_empty) {
        missing_key(root, "ssh-privatekey", sink);
    }
    if kind == "kubernetes.io/basic-auth" && !has("username") && !has("password") {
        missing_key(root, "username", sink);
    }
    let account = "kubernetes.io/service-account.name";
    let annotation = root.at(&["metadata", "annotations", account]).and_then(NodeRef::as_str);
    if kind == "kubernetes.io/service-account-token" && annotation.is_none_or(str::is_empty) {
        sink.missing(root, "metadata", format!("a token needs the annotation `{account}`"));
        sink.at_path(|_| format!("metadata.annotations[{account}]"));
    }
    docker_config(root, kind, sink);
}

fn missing_key<'o>(root: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let parent = root.get("stringData").or_else(|| root.get("data")).unwrap_or(root);
    sink.missing(parent, key, "a Secret of this type has it");
    sink.at_path(|_| format!("data[{key}]"));
}

/// The login of a registry is JSON.
fn docker_config<'o>(root: NodeRef<'o>, kind: &str, sink: &mut Sink<'o>) {
    let key = match kind {
        "kubernetes.io/dockercfg" => ".dockercfg",
        "kubernetes.io/dockerconfigjson" => ".dockerconfigjson",
        _ => return,
    };
    let of = |data: &str| root.get(data)?.entry(key).map(|(_, value)| value);
    let (written, is_json): (_, fn(&str) -> bool) = match (of("stringData"), of("data")) {
        (Some(written), _) => (written, |text| is_object(text.as_bytes())),
        (None, Some(written)) => (written, |text| formats::base64(text).is_none_or(|bytes| is_object(&bytes))),
        (None, None) => return,
    };
    let before = sink.count();
    sink.syntax(written, |text| (!is_json(text)).then(|| "a JSON object is needed".to_owned()));
    sink.at_paths_since(before, |_| format!("data[{key}]"));
}

fn is_object(json: &[u8]) -> bool {
    serde_json::from_slice::<Value>(json).is_ok_and(|value| value.is_object() || value.is_null())
}

/// Validates a `PersistentVolumeClaim`.
pub(super) fn claim<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(spec) = root.get("spec") {
        projected::own_claim(spec, sink);
    } else {
        sink.missing(root, "spec", "what to claim is needed");
        sink.at_path(|path| format!("{path}.accessModes"));
    }
}
