//! The parser's events to trees: anchors, aliases and merge keys, duplicate keys, and what is wrong with a text.
//! The only place that names the parser.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span as ParserSpan, StructureStyle};

use super::block::{self, Part};
use super::scalar::{key_text, resolve};
use super::{Document, Entry, Node, NodeId, Parsed, Problem, Span, Value, Word};

/// The largest tree, aliases expanded, that a document may stand for. A real manifest has some hundreds of nodes.
const MAX_EXPANDED_NODES: u32 = 5_000_000;

/// So many keys may come into a document by merge keys. A real manifest has some dozens.
const MAX_MERGED_KEYS: usize = 200_000;

/// So many documents are read of one text. A whole cluster has some thousands of objects.
const MAX_DOCUMENTS: usize = 200_000;

impl From<ParserSpan> for Span {
    fn from(span: ParserSpan) -> Self {
        let range = span.byte_range().unwrap_or_default();
        Self::new(range.start, range.end)
    }
}

/// Reads all documents of a text. A broken document is reported and does not hide the others.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut documents = Vec::new();
    let problems = parse_each(text, |document| documents.push(document));
    Parsed { documents, problems }
}

/// Reads the documents of a text one after the other, so that not all of them are in memory at once; answers what was
/// wrong.
pub(crate) fn parse_each(text: &str, mut take: impl FnMut(Document)) -> Vec<Problem> {
    if let Some(parsed) = parse_plain(text) {
        parsed.documents.into_iter().for_each(take);
        return parsed.problems;
    }
    parse_any(text, &mut take)
}

/// Reads a text that is plain block YAML; answers nothing for any other.
fn parse_plain(text: &str) -> Option<Parsed> {
    let (mut parsed, mut builder) = (Parsed::default(), Builder::default());
    block::read(text, |part| builder.part(part, &mut parsed).ok())?;
    Some(parsed)
}

/// Reads any text, with the parser.
fn parse_any(text: &str, take: &mut impl FnMut(Document)) -> Vec<Problem> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut parsed = Parsed::default();
    let mut builder = Builder::default();
    let mut begun = 0;
    while let Some(next) = parser.next_event() {
        let stopped = match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((Event::DocumentStart(..), span)) if begun == MAX_DOCUMENTS => {
                let message = format!("there are more than {MAX_DOCUMENTS} documents");
                parsed.problems.push(Problem::Syntax { span: span.into(), message });
                break;
            }
            Ok((event, span)) => {
                begun += usize::from(matches!(event, Event::DocumentStart(..)));
                builder.event(event, span.into(), &mut parsed).err()
            }
            Err(error) => Some(syntax(&error, text)),
        };
        parsed.documents.drain(..).for_each(&mut *take);
        let Some(problem) = stopped else { continue };
        parsed.problems.push(problem);
        builder.clear();
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
    parsed.problems
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
    /// Where its own begin among the entries or the items of all that is open.
    first: usize,
    /// For a mapping: the key that waits for its value.
    key: Option<(Word, Span, bool)>,
    /// For a large mapping: where each key stands, to see the second one.
    keys: HashMap<Word, usize>,
    merges: Vec<(NodeId, Span)>,
}

/// In a mapping of so many keys they are looked through one by one.
const MAX_SCANNED: usize = 16;

/// Where a key stands among the entries.
fn position(keys: &mut HashMap<Word, usize>, entries: &[Entry], key: &Word) -> Option<usize> {
    if entries.len() <= MAX_SCANNED {
        return entries.iter().position(|entry| entry.key == *key);
    }
    for (at, entry) in entries.iter().enumerate().skip(keys.len()) {
        keys.insert(entry.key.clone(), at);
    }
    keys.get(key).copied()
}

/// What a document is built in; its memory serves the next one, too.
#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// The entries of all mappings that are open, the innermost last.
    entries: Vec<Entry>,
    /// The same for the items of sequences.
    items: Vec<NodeId>,
    root: Option<NodeId>,
    anchors: HashMap<usize, NodeId>,
    /// How many keys have come in by merge keys.
    merged: usize,
}

impl Builder {
    /// Forgets what has begun.
    fn clear(&mut self) {
        self.nodes.clear();
        self.open.clear();
        self.entries.clear();
        self.items.clear();
        self.root = None;
        self.anchors.clear();
        self.merged = 0;
    }

    fn event(&mut self, event: Event<'_>, span: Span, parsed: &mut Parsed) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) => self.clear(),
            Event::DocumentEnd => self.finish(parsed),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().and_then(granit_parser::Tag::core_suffix).map(str::to_owned);
                let value = match (plain, tag.as_deref()) {
                    (_, Some("str")) | (false, None) => Value::Str(text.into()),
                    _ => resolve(&text),
                };
                self.scalar(value, span, plain, anchor, parsed)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                let id = self.begin(Value::Seq(Box::default()), span, style == StructureStyle::Flow)?;
                self.enter(id, span, anchor, parsed)?;
            }
            Event::MappingStart(style, anchor, _) => {
                let id = self.begin(Value::Map(Box::default()), span, style == StructureStyle::Flow)?;
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

    /// The same for plain block YAML, which has no anchors and no tags.
    fn part(&mut self, part: Part<'_>, parsed: &mut Parsed) -> Result<(), Problem> {
        let begun = |at| Span::new(at, at);
        match part {
            Part::Mapping(at) => {
                let id = self.begin(Value::Map(Box::default()), begun(at), false)?;
                self.enter(id, begun(at), 0, parsed)
            }
            Part::Sequence(at) => {
                let id = self.begin(Value::Seq(Box::default()), begun(at), false)?;
                self.enter(id, begun(at), 0, parsed)
            }
            Part::Scalar { text, span, plain } => {
                let value = if plain { resolve(text) } else { Value::Str(text.into()) };
                self.scalar(value, span, plain, 0, parsed)
            }
            Part::End => self.end(begun(usize::MAX)),
            Part::DocumentEnd => {
                self.finish(parsed);
                Ok(())
            }
        }
    }

    fn scalar(
        &mut self,
        value: Value,
        span: Span,
        plain: bool,
        anchor: usize,
        parsed: &mut Parsed,
    ) -> Result<(), Problem> {
        if anchor == 0 && self.waits_for_key() {
            self.take_key(value, span, plain);
            return Ok(());
        }
        let id = self.push(value, span, plain, false);
        self.anchor(anchor, id);
        self.place(id, span, parsed)
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

    fn waits_for_key(&self) -> bool {
        let open = self.open.last();
        open.is_some_and(|open| open.key.is_none() && matches!(self.value(open.id), Some(Value::Map(_))))
    }

    fn take_key(&mut self, value: Value, span: Span, plain: bool) {
        if let Some(open) = self.open.last_mut() {
            open.key = key_text(value).map(|text| (text, span, plain));
        }
    }

    fn begin(&mut self, value: Value, span: Span, flow: bool) -> Result<NodeId, Problem> {
        if self.waits_for_key() {
            return Err(Problem::Syntax { span, message: "a mapping or sequence cannot be a key here".to_owned() });
        }
        Ok(self.push(value, span, false, flow))
    }

    fn enter(&mut self, id: NodeId, span: Span, anchor: usize, parsed: &mut Parsed) -> Result<(), Problem> {
        self.place(id, span, parsed)?;
        let is_map = matches!(self.value(id), Some(Value::Map(_)));
        let first = if is_map { self.entries.len() } else { self.items.len() };
        self.open.push(Open { id, anchor, first, key: None, keys: HashMap::new(), merges: Vec::new() });
        Ok(())
    }

    fn value(&self, id: NodeId) -> Option<&Value> {
        self.nodes.get(id.0).map(|node| &node.value)
    }

    /// Ends the innermost collection: its span is known now, and what it merges comes in.
    fn end(&mut self, span: Span) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        for (merged, place) in &open.merges {
            self.merge(open.first, *merged, *place)?;
        }
        let value = match self.value(open.id) {
            Some(Value::Map(_)) => Value::Map(self.entries.drain(open.first..).collect()),
            _ => Value::Seq(self.items.drain(open.first..).collect()),
        };
        let (expanded, last) = match &value {
            Value::Map(entries) => self.measure(entries.iter().map(|entry| entry.value), span.start),
            Value::Seq(items) => self.measure(items.iter().copied(), span.start),
            _ => (1, None),
        };
        if expanded > MAX_EXPANDED_NODES {
            let message = format!("its aliases expand to more than {MAX_EXPANDED_NODES} values");
            return Err(Problem::Syntax { span, message });
        }
        // A block collection has no closing mark: it ends with its last child.
        if let Some(node) = self.nodes.get_mut(open.id.0) {
            node.value = value;
            node.expanded = expanded;
            let end = if span.end > span.start { span.end } else { last.unwrap_or(span.end) };
            node.span = Span::new(node.span.start, end);
        }
        self.anchor(open.anchor, open.id);
        Ok(())
    }

    /// How many nodes a collection with these children stands for, and where the last of them ends, aliases aside.
    fn measure(&self, children: impl Iterator<Item = NodeId>, end: usize) -> (u32, Option<usize>) {
        children.filter_map(|id| self.nodes.get(id.0)).fold((1, None), |(expanded, last), node| {
            let here = Some(node.span.end).filter(|at| *at <= end);
            (node.expanded.saturating_add(expanded), last.max(here))
        })
    }

    /// Puts a finished or just begun node where it belongs: as the root, an item, a key, or a key's value.
    fn place(&mut self, id: NodeId, span: Span, parsed: &mut Parsed) -> Result<(), Problem> {
        if self.waits_for_key() {
            let node = self.nodes.get(id.0).map(|node| (node.value.clone(), node.plain));
            if let Some((value, plain)) = node.filter(|(value, _)| !matches!(value, Value::Map(_) | Value::Seq(_))) {
                self.take_key(value, span, plain);
                return Ok(());
            }
            return Err(Problem::Syntax { span, message: "a mapping's key must be text".to_owned() });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(id);
            return Ok(());
        };
        let Some(parent) = self.nodes.get(open.id.0) else { return Ok(()) };
        match &parent.value {
            Value::Seq(_) => self.items.push(id),
            Value::Map(_) => match open.key.take() {
                None => {}
                Some((key, key_span, true)) if &*key == "<<" => open.merges.push((id, key_span)),
                Some((key, key_span, _)) => {
                    let entries = self.entries.get_mut(open.first..).unwrap_or_default();
                    let earlier = position(&mut open.keys, entries, &key);
                    let entry = Entry { key, key_span, merged: false, value: id };
                    if let Some(earlier) = earlier.and_then(|index| entries.get_mut(index)) {
                        let Entry { key, key_span: first, .. } = std::mem::replace(earlier, entry);
                        parsed.problems.push(Problem::DuplicateKey { key, first, second: key_span });
                    } else {
                        self.entries.push(entry);
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Adds the entries of a merged mapping, or of each mapping in a merged sequence, that are not there yet to the innermost
    /// mapping, whose own begin at `first`.
    fn merge(&mut self, first: usize, from: NodeId, place: Span) -> Result<(), Problem> {
        let sources: Vec<NodeId> = match self.value(from) {
            Some(Value::Map(_)) => vec![from],
            Some(Value::Seq(items)) => items.to_vec(),
            Some(Value::Null) => Vec::new(),
            _ => return Err(Problem::Syntax { span: place, message: "only a mapping can be merged".to_owned() }),
        };
        for source in sources {
            let Some(Value::Map(merged)) = self.value(source) else {
                return Err(Problem::Syntax { span: place, message: "only a mapping can be merged".to_owned() });
            };
            let merged = merged.iter().map(|entry| Entry { merged: true, ..entry.clone() }).collect::<Vec<_>>();
            self.merged += merged.len();
            if self.merged > MAX_MERGED_KEYS {
                let message = format!("its merge keys bring in more than {MAX_MERGED_KEYS} keys");
                return Err(Problem::Syntax { span: place, message });
            }
            self.share(source);
            for entry in &merged {
                self.share(entry.value);
            }
            let own = self.entries.get(first..).unwrap_or_default();
            let mut there: HashSet<Word> = own.iter().map(|entry| entry.key.clone()).collect();
            self.entries.extend(merged.into_iter().filter(|entry| there.insert(entry.key.clone())));
        }
        Ok(())
    }

    fn finish(&mut self, parsed: &mut Parsed) {
        if let Some(root) = self.root {
            let document = Document { nodes: self.nodes.drain(..).collect(), root };
            if !document.root().is_null() {
                parsed.documents.push(document);
            }
        }
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the quick way was gone; then it gave what the parser gives, or this panics.
    fn is_plain(text: &str) -> bool {
        let Some(quick) = parse_plain(text) else { return false };
        let mut documents = Vec::new();
        let problems = parse_any(text, &mut |document| documents.push(document));
        assert_eq!(format!("{:#?}", quick.problems), format!("{problems:#?}"), "{text}");
        assert_eq!(format!("{:#?}", quick.documents), format!("{documents:#?}"), "{text}");
        true
    }

    #[test]
    fn plain_block_yaml_is_read_as_the_parser_reads_it() {
        for text in [
            "a: 1\nb:\n  c: x # y\n\n  # d\n  d: 'e: f' # g\n---\n\n# only this\n---\n- a\n- b: c\n  d: e\n-   - f\n    - g\n",
            "a:\n- b\n- c: d\n  e:\n  - f\ng: \"h # i\"\nyes: no\n0777: 0777\n",
            "  a: b\n  c: d\n",
            "a: b\na: c",
            "a: http://x:80/y\nb: -1\nc: $(X)\nd: ~\ne: a, b] }\n",
            "---\n---\n",
            "",
        ] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "a:\nb: 1\n",
            "a: |\n  b\n",
            "a: [b]\n",
            "a: b\n  c\n",
            "a: &b c\n",
            "a: b: c\n",
            "a: 'b''c'\n",
            "a: b\n c: d\n",
            "a: 1\n- b\n",
            "  a: 1\nb: 2\n",
            "- a\nb: 1\n",
            "a\n",
            "? a\n",
            "<<: a\n",
            "a: \"\\n\"\n",
            "a: b\n...\n",
            "a: ä\n",
            "a:\tb\n",
            "a: b\r\n",
            "%YAML 1.1\n---\na: b\n",
            "--- a\n",
            "a: ---\n",
            "-\n  a: b\n",
            "a: 'b' c\n",
            "a: 'b'#c\n",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }

    #[test]
    fn any_change_of_plain_block_yaml_is_read_as_the_parser_reads_it() {
        let good = include_str!("../../../testdata/lint/sets/good-a.yaml");
        let pieces = [
            " ", "  ", "\n", "-", "- ", ": ", ":", "#", " # ", "'", "\"", "---\n", "a: b\n", "- a\n", "x", "[", "~",
            "\n\n  ",
        ];
        // Chosen by a fixed rule, so that a failure is seen again.
        let mut state = 7_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or_default() % below
        };
        let document = good.split("---\n").nth(1).unwrap_or_default();
        let mut plain = 0;
        for _ in 0..3000 {
            let mut text = document.to_owned();
            for _ in 0..=random(2) {
                let at = random(text.len());
                match random(3) {
                    0 => text.insert_str(at, pieces[random(pieces.len())]),
                    1 => _ = text.remove(at),
                    _ => text.replace_range(at..=at, pieces[random(pieces.len())]),
                }
            }
            plain += usize::from(is_plain(&text));
        }
        assert!(plain > 500, "{plain}");
    }
}
