//! Changes of an object's text: as few bytes as possible, in the style of what is around them.
//! Must not know why something is changed. Where a change would reach another place through an anchor, there is none.

mod write;

use crate::finding::Edit;
use crate::manifest::Object;
use crate::set::{Color, color_named, counterpart};
use crate::yaml::{Entry, NodeId, NodeRef, Span, Value};
use write::{Layout, Written, key_in, scalar_like};

/// What is put somewhere.
#[derive(Clone, Copy)]
pub(crate) enum New<'a> {
    /// A string.
    Text(&'a str),
    /// What a node says. Where it names this color, the other one is named instead.
    Copy(NodeRef<'a>, Option<Color>),
}

impl Object {
    /// Replaces a scalar by a string, in the quotes that it had.
    pub(crate) fn rewrite(&self, node: NodeRef<'_>, text: &str) -> Option<Edit> {
        let raw = self.text.get(node.span().range())?;
        let is_scalar = !matches!(node.value(), Value::Map(_) | Value::Seq(_) | Value::Null);
        let new = scalar_like(raw, text).filter(|_| is_scalar && self.is_own(node.id()))?;
        Some(self.edit(node.span(), new))
    }

    /// Renames a key of a mapping, in the quotes that it had. There is no key of that name yet.
    pub(crate) fn rename(&self, mapping: NodeRef<'_>, key: &str, to: &str) -> Option<Edit> {
        let (entry, _) = mapping.entry(key).filter(|(entry, _)| !entry.merged)?;
        let raw = self.text.get(entry.key_span.range())?;
        let new = scalar_like(raw, to).filter(|_| mapping.entry(to).is_none() && self.is_own(mapping.id()))?;
        Some(self.edit(entry.key_span, new))
    }

    /// Adds a value under keys that follow from a mapping; those that are not there are added, too. A key in brackets,
    /// which can only be the last one, stands for an item of a list. The place is that of the key in `like`.
    pub(crate) fn add(
        &self,
        mapping: NodeRef<'_>,
        keys: &[&str],
        new: New<'_>,
        like: Option<NodeRef<'_>>,
    ) -> Option<Edit> {
        let (key, rest) = keys.split_first()?;
        if !self.is_own(mapping.id()) {
            return None;
        }
        if key.starts_with('[') {
            return if rest.is_empty() { self.push(mapping, new) } else { None };
        }
        match (mapping.value(), mapping.entry(key)) {
            (_, Some((entry, value))) if !rest.is_empty() && !entry.merged => {
                self.add(value, rest, new, like.and_then(|like| like.get(key)))
            }
            (Value::Map(_), None) => self.insert(mapping, keys, new, like),
            _ => None,
        }
    }

    /// Adds entries to a mapping.
    fn insert(&self, mapping: NodeRef<'_>, keys: &[&str], new: New<'_>, like: Option<NodeRef<'_>>) -> Option<Edit> {
        let own: Vec<_> = mapping.entries().filter(|(entry, _)| !entry.merged).collect();
        let written = Written::new(keys.get(1..)?, new);
        let key = keys.first()?;
        let Some(last) = own.iter().copied().max_by_key(|(entry, _)| entry.key_span.start) else {
            return self.fill(mapping, &format!("{}: {}", key_in(key, self.is_json()), written.flow(self.is_json())));
        };
        let before = like.into_iter().flat_map(NodeRef::entries).take_while(|(entry, _)| &*entry.key != *key);
        let before: Vec<&str> = before.map(|(entry, _)| &*entry.key).collect();
        let mut neighbours = before.iter().rev();
        let after = neighbours.find_map(|key| own.iter().copied().find(|(entry, _)| &*entry.key == *key));
        let (entry, value) = after.unwrap_or(last);
        let end = self.end_of(entry, value)?;
        if mapping.is_flow() {
            return self.append(mapping, entry.key_span.start, end, |layout| {
                format!("{}: {}", key_in(key, layout.is_json), written.laid_out(layout))
            });
        }
        let indent = self.indent(entry.key_span.start)?;
        let layout = self.layout(mapping, indent);
        self.insert_line(end, &format!("{}{}", layout.indent, written.under(key, &layout)))
    }

    /// Adds an item to the end of a list.
    pub(crate) fn push(&self, list: NodeRef<'_>, new: New<'_>) -> Option<Edit> {
        if !self.is_own(list.id()) || !matches!(list.value(), Value::Seq(_)) {
            return None;
        }
        let written = Written::new(&[], new);
        let Some(last) = list.items().last() else { return self.fill(list, &written.flow(self.is_json())) };
        let first = last.entries().map(|(entry, _)| entry.key_span.start).min();
        let start = if last.is_flow() { last.span().start } else { first.unwrap_or(last.span().start) };
        if start < list.span().start || last.is_shared() {
            return None;
        }
        let end = self.end_within(last.span())?;
        if list.is_flow() {
            return self.append(list, last.span().start, end, |layout| written.laid_out(layout));
        }
        let before = self.text.get(..start)?;
        let dash = before.trim_end_matches([' ', '\t']).strip_suffix('-')?.len();
        let indent = self.indent(dash)?;
        let gap = before.get(dash + 1..)?;
        let inner = format!("{indent} {gap}");
        let layout = self.layout(last, inner);
        self.insert_line(
            end,
            &format!("{indent}-{gap}{}", if last.is_flow() { written.flow(false) } else { written.block(&layout) }),
        )
    }

    /// Fills empty brackets or braces.
    fn fill(&self, collection: NodeRef<'_>, content: &str) -> Option<Edit> {
        let span = collection.span();
        let raw = self.text.get(span.range()).filter(|_| collection.is_flow())?;
        let inside = raw.get(1..raw.len().checked_sub(1)?)?;
        let at = Span::new(span.start + 1, span.start + 1 + inside.len());
        inside.trim().is_empty().then(|| self.edit(at, content.to_owned()))
    }

    /// Adds something after an item of a collection in brackets or braces.
    fn append(
        &self,
        collection: NodeRef<'_>,
        item: usize,
        end: usize,
        content: impl Fn(&Layout) -> String,
    ) -> Option<Edit> {
        let own_line = self.indent(item).filter(|_| self.is_first_on_line(item));
        let mut layout = self.layout(collection, own_line.clone().unwrap_or_default());
        let inside = self.text.get(collection.span().range())?;
        layout.is_json = self.is_json();
        layout.pretty = own_line.is_some() && inside.contains('\n');
        let break_or_space =
            if layout.pretty { format!("{}{}", self.line_end(end), layout.indent) } else { " ".into() };
        let content = content(&layout).replace('\n', self.line_end(end));
        Some(self.edit(Span::new(end, end), format!(",{break_or_space}{content}")))
    }

    /// A line of its own after the line on which something ends.
    fn insert_line(&self, end: usize, lines: &str) -> Option<Edit> {
        let rest = self.text.get(end..)?;
        let line = rest.split_once('\n').map_or(rest, |(line, _)| line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !(line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return None;
        }
        let at = end + line.len();
        let line_end = self.line_end(at);
        let lines = lines.replace('\n', line_end);
        Some(self.edit(Span::new(at, at), format!("{line_end}{lines}")))
    }

    /// Where the value of an entry ends in the text.
    fn end_of(&self, entry: &Entry, value: NodeRef<'_>) -> Option<usize> {
        let key_end = entry.key_span.end;
        let after = self.text.get(key_end..)?;
        let colon = key_end + after.find(':')? + 1;
        if value.span().start >= colon && value.span().end > value.span().start {
            return self.end_within(value.span());
        }
        let rest = self.text.get(colon..)?;
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let token = rest.get(blank..)?;
        let length = token.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(token.len());
        match token.chars().next() {
            Some('*') => Some(colon + blank + length),
            None | Some('\n' | '\r' | '#') if value.is_null() => Some(colon),
            _ => None,
        }
    }

    /// The end of a value without the line ends of a block of text; nothing where these belong to it.
    fn end_within(&self, span: Span) -> Option<usize> {
        let raw = self.text.get(span.range())?;
        let is_block = raw.starts_with(['|', '>']);
        let keeps = is_block && raw.lines().next().is_some_and(|header| header.contains('+'));
        (!keeps).then(|| span.start + raw.trim_end().len())
    }

    /// Whether a node is reached in one way only, so that a change of it changes nothing else.
    fn is_own(&self, id: NodeId) -> bool {
        fn search(node: NodeRef<'_>, id: NodeId) -> bool {
            let own = !node.is_shared();
            own && (node.id() == id
                || node.entries().any(|(entry, value)| !entry.merged && search(value, id))
                || node.items().any(|item| search(item, id)))
        }
        search(self.root(), id)
    }

    fn edit(&self, span: Span, replacement: String) -> Edit {
        Edit { source: self.source, span, replacement }
    }

    /// The blanks that bring something to the column of an offset.
    fn indent(&self, offset: usize) -> Option<String> {
        let before = self.text.get(..offset)?;
        let line = before.rsplit('\n').next()?.trim_start_matches('\u{feff}');
        Some(line.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect())
    }

    fn is_first_on_line(&self, offset: usize) -> bool {
        let before = self.text.get(..offset).unwrap_or_default();
        before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
    }

    /// How lines end around an offset.
    fn line_end(&self, offset: usize) -> &'static str {
        let (before, after) = self.text.split_at_checked(offset).unwrap_or((&self.text, ""));
        let near = after.find('\n').map(|at| offset + at).or_else(|| before.rfind('\n'));
        let is_windows = near.is_some_and(|at| self.text.get(..at).is_some_and(|line| line.ends_with('\r')));
        if is_windows { "\r\n" } else { "\n" }
    }

    fn is_json(&self) -> bool {
        let root = self.document();
        let quoted = root.entries().next().and_then(|(first, _)| self.text.get(first.key_span.range()));
        root.is_flow() && quoted.is_some_and(|key| key.starts_with('"'))
    }

    /// How lines are indented here: as they are beside the place, or elsewhere in the object.
    fn layout(&self, near: NodeRef<'_>, indent: String) -> Layout {
        let column = |offset: usize| self.indent(offset).map_or(0, |indent| indent.len());
        let (mut step, mut list) = (None, None);
        let mut nodes = vec![self.root(), near];
        while let Some(node) = nodes.pop() {
            nodes.extend(node.items());
            for (entry, value) in node.entries() {
                nodes.push(value);
                let inner = value.entries().next().map(|(first, _)| first.key_span.start);
                let item = value.items().next().and_then(|item| {
                    let start = item.entries().next().map_or(item.span().start, |(first, _)| first.key_span.start);
                    let before = self.text.get(..start)?.trim_end_matches([' ', '\t']);
                    before.strip_suffix('-').map(str::len)
                });
                let further = |offset: usize| {
                    let own = !entry.merged && offset > entry.key_span.end && self.is_first_on_line(offset);
                    own.then(|| column(offset).checked_sub(column(entry.key_span.start))).flatten()
                };
                step = step.or_else(|| inner.and_then(further).filter(|step| *step > 0));
                list = list.or_else(|| item.filter(|_| !value.is_flow()).and_then(further));
            }
        }
        Layout { indent, step: step.unwrap_or(2), list: list.unwrap_or(0), is_json: false, pretty: false }
    }
}

/// A text for the other color: where it names the color, the other one is named.
fn recolored(text: &str, color: Option<Color>) -> String {
    let named = color.is_some() && color_named(text) == color;
    named.then(|| counterpart(text)).flatten().unwrap_or_else(|| text.to_owned())
}
