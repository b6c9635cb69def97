//! Text to a tree with the byte range of every key and value, read the way Kubernetes reads YAML (1.1 scalars, merge keys).
//! Must not know what a Kubernetes object is; the parser is behind `build.rs`.

use std::ops::Range;

mod block;
mod build;
mod scalar;
#[cfg(test)]
mod tests;

pub(crate) use build::parse_each;
pub use build::{comments, parse};
pub(crate) use scalar::resolve;

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

/// A string; a short one, as nearly all in manifests are, needs no memory of its own.
pub type Word = compact_str::CompactString;

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
    Str(Word),
    /// A mapping, in the order of the text. A key that is there twice counts with its last value.
    Map(Box<[Entry]>),
    /// A sequence.
    Seq(Box<[NodeId]>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: Word,
    /// Where the key stands. For a merged key that is in the mapping it was merged from.
    pub key_span: Span,
    /// Whether it stands in another mapping, and came here by a merge key.
    pub merged: bool,
    value: NodeId,
}

#[derive(Debug)]
struct Node {
    value: Value,
    span: Span,
    /// Whether a scalar was written without quotes.
    plain: bool,
    /// Whether a collection was written in brackets or braces.
    flow: bool,
    /// Whether more than one place of the document stands for it, by an alias or a merge key.
    shared: bool,
    /// How many nodes the tree below has once every alias is expanded.
    expanded: u32,
}

/// One YAML document: an arena of nodes and its root.
#[derive(Debug)]
pub struct Document {
    nodes: Box<[Node]>,
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
        key: Word,
        /// The first one, whose value is lost.
        first: Span,
        /// The second one.
        second: Span,
    },
    /// Two documents are one mapping, because there is no `---` between them.
    RunTogether {
        /// Where the first one begins, which is lost.
        first: Span,
        /// Where the second one begins.
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

    /// Whether the value is a collection in brackets or braces, as in JSON.
    #[must_use]
    pub fn is_flow(self) -> bool {
        self.node().is_some_and(|node| node.flow)
    }

    /// Whether an alias or a merge key elsewhere stands for it, too.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.node().is_some_and(|node| node.shared)
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

    /// Whether both are written alike: the same values and keys in the same order.
    #[must_use]
    pub fn is_same_as(self, other: NodeRef<'_>) -> bool {
        match (self.value(), other.value()) {
            (Value::Map(own), Value::Map(others)) => {
                let mut both = self.entries().zip(other.entries());
                own.len() == others.len() && both.all(|((a, own), (b, other))| a.key == b.key && own.is_same_as(other))
            }
            (Value::Seq(own), Value::Seq(others)) => {
                own.len() == others.len() && self.items().zip(other.items()).all(|(own, other)| own.is_same_as(other))
            }
            (own, other) => own == other,
        }
    }

    /// A document of its own with a copy of what is below, as far as the paths of keys are wanted. Places stay the same.
    #[must_use]
    pub fn copied(self, wanted: impl Fn(&[&str]) -> bool) -> Document {
        let mut nodes = Vec::new();
        let root = self.copy_into(&mut nodes, &mut Vec::new(), &wanted);
        Document { nodes: nodes.into(), root }
    }

    fn copy_into(self, nodes: &mut Vec<Node>, path: &mut Vec<&'d str>, wanted: &impl Fn(&[&str]) -> bool) -> NodeId {
        let mut entries = Vec::new();
        for (entry, value) in self.entries() {
            path.push(&entry.key);
            if wanted(path) {
                entries.push(Entry { value: value.copy_into(nodes, path, wanted), ..entry.clone() });
            }
            path.pop();
        }
        let value = match self.value() {
            Value::Map(_) => Value::Map(entries.into()),
            Value::Seq(_) => Value::Seq(self.items().map(|item| item.copy_into(nodes, path, wanted)).collect()),
            scalar => scalar.clone(),
        };
        let node = self.node();
        nodes.push(Node {
            value,
            span: self.span(),
            plain: self.is_plain(),
            flow: self.is_flow(),
            shared: self.is_shared(),
            expanded: node.map_or(1, |node| node.expanded),
        });
        NodeId(nodes.len() - 1)
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
