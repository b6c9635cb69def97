//! The command line: global flags and the list of commands.
//! Parses only; what a command does is in `cmd/`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cmd::{
    check, cleanup, completion, deploy, diff, docs, history, init, lint, rbac, rehearse, rollback, smoke, status,
    switch, version,
};
use crate::execute::DryRun;
use crate::place::Place;
use crate::router::Choice;

/// Safe blue-green releases on plain Deployments and Services
///
/// Moves traffic between two Deployments (blue, green) by the selector of one Service, and checks before it does what a
/// careful operator would check. Nothing is installed in the cluster.
#[derive(Clone, Debug, Parser)]
#[command(name = "kubectl-bluegreen", bin_name = "kubectl bluegreen", version, max_term_width = 100)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:
  kubectl bluegreen init --from deployment/shop   # make a release set of what runs
  kubectl bluegreen status                # what serves, what is ready
  kubectl bluegreen deploy 1.5.0          # new version to the idle color, tested, then traffic
  kubectl bluegreen check green           # could green serve now?
  kubectl bluegreen switch green          # look at the plan, confirm, move
  kubectl bluegreen rollback --yes        # back to the color that served before
  kubectl bluegreen rehearse -f k8s/ v2   # play a release without a cluster

Exit status: 0 done; 1 failed; 2 bad usage; 3 refused by a check; 4 tests or metrics were bad,
and traffic is where it was; 5 somebody else is moving this set; 6 timed out; 130 interrupted.")]
pub struct Cli {
    /// What all commands understand.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person.
    #[default]
    Table,
    /// For a person, with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Output {
    /// Whether stdout carries data for programs, so that words for people belong on stderr.
    #[must_use]
    pub fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }

    /// What a command line asks for that cannot be read as a whole.
    #[must_use]
    pub fn asked_for(arguments: &[OsString]) -> Self {
        let words = arguments.iter().map(|word| word.to_string_lossy()).take_while(|word| word != "--");
        let words: Vec<_> = words.collect();
        let asked = words.iter().enumerate().filter_map(|(at, word)| match word.as_ref() {
            "-o" | "--output" => words.get(at + 1).map(AsRef::as_ref),
            word if word.starts_with("--") => word.strip_prefix("--output="),
            // Behind flags that take no value: `-yo json`.
            word => match word.strip_prefix('-')?.trim_start_matches(['q', 'v', 'y']).strip_prefix('o')? {
                "" => words.get(at + 1).map(AsRef::as_ref),
                form => Some(form.trim_start_matches('=')),
            },
        });
        asked.filter_map(|form| Self::from_str(form, false).ok()).next_back().unwrap_or_default()
    }
}

/// What all commands understand.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Global {
    /// The namespace; without it the kubeconfig's context decides
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<String>,
    /// The context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// The kubeconfig file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// The cluster of the kubeconfig; without it the context's
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub cluster: Option<String>,
    /// The user of the kubeconfig; without it the context's
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub user: Option<String>,
    /// The bearer token; without it the user's credentials
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Cluster")]
    pub token: Option<String>,
    /// The groups to impersonate, with --as
    #[arg(long = "as-group", global = true, value_name = "GROUP", requires = "impersonate", help_heading = "Cluster")]
    pub impersonate_groups: Vec<String>,
    /// The user to impersonate
    #[arg(long = "as", global = true, value_name = "USER", help_heading = "Cluster")]
    pub impersonate: Option<String>,
    /// How long one request may take; 0 means as long as it wants
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = duration, help_heading = "Cluster", hide_default_value = false)]
    pub request_timeout: Duration,
    /// The release set: its active Service's name, or what its members' names have in common
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub app: Option<String>,

    /// How to print the answer
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub output: Output,
    /// When to color
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN", help_heading = "Output")]
    pub color: ColorWhen,
    /// Print no progress and no hints
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Print every API request with its status and time
    #[arg(short, long, global = true, help_heading = "Output")]
    pub verbose: bool,

    /// Go on without asking
    #[arg(short, long, global = true, help_heading = "Moving")]
    pub yes: bool,
    /// How long each wait for the cluster may take
    #[arg(long, global = true, value_name = "DURATION", default_value = "5m", value_parser = duration, help_heading = "Moving")]
    pub timeout: Duration,
    /// How long to let the nodes' proxies follow before a switch says done
    #[arg(long, global = true, value_name = "DURATION", default_value = "2s", value_parser = duration, help_heading = "Moving")]
    pub settle: Duration,
    /// Plan only (client), or let the API server check the writes, too (server)
    #[arg(long, global = true, value_enum, default_value_t, value_name = "MODE", help_heading = "Moving")]
    pub dry_run: DryRun,
    /// Let a failed check pass, by its name; the journal keeps it
    #[arg(long, global = true, value_delimiter = ',', value_name = "CHECK", value_parser = check_id, help_heading = "Moving")]
    pub accept: Vec<String>,
    /// How long to wait when somebody else is moving this set
    #[arg(long, global = true, value_name = "DURATION", default_value = "0s", value_parser = duration, help_heading = "Moving")]
    pub wait_lock: Duration,
    /// What splits the traffic, where it is less than all of it
    #[arg(long, global = true, value_enum, default_value_t, value_name = "ROUTER", help_heading = "Moving")]
    pub router: Choice,
    /// Let both colors serve until those that send to pods directly have followed, then only the new one
    #[arg(long, global = true, help_heading = "Moving")]
    pub overlap: bool,
}

impl Global {
    /// Where these flags look: what a command has to say to look there, too.
    #[must_use]
    pub fn place(&self) -> Place {
        let file = self.kubeconfig.as_ref().map(|file| file.to_string_lossy());
        let told = [
            ("--kubeconfig", file.as_deref()),
            ("--context", self.context.as_deref()),
            ("--cluster", self.cluster.as_deref()),
            ("--user", self.user.as_deref()),
            ("--as", self.impersonate.as_deref()),
        ];
        let told = told.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let groups = self.impersonate_groups.iter().map(|group| ("--as-group", group.as_str()));
        Place::new(&told.chain(groups).collect::<Vec<_>>(), self.namespace.as_deref(), self.app.as_deref())
    }
}

/// Where a page about a move goes.
#[derive(Clone, Debug, Default, Args)]
pub struct Page {
    /// Write a page about this, however it ends: one HTML file for a browser, which needs no other
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,
}

/// When to color what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
#[expect(missing_docs, reason = "the doc comments of the arguments are the help texts")]
pub enum Command {
    Init(init::Args),
    Status(status::Args),
    Deploy(deploy::Args),
    Switch(switch::Args),
    Rollback(rollback::Args),
    Cleanup(cleanup::Args),
    Smoke(smoke::Args),
    Check(check::Args),
    Diff(diff::Args),
    History(history::Args),
    Lint(lint::Args),
    Rbac(rbac::Args),
    Rehearse(rehearse::Args),
    Docs(docs::Args),
    Completion(completion::Args),
    Version(version::Args),
}

/// Reads a duration as kubectl writes it: `500ms`, `30s`, `5m`, `1h30m`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bare = text.parse::<u64>().map(Duration::from_secs).ok();
    let parsed = bare.or_else(|| text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok()));
    parsed.ok_or_else(|| format!("`{text}` is no duration: write it like 500ms, 30s, 5m or 1h30m"))
}

fn check_id(text: &str) -> Result<String, String> {
    let known: Vec<&str> = crate::check::ALL.iter().map(|check| check.id).collect();
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("there is no check `{text}`; there is {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn durations_are_read_as_kubectl_writes_them() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("0", 0), ("0s", 0), ("7", 7000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "soon", "-1s", "5 apples"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_command_file_is_in_the_list() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cmd");
        #[expect(clippy::disallowed_methods, reason = "the test looks at the folder itself")]
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.map(|file| file.trim_end_matches(".rs").to_owned()).collect();
        let command = <Cli as clap::CommandFactory>::command();
        let mut verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        files.sort();
        verbs.sort();
        assert_eq!(files, verbs);
    }
}
