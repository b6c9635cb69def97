//! The command line of `bluegreen-lint`, which `kubectl bluegreen lint` shares.
//! Reads inputs and says what to print; prints nothing itself.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser, ValueEnum};
use clap_complete::Shell;
use jiff::civil::Date;

use crate::baseline::{self, Baseline, BaselineError};
use crate::config::{self, Config, FailOn, Layer};
use crate::files::{self, WriteError};
use crate::finding::Applicability;
use crate::fix::{self, Fixed};
use crate::output::{Output, OutputError};
use crate::report::human::{self, Style};
use crate::report::{Format, Report, Summary, plural};
use crate::source::{Role, Source};
use crate::version::Version;
use crate::{completion, output, pages, source};

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
#[command(name = "bluegreen-lint", version, max_term_width = 100, group = ArgGroup::new("fixing").multiple(true))]
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
    /// Correct in the files what can be corrected without doubt; standard input is corrected to standard output
    #[arg(long, group = "fixing")]
    pub fix: bool,
    /// Show what --fix would change, and change nothing, also beside --fix
    #[arg(long, group = "fixing")]
    pub diff: bool,
    /// With --fix or --diff: also what is only probably meant, such as copying from the other color
    #[arg(long, requires = "fixing")]
    pub unsafe_fixes: bool,
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
    /// From which severity on the run fails [default: error]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// The Kubernetes whose API is meant [default: 1.37]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<Version>,
    /// The configuration, instead of the nearest .bluegreen.yaml in or above the directory of each file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read no .bluegreen.yaml
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// Leave out the findings that are in this file
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write the findings into this file, for --baseline, and do not fail
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub write_baseline: Option<PathBuf>,
    /// Explain a rule, or list those of a group
    #[arg(long, value_name = "RULE", conflicts_with_all = ["list_rules", "paths"])]
    pub explain: Option<String>,
    /// List all rules; with `--format json` for programs
    #[arg(long, conflicts_with = "paths")]
    pub list_rules: bool,
    /// Print the script that completes the command line in a shell
    #[arg(long, value_enum, value_name = "SHELL", conflicts_with_all = ["list_rules", "explain", "paths"])]
    pub completion: Option<Shell>,
    /// When to color
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorWhen,
    /// What to call standard input
    #[arg(long, value_name = "NAME", default_value = source::STANDARD_INPUT)]
    pub stdin_name: String,
    /// Do not fail when there is no Kubernetes object
    #[arg(long)]
    pub allow_empty: bool,
    /// Print nothing when there are no findings
    #[arg(short, long)]
    pub quiet: bool,
    /// Say on standard error which kinds were passed over: custom resources are not compared with what a server takes
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// What to print, and how to end.
#[derive(Debug)]
pub struct Answer {
    /// For stdout.
    pub text: String,
    /// For stderr: what was done, where stdout carries something else.
    pub notes: String,
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
    /// A configuration file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] config::ConfigError),
    /// Two configuration files say different things about the whole run.
    #[error("{first} and {second} have different values of `{key}`, which holds for a whole run")]
    #[diagnostic(
        code(bluegreen_lint::config),
        help("say it on the command line with {option}, or lint them one by one")
    )]
    Disagree {
        /// The setting.
        key: &'static str,
        /// One file.
        first: String,
        /// The other.
        second: String,
        /// The option of the command line.
        option: &'static str,
    },
    /// Somebody else writes to the files that are to be corrected.
    #[error("{path} was changed while it was linted")]
    #[diagnostic(code(bluegreen_lint::changed), help("run it again when nobody else writes to the files"))]
    Changed {
        /// The file.
        path: String,
    },
    /// A rule is not known.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rule(#[from] config::UnknownRule),
    /// A baseline cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Baseline(#[from] BaselineError),
    /// A report cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Output(#[from] OutputError),
    /// A corrected file cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Write(#[from] WriteError),
    /// There is nothing to lint.
    #[error("no Kubernetes object found in {inputs}")]
    #[diagnostic(
        code(bluegreen_lint::nothing_found),
        help(
            "name the files or directories that hold the manifests (a part of an object, as for kustomize, is none), or add \
             --allow-empty"
        )
    )]
    Nothing {
        /// Where it was looked for.
        inputs: String,
    },
}

/// What the program runs in, as far as its answer depends on it.
pub struct Surroundings<'s> {
    /// Today, for what expires.
    pub today: Date,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// How many columns it has, where it is one that knows.
    pub columns: Option<usize>,
    /// The environment.
    pub variable: &'s dyn Fn(&str) -> Option<String>,
}

/// Does what a command line says, also where that is no proper one; what went wrong is among the notes.
#[must_use]
pub fn answer(parsed: Result<Cli, clap::Error>, surroundings: &Surroundings<'_>) -> Answer {
    let (text, notes) = (String::new(), String::new());
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let colored = Style::detect(ColorWhen::Auto, surroundings).color;
            let said = error.render();
            let said = if colored { said.ansi().to_string() } else { said.to_string() };
            return if error.use_stderr() {
                Answer { text, notes: said, status: ExitStatus::Unusable }
            } else {
                Answer { text: said, notes, status: ExitStatus::Clean }
            };
        }
    };
    let style = Style::detect(cli.color, surroundings);
    cli.run(style, Some(surroundings.today)).unwrap_or_else(|error| Answer {
        text,
        notes: human::render_error(&error, style),
        status: ExitStatus::Unusable,
    })
}

impl Style {
    /// The style for a terminal, or for what is none.
    fn detect(when: ColorWhen, surroundings: &Surroundings<'_>) -> Self {
        let variable = |name| (surroundings.variable)(name).filter(|value| !value.is_empty());
        let color = match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                let dumb = variable("TERM").is_some_and(|term| term == "dumb");
                surroundings.terminal && variable("NO_COLOR").is_none() && !dumb
            }
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
        let unicode = locale.is_some_and(|locale| locale.to_ascii_lowercase().contains("utf"));
        let said = variable("COLUMNS").and_then(|columns| columns.parse().ok());
        Self { color, unicode, width: said.or(surroundings.columns).unwrap_or(100).clamp(40, 200) }
    }
}

impl Cli {
    /// Does what the command line says.
    pub fn run(&self, style: Style, today: Option<Date>) -> Result<Answer, Error> {
        let clean = |text: String| Ok(Answer { text, notes: String::new(), status: ExitStatus::Clean });
        if let Some(shell) = self.completion {
            return clean(completion::script(&shell.to_string(), env!("CARGO_PKG_NAME")));
        }
        if let Some(selector) = &self.explain {
            let rules = config::find(selector)?;
            return clean(pages::explain(&rules));
        }
        if self.list_rules {
            return clean(if self.format == Format::Json { pages::list_json() } else { pages::list() });
        }
        let here = [PathBuf::from(".")];
        let mut sources = source::read(if self.paths.is_empty() { &here } else { &self.paths }, &self.stdin_name)?;
        match &self.config {
            Some(file) => source::add_config(&mut sources, file)?,
            None if self.no_config => {}
            None => source::add_configs(&mut sources)?,
        }
        let config = self.config(&sources, today)?;
        let wanted = match (self.fix || self.diff, self.unsafe_fixes) {
            (false, _) => None,
            (true, false) => Some(Applicability::Safe),
            (true, true) => Some(Applicability::Unsafe),
        };
        let mut fixed = fix::apply(&mut sources, &config, wanted);
        let report = &fixed.report;
        let problems = report.findings.iter().any(|finding| finding.place.object.is_none());
        let only_settings = !sources.is_empty() && sources.iter().all(|source| source.role == Role::Config);
        if report.objects == 0 && !self.allow_empty && !problems && !only_settings {
            let inputs: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
            let inputs = if inputs.is_empty() { "the current directory".to_owned() } else { inputs.join(", ") };
            return Err(Error::Nothing { inputs });
        }
        let worst = if self.diff { fixed.worst_before } else { report.worst() };
        let mut status =
            if worst.is_some_and(|worst| config.fails(worst)) { ExitStatus::Findings } else { ExitStatus::Clean };
        if self.diff {
            let text = fix::diff(&fixed, &sources);
            return Ok(Answer { text, notes: self.notes("would fix", &fixed), status });
        }
        save(&fixed, &sources)?;
        let mut notes = self.notes("fixed", &fixed);
        if let Some(path) = &self.write_baseline {
            notes.push_str(&write_baseline(path, &mut fixed.report, &sources)?);
            status = ExitStatus::Clean;
        }
        let report = &fixed.report;
        if self.verbose {
            notes.push_str(&report.passed_over_lines());
        }
        output::write(&self.output, report, &sources, &config)?;
        let is_silent = self.quiet && report.findings.is_empty() && self.format.is_for_people();
        let rendered = if is_silent { String::new() } else { self.format.render(report, &sources, &config, style) };
        if let Some(source) = sources.iter().find(|source| source.text.has_changed()) {
            return Err(Error::Changed { path: source.name.clone() });
        }
        // What was read from standard input goes to standard output; the report has to go elsewhere.
        match sources.iter().find(|source| self.fix && source.path.is_none()) {
            Some(stdin) => Ok(Answer { text: (*stdin.text).to_owned(), notes: notes + &rendered, status }),
            None => Ok(Answer { text: rendered, notes, status }),
        }
    }

    /// What was done, a line for each finding.
    fn notes(&self, what: &str, fixed: &Fixed) -> String {
        let lines = fixed.done.iter().filter(|_| !self.quiet).map(|done| format!("{what} {done}\n"));
        lines.collect()
    }

    fn config(&self, sources: &[Source], today: Option<Date>) -> Result<Config, Error> {
        let layers = config::load(sources)?;
        let fail_on = match self.fail_on {
            Some(fail_on) => Some(fail_on),
            None => agreed(&layers, sources, "failOn", "--fail-on", |layer| layer.file.lint.fail_on)?,
        };
        let kubernetes_version = match self.kubernetes_version {
            Some(version) => Some(version),
            None => agreed(&layers, sources, "kubernetesVersion", "--kubernetes-version", |layer| layer.version)?,
        };
        let baseline = self.baseline.as_ref().map(|path| read_baseline(path)).transpose()?;
        let config = Config {
            select: self.select.clone(),
            ignore: self.ignore.clone(),
            deny: self.deny.clone(),
            pedantic: self.pedantic,
            live: false,
            fail_on: fail_on.unwrap_or_default(),
            kubernetes_version: kubernetes_version.unwrap_or_default(),
            today,
            layers,
            baseline,
        };
        config.validate()?;
        Ok(config)
    }
}

fn read_baseline(path: &Path) -> Result<Baseline, Error> {
    Ok(Baseline::read(path, &source::read_text(path)?)?)
}

/// Moves the findings of a report into the baseline, and says so.
fn write_baseline(path: &Path, report: &mut Report, sources: &[Source]) -> Result<String, Error> {
    files::write_atomically(path, baseline::write(path, &report.findings, sources).as_bytes())?;
    let count = report.findings.len();
    report.findings.clear();
    report.summary = Summary { suppressed: report.summary.suppressed, baselined: count, ..Summary::default() };
    Ok(format!("wrote {} into {}\n", plural(count, "finding"), path.display()))
}

/// Writes the corrected texts back to their files, each whole, unless one of these is not what was read any more.
fn save(fixed: &Fixed, sources: &[Source]) -> Result<(), Error> {
    let changed = fixed.before.iter().filter_map(|(at, before)| {
        let source = sources.get(*at)?;
        Some((source, source.path.as_deref()?, before))
    });
    for (source, path, before) in changed.clone() {
        if !source::is_still(path, before) {
            return Err(Error::Changed { path: source.name.clone() });
        }
    }
    for (source, path, _) in changed {
        files::write_atomically(path, source.text.as_bytes())?;
    }
    Ok(())
}

/// What the configuration files say about the whole run, which they must agree on.
fn agreed<T: PartialEq>(
    layers: &[Layer],
    sources: &[Source],
    key: &'static str,
    option: &'static str,
    value: impl Fn(&Layer) -> Option<T>,
) -> Result<Option<T>, Error> {
    let mut said = layers.iter().filter_map(|layer| Some((value(layer)?, layer.source)));
    let Some((first, source)) = said.next() else { return Ok(None) };
    let name = |source: usize| sources.get(source).map(|source| source.name.clone()).unwrap_or_default();
    match said.find(|(other, _)| *other != first) {
        Some((_, other)) => Err(Error::Disagree { key, first: name(source), second: name(other), option }),
        None => Ok(Some(first)),
    }
}
