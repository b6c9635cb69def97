//! The line of a source that something points at, cut to what can be shown, for miette to draw.
//! Must not know what is pointed out.

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::source::Source;
use crate::yaml::Span;

/// A longer line is shown in part: the drawing cannot hold columns beyond 65,535, and nobody reads them.
const MAX_LINE_BYTES: usize = 2000;
/// How much of a long line is shown before and after the place.
const KEPT_BYTES: usize = 60;

/// The line that a place is on, cut to what can be shown.
#[derive(Debug)]
pub(crate) struct Excerpt {
    name: String,
    text: String,
    line: usize,
    column: usize,
    /// The place within the excerpt.
    pub(crate) label: LabeledSpan,
}

impl Excerpt {
    /// Cuts out the line on which the span starts.
    pub(crate) fn new(source: &Source, span: Span) -> Self {
        let at = source.position(span.start);
        let (line, column) = (at.line, at.column);
        let (start, text) = source.line(line);
        let from = span.start.saturating_sub(start).min(text.len());
        let to = span.end.saturating_sub(start).clamp(from, text.len());
        let (mut cut, mut end) = (0, text.len());
        if text.len() > MAX_LINE_BYTES {
            cut = floor(text, from.saturating_sub(KEPT_BYTES));
            end = floor(text, to.min(from + KEPT_BYTES) + KEPT_BYTES);
        }
        let shown = text.get(cut..end).unwrap_or_default().to_owned();
        let length = to.min(end).saturating_sub(from).max(usize::from(from < text.len()));
        let label = LabeledSpan::new_primary_with_span(None, (from - cut, length));
        Self { name: source.called(span.start).into_owned(), text: shown, line, column, label }
    }
}

/// The largest character boundary that is not after the offset.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default()
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let column = span.offset();
        let whole = SourceSpan::from((0, self.text.len()));
        let contents = MietteSpanContents::new_named(
            self.name.clone(),
            self.text.as_bytes(),
            whole,
            self.line - 1,
            self.column - 1,
            1,
        );
        if column > self.text.len() { Err(MietteError::OutOfBounds) } else { Ok(Box::new(contents)) }
    }
}
