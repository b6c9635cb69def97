//! Everything as JSON, for programs. The shape is a contract: `schemas/lint-report.schema.json`.
//! Lines and columns count from 1, columns in characters.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;
use serde::Serialize;

use super::{MemberSummary, PassedOver, Report, SetSummary, Summary, pretty};
use crate::finding::{Applicability, Edit, Finding, Fix, Severity};
use crate::manifest::{Identity, Place};
use crate::rule::GROUPS;
use crate::set::{Active, Color};
use crate::source::Source;

/// What `bluegreen-lint --format json` prints. Lines and columns count from 1, columns in characters; `start` and `end` of
/// edits count bytes from 0.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, title = "bluegreen-lint report")]
struct Root<'r> {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// The program and its version.
    tool: &'static str,
    /// The Kubernetes version whose API is meant.
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    kubernetes_version: String,
    /// How many files were read.
    files: usize,
    /// How many Kubernetes objects they hold.
    objects: usize,
    /// The kinds whose objects were not compared with what an API server takes: custom resources, and rare kinds of Kubernetes.
    passed_over: &'r [PassedOver],
    /// The release sets.
    sets: Vec<Set<'r>>,
    /// The findings, by file, place and code.
    findings: Vec<Item<'r>>,
    /// How many findings there are.
    summary: Summary,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "set")]
struct Set<'r> {
    /// What the names of its members have in common.
    name: &'r str,
    /// The namespace, where a member says it.
    namespace: Option<&'r str>,
    /// The label whose value tells the colors apart.
    color_label: Option<&'r str>,
    /// What the active Service selects.
    active: Option<ActiveItem>,
    members: Members<'r>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "active")]
enum ActiveItem {
    Blue,
    Green,
    Both,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "members")]
struct Members<'r> {
    blue: Option<Member<'r>>,
    green: Option<Member<'r>>,
    active_service: Option<Member<'r>>,
    blue_service: Option<Member<'r>>,
    green_service: Option<Member<'r>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "object")]
struct Object<'r> {
    api_version: &'r str,
    kind: &'r str,
    /// As written; null means that whoever applies it decides.
    namespace: Option<&'r str>,
    name: &'r str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "member")]
struct Member<'r> {
    #[serde(flatten)]
    object: Object<'r>,
    file: &'r str,
    #[schemars(range(min = 1))]
    line: usize,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "region")]
struct Region<'r> {
    /// The path as it was given, or what standard input is called.
    file: &'r str,
    /// The chart's template that this was rendered from, where standard input says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'r str>,
    #[schemars(range(min = 1))]
    line: usize,
    #[schemars(range(min = 1))]
    column: usize,
    #[schemars(range(min = 1))]
    end_line: usize,
    /// The column after the last character.
    #[schemars(range(min = 1))]
    end_column: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "related")]
struct RelatedItem<'r> {
    #[serde(flatten)]
    region: Region<'r>,
    message: &'r str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "fix")]
struct FixItem<'r> {
    applicability: Applicability,
    #[schemars(length(min = 1))]
    edits: Vec<EditItem<'r>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "edit")]
struct EditItem<'r> {
    file: &'r str,
    /// The first byte that is replaced.
    start: usize,
    /// The byte after the last one that is replaced.
    end: usize,
    replacement: &'r str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "finding")]
struct Item<'r> {
    #[schemars(regex(pattern = "^BG[0-9]{3}$"))]
    code: &'static str,
    /// The rule's name.
    rule: &'static str,
    #[schemars(extend("enum" = GROUPS.map(|(_, name)| name)))]
    group: &'static str,
    severity: Severity,
    message: &'r str,
    /// The way out.
    help: Option<&'r str>,
    #[serde(flatten)]
    region: Region<'r>,
    /// The field, as the API server writes field paths; empty outside of objects.
    path: &'r str,
    object: Option<Object<'r>>,
    /// Other places that explain the finding.
    related: Vec<RelatedItem<'r>>,
    fix: Option<FixItem<'r>>,
}

/// The JSON Schema of the format.
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RestrictFormats::default());
    let mut schema = settings.into_generator().into_root_schema_for::<Root<'_>>();
    schema.insert("$id".to_owned(), "https://kubectl-bluegreen.dev/schemas/lint-report.schema.json".into());
    schema.to_value()
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
        passed_over: &report.passed_over,
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
            Active::One(Color::Blue) => ActiveItem::Blue,
            Active::One(Color::Green) => ActiveItem::Green,
            Active::Both => ActiveItem::Both,
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
        return Region { file: "", template: None, line: 1, column: 1, end_line: 1, end_column: 1 };
    };
    let (start, end) = (source.position(place.span.start), source.position(place.span.end));
    Region {
        file: &source.name,
        template: source.rendered_from(place.span.start),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
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
