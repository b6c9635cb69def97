//! Code Quality as GitLab reads it: a list of findings with fingerprints.
//! Must not add what GitLab ignores.

use serde::Serialize;

use super::fingerprint::{fingerprints, slashed};
use super::{Report, pretty};
use crate::finding::{Finding, Severity};
use crate::source::Source;

#[derive(Serialize)]
struct Item<'r> {
    description: String,
    check_name: &'r str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

/// The findings as a list.
#[must_use]
pub fn render(report: &Report, sources: &[Source]) -> String {
    let fingerprints = fingerprints(&report.findings, sources);
    let items: Vec<Item<'_>> = report
        .findings
        .iter()
        .zip(fingerprints)
        .filter_map(|(finding, fingerprint)| item(finding, fingerprint, sources))
        .collect();
    pretty(&items)
}

fn item<'r>(finding: &'r Finding, fingerprint: String, sources: &[Source]) -> Option<Item<'r>> {
    let source = sources.get(finding.place.source)?;
    let line = |offset| source.position(offset).line;
    let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let span = finding.place.span;
    Some(Item {
        description: format!("{}: {}{help}", finding.rule.code, finding.message),
        check_name: finding.rule.name,
        fingerprint,
        severity: match finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
            Severity::Info => "info",
        },
        location: Location {
            path: slashed(&source.name).trim_start_matches("./").to_owned(),
            lines: Lines { begin: line(span.start), end: line(span.end) },
        },
    })
}
