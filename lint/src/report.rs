//! The result of a run, and the formats that it is printed in.
//! A format receives finished findings and decides nothing.

pub mod concise;
pub(crate) mod excerpt;
pub mod fingerprint;
pub mod github;
pub mod gitlab;
pub mod human;
pub mod json;
pub mod junit;
pub mod sarif;

use serde::Serialize;

use crate::config::Config;
use crate::finding::{Finding, Severity};
use crate::manifest::{Identity, Place};
use crate::set::{Active, Color};
use crate::source::Source;
use crate::version::Version;

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// With the source line and a caret.
    #[default]
    Human,
    /// One line a finding.
    Concise,
    /// JSON, by schemas/lint-report.schema.json.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Test results.
    Junit,
    /// Annotations of a GitHub workflow.
    Github,
    /// GitLab's Code Quality.
    Gitlab,
}

impl Format {
    /// Whether it is for people, who may be spared what says nothing.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Human | Self::Concise)
    }

    /// A report in this format.
    #[must_use]
    pub fn render(self, report: &Report, sources: &[Source], config: &Config, style: human::Style) -> String {
        match self {
            Self::Human => human::render(report, sources, style),
            Self::Concise => concise::render(report, sources),
            Self::Json => json::render(report, sources),
            Self::Sarif => sarif::render(report, sources, config),
            Self::Junit => junit::render(report, sources, config),
            Self::Github => github::render(report, sources),
            Self::Gitlab => gitlab::render(report, sources),
        }
    }
}

/// How many findings there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "summary")]
pub struct Summary {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Infos.
    pub infos: usize,
    /// Findings that a comment or the configuration took away.
    pub suppressed: usize,
    /// Findings that were there before, by a baseline.
    pub baselined: usize,
}

impl Summary {
    /// Counts findings.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let [errors, warnings, infos] = [Severity::Error, Severity::Warning, Severity::Info].map(count);
        Self { errors, warnings, infos, ..Self::default() }
    }
}

/// A kind whose fields are not known, such as a custom resource's: its objects are not compared with what a server takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "passedOver")]
pub struct PassedOver {
    /// The group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// How many objects there are of it.
    pub count: usize,
}

/// A member of a release set and where it is.
#[derive(Clone, Debug)]
pub struct MemberSummary {
    /// What it is called.
    pub id: Identity,
    /// The index of its source.
    pub source: usize,
    /// The byte at which its name stands.
    pub at: usize,
}

/// A release set that was found.
#[derive(Clone, Debug)]
pub struct SetSummary {
    /// What its members' names have in common.
    pub name: String,
    /// The namespace, where one of them says it.
    pub namespace: Option<String>,
    /// The label that tells the colors apart.
    pub color_label: Option<String>,
    /// What the active Service selects.
    pub active: Option<Active>,
    /// The workload of each color.
    pub workloads: [(Color, Option<MemberSummary>); 2],
    /// The active Service.
    pub active_service: Option<MemberSummary>,
    /// The Service of each color.
    pub color_services: [(Color, Option<MemberSummary>); 2],
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings by file, place and code.
    pub findings: Vec<Finding>,
    /// The release sets.
    pub sets: Vec<SetSummary>,
    /// How many files were read.
    pub files: usize,
    /// How many Kubernetes objects they hold.
    pub objects: usize,
    /// How many findings there are.
    pub summary: Summary,
    /// The kinds that were not compared with what an API server takes.
    pub passed_over: Vec<PassedOver>,
    /// The Kubernetes whose API was meant.
    pub kubernetes_version: Version,
}

impl Report {
    /// The kinds that were passed over, a line each.
    #[must_use]
    pub fn passed_over_lines(&self) -> String {
        let line = |PassedOver { api_version, kind, count }: &PassedOver| {
            format!("passed over {count} {kind} of {api_version}: its fields are not known\n")
        };
        self.passed_over.iter().map(line).collect()
    }

    /// The worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// The result in one line: `1 error, 2 warnings in 3 files (5 objects, 1 release set)`.
    #[must_use]
    pub fn summary_line(&self) -> String {
        let Summary { errors, warnings, infos, suppressed, baselined } = self.summary;
        let counts = [(errors, "error"), (warnings, "warning"), (infos, "info")];
        let counts: Vec<String> =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| plural(count, word)).collect();
        let found = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
        let (files, objects, sets) =
            (plural(self.files, "file"), plural(self.objects, "object"), plural(self.sets.len(), "release set"));
        let accepted = [(suppressed, "suppressed"), (baselined, "in the baseline")];
        let accepted = accepted.into_iter().filter(|(count, _)| *count > 0);
        let accepted: Vec<String> = accepted.map(|(count, what)| format!("; {count} {what}")).collect();
        format!("{found} in {files} ({objects}, {sets}){}", accepted.concat())
    }
}

/// A place as people write it: `path:line:column`.
pub(crate) fn place_in_words(place: &Place, sources: &[Source]) -> String {
    let Some(source) = sources.get(place.source) else { return String::new() };
    let at = source.position(place.span.start);
    format!("{}:{}:{}", source.called(place.span.start), at.line, at.column)
}

/// Pretty JSON with a line end.
fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

pub(crate) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
