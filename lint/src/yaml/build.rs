//! The parser's events to trees: anchors, aliases and merge keys, duplicate keys, and what is wrong with a text.
//! The only place that names the parser.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span as ParserSpan, StructureStyle};

use super::scalar::{key_text, resolve};
use super::{Document, Entry, Node, NodeId, Parsed, Problem, Span, Value};

/// The largest tree, aliases expanded, that a document may stand for. A real manifest has some hundreds of nodes.
const MAX_EXPANDED_NODES: u64 = 5_000_000;

impl From<ParserSpan> for Span {
    fn from(span: ParserSpan) -> Self {
        let range = span.byte_range().unwrap_or_default();
        Self::new(range.start, range.end)
    }
}

/// Reads all documents of a text. A broken document is reported and does not hide the others.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut options = Options::default();
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

/// The comments of a text, with their `#`, as far as it can be read.
#[must_use]
pub fn comments(text: &str) -> Vec<Span> {
    let mut options = Options::default();
    options.set_emit_comments(true);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut comments = Vec::new();
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((Event::Comment(..), span)) => comments.push(span.into()),
            Ok(_) => {}
            Err(_) if matches!(parser.proceed_next_document(), Ok(true)) => {}
            Err(_) => break,
        }
    }
    comments
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
                let id = self.push(value, span, plain, false);
                self.anchor(anchor, id);
                self.place(id, span, parsed)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                let id = self.begin(Value::Seq(Vec::new()), span, style == StructureStyle::Flow)?;
                self.enter(id, span, anchor, parsed)?;
            }
            Event::MappingStart(style, anchor, _) => {
                let id = self.begin(Value::Map(Vec::new()), span, style == StructureStyle::Flow)?;
                self.enter(id, span, anchor, parsed)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => {
                let Some(&id) = self.anchors.get(&anchor) else {
                    return Err(Problem::Syntax { span, message: "the alias refers to itself".to_owned() });
                };
                self.share(id);
                self.place(id, span, parsed)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, value: Value, span: Span, plain: bool, flow: bool) -> NodeId {
        self.nodes.push(Node { value, span, plain, flow, shared: false, expanded: 1 });
        NodeId(self.nodes.len() - 1)
    }

    fn share(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(id.0) {
            node.shared = true;
        }
    }

    fn anchor(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn begin(&mut self, value: Value, span: Span, flow: bool) -> Result<NodeId, Problem> {
        let waits_for_key = self
            .open
            .last()
            .is_some_and(|open| open.key.is_none() && matches!(self.value(open.id), Some(Value::Map(_))));
        if waits_for_key {
            return Err(Problem::Syntax { span, message: "a mapping or sequence cannot be a key here".to_owned() });
        }
        Ok(self.push(value, span, false, flow))
    }

    fn enter(&mut self, id: NodeId, span: Span, anchor: usize, parsed: &mut Parsed) -> Result<(), Problem> {
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
                    let entry = Entry { key: key.clone(), key_span, merged: false, value: id };
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
            let merged = merged.iter().map(|entry| Entry { merged: true, ..entry.clone() }).collect::<Vec<_>>();
            self.share(source);
            for entry in &merged {
                self.share(entry.value);
            }
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
