//! Text to a tree with the byte range of every key and value, read the way Kubernetes reads YAML (1.1 scalars, merge keys).
//! Must not know what a Kubernetes object is, and must not let the parser underneath show.

use std::collections::HashMap;
use std::ops::Range;

mod scalar;
#[cfg(test)]
mod tests;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as ParserSpan};
use scalar::{key_text, resolve};

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// Makes a span of two byte offsets.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The span as a range, to slice the text with.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl From<ParserSpan> for Span {
    fn from(span: ParserSpan) -> Self {
        let range = span.byte_range().unwrap_or_default();
        Self::new(range.start, range.end)
    }
}

/// Names a node of its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(usize);

/// What a node holds, after YAML 1.1's reading of plain scalars.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites.
    Bool(bool),
    /// A whole number; `0777` is octal, `1_000` is a thousand.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(Box<str>),
    /// A mapping, in the order of the text. A key that is there twice counts with its last value.
    Map(Vec<Entry>),
    /// A sequence.
    Seq(Vec<NodeId>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: Box<str>,
    /// Where the key stands. For a merged key that is in the mapping it was merged from.
    pub key_span: Span,
    value: NodeId,
}

#[derive(Debug)]
struct Node {
    value: Value,
    span: Span,
    /// Whether a scalar was written without quotes.
    plain: bool,
    /// How many nodes the tree below has once every alias is expanded.
    expanded: u64,
}

/// One YAML document: an arena of nodes and its root.
#[derive(Debug)]
pub struct Document {
    nodes: Vec<Node>,
    root: NodeId,
}

impl Document {
    /// The root node.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_> {
        self.node(self.root)
    }

    /// A node by its id. An id of another document may give any node of this one.
    #[must_use]
    pub fn node(&self, id: NodeId) -> NodeRef<'_> {
        NodeRef { document: self, id }
    }
}

/// What is wrong with the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The parser stopped; the document is lost, the others are not.
    Syntax {
        /// The place where it stopped.
        span: Span,
        /// What the parser says.
        message: String,
    },
    /// A key is twice in one mapping.
    DuplicateKey {
        /// The key.
        key: Box<str>,
        /// The first one, whose value is lost.
        first: Span,
        /// The second one.
        second: Span,
    },
}

/// The documents of a text and what was wrong with it, in the order of the text.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Every document that could be read; empty ones are left out.
    pub documents: Vec<Document>,
    /// What was wrong.
    pub problems: Vec<Problem>,
}

/// The largest tree, aliases expanded, that a document may stand for. A real manifest has some hundreds of nodes.
const MAX_EXPANDED_NODES: u64 = 5_000_000;

/// A node together with its document.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'d> {
    document: &'d Document,
    id: NodeId,
}

impl<'d> NodeRef<'d> {
    fn node(self) -> Option<&'d Node> {
        self.document.nodes.get(self.id.0)
    }

    /// The node's id in its document.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.id
    }

    /// Where the value stands in the text.
    #[must_use]
    pub fn span(self) -> Span {
        self.node().map(|node| node.span).unwrap_or_default()
    }

    /// The value.
    #[must_use]
    pub fn value(self) -> &'d Value {
        self.node().map_or(&Value::Null, |node| &node.value)
    }

    /// Whether the value is a scalar without quotes.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.node().is_some_and(|node| node.plain)
    }

    /// Whether there is nothing: `null`, or a key without a value.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self.value(), Value::Null)
    }

    /// The text of a string; nothing for a number or a boolean.
    #[must_use]
    pub fn as_str(self) -> Option<&'d str> {
        match self.value() {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, also one written as `3.0`.
    #[must_use]
    pub fn as_int(self) -> Option<i64> {
        match *self.value() {
            Value::Int(number) => Some(number),
            #[expect(clippy::cast_possible_truncation, reason = "only whole numbers that i64 holds exactly pass")]
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(number as i64),
            _ => None,
        }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match *self.value() {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The keys and values of a mapping, each key once (the last one counts); nothing for anything else.
    pub fn entries(self) -> impl Iterator<Item = (&'d Entry, NodeRef<'d>)> + use<'d> {
        let entries: &'d [Entry] = match self.value() {
            Value::Map(entries) => entries,
            _ => &[],
        };
        entries.iter().map(move |entry| (entry, self.document.node(entry.value)))
    }

    /// The items of a sequence; nothing for anything else.
    pub fn items(self) -> impl Iterator<Item = NodeRef<'d>> + use<'d> {
        let items: &'d [NodeId] = match self.value() {
            Value::Seq(items) => items,
            _ => &[],
        };
        items.iter().map(move |&item| self.document.node(item))
    }

    /// The entry of a mapping by its key.
    #[must_use]
    pub fn entry(self, key: &str) -> Option<(&'d Entry, NodeRef<'d>)> {
        self.entries().find(|(entry, _)| &*entry.key == key)
    }

    /// The value of a mapping's key. A key whose value is null counts as absent, as it does for the API server.
    #[must_use]
    pub fn get(self, key: &str) -> Option<NodeRef<'d>> {
        self.entry(key).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Follows keys from mapping to mapping.
    #[must_use]
    pub fn at(self, keys: &[&str]) -> Option<NodeRef<'d>> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value as JSON, as the API server would receive it.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.value() {
            Value::Null => Json::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(number) => (*number).into(),
            Value::Float(number) => match self.as_int() {
                Some(whole) => whole.into(),
                None => (*number).into(),
            },
            Value::Str(text) => (**text).into(),
            Value::Map(_) => self.entries().map(|(entry, value)| (entry.key.to_string(), value.to_json())).collect(),
            Value::Seq(_) => self.items().map(Self::to_json).collect(),
        }
    }

    /// The place to point at for a key of this mapping: the key, or what else there is of the mapping.
    #[must_use]
    pub fn key_span(self, key: &str) -> Span {
        self.entry(key).map_or_else(|| self.span(), |(entry, _)| entry.key_span)
    }
}

/// Reads all documents of a text. A broken document is reported and does not hide the others.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut parsed = Parsed::default();
    let mut builder = Builder::default();
    while let Some(next) = parser.next_event() {
        let stopped = match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => builder.event(event, span.into(), &mut parsed).err(),
            Err(error) => Some(syntax(&error, text)),
        };
        let Some(problem) = stopped else { continue };
        parsed.problems.push(problem);
        builder = Builder::default();
        match parser.proceed_next_document() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let problem = syntax(&error, text);
                if parsed.problems.last() != Some(&problem) {
                    parsed.problems.push(problem);
                }
                break;
            }
        }
    }
    parsed
}

fn syntax(error: &ScanError, text: &str) -> Problem {
    let start = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let end = text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8());
    Problem::Syntax { span: Span::new(start, end), message: error.info() }
}

/// A collection whose end has not come yet.
struct Open {
    id: NodeId,
    anchor: usize,
    /// For a mapping: the key that waits for its value.
    key: Option<(Box<str>, Span, bool)>,
    /// For a mapping: where each key stands, to see the second one.
    keys: HashMap<Box<str>, usize>,
    merges: Vec<(NodeId, Span)>,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    open: Vec<Open>,
    root: Option<NodeId>,
    anchors: HashMap<usize, NodeId>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, parsed: &mut Parsed) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) => *self = Self::default(),
            Event::DocumentEnd => self.finish(parsed),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().and_then(granit_parser::Tag::core_suffix).map(str::to_owned);
                let value = match (plain, tag.as_deref()) {
                    (_, Some("str")) | (false, None) => Value::Str(text.into()),
                    _ => resolve(&text),
                };
                let id = self.push(value, span, plain);
                self.anchor(anchor, id);
                self.place(id, span, parsed)?;
            }
            Event::SequenceStart(_, anchor, _) => self.begin(Value::Seq(Vec::new()), span, anchor, parsed)?,
            Event::MappingStart(_, anchor, _) => self.begin(Value::Map(Vec::new()), span, anchor, parsed)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => {
                let Some(&id) = self.anchors.get(&anchor) else {
                    return Err(Problem::Syntax { span, message: "the alias refers to itself".to_owned() });
                };
                self.place(id, span, parsed)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, value: Value, span: Span, plain: bool) -> NodeId {
        self.nodes.push(Node { value, span, plain, expanded: 1 });
        NodeId(self.nodes.len() - 1)
    }

    fn anchor(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn begin(&mut self, value: Value, span: Span, anchor: usize, parsed: &mut Parsed) -> Result<(), Problem> {
        let waits_for_key = self
            .open
            .last()
            .is_some_and(|open| open.key.is_none() && matches!(self.value(open.id), Some(Value::Map(_))));
        if waits_for_key {
            return Err(Problem::Syntax { span, message: "a mapping or sequence cannot be a key here".to_owned() });
        }
        let id = self.push(value, span, false);
        self.place(id, span, parsed)?;
        self.open.push(Open { id, anchor, key: None, keys: HashMap::new(), merges: Vec::new() });
        Ok(())
    }

    fn value(&self, id: NodeId) -> Option<&Value> {
        self.nodes.get(id.0).map(|node| &node.value)
    }

    /// Ends the innermost collection: its span is known now, and what it merges comes in.
    fn end(&mut self, span: Span) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        for (merged, place) in &open.merges {
            self.merge(open.id, *merged, *place, &open.keys)?;
        }
        let children: Vec<NodeId> = match self.value(open.id) {
            Some(Value::Map(entries)) => entries.iter().map(|entry| entry.value).collect(),
            Some(Value::Seq(items)) => items.clone(),
            _ => Vec::new(),
        };
        let nodes = &self.nodes;
        let child = |id: &NodeId| nodes.get(id.0);
        let expanded = children.iter().filter_map(child).fold(1_u64, |sum, node| sum.saturating_add(node.expanded));
        if expanded > MAX_EXPANDED_NODES {
            let message = format!("its aliases expand to more than {MAX_EXPANDED_NODES} values");
            return Err(Problem::Syntax { span, message });
        }
        // A block collection has no closing mark: it ends with its last child, aliases aside.
        let last = children.iter().filter_map(child).map(|node| node.span.end).filter(|&end| end <= span.start).max();
        if let Some(node) = self.nodes.get_mut(open.id.0) {
            node.expanded = expanded;
            let end = if span.end > span.start { span.end } else { last.unwrap_or(span.end) };
            node.span = Span::new(node.span.start, end);
        }
        self.anchor(open.anchor, open.id);
        Ok(())
    }

    /// Puts a finished or just begun node where it belongs: as the root, an item, a key, or a key's value.
    fn place(&mut self, id: NodeId, span: Span, parsed: &mut Parsed) -> Result<(), Problem> {
        let scalar_key = self.nodes.get(id.0).and_then(|node| key_text(&node.value).map(|text| (text, node.plain)));
        let Some(open) = self.open.last_mut() else {
            self.root = Some(id);
            return Ok(());
        };
        let Some(parent) = self.nodes.get_mut(open.id.0) else { return Ok(()) };
        match &mut parent.value {
            Value::Seq(items) => items.push(id),
            Value::Map(entries) => match open.key.take() {
                None => {
                    let Some((text, plain)) = scalar_key else {
                        return Err(Problem::Syntax { span, message: "a mapping's key must be text".to_owned() });
                    };
                    open.key = Some((text, span, plain));
                }
                Some((key, key_span, true)) if &*key == "<<" => open.merges.push((id, key_span)),
                Some((key, key_span, _)) => {
                    let entry = Entry { key: key.clone(), key_span, value: id };
                    if let Some(earlier) = open.keys.get(&key).and_then(|&index| entries.get_mut(index)) {
                        let first = std::mem::replace(earlier, entry).key_span;
                        parsed.problems.push(Problem::DuplicateKey { key, first, second: key_span });
                    } else {
                        open.keys.insert(key, entries.len());
                        entries.push(entry);
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Adds the entries of a merged mapping, or of each mapping in a merged sequence, that are not there yet.
    fn merge(
        &mut self,
        into: NodeId,
        from: NodeId,
        place: Span,
        own: &HashMap<Box<str>, usize>,
    ) -> Result<(), Problem> {
        let sources: Vec<NodeId> = match self.value(from) {
            Some(Value::Map(_)) => vec![from],
            Some(Value::Seq(items)) => items.clone(),
            Some(Value::Null) => Vec::new(),
            _ => return Err(Problem::Syntax { span: place, message: "only a mapping can be merged".to_owned() }),
        };
        for source in sources {
            let Some(Value::Map(merged)) = self.value(source) else {
                return Err(Problem::Syntax { span: place, message: "only a mapping can be merged".to_owned() });
            };
            let merged = merged.clone();
            if let Some(Value::Map(entries)) = self.nodes.get_mut(into.0).map(|node| &mut node.value) {
                let mut there: std::collections::HashSet<Box<str>> =
                    own.keys().cloned().chain(entries.iter().map(|entry| entry.key.clone())).collect();
                entries.extend(merged.into_iter().filter(|entry| there.insert(entry.key.clone())));
            }
        }
        Ok(())
    }

    fn finish(&mut self, parsed: &mut Parsed) {
        let builder = std::mem::take(self);
        let Some(root) = builder.root else { return };
        let document = Document { nodes: builder.nodes, root };
        if !document.root().is_null() {
            parsed.documents.push(document);
        }
    }
}
