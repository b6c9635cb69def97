//! Validates the metadata of objects and pod templates.
//! Must not ask what a label means.

use super::{names, selector};
use super::sink::Sink;
use crate::yaml::NodeRef;

/// How many bytes all annotations may have together.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

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
        sink.invalid(annotations, format!("all together may have {MAX_ANNOTATION_BYTES} bytes, they have {bytes}"), "remove some");
    }
}
