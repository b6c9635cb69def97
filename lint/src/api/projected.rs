//! Validates volumes that are made of several sources, or of a claim of their own.
//! Must not look at how containers mount them.

use std::collections::HashSet;

use super::sink::{Sink, int, is_empty, is_true, items, list_of, owner_of, text};
use super::{names, resources, selector, volumes};
use crate::yaml::NodeRef;

/// The mode of a file.
pub(super) fn mode<'o>(parent: NodeRef<'o>, key: &str, sink: &mut Sink<'o>) {
    let Some(node) = parent.get(key).filter(|node| node.as_int().is_some_and(|mode| !(0..=0o777).contains(&mode)))
    else {
        return;
    };
    sink.invalid(node, "a mode is between 0 and 0777 (511)", "write the mode as an octal number, such as 0644");
}

/// Validates `projected`.
pub(super) fn projected<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    mode(source, "defaultMode", sink);
    let mut paths = HashSet::new();
    for part in items(source, "sources") {
        one_source(part, sink);
        for node in paths_of(part) {
            if node.as_str().is_some_and(|path| !path.is_empty() && !paths.insert(path)) {
                sink.invalid(node, "another source puts a file there already", "choose another path");
                sink.at_path(|path| {
                    path.rsplit_once(".sources[").map_or_else(String::new, |(volume, _)| volume.to_owned())
                });
            }
        }
    }
}

/// The sources that every server has; later ones are dropped without a word by a server that does not have them.
const SOURCES: [&str; 4] = ["secret", "configMap", "downwardAPI", "serviceAccountToken"];

fn one_source<'o>(part: NodeRef<'o>, sink: &mut Sink<'o>) {
    let before = sink.count();
    sink.exactly_one(part, &SOURCES);
    sink.at_paths_since(before, owner_of);
    for key in ["secret", "configMap"] {
        let Some(source) = part.get(key) else { continue };
        sink.required_text(source, "name", "the name of the object is needed");
        volumes::file_source(source, None, sink);
    }
    if let Some(source) = part.get("downwardAPI") {
        items(source, "items").for_each(|item| volumes::downward_file(item, sink));
    }
    if let Some(token) = part.get("serviceAccountToken") {
        sink.number(token, "expirationSeconds", 600, 1 << 32);
        let before = sink.count();
        sink.required_name(token, "path", "the path of the file is needed", names::file_path);
        sink.at_paths_since(before, |path| {
            path.split(".sources[").next().map_or_else(String::new, |volume| format!("{volume}.path"))
        });
    }
}

fn paths_of(part: NodeRef<'_>) -> Vec<NodeRef<'_>> {
    let lists = ["secret", "configMap", "downwardAPI"].into_iter().filter_map(move |key| part.get(key));
    let files = lists.flat_map(|source| items(source, "items"));
    files.filter_map(|item| item.get("path")).collect()
}

/// Validates `ephemeral`: a claim that lives as long as the pod.
pub(super) fn ephemeral<'o>(source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(template) = source.get("volumeClaimTemplate") else {
        sink.missing(source, "volumeClaimTemplate", "the claim to make is needed");
        return;
    };
    if let Some(metadata) = template.get("metadata") {
        claim_metadata(metadata, sink);
    }
    if let Some(spec) = template.get("spec") {
        claim(spec, sink);
    } else {
        sink.missing(template, "spec", "what to claim is needed");
        sink.at_path(|path| format!("{path}.accessModes"));
    }
}

/// The claim is named for its pod: only labels and annotations can be given.
fn claim_metadata<'o>(metadata: NodeRef<'o>, sink: &mut Sink<'o>) {
    for (entry, value) in metadata.entries() {
        let is_nothing = value.is_null() || value.as_str() == Some("");
        match &*entry.key {
            "labels" => selector::labels(value, sink),
            "annotations" => super::metadata::annotations(value, sink),
            key if !is_nothing => {
                sink.forbidden(metadata, key, "the claim belongs to the pod and is named for it");
                sink.at_path(|path| path.replace(".metadata.uid", ".metadata.uID"));
            }
            _ => {}
        }
    }
}

/// Validates what a claim asks for that is made of a template.
pub(super) fn claim<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    claim_from(spec, spec.get("dataSource"), spec.get("dataSourceRef"), sink);
}

/// Validates what a `PersistentVolumeClaim` asks for. The server forgets a `dataSourceRef` to another namespace, and,
/// without one to its own, a `dataSource` that is neither a claim nor a snapshot: what is forgotten may be anything.
pub(super) fn own_claim<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let is_old = |source: &NodeRef<'o>| {
        let kind = (text(*source, "apiGroup"), text(*source, "kind"));
        matches!(kind, ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot"))
    };
    let reference = spec.get("dataSourceRef").filter(|reference| text(*reference, "namespace").is_empty());
    let source = spec.get("dataSource").filter(|source| reference.is_some() || is_old(source));
    claim_from(spec, source, reference, sink);
}

fn claim_from<'o>(spec: NodeRef<'o>, source: Option<NodeRef<'o>>, reference: Option<NodeRef<'o>>, sink: &mut Sink<'o>) {
    access_modes(spec, sink);
    if let Some(storage) = spec.at(&["resources", "requests", "storage"]) {
        let before = sink.count();
        resources::more_than_zero(storage, sink);
        sink.at_paths_since(before, |path| path.replace(".requests.storage", "[storage]"));
    } else {
        sink.missing(spec, "resources", "the size is needed, in `resources.requests.storage`");
        sink.at_path(|path| format!("{}.resources[storage]", path.trim_end_matches(".resources")));
    }
    if let Some(own) = spec.get("selector") {
        selector::selector(own, sink);
    }
    sink.name(spec, "storageClassName", names::dns_subdomain);
    sink.name(spec, "volumeAttributesClassName", names::dns_subdomain);
    if let Some(mode) = spec.get("volumeMode") {
        sink.among(mode, &["Block", "Filesystem"]);
    }
    data_sources(source, reference, sink);
}

/// Validates how a volume can be mounted.
pub(super) fn access_modes<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    if is_empty(spec, "accessModes") {
        sink.missing(spec, "accessModes", "at least one access mode is needed");
    }
    for access in items(spec, "accessModes") {
        let before = sink.count();
        sink.among(access, &["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]);
        sink.at_paths_since(before, list_of);
    }
    let modes: Vec<&str> = items(spec, "accessModes").filter_map(NodeRef::as_str).collect();
    if modes.contains(&"ReadWriteOncePod") && modes.iter().any(|mode| *mode != "ReadWriteOncePod") {
        sink.forbidden(spec, "accessModes", "`ReadWriteOncePod` cannot be combined with another access mode");
    }
}

/// Where the contents come from.
fn data_sources<'o>(source: Option<NodeRef<'o>>, reference: Option<NodeRef<'o>>, sink: &mut Sink<'o>) {
    for from in source.iter().chain(&reference) {
        sink.required_text(*from, "name", "the name of the object is needed");
        sink.required_text(*from, "kind", "the kind of the object is needed");
        sink.name(*from, "apiGroup", names::dns_subdomain);
        sink.name(*from, "namespace", names::dns_label);
        if text(*from, "apiGroup").is_empty() && !matches!(text(*from, "kind"), "" | "PersistentVolumeClaim") {
            sink.invalid(*from, "of the core group only a PersistentVolumeClaim can be a source", "set `apiGroup`");
        }
    }
    let (Some(source), Some(reference)) = (source, reference) else { return };
    let differs = ["apiGroup", "kind", "name"].iter().any(|key| text(source, key) != text(reference, key));
    if differs || !text(reference, "namespace").is_empty() {
        sink.invalid(source, "it and `dataSourceRef` must be the same, in the same namespace", "remove one of the two");
        sink.at_path(owner_of);
    }
}

/// Whether a number is there and is not 0, or a flag is set.
pub(super) fn is_set(parent: NodeRef<'_>, key: &str) -> bool {
    int(parent, key).is_some_and(|number| number != 0) || is_true(parent, key)
}
