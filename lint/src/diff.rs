//! How two texts differ, in the forms in which it is shown. Knows texts only.

use similar::{ChangeTag, TextDiff};

/// How many words are shown around a change, and how many characters of all changes.
const WORDS_AROUND: usize = 4;
const MAX_PARTS: usize = 200;

/// A unified diff, by lines, of two texts that are called so; empty when they are the same.
#[must_use]
pub fn unified(before: &str, after: &str, from: &str, to: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().header(from, to).to_string()
}

/// What changes from one text to another, on one line, with some words around it.
pub(crate) fn changed_parts(before: &str, after: &str) -> String {
    let diff = TextDiff::from_words(before, after);
    let mut parts = String::new();
    for group in diff.grouped_ops(WORDS_AROUND) {
        if !parts.is_empty() {
            parts.push_str(" … ");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value();
            match change.tag() {
                ChangeTag::Equal => parts.push_str(text),
                ChangeTag::Delete => parts.extend(["[-", text, "-]"]),
                ChangeTag::Insert => parts.extend(["[+", text, "+]"]),
            }
        }
    }
    let parts = parts.split_whitespace().collect::<Vec<_>>().join(" ").replace("-] [-", " ").replace("+] [+", " ");
    match parts.char_indices().nth(MAX_PARTS) {
        Some((end, _)) => format!("{}…", parts.get(..end).unwrap_or_default()),
        None => parts,
    }
}
