//! Everything as JSON, for programs. The shape is a contract: `schemas/lint-report.schema.json`.
//! Lines and columns count from 1, columns in characters.

use serde::Serialize;

use super::{MemberSummary, Report, SetSummary, Summary, pretty};
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use crate::manifest::{Identity, Place};
use crate::set::{Active, Color};
use crate::source::Source;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Root<'r> {
    version: u32,
    tool: &'static str,
    kubernetes_version: String,
    files: usize,
    objects: usize,
    sets: Vec<Set<'r>>,
    findings: Vec<Item<'r>>,
    summary: Summary,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Set<'r> {
    name: &'r str,
    namespace: Option<&'r str>,
    color_label: Option<&'r str>,
    active: Option<&'static str>,
    members: Members<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'r> {
    blue: Option<Member<'r>>,
    green: Option<Member<'r>>,
    active_service: Option<Member<'r>>,
    blue_service: Option<Member<'r>>,
    green_service: Option<Member<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'r> {
    api_version: &'r str,
    kind: &'r str,
    namespace: Option<&'r str>,
    name: &'r str,
}

#[derive(Serialize)]
struct Member<'r> {
    #[serde(flatten)]
    object: Object<'r>,
    file: &'r str,
    line: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region<'r> {
    file: &'r str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct RelatedItem<'r> {
    #[serde(flatten)]
    region: Region<'r>,
    message: &'r str,
}

#[derive(Serialize)]
struct FixItem<'r> {
    applicability: Applicability,
    edits: Vec<EditItem<'r>>,
}

#[derive(Serialize)]
struct EditItem<'r> {
    file: &'r str,
    start: usize,
    end: usize,
    replacement: &'r str,
}

#[derive(Serialize)]
struct Item<'r> {
    code: &'static str,
    rule: &'static str,
    group: &'static str,
    severity: Severity,
    message: &'r str,
    help: Option<&'r str>,
    #[serde(flatten)]
    region: Region<'r>,
    path: &'r str,
    object: Option<Object<'r>>,
    related: Vec<RelatedItem<'r>>,
    fix: Option<FixItem<'r>>,
}

/// The report as pretty JSON with a line end.
#[must_use]
pub fn render(report: &Report, sources: &[Source]) -> String {
    let root = Root {
        version: 1,
        tool: concat!("bluegreen-lint ", env!("CARGO_PKG_VERSION")),
        kubernetes_version: report.kubernetes_version.to_string(),
        files: report.files,
        objects: report.objects,
        sets: report.sets.iter().map(|found| set(found, sources)).collect(),
        findings: report.findings.iter().map(|finding| item(finding, sources)).collect(),
        summary: report.summary,
    };
    pretty(&root)
}

fn object(id: &Identity) -> Object<'_> {
    Object { api_version: &id.api_version, kind: &id.kind, namespace: id.namespace.as_deref(), name: &id.name }
}

fn set<'r>(found: &'r SetSummary, sources: &'r [Source]) -> Set<'r> {
    let member = |member: &'r Option<MemberSummary>| {
        let member = member.as_ref()?;
        let source = sources.get(member.source)?;
        Some(Member { object: object(&member.id), file: &source.name, line: source.position(member.at).line })
    };
    let [(_, blue), (_, green)] = &found.workloads;
    let [(_, blue_service), (_, green_service)] = &found.color_services;
    Set {
        name: &found.name,
        namespace: found.namespace.as_deref(),
        color_label: found.color_label.as_deref(),
        active: found.active.map(|active| match active {
            Active::One(color) => Color::as_str(color),
            Active::Both => "both",
        }),
        members: Members {
            blue: member(blue),
            green: member(green),
            active_service: member(&found.active_service),
            blue_service: member(blue_service),
            green_service: member(green_service),
        },
    }
}

fn region<'r>(place: &Place, sources: &'r [Source]) -> Region<'r> {
    let Some(source) = sources.get(place.source) else {
        return Region { file: "", line: 1, column: 1, end_line: 1, end_column: 1 };
    };
    let (start, end) = (source.position(place.span.start), source.position(place.span.end));
    Region { file: &source.name, line: start.line, column: start.column, end_line: end.line, end_column: end.column }
}

fn fix<'r>(fix: &'r Fix, sources: &'r [Source]) -> FixItem<'r> {
    let edit = |edit: &'r Edit| EditItem {
        file: sources.get(edit.source).map_or("", |source| &source.name),
        start: edit.span.start,
        end: edit.span.end,
        replacement: &edit.replacement,
    };
    FixItem { applicability: fix.applicability, edits: fix.edits.iter().map(edit).collect() }
}

fn item<'r>(finding: &'r Finding, sources: &'r [Source]) -> Item<'r> {
    let related = finding
        .related
        .iter()
        .map(|related| RelatedItem { region: region(&related.place, sources), message: &related.message });
    Item {
        code: finding.rule.code,
        rule: finding.rule.name,
        group: finding.rule.group(),
        severity: finding.severity,
        message: &finding.message,
        help: finding.help.as_deref(),
        region: region(&finding.place, sources),
        path: &finding.place.path,
        object: finding.place.object.as_ref().map(object),
        related: related.collect(),
        fix: finding.fix.as_ref().map(|fix| self::fix(fix, sources)),
    }
}
