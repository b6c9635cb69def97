//! Findings as tests that failed, for what shows test results: a suite a file, a test a finding.
//! A finding that does not fail the run does not fail its test; a file without findings is one test that passed. Says
//! nothing that the schema of Jenkins' xUnit plugin (`junit-10.xsd`) would refuse: a test has no line but in its text.

use std::fmt::Write as _;

use super::{Report, place_in_words};
use crate::config::Config;
use crate::finding::Finding;
use crate::source::{Role, Source};

/// All files and their findings.
#[must_use]
pub fn render(report: &Report, sources: &[Source], config: &Config) -> String {
    let mut suites = String::new();
    let mut totals = Counts::default();
    let mut rest = report.findings.as_slice();
    for (at, source) in sources.iter().enumerate() {
        let count = rest.iter().take_while(|finding| finding.place.source == at).count();
        let (findings, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = others;
        if source.role == Role::Config && findings.is_empty() {
            continue;
        }
        let counts = Counts::of(findings, config);
        totals.tests += counts.tests;
        totals.failures += counts.failures;
        let name = escaped(&source.name);
        let _ = writeln!(suites, "  <testsuite name=\"{name}\" {counts} file=\"{name}\">");
        if findings.is_empty() {
            let _ = writeln!(suites, "    <testcase name=\"no findings\" classname=\"{name}\"/>");
        }
        for finding in findings {
            case(finding, source, sources, config.fails(finding.severity), &mut suites);
        }
        suites.push_str("  </testsuite>\n");
    }
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    format!("{head}\n<testsuites name=\"bluegreen-lint\" {totals}>\n{suites}</testsuites>\n")
}

#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
}

impl Counts {
    fn of(findings: &[Finding], config: &Config) -> Self {
        let failures = findings.iter().filter(|finding| config.fails(finding.severity)).count();
        Self { tests: findings.len().max(1), failures }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tests=\"{}\" failures=\"{}\" errors=\"0\"", self.tests, self.failures)
    }
}

fn case(finding: &Finding, source: &Source, sources: &[Source], fails: bool, text: &mut String) {
    let (rule, place, severity) = (finding.rule, &finding.place, finding.severity);
    let subject = match (&place.object, place.path.as_str()) {
        (Some(id), "") => format!(": {id}"),
        (Some(id), path) => format!(": {id}, {path}"),
        (None, _) => String::new(),
    };
    let name = escaped(&format!("{} {}{subject}", rule.code, rule.name));
    let file = escaped(&source.name);
    let mut body = format!("{}: {severity}: {}", place_in_words(place, sources), finding.message);
    for related in &finding.related {
        let _ = write!(body, "\n{}: {}", place_in_words(&related.place, sources), related.message);
    }
    if let Some(help) = &finding.help {
        let _ = write!(body, "\nhelp: {help}");
    }
    let body = escaped(&body);
    let _ = writeln!(text, "    <testcase name=\"{name}\" classname=\"{file}\">");
    let _ = if fails {
        let message = escaped(&finding.message);
        writeln!(text, "      <failure type=\"{severity}\" message=\"{message}\">{body}</failure>")
    } else {
        writeln!(text, "      <system-out>{body}</system-out>")
    };
    text.push_str("    </testcase>\n");
}

/// Text as XML 1.0 can carry it, in an attribute too; a character that it cannot carry is written as Rust writes it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}
