//! What to report: which rules, how their findings count, and from which severity on a run fails.
//! Holds settings only; where they come from is for the command line and `reading.rs`.

pub mod file;
mod reading;
pub mod release;

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::GlobSet;

pub use reading::{ConfigError, load};

use crate::baseline::Baseline;
use crate::finding::Severity;
use crate::rule::Rule;
use crate::rules;
use crate::source::Source;
use crate::version::Version;
use crate::yaml::Span;
use file::{File, KnownFinding, Level};

/// From which severity on a run fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
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
    /// Only these rules; empty means those that the file's configuration says, or all.
    pub select: Vec<String>,
    /// Not these rules.
    pub ignore: Vec<String>,
    /// These rules' findings are errors.
    pub deny: Vec<String>,
    /// Whether what is merely worth knowing is reported as well.
    pub pedantic: bool,
    /// Whether the objects are those of an API server: what it has taken is not judged in its place once more.
    pub live: bool,
    /// From which severity on a run fails.
    pub fail_on: FailOn,
    /// The Kubernetes whose API is meant.
    pub kubernetes_version: Version,
    /// Today, for what expires; without it nothing does.
    pub today: Option<jiff::civil::Date>,
    /// The configuration files of the sources.
    pub layers: Vec<Layer>,
    /// The findings that were there before.
    pub baseline: Option<Baseline>,
}

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The index of the source that it was read from.
    pub source: usize,
    /// What it says.
    pub file: File,
    /// The Kubernetes whose API is meant.
    pub version: Option<Version>,
    /// Which files each of its settings by path is about, in their order.
    paths: Vec<GlobSet>,
    /// What it lets differ between the colors.
    pub meant_to_differ: MeantToDiffer,
    /// Its accepted findings.
    pub suppress: Vec<Arc<Accepted>>,
}

/// What may differ between the colors: patterns of keys and names.
#[derive(Clone, Debug)]
pub struct MeantToDiffer {
    labels: GlobSet,
    annotations: GlobSet,
    env: GlobSet,
}

impl MeantToDiffer {
    /// Whether a label of the pod template is meant to differ.
    #[must_use]
    pub fn label(&self, key: &str) -> bool {
        self.labels.is_match(key)
    }

    /// Whether an annotation of the pod template is meant to differ.
    #[must_use]
    pub fn annotation(&self, key: &str) -> bool {
        self.annotations.is_match(key)
    }

    /// Whether an environment variable is meant to differ.
    #[must_use]
    pub fn variable(&self, name: &str) -> bool {
        self.env.is_match(name)
    }
}

/// A finding that a configuration file accepts.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What it says.
    pub known: KnownFinding,
    /// Where it says so.
    pub span: Span,
    /// The last day on which it holds.
    pub expires: Option<jiff::civil::Date>,
    files: GlobSet,
    object: GlobSet,
}

impl Accepted {
    /// Whether it is about this file, by its path from the configuration's directory.
    #[must_use]
    pub fn is_about_file(&self, path: &str) -> bool {
        self.known.files.is_empty() || self.files.is_match(path)
    }

    /// Whether it is about an object of this kind and name.
    #[must_use]
    pub fn is_about(&self, kind: &str, name: &str) -> bool {
        self.known.object.is_none() || self.object.is_match(name) || self.object.is_match(format!("{kind}/{name}"))
    }
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

    /// The configuration file that holds for a source.
    #[must_use]
    pub fn layer(&self, source: &Source) -> Option<&Layer> {
        let above = source.config.as_ref()?;
        self.layers.iter().find(|layer| layer.source == above.source)
    }

    /// How a finding of a rule counts in a source: nothing when it is not reported.
    ///
    /// The command line's selection replaces the file's; what either of them ignores or denies is ignored or denied.
    #[must_use]
    pub fn severity(&self, rule: &Rule, severity: Severity, source: Option<&Source>) -> Option<Severity> {
        let named = |list: &[String]| list.iter().any(|selector| rule.is(selector));
        let layer = source.and_then(|source| self.layer(source));
        let file = layer.map(|layer| &layer.file.lint);
        let of_file = file.filter(|_| self.select.is_empty());
        let select = of_file.map_or(&self.select, |file| &file.select);
        let pedantic = self.pedantic || file.is_some_and(|file| file.pedantic);
        // What a rule itself calls merely worth knowing stays hidden, whatever its other findings count.
        let is_side_note = severity == Severity::Info && rule.severity > Severity::Info && !pedantic;
        if named(&self.ignore) || of_file.is_some_and(|file| named(&file.ignore)) || is_side_note {
            return None;
        }
        if !(select.is_empty() || named(select)) {
            return None;
        }
        let mut level = file.and_then(|file| level(&file.severity, rule));
        let path = source.and_then(|source| source.config.as_ref()).map_or("", |above| above.path.as_str());
        for (settings, files) in layer.into_iter().flat_map(|layer| layer.file.lint.paths.iter().zip(&layer.paths)) {
            if files.is_match(path) {
                if named(&settings.ignore) {
                    return None;
                }
                level = self::level(&settings.severity, rule).or(level);
            }
        }
        let denied = named(&self.deny) || file.is_some_and(|file| named(&file.deny));
        let severity = match level {
            _ if denied => Severity::Error,
            Some(level) => level.severity()?,
            None => severity,
        };
        (severity > Severity::Info || pedantic).then_some(severity)
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

/// What a file says of a rule: by its code or name, or by the longest start of its code, or by its group.
fn level(severities: &BTreeMap<String, Level>, rule: &Rule) -> Option<Level> {
    let weight = |selector: &str| if selector == rule.group() { 0 } else { selector.len() };
    let about = severities.iter().filter(|(selector, _)| rule.is(selector));
    about.max_by_key(|(selector, _)| weight(selector)).map(|(_, level)| *level)
}

/// The rules that a selector means, at least one.
pub fn find(selector: &str) -> Result<Vec<&'static Rule>, UnknownRule> {
    let found: Vec<_> = rules::ALL.iter().copied().filter(|rule| rule.is(selector)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = rules::ALL.iter().map(|rule| rule.name).chain(crate::rule::GROUPS.map(|(_, group)| group));
    let help = match nearest_code(selector).or_else(|| nearest(selector, names)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "--list-rules shows them all".to_owned(),
    };
    Err(UnknownRule { selector: selector.to_owned(), help })
}

/// The code that was probably meant: with the digits that its letters look like, or one edit away.
fn nearest_code(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_uppercase();
    let digits = word.replace('O', "0").replace(['I', 'L'], "1");
    let codes = || rules::ALL.iter().map(|rule| rule.code);
    let is_near = |code: &&str| strsim::damerau_levenshtein(code, &word) == 1;
    codes().find(|code| *code == digits).or_else(|| codes().find(is_near))
}

/// The word that was probably meant, if one is near enough.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let distance = |known: &'w str| (strsim::damerau_levenshtein(known, word), known);
    let near = known.into_iter().map(distance).min()?;
    let is_start = word.len() >= 3 && near.1.starts_with(word);
    (is_start || near.0 <= 3 && near.0 * 2 <= word.chars().count().max(2)).then_some(near.1)
}
