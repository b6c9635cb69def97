//! Validates the metadata of objects and pod templates.
//! Must not ask what a label means.

use super::names::{self, Fault};
use super::selector;
use super::sink::{Sink, is_true, items, list_of, text};
use crate::yaml::NodeRef;

/// How many bytes all annotations may have together.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// How objects of a kind are named.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about a kind, and all of them are independent")]
pub(super) struct Naming {
    /// The syntax of a name.
    pub(super) name: fn(&str) -> Fault,
    /// The syntax of what the server completes to a name; it cuts that, so that its own limit alone counts.
    pub(super) generated: fn(&str) -> Fault,
    /// Whether a finalizer that Kubernetes does not know needs a prefix.
    pub(super) finalizers_have_prefix: bool,
    /// Whether the server takes the generation as it is written; for many kinds it sets its own.
    pub(super) generation_is_kept: bool,
    /// Whether its objects are in namespaces; else the server forgets the one that is written.
    pub(super) is_namespaced: bool,
    /// Whether a name must be given.
    pub(super) name_is_needed: bool,
}

impl Naming {
    /// One syntax for both.
    pub(super) fn same(name: fn(&str) -> Fault) -> Self {
        Self {
            name,
            generated: name,
            finalizers_have_prefix: true,
            generation_is_kept: true,
            is_namespaced: true,
            name_is_needed: true,
        }
    }
}

/// Validates the metadata of an object.
pub(super) fn of_object<'o>(root: NodeRef<'o>, naming: Naming, sink: &mut Sink<'o>) {
    let Some(metadata) = root.get("metadata") else {
        if !naming.name_is_needed {
            return;
        }
        sink.missing(root, "metadata", "an object needs a name");
        sink.at_path(|path| format!("{path}.name"));
        return;
    };
    if naming.name_is_needed && text(metadata, "name").is_empty() && text(metadata, "generateName").is_empty() {
        sink.missing(metadata, "name", "an object needs a name");
    }
    sink.name(metadata, "name", naming.name);
    // What is generated is put behind it.
    let generated = |start: &str| names::start_of(start, naming.generated).or_else(|| names::no_slash(start));
    let before = sink.count();
    sink.name(metadata, "generateName", generated);
    if text(metadata, "name").is_empty() && sink.count() == before {
        sink.name(metadata, "generateName", |start| (naming.name)(&names::generated(start)));
        sink.at_paths_since(before, |_| "metadata.name".to_owned());
    }
    if naming.is_namespaced {
        sink.name(metadata, "namespace", names::dns_label);
    }
    if let Some(labels) = metadata.get("labels") {
        selector::labels(labels, sink);
    }
    if let Some(own) = metadata.get("annotations") {
        annotations(own, sink);
    }
    if naming.generation_is_kept {
        sink.number(metadata, "generation", 0, i64::MAX);
    }
    finalizers(metadata, naming.finalizers_have_prefix, "metadata.finalizers", sink);
    owners(metadata, sink);
}

const POD_SECURITY: &str = "pod-security.kubernetes.io/";
const SECURITY_LEVELS: [&str; 3] = ["privileged", "baseline", "restricted"];

/// Validates how secure the pods of a Namespace must be, and what the Namespace waits for before it goes.
pub(super) fn namespace<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    for (entry, value) in root.at(&["metadata", "labels"]).into_iter().flat_map(NodeRef::entries) {
        let before = sink.count();
        match entry.key.strip_prefix(POD_SECURITY) {
            Some("enforce" | "audit" | "warn") => sink.among(value, &SECURITY_LEVELS),
            Some("enforce-version" | "audit-version" | "warn-version") => sink.syntax(value, security_version),
            _ => {}
        }
        sink.at_paths_since(before, |_| format!("metadata.labels[{}]", entry.key));
    }
    if let Some(spec) = root.get("spec") {
        finalizers(spec, true, "spec.finalizers", sink);
    }
}

fn security_version(version: &str) -> Fault {
    let minor = version.strip_prefix("v1.").unwrap_or_default();
    let is_number = minor == "0" || (!minor.starts_with('0') && minor.bytes().all(|byte| byte.is_ascii_digit()));
    let is_right = version == "latest" || (is_number && !minor.is_empty());
    (!is_right).then(|| "`latest` or a version such as `v1.34` is needed".to_owned())
}

fn finalizers<'o>(parent: NodeRef<'o>, have_prefix: bool, path: &str, sink: &mut Sink<'o>) {
    let own = |name: &str| items(parent, "finalizers").find(|own| own.as_str() == Some(name));
    if let (Some(orphan), Some(_), "metadata.finalizers") = (own("orphan"), own("foregroundDeletion"), path) {
        sink.invalid(orphan, "`foregroundDeletion` is there, too, and only one can be", "remove one of the two");
        sink.at_path(list_of);
    }
    for finalizer in items(parent, "finalizers") {
        let before = sink.count();
        sink.syntax(finalizer, names::qualified_name);
        if sink.count() > before {
            sink.at_path(|_| path.to_owned());
        } else if have_prefix {
            let is_standard =
                |name: &str| matches!(name, "orphan" | "foregroundDeletion" | "kubernetes") || name.contains('/');
            sink.syntax(finalizer, |name| {
                (!is_standard(name)).then(|| "a prefix is needed, such as `example.com/`".to_owned())
            });
            if path != "metadata.finalizers" {
                sink.at_paths_since(before, |_| path.to_owned());
            }
        }
    }
}

fn owners<'o>(metadata: NodeRef<'o>, sink: &mut Sink<'o>) {
    let before = sink.count();
    for owner in items(metadata, "ownerReferences") {
        for key in ["apiVersion", "kind", "name", "uid"] {
            sink.required_text(owner, key, "an owner is named by it");
        }
        sink.name(owner, "apiVersion", |version| {
            let has_version =
                version.split_once('/').is_none_or(|(_, version)| !version.is_empty() && !version.contains('/'));
            (!has_version).then(|| "a group and a version are needed, such as `apps/v1`".to_owned())
        });
        if (text(owner, "apiVersion"), text(owner, "kind")) == ("v1", "Event")
            && let Some(kind) = owner.get("kind")
        {
            sink.invalid(kind, "an Event owns nothing", "name another owner");
            sink.at_path(|_| ".".to_owned());
        }
    }
    sink.at_paths_since(before, |path| {
        path.rsplit_once('.').map_or_else(String::new, |(_, key)| format!("metadata.ownerReferences.{key}"))
    });
    // The same owner twice is one.
    let mut seen = Vec::new();
    let controllers = items(metadata, "ownerReferences").filter(|owner| is_true(*owner, "controller"));
    let mut controllers = controllers.filter(|owner| {
        let owner = owner.to_json();
        let is_new = !seen.contains(&owner);
        seen.push(owner);
        is_new
    });
    if let Some(second) = controllers.nth(1).and_then(|owner| owner.get("controller")) {
        sink.invalid(second, "only one owner can be the controller", "remove it from all but one");
        sink.at_path(|_| "metadata.ownerReferences".to_owned());
    }
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
            sink.at_whole(before, annotations);
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
