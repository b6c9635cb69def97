//! What `.bluegreen.yaml` can say. The doc comments here are the descriptions in `schemas/config.schema.json`.
//! Data only: how it is read is in `reading.rs`, what it means for a finding in `config.rs`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::FailOn;
use super::release::{Analysis, SmokeTest};
use crate::finding::Severity;
use crate::set::Declared;

/// The configuration of a repository, in a file `.bluegreen.yaml`. It holds for the files below its directory.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct File {
    /// What the linter reports.
    pub lint: Lint,
    /// Release sets that cannot be inferred from names and labels.
    pub sets: Vec<Declared>,
    /// What a new version must answer before any user reaches it. Without it, what its readiness probe asks.
    pub smoke: Vec<SmokeTest>,
    /// What is watched while a new version has users.
    pub analysis: Analysis,
    /// Whose word this can be, where that is not only root's or that of the user who reads it.
    #[serde(skip)]
    pub stranger: Option<Stranger>,
}

/// Somebody else who can say what a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The path of the file.
    pub path: String,
    /// How he can: `belongs to another user (id 1001)`.
    pub how: String,
    /// How he no longer can: `put a copy of your own in its place`.
    pub mend: &'static str,
}

/// What the linter reports.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Lint {
    /// Only these rules: codes, names, groups, or starts of codes.
    pub select: Vec<String>,
    /// Not these rules.
    pub ignore: Vec<String>,
    /// These rules' findings are errors.
    pub deny: Vec<String>,
    /// How findings of a rule or a group count.
    pub severity: BTreeMap<String, Level>,
    /// Whether what is merely worth knowing is reported as well.
    pub pedantic: bool,
    /// From which severity on a run fails; `error` unless said otherwise.
    pub fail_on: Option<FailOn>,
    /// The Kubernetes version whose API is meant, such as `"1.34"`.
    pub kubernetes_version: Option<String>,
    /// Other settings for some of the files. Where several match, the last one counts.
    pub paths: Vec<PathSettings>,
    /// Findings that are known and accepted.
    pub suppress: Vec<KnownFinding>,
    /// What the rules of the group `drift` let differ.
    pub drift: Drift,
}

/// How findings count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// They are not reported.
    None,
    /// Worth knowing; reported with `pedantic`.
    Info,
    /// Makes a switch risky.
    Warning,
    /// Breaks a switch.
    Error,
}

impl Level {
    /// The severity, unless nothing is to be reported.
    #[must_use]
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::None => None,
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

/// Settings for the files that match.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathSettings {
    /// Which files: patterns such as `overlays/dev/**`, from the directory of this configuration.
    #[schemars(length(min = 1))]
    pub files: Vec<String>,
    /// Not these rules.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// How findings of a rule or a group count.
    #[serde(default)]
    pub severity: BTreeMap<String, Level>,
}

/// A finding that is known and accepted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownFinding {
    /// Which rule: its code, its name, or a group.
    pub rule: String,
    /// Which object: `Deployment/shop-blue` or a name; `*` stands for any text. Every object if it is left out.
    pub object: Option<String>,
    /// Which files: patterns from the directory of this configuration. Every file if it is left out.
    #[serde(default)]
    pub files: Vec<String>,
    /// Why it is accepted.
    #[serde(default)]
    pub reason: String,
    /// The last day on which this holds, such as `2027-03-31`.
    #[schemars(extend("format" = "date"))]
    pub expires: Option<String>,
}

/// What may differ between the colors, besides what carries a color or a version. `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Drift {
    /// Keys of pod template labels that are meant to differ.
    pub labels: Vec<String>,
    /// Keys of pod template annotations that are meant to differ.
    pub annotations: Vec<String>,
    /// Names of environment variables that are meant to differ.
    pub env: Vec<String>,
}

/// The JSON Schema of the file.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(File);
    schema.insert("title".to_owned(), "The configuration of kubectl-bluegreen and bluegreen-lint".into());
    schema.to_value()
}
