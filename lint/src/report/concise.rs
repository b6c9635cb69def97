//! One line a finding: `path:line:column: severity[code] message`.
//! For editors, and for people who read many.

use std::fmt::Write as _;

use super::Report;
use crate::finding::{Finding, Severity};
use crate::source::Source;

/// All findings.
#[must_use]
pub fn render(report: &Report, sources: &[Source]) -> String {
    lines(report.findings.iter(), sources)
}

/// The errors only.
#[must_use]
pub fn errors(report: &Report, sources: &[Source]) -> String {
    lines(report.findings.iter().filter(|finding| finding.severity == Severity::Error), sources)
}

fn lines<'f>(findings: impl Iterator<Item = &'f Finding>, sources: &[Source]) -> String {
    let mut text = String::new();
    for finding in findings {
        let Some(source) = sources.get(finding.place.source) else { continue };
        let at = source.position(finding.place.span.start);
        let (name, severity, code) = (source.called(finding.place.span.start), finding.severity, finding.rule.code);
        let _ = writeln!(text, "{name}:{}:{}: {severity}[{code}] {}", at.line, at.column, finding.message);
    }
    text
}
