//! What a rule reports: a defect, its place, and the way out.
//! Data only; how it looks is for the reports.

use std::fmt;

use crate::manifest::Place;
use crate::rule::Rule;
use crate::yaml::Span;

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "severity")]
pub enum Severity {
    /// Worth knowing; reported with `--pedantic`.
    Info,
    /// Makes a switch risky.
    Warning,
    /// Breaks a switch or loses traffic, or the API server refuses it.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Another place that explains a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there, such as `blue has this`.
    pub message: String,
}

/// Whether a fix can be applied without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "applicability")]
pub enum Applicability {
    /// It says what was certainly meant.
    Safe,
    /// It says what was probably meant: somebody should look at it.
    Unsafe,
}

/// A replacement of bytes in one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The index of the source.
    pub source: usize,
    /// The bytes that are replaced; empty to insert.
    pub span: Span,
    /// What stands there afterwards.
    pub replacement: String,
}

/// A change of the text that takes a finding away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// Whether it can be applied without asking.
    pub applicability: Applicability,
    /// Replacements that belong together and do not overlap.
    pub edits: Vec<Edit>,
}

/// One defect at one place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that reports it.
    pub rule: &'static Rule,
    /// How bad it is: the rule's severity, unless the rule says otherwise for this case.
    pub severity: Severity,
    /// One sentence that says what is wrong here, with the names and values.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// Where it is.
    pub place: Place,
    /// Other places that explain it.
    pub related: Vec<Related>,
    /// How to correct the text, where that is known.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Adds the way out.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place that explains the finding.
    pub fn related(&mut self, place: Place, message: impl Into<String>) -> &mut Self {
        self.related.push(Related { place, message: message.into() });
        self
    }

    /// Adds how to correct the text, unless there is no edit that does.
    pub fn fix(&mut self, applicability: Applicability, edits: impl IntoIterator<Item = Edit>) -> &mut Self {
        let edits: Vec<Edit> = edits.into_iter().collect();
        self.fix = (!edits.is_empty()).then_some(Fix { applicability, edits });
        self
    }

    /// Changes the severity for this case.
    pub fn severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = severity;
        self
    }
}

/// Where a rule puts its findings.
#[derive(Debug)]
pub struct Findings<'f> {
    rule: &'static Rule,
    list: &'f mut Vec<Finding>,
}

impl<'f> Findings<'f> {
    /// A collector for the findings of one rule.
    pub fn new(rule: &'static Rule, list: &'f mut Vec<Finding>) -> Self {
        Self { rule, list }
    }

    /// Reports a finding; more can be said of what is returned.
    pub fn report(&mut self, place: Place, message: impl Into<String>) -> &mut Finding {
        let (rule, severity) = (self.rule, self.rule.severity);
        let message = message.into();
        let finding = Finding { rule, severity, message, help: None, place, related: Vec::new(), fix: None };
        self.list.push_mut(finding)
    }
}
