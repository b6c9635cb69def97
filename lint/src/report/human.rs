//! For people: each finding with its source line, a caret, and the way out.
//! Drawn by miette; this file only hands it the few lines that it needs.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity as Level, SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::Report;
use crate::finding::{Finding, Severity};
use crate::manifest::Place;
use crate::source::Source;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colors.
    pub color: bool,
    /// With lines of box-drawing characters; otherwise with ASCII.
    pub unicode: bool,
    /// How many columns there are.
    pub width: usize,
}

/// A longer line is shown in part: the drawing cannot hold columns beyond 65,535, and nobody reads them.
const MAX_LINE_BYTES: usize = 2000;
/// How much of a long line is shown before and after the place.
const KEPT_BYTES: usize = 60;

/// The line that a finding points at, cut to what can be shown.
struct Excerpt {
    name: String,
    text: String,
    line: usize,
    column: usize,
    label: LabeledSpan,
}

impl Excerpt {
    fn new(place: &Place, message: Option<String>, sources: &[Source]) -> Option<Self> {
        let source = sources.get(place.source)?;
        let at = source.position(place.span.start);
        let (line, column) = (at.line, at.column);
        let (start, text) = source.line(line);
        let from = place.span.start.saturating_sub(start).min(text.len());
        let to = place.span.end.saturating_sub(start).clamp(from, text.len());
        let (mut cut, mut end) = (0, text.len());
        if text.len() > MAX_LINE_BYTES {
            cut = floor(text, from.saturating_sub(KEPT_BYTES));
            end = floor(text, to.min(from + KEPT_BYTES) + KEPT_BYTES);
        }
        let shown = text.get(cut..end).unwrap_or_default().to_owned();
        let length = to.min(end).saturating_sub(from).max(usize::from(from < text.len()));
        let label = LabeledSpan::new_primary_with_span(message, (from - cut, length));
        Some(Self { name: source.name.clone(), text: shown, line, column, label })
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

/// A finding as miette draws it.
struct Drawn {
    message: String,
    code: Option<String>,
    help: Option<String>,
    level: Level,
    excerpt: Option<Excerpt>,
    related: Vec<Drawn>,
}

impl Drawn {
    fn new(finding: &Finding, sources: &[Source]) -> Self {
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Advice,
        };
        let related = finding.related.iter().map(|related| Self {
            message: related.message.clone(),
            code: None,
            help: None,
            level: Level::Advice,
            excerpt: Excerpt::new(&related.place, None, sources),
            related: Vec::new(),
        });
        Self {
            message: finding.message.clone(),
            code: Some(format!("{} {}", finding.rule.code, finding.rule.name)),
            help: finding.help.clone(),
            level,
            excerpt: Excerpt::new(&finding.place, None, sources),
            related: related.collect(),
        }
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Level> {
        Some(self.level)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        Some(Box::new(std::iter::once(excerpt.label.clone())))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.related.iter().map(|related| related as &dyn Diagnostic)))
    }
}

/// All findings, and the summary line.
#[must_use]
pub fn render(report: &Report, sources: &[Source], style: Style) -> String {
    let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(style.width)
        .with_links(false);
    let mut text = String::new();
    for finding in &report.findings {
        let drawn = Drawn::new(finding, sources);
        if handler.render_report(&mut text, &drawn).is_err() {
            text.push_str(&finding.message);
        }
        text.push('\n');
    }
    text.push_str(&report.summary_line());
    text.push('\n');
    text
}
