//! SARIF 2.1.0, for code scanning and for editors: findings with rules, related places and fixes.
//! Says where things are by lines and columns in characters; a BOM is not one.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::fingerprint::{fingerprints, slashed};
use super::{Report, pretty};
use crate::config::Config;
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use crate::manifest::{Identity, Place};
use crate::rule::Rule;
use crate::rules;
use crate::source::Source;
use crate::yaml::Span;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What our fingerprints are called; another way to make them gets another number.
const FINGERPRINT: &str = "bluegreenLint/v1";

#[derive(Serialize)]
struct Log<'r> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'r>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'r> {
    tool: Value,
    invocations: [Value; 1],
    column_kind: &'static str,
    results: Results<'r>,
}

/// The results, of which only one at a time is held as a tree.
struct Results<'r> {
    report: &'r Report,
    sources: &'r [Source],
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fingerprints = fingerprints(&self.report.findings, self.sources);
        let results = self.report.findings.iter().zip(fingerprints);
        serializer.collect_seq(results.map(|(finding, fingerprint)| result(finding, &fingerprint, self.sources)))
    }
}

/// The report as a SARIF log with one run.
#[must_use]
pub fn render(report: &Report, sources: &[Source], config: &Config) -> String {
    let rules: Vec<Value> = rules::ALL.iter().map(|rule| descriptor(rule)).collect();
    let version = env!("CARGO_PKG_VERSION");
    let run = Run {
        tool: json!({"driver": {"name": "bluegreen-lint", "semanticVersion": version, "rules": rules}}),
        invocations: [invocation(report, config)],
        column_kind: "unicodeCodePoints",
        results: Results { report, sources },
    };
    pretty(&Log { schema: SCHEMA, version: "2.1.0", runs: [run] })
}

fn invocation(report: &Report, config: &Config) -> Value {
    let fails = report.worst().is_some_and(|worst| config.fails(worst));
    let meaning = if fails { "there are findings that fail the run" } else { "nothing fails the run" };
    json!({"executionSuccessful": true, "exitCode": i32::from(fails), "exitCodeDescription": meaning})
}

fn descriptor(rule: &Rule) -> Value {
    let (page, summary) = (rule.documentation(), rule.summary());
    let why = page.split("\n## Why\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or_default().trim();
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": format!("{summary}\n\n{why}")},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": [rule.group()]},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn result(finding: &Finding, fingerprint: &str, sources: &[Source]) -> Value {
    let mut result = json!({
        "ruleId": finding.rule.code,
        "level": level(finding.severity),
        "message": {"text": text(finding)},
        "locations": [location(&finding.place, sources)],
        "partialFingerprints": {FINGERPRINT: fingerprint},
    });
    let index = rules::ALL.iter().position(|rule| rule.code == finding.rule.code);
    let related = finding.related.iter().enumerate().map(|(at, related)| {
        let mut location = location(&related.place, sources);
        add(&mut location, "id", json!(at + 1));
        add(&mut location, "message", json!({"text": related.message}));
        location
    });
    let related: Vec<Value> = related.collect();
    if let Some(index) = index {
        add(&mut result, "ruleIndex", json!(index));
    }
    if !related.is_empty() {
        add(&mut result, "relatedLocations", json!(related));
    }
    if let Some(fix) = &finding.fix {
        add(&mut result, "fixes", json!([self::fix(fix, finding, sources)]));
    }
    result
}

fn text(finding: &Finding) -> String {
    match &finding.help {
        Some(help) => format!("{}\n\nHelp: {help}", finding.message),
        None => finding.message.clone(),
    }
}

fn add(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn location(place: &Place, sources: &[Source]) -> Value {
    let mut location = Map::new();
    if let Some(source) = sources.get(place.source) {
        let mut artifact = artifact(source);
        if let Some(template) = source.rendered_from(place.span.start) {
            add(&mut artifact, "description", json!({"text": format!("rendered from {template}")}));
        }
        let physical = json!({"artifactLocation": artifact, "region": region(place.span, source)});
        location.insert("physicalLocation".to_owned(), physical);
    }
    if let Some(id) = &place.object {
        location.insert("logicalLocations".to_owned(), json!([logical(id, &place.path)]));
    }
    Value::Object(location)
}

fn logical(id: &Identity, path: &str) -> Value {
    let parts = [id.namespace.as_deref().unwrap_or_default(), &id.kind, &id.name, path];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    json!({"name": id.name, "fullyQualifiedName": parts.join("/"), "kind": "object"})
}

fn artifact(source: &Source) -> Value {
    json!({"uri": uri(&source.name)})
}

fn region(span: Span, source: &Source) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
}

fn fix(fix: &Fix, finding: &Finding, sources: &[Source]) -> Value {
    let mut changes: Vec<(usize, Vec<Value>)> = Vec::new();
    for edit in &fix.edits {
        let Some(source) = sources.get(edit.source) else { continue };
        let replacement = replacement(edit, source);
        match changes.iter_mut().find(|(source, _)| *source == edit.source) {
            Some((_, replacements)) => replacements.push(replacement),
            None => changes.push((edit.source, vec![replacement])),
        }
    }
    let change = |(source, replacements): (usize, Vec<Value>)| {
        let artifact = sources.get(source).map(artifact)?;
        Some(json!({"artifactLocation": artifact, "replacements": replacements}))
    };
    let applicability = match fix.applicability {
        Applicability::Safe => "safe",
        Applicability::Unsafe => "unsafe",
    };
    json!({
        "description": {"text": finding.help.as_deref().unwrap_or(&finding.message)},
        "artifactChanges": changes.into_iter().filter_map(change).collect::<Vec<_>>(),
        "properties": {"applicability": applicability},
    })
}

fn replacement(edit: &Edit, source: &Source) -> Value {
    json!({"deletedRegion": region(edit.span, source), "insertedContent": {"text": edit.replacement}})
}

/// A path as a URI reference: relative where the path is, otherwise a `file:` URI.
fn uri(path: &str) -> String {
    let path = slashed(path);
    let is_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes().get(2) == Some(&b'/');
    if let Some(share) = path.strip_prefix("//").filter(|_| !path.starts_with("///")) {
        return format!("file://{}", encoded(share));
    }
    if let Some(absolute) = path.strip_prefix('/') {
        return format!("file:///{}", encoded(absolute));
    }
    match path.split_once('/').filter(|_| is_drive) {
        Some((drive, rest)) => format!("file:///{drive}/{}", encoded(rest)),
        None => encoded(&path),
    }
}

/// The parts of a path, percent-encoded; empty ones and `.` say nothing.
fn encoded(path: &str) -> String {
    let mut uri = String::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if !uri.is_empty() {
            uri.push('/');
        }
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            ("k8s/a.yaml", "k8s/a.yaml"),
            ("./k8s//a b.yaml", "k8s/a%20b.yaml"),
            ("a:b%/ä#?.yaml", "a%3Ab%25/%C3%A4%23%3F.yaml"),
            ("../shop/a.yaml", "../shop/a.yaml"),
            ("/srv/k8s/a.yaml", "file:///srv/k8s/a.yaml"),
            (r"C:\k8s\a b.yaml", "file:///C:/k8s/a%20b.yaml"),
            (r"\\host\share\a.yaml", "file://host/share/a.yaml"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(uri(path), expected, "{path}");
        }
    }
}
