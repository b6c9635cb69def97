//! Plain block YAML, as nearly all manifests are written, read line by line, which takes a fraction of the parser's time.
//! Must give what the parser gives or nothing at all: a text with anything else in it is left to the parser.

use super::Span;

/// What comes next in a text.
#[derive(Clone, Copy)]
pub(super) enum Part<'t> {
    /// A mapping begins at this byte.
    Mapping(usize),
    /// A sequence begins at this byte.
    Sequence(usize),
    /// A key or a value.
    Scalar {
        /// Without its quotes.
        text: &'t str,
        /// Its bytes, quotes included.
        span: Span,
        /// Whether it has no quotes.
        plain: bool,
    },
    /// The innermost collection ends.
    End,
    /// The document ends.
    DocumentEnd,
}

/// A larger text is left to the parser, which does not need all its documents at once.
const MAX_BYTES: usize = 1 << 20;

/// A deeper document is left to the parser, which knows where to stop.
const MAX_DEPTH: usize = 64;

/// A longer key is left to the parser, which knows what is too long.
const MAX_KEY_BYTES: usize = 256;

/// Reads a text; answers nothing where it has to be left to the parser, whatever parts were given until then.
pub(super) fn read<'t>(text: &'t str, give: impl FnMut(Part<'t>) -> Option<()>) -> Option<()> {
    if text.len() > MAX_BYTES || !text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)) {
        return None;
    }
    let mut reader = Reader { give, open: Vec::new(), waits: false, has_root: false };
    let mut start = 0;
    for line in text.split('\n') {
        reader.line(line, start)?;
        start += line.len() + 1;
    }
    reader.end_document()
}

/// A collection whose end has not come yet.
#[derive(Clone, Copy)]
struct Open {
    column: usize,
    is_sequence: bool,
}

struct Reader<G> {
    give: G,
    open: Vec<Open>,
    /// Whether the innermost mapping has a key without a value yet.
    waits: bool,
    /// Whether the document has its value already, or a part of it.
    has_root: bool,
}

impl<'t, G: FnMut(Part<'t>) -> Option<()>> Reader<G> {
    fn line(&mut self, line: &'t str, start: usize) -> Option<()> {
        let rest = line.trim_start_matches(' ');
        if rest.is_empty() || rest.starts_with('#') {
            return Some(());
        }
        let column = line.len() - rest.len();
        if column == 0 && rest.starts_with("---") {
            return if rest.trim_end() == "---" { self.end_document() } else { None };
        }
        let begins = self.reach(column, is_item(rest))?;
        self.content(rest, column, start + column, begins)
    }

    /// Ends what is further in than a line; answers whether a collection begins on it.
    fn reach(&mut self, column: usize, is_item: bool) -> Option<bool> {
        while let Some(open) = self.open.last() {
            let is_within = open.column < column || (open.column == column && (is_item || !open.is_sequence));
            if is_within {
                break;
            }
            if self.waits {
                return None;
            }
            self.close()?;
        }
        let Some(open) = self.open.last().copied() else {
            return (!std::mem::replace(&mut self.has_root, true)).then_some(true);
        };
        if std::mem::take(&mut self.waits) {
            return (column > open.column || is_item).then_some(true);
        }
        (column == open.column && is_item == open.is_sequence).then_some(false)
    }

    /// Reads the items, the key and the scalar of one line.
    fn content(&mut self, mut rest: &'t str, mut column: usize, mut at: usize, mut begins: bool) -> Option<()> {
        let mut is_value = false;
        while is_item(rest) {
            let item = rest.get(1..)?.trim_start_matches(' ');
            let step = rest.len() - item.len();
            if begins {
                // The parser has one that is no further in than its key begin behind its first dash.
                let is_flush = self.open.last().is_some_and(|open| open.column == column);
                self.begin(column, true, if is_flush { at + step } else { at })?;
            }
            (rest, column, at) = (item, column + step, at + step);
            (begins, is_value) = (true, true);
        }
        let Some(key) = key(rest) else { return if is_value { self.scalar(rest, at) } else { None } };
        if begins {
            self.begin(column, false, at)?;
        }
        self.give(key, at, key.len(), true)?;
        let value = rest.get(key.len() + 1..)?.trim_start_matches(' ');
        if value.is_empty() || value.starts_with('#') {
            self.waits = true;
            return Some(());
        }
        self.scalar(value, at + rest.len() - value.len())
    }

    /// Reads a scalar that ends on its line, and takes the rest of the line for a comment.
    fn scalar(&mut self, text: &'t str, at: usize) -> Option<()> {
        let first = *text.as_bytes().first()?;
        if matches!(first, b'"' | b'\'') {
            let quote = char::from(first);
            let (inner, rest) = text.get(1..)?.split_once(quote)?;
            let comment = rest.trim_start_matches(' ');
            let is_over =
                rest.is_empty() || (rest.starts_with(' ') && (comment.is_empty() || comment.starts_with('#')));
            return if is_over && !inner.contains('\\') { self.give(inner, at, inner.len() + 2, false) } else { None };
        }
        if !(first.is_ascii_alphanumeric() || b"_/.+-$(~".contains(&first)) || is_item(text) || text.starts_with("---")
        {
            return None;
        }
        let plain = text.find(" #").and_then(|end| text.get(..end)).unwrap_or(text).trim_end_matches(' ');
        if plain.contains(": ") || plain.ends_with(':') {
            return None;
        }
        self.give(plain, at, plain.len(), true)
    }

    fn give(&mut self, text: &'t str, at: usize, length: usize, plain: bool) -> Option<()> {
        (self.give)(Part::Scalar { text, span: Span::new(at, at + length), plain })
    }

    fn begin(&mut self, column: usize, is_sequence: bool, at: usize) -> Option<()> {
        self.open.push(Open { column, is_sequence });
        if self.open.len() > MAX_DEPTH {
            return None;
        }
        (self.give)(if is_sequence { Part::Sequence(at) } else { Part::Mapping(at) })
    }

    fn close(&mut self) -> Option<()> {
        self.open.pop();
        (self.give)(Part::End)
    }

    fn end_document(&mut self) -> Option<()> {
        if self.waits {
            return None;
        }
        while !self.open.is_empty() {
            self.close()?;
        }
        self.has_root = false;
        (self.give)(Part::DocumentEnd)
    }
}

/// Whether an item of a sequence begins with this text.
fn is_item(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The key that a text begins with, where it has only characters that mean nothing in YAML.
fn key(text: &str) -> Option<&str> {
    let (key, rest) = text.split_once(':')?;
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    let is_simple = key.len() <= MAX_KEY_BYTES
        && key.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && key.bytes().all(simple);
    (is_simple && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
}
