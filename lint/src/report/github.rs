//! Workflow commands that GitHub turns into annotations of the changed files.
//! Prints all of them: that a run shows only the first few of each level is GitHub's rule.

use std::fmt::Write as _;

use super::fingerprint::slashed;
use super::{Report, place_in_words};
use crate::finding::{Finding, Severity};
use crate::source::Source;

/// One command a finding.
#[must_use]
pub fn render(report: &Report, sources: &[Source]) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        command(finding, sources, &mut text);
    }
    text
}

fn command(finding: &Finding, sources: &[Source], text: &mut String) {
    let Some(source) = sources.get(finding.place.source) else { return };
    let span = finding.place.span;
    let (start, end) = (source.position(span.start), source.position(span.end));
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let file = property(slashed(&source.name).trim_start_matches("./"));
    let _ = write!(text, "::{level} file={file},line={},endLine={}", start.line, end.line);
    // GitHub takes columns for one line only.
    if start.line == end.line {
        let _ = write!(text, ",col={},endColumn={}", start.column, end.column);
    }
    let title = property(&format!("{} {}", finding.rule.code, finding.rule.name));
    let mut message = finding.message.clone();
    for related in &finding.related {
        let _ = write!(message, "\n{}: {}", place_in_words(&related.place, sources), related.message);
    }
    if let Some(help) = &finding.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let _ = writeln!(text, ",title={title}::{}", data(&message));
}

/// A message as a workflow command carries it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property as a workflow command carries it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
