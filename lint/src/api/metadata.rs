//! Validates the metadata of objects and pod templates.
//! Must not ask what a label means.

use super::sink::{Sink, items, text};
use super::{names, selector};
use crate::yaml::NodeRef;

/// How many bytes all annotations may have together.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// Validates the metadata of an object whose name is a DNS name of at most some characters.
pub(super) fn of_object<'o>(root: NodeRef<'o>, syntax: fn(&str) -> names::Fault, sink: &mut Sink<'o>) {
    let Some(metadata) = root.get("metadata") else {
        sink.missing(root, "metadata", "an object needs a name");
        sink.at_path(|path| format!("{path}.name"));
        return;
    };
    if text(metadata, "name").is_empty() && text(metadata, "generateName").is_empty() {
        sink.missing(metadata, "name", "an object needs a name");
    }
    sink.name(metadata, "name", syntax);
    // What is generated is put behind it, so it may end with `-` or `.`.
    let generated = |start: &str| {
        let start = start.strip_suffix('-').unwrap_or(start);
        // The server cuts what it generates, so its own limit alone counts.
        if start.contains('.') { syntax(start) } else { names::dns_subdomain(start) }
    };
    sink.name(metadata, "generateName", generated);
    sink.name(metadata, "namespace", names::dns_label);
    if let Some(labels) = metadata.get("labels") {
        selector::labels(labels, sink);
    }
    if let Some(own) = metadata.get("annotations") {
        annotations(own, sink);
    }
    for finalizer in items(metadata, "finalizers") {
        let syntax = |name: &str| {
            let standard = matches!(name, "orphan" | "foregroundDeletion" | "kubernetes");
            names::qualified_name(name).or_else(|| {
                (!standard && !name.contains('/')).then(|| "a prefix is needed, such as `example.com/`".to_owned())
            })
        };
        sink.syntax(finalizer, syntax);
    }
    let before = sink.count();
    for owner in items(metadata, "ownerReferences") {
        for key in ["apiVersion", "kind", "name", "uid"] {
            sink.required_text(owner, key, "an owner is named by it");
        }
    }
    sink.at_paths_since(before, |path| {
        path.rsplit_once('.').map_or_else(String::new, |(_, key)| format!("metadata.ownerReferences.{key}"))
    });
}

/// Validates labels and annotations of a pod template; nothing else there counts.
pub(super) fn of_template<'o>(metadata: NodeRef<'o>, sink: &mut Sink<'o>) {
    let server_path = |path: &str| path.replace(".metadata.", ".");
    for (key, check) in [("labels", selector::labels as fn(NodeRef<'o>, &mut Sink<'o>)), ("annotations", annotations)] {
        let Some(mapping) = metadata.get(key) else { continue };
        let before = sink.count();
        check(mapping, sink);
        sink.at_paths_since(before, server_path);
    }
}

/// Validates annotations: the syntax of the keys, and the size.
pub(super) fn annotations<'o>(annotations: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mut bytes = 0;
    for (entry, value) in annotations.entries() {
        bytes += entry.key.len() + value.as_str().map_or(0, str::len);
        if let Some(reason) = names::qualified_name(&entry.key.to_ascii_lowercase()) {
            let before = sink.count();
            sink.bad_key(annotations, &entry.key, reason);
            sink.at_paths_since(before, |path| {
                let end = path.rfind("annotations").map(|start| start + "annotations".len());
                end.and_then(|end| path.get(..end)).unwrap_or(path).to_owned()
            });
        }
    }
    if bytes > MAX_ANNOTATION_BYTES {
        sink.invalid(
            annotations,
            format!("all together may have {MAX_ANNOTATION_BYTES} bytes, they have {bytes}"),
            "remove some",
        );
    }
}
