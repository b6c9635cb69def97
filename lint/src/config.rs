//! What to report: which rules, and from which severity on a run fails.
//! Holds settings only; reading them from a command line or a file is for others.

use crate::finding::Severity;
use crate::rule::Rule;
use crate::rules;
use crate::version::Version;

/// From which severity on a run fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// On errors.
    #[default]
    Error,
    /// On warnings, too.
    Warning,
    /// On everything that is reported.
    Info,
    /// Never.
    Never,
}

/// What to report.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Only these rules; empty means all.
    pub select: Vec<String>,
    /// Not these rules.
    pub ignore: Vec<String>,
    /// These rules' findings are errors.
    pub deny: Vec<String>,
    /// Whether what is merely worth knowing is reported as well.
    pub pedantic: bool,
    /// From which severity on a run fails.
    pub fail_on: FailOn,
    /// The Kubernetes whose API is meant.
    pub kubernetes_version: Version,
}

/// A word that names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("there is no rule or group `{selector}`")]
#[diagnostic(code(bluegreen_lint::unknown_rule), help("{help}"))]
pub struct UnknownRule {
    /// The word.
    pub selector: String,
    /// What was probably meant.
    pub help: String,
}

impl Config {
    /// Checks that every selector names a rule: by its code, its name, its group, or the start of a code.
    pub fn validate(&self) -> Result<(), UnknownRule> {
        for selector in self.select.iter().chain(&self.ignore).chain(&self.deny) {
            find(selector)?;
        }
        Ok(())
    }

    /// How a finding of a rule counts: nothing when it is not reported.
    #[must_use]
    pub fn severity(&self, rule: &Rule, severity: Severity) -> Option<Severity> {
        let named = |list: &[String]| list.iter().any(|selector| rule.is(selector));
        if named(&self.ignore) || !(self.select.is_empty() || named(&self.select)) {
            return None;
        }
        let severity = if named(&self.deny) { Severity::Error } else { severity };
        (severity > Severity::Info || self.pedantic).then_some(severity)
    }

    /// Whether a run with a finding of this severity fails.
    #[must_use]
    pub fn fails(&self, severity: Severity) -> bool {
        match self.fail_on {
            FailOn::Error => severity >= Severity::Error,
            FailOn::Warning => severity >= Severity::Warning,
            FailOn::Info => true,
            FailOn::Never => false,
        }
    }
}

/// The rules that a selector means, at least one.
pub fn find(selector: &str) -> Result<Vec<&'static Rule>, UnknownRule> {
    let found: Vec<_> = rules::ALL.iter().copied().filter(|rule| rule.is(selector)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let near = rules::ALL.iter().map(|rule| (strsim::damerau_levenshtein(rule.name, selector), rule.name)).min();
    let help = match near.filter(|(distance, _)| *distance <= 3) {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "--list-rules shows them all".to_owned(),
    };
    Err(UnknownRule { selector: selector.to_owned(), help })
}
