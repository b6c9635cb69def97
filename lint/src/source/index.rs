//! Where things are in a text: lines, columns, and the chart's template that a part of it was rendered from.
//! Looks at a text once, however often it is asked.

use std::ops::Range;
use std::sync::OnceLock;

use super::Position;

/// Characters are counted once for each so many bytes, so that a column in a line of megabytes is found at once.
const BLOCK_BYTES: usize = 1024;

/// What `helm template` writes above each object.
const TEMPLATE_MARK: &str = "# Source: ";

/// What was found out about one text; every question brings the same text.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The byte offset at which each line starts.
    lines: OnceLock<Vec<usize>>,
    /// How many characters start before each block.
    characters: OnceLock<Vec<usize>>,
    /// Where each document starts, and the bytes at which its template is named; empty where none is.
    templates: OnceLock<Vec<(usize, Option<Range<usize>>)>>,
}

impl Index {
    fn lines(&self, text: &str) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        })
    }

    /// The line and column of a byte offset; an offset past the end gives the end.
    pub(super) fn position(&self, text: &str, offset: usize) -> Position {
        let offset = offset.min(text.len());
        let line = self.lines(text).partition_point(|&start| start <= offset).max(1);
        let start = self.lines(text).get(line - 1).copied().unwrap_or_default();
        let mark = usize::from(start == 0 && offset > 0 && text.starts_with('\u{feff}'));
        Position { line, column: self.characters(text, start..offset) - mark + 1 }
    }

    /// How many characters start in a range of bytes.
    fn characters(&self, text: &str, range: Range<usize>) -> usize {
        if range.len() <= BLOCK_BYTES {
            return starts(text.as_bytes().get(range).unwrap_or_default());
        }
        let before = |offset: usize| {
            let block = offset / BLOCK_BYTES;
            let counted = self.blocks(text).get(block).copied().unwrap_or_default();
            counted + starts(text.as_bytes().get(block * BLOCK_BYTES..offset).unwrap_or_default())
        };
        before(range.end) - before(range.start)
    }

    fn blocks(&self, text: &str) -> &[usize] {
        self.characters.get_or_init(|| {
            let add = |sum: &mut usize, block: &[u8]| {
                let before = *sum;
                *sum += starts(block);
                Some(before)
            };
            // One more than there are blocks: an offset may be the end of the text.
            text.as_bytes().chunks(BLOCK_BYTES).chain([[].as_slice()]).scan(0, add).collect()
        })
    }

    /// A line's text without its end, and the byte offset of its start.
    pub(super) fn line<'t>(&self, text: &'t str, line: usize) -> (usize, &'t str) {
        let line = line.max(1);
        let start = self.lines(text).get(line - 1).copied().unwrap_or(text.len());
        let end = self.lines(text).get(line).map_or(text.len(), |next| next - 1);
        (start, text.get(start..end).unwrap_or_default().trim_end_matches('\r'))
    }

    /// The template that an offset was rendered from, where a comment under the document's `---` says so.
    pub(super) fn template<'t>(&self, text: &'t str, offset: usize) -> Option<&'t str> {
        let documents = self.templates.get_or_init(|| self.documents(text));
        let at = documents.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        let (_, name) = documents.get(at)?;
        text.get(name.clone()?)
    }

    fn documents(&self, text: &str) -> Vec<(usize, Option<Range<usize>>)> {
        if !text.contains(TEMPLATE_MARK) {
            return Vec::new();
        }
        let count = self.lines(text).len();
        let starts = (1..=count).filter(|&line| self.line(text, line).1 == "---");
        let document = |line| {
            let (start, next) = self.line(text, line + 1);
            let path = next.strip_prefix(TEMPLATE_MARK).filter(|path| is_template(path))?;
            let from = start + TEMPLATE_MARK.len();
            Some(from..from + path.len())
        };
        starts.map(|line| (self.line(text, line).0, document(line))).collect()
    }
}

/// How many characters start in some bytes of UTF-8.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

/// Whether a comment's path is one of a chart's, rather than where somebody has copied a manifest from.
fn is_template(path: &str) -> bool {
    ["/templates/", "/crds/"].iter().any(|folder| path.contains(folder)) && !path.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(text: &str, offset: usize) -> Position {
        let before = text[..offset].trim_start_matches('\u{feff}');
        let line = before.rsplit('\n').next().unwrap_or_default();
        Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }

    #[test]
    fn columns_are_found_in_lines_of_any_length() {
        let long = "aä😀".repeat(2000);
        for text in [format!("{long}\n{long}"), format!("\u{feff}{long}\r\n{long}"), "x\n".repeat(2000), String::new()]
        {
            let index = Index::default();
            let offsets = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
            for offset in offsets.step_by(97).chain([text.len()]) {
                assert_eq!(index.position(&text, offset), naive(&text, offset), "byte {offset}");
            }
        }
    }

    #[test]
    fn templates_are_named_by_their_comments() {
        let text = "---\n# Source: shop/templates/a.yaml\nkind: A\n---\r\n# Source: shop/charts/b/templates/b.yaml\r\nkind: B\n\
                    ---\nkind: C\n---\n# Source: https://example.com/templates/d.yaml\nkind: D\n";
        let index = Index::default();
        let of = |kind: &str| index.template(text, text.find(&format!("kind: {kind}")).unwrap());
        assert_eq!(of("A"), Some("shop/templates/a.yaml"));
        assert_eq!(of("B"), Some("shop/charts/b/templates/b.yaml"));
        assert_eq!((of("C"), of("D")), (None, None));
        assert_eq!(Index::default().template("kind: A\n", 3), None);
    }
}
