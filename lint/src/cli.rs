//! The command line of `bluegreen-lint`, which `kubectl bluegreen lint` shares.
//! Reads inputs and says what to print; prints nothing itself.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::config::{self, Config, FailOn};
use crate::output::{Output, OutputError};
use crate::report::Format;
use crate::report::human::Style;
use crate::version::Version;
use crate::{lint, output, pages, source};

/// When to color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How the process ends. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Nothing at or above `--fail-on`.
    Clean = 0,
    /// Findings at or above `--fail-on`.
    Findings = 1,
    /// Bad usage, unreadable input, or not one Kubernetes object found.
    Unusable = 2,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// Check the manifests of blue-green release sets, without a cluster
///
/// Finds what breaks a switch before anything is applied: labels, selectors, ports, probes, resources, and drift between
/// blue and green.
#[derive(Clone, Debug, Parser)]
#[command(name = "bluegreen-lint", version, max_term_width = 100)]
#[command(after_help = "Examples:
  bluegreen-lint k8s/                         # a directory, .gitignore honoured
  helm template shop | bluegreen-lint -       # standard input
  bluegreen-lint --format json k8s/ | jq .summary
  bluegreen-lint --explain BG203

Exit status: 0 nothing at or above --fail-on; 1 findings; 2 bad usage, unreadable input, or no Kubernetes object found.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Cli {
    /// Files, directories, or `-` for standard input [default: the current directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the findings into a file, too; may be given several times
    #[arg(long, value_name = "FORMAT=FILE")]
    pub output: Vec<Output>,
    /// Only these rules: codes, names, groups, or starts of codes
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub select: Vec<String>,
    /// Not these rules
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub ignore: Vec<String>,
    /// These rules' findings are errors
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub deny: Vec<String>,
    /// Report also what is merely worth knowing
    #[arg(long)]
    pub pedantic: bool,
    /// From which severity on the run fails
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// The Kubernetes whose API is meant
    #[arg(long, default_value_t, value_name = "VERSION")]
    pub kubernetes_version: Version,
    /// Read no configuration file
    #[arg(long, hide = true)]
    pub no_config: bool,
    /// Explain a rule, or list those of a group
    #[arg(long, value_name = "RULE", conflicts_with_all = ["list_rules", "paths"])]
    pub explain: Option<String>,
    /// List all rules; with `--format json` for programs
    #[arg(long, conflicts_with = "paths")]
    pub list_rules: bool,
    /// When to color
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorWhen,
    /// What to call standard input
    #[arg(long, value_name = "NAME", default_value = "<stdin>")]
    pub stdin_name: String,
    /// Do not fail when there is no Kubernetes object
    #[arg(long)]
    pub allow_empty: bool,
    /// Print nothing when there are no findings
    #[arg(short, long)]
    pub quiet: bool,
}

/// What to print, and how to end.
#[derive(Debug)]
pub struct Answer {
    /// For stdout.
    pub text: String,
    /// How the process ends.
    pub status: ExitStatus,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Error {
    /// An input cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] source::SourceError),
    /// A rule is not known.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rule(#[from] config::UnknownRule),
    /// A file cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Output(#[from] OutputError),
    /// There is nothing to lint.
    #[error("no Kubernetes object found in {inputs}")]
    #[diagnostic(
        code(bluegreen_lint::nothing_found),
        help("name the files or directories that hold the manifests, or add --allow-empty")
    )]
    Nothing {
        /// Where it was looked for.
        inputs: String,
    },
}

impl Cli {
    /// Does what the command line says.
    pub fn run(&self, style: Style) -> Result<Answer, Error> {
        let clean = |text: String| Ok(Answer { text, status: ExitStatus::Clean });
        if let Some(selector) = &self.explain {
            let rules = config::find(selector)?;
            return clean(pages::explain(&rules));
        }
        if self.list_rules {
            return clean(if self.format == Format::Json { pages::list_json() } else { pages::list() });
        }
        let config = self.config()?;
        let here = [PathBuf::from(".")];
        let sources = source::read(if self.paths.is_empty() { &here } else { &self.paths }, &self.stdin_name)?;
        let report = lint(&sources, &config);
        let problems = report.findings.iter().any(|finding| finding.place.object.is_none());
        if report.objects == 0 && !self.allow_empty && !problems {
            let inputs: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
            let inputs = if inputs.is_empty() { "the current directory".to_owned() } else { inputs.join(", ") };
            return Err(Error::Nothing { inputs });
        }
        let fails = report.worst().is_some_and(|worst| config.fails(worst));
        let status = if fails { ExitStatus::Findings } else { ExitStatus::Clean };
        output::write(&self.output, &report, &sources, &config)?;
        let is_silent = self.quiet && report.findings.is_empty() && self.format.is_for_people();
        let text = if is_silent { String::new() } else { self.format.render(&report, &sources, &config, style) };
        Ok(Answer { text, status })
    }

    fn config(&self) -> Result<Config, config::UnknownRule> {
        let config = Config {
            select: self.select.clone(),
            ignore: self.ignore.clone(),
            deny: self.deny.clone(),
            pedantic: self.pedantic,
            fail_on: self.fail_on,
            kubernetes_version: self.kubernetes_version,
        };
        config.validate()?;
        Ok(config)
    }
}
