//! For people: each finding with its source line, a caret, and the way out.
//! Drawn by miette; this file only hands it the few lines that it needs.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity as Level, SourceCode, ThemeCharacters,
    ThemeStyles,
};

use super::Report;
use super::excerpt::Excerpt;
use crate::finding::{Applicability, Finding, Severity};
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
            excerpt: excerpt(&related.place, sources),
            related: Vec::new(),
        });
        Self {
            message: finding.message.clone(),
            code: Some(format!("{} {}", finding.rule.code, finding.rule.name)),
            help: finding.help.clone(),
            level,
            excerpt: excerpt(&finding.place, sources),
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
}

fn excerpt(place: &Place, sources: &[Source]) -> Option<Excerpt> {
    sources.get(place.source).map(|source| Excerpt::new(source, place.span))
}

fn handler(style: Style) -> GraphicalReportHandler {
    let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    // A name is found again only where it stands on one line: nothing ends at a hyphen.
    GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(style.width)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_links(false)
}

/// An error that kept the linter from running, with the line that it is about where there is one.
#[must_use]
pub fn render_error(error: &dyn Diagnostic, style: Style) -> String {
    let mut text = String::new();
    if error.source_code().is_some() && handler(style).render_report(&mut text, error).is_ok() {
        return text;
    }
    let code = error.code().map(|code| format!("[{code}]")).unwrap_or_default();
    let help = error.help().map(|help| format!("  help: {help}\n"));
    format!("error{code}: {error}\n{}", help.unwrap_or_default())
}

/// All findings, and the summary line.
#[must_use]
pub fn render(report: &Report, sources: &[Source], style: Style) -> String {
    let handler = handler(style);
    let mut text = String::new();
    for finding in &report.findings {
        let drawn = Drawn::new(finding, sources);
        // The other places follow one by one: as one report each would get a heading of its own.
        for part in std::iter::once(&drawn).chain(&drawn.related) {
            if handler.render_report(&mut text, part).is_err() {
                text.push_str(&part.message);
            }
        }
        text.push('\n');
    }
    text.push_str(&report.summary_line());
    text.push('\n');
    let count = |applicability| {
        let fixes = report.findings.iter().filter_map(|finding| finding.fix.as_ref());
        fixes.filter(|fix| fix.applicability == applicability).count()
    };
    let way_out = match (count(Applicability::Safe), count(Applicability::Unsafe)) {
        (0, 0) => String::new(),
        (safe, 0) => format!("{safe} can be fixed with --fix\n"),
        (0, others) => format!("{others} can be fixed with --fix --unsafe-fixes\n"),
        (safe, others) => format!("{safe} can be fixed with --fix, {others} more with --unsafe-fixes\n"),
    };
    text.push_str(&way_out);
    text
}
