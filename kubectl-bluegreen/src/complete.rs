//! What can follow on the command line: for shells, and for kubectl, which asks `kubectl_complete-bluegreen`.
//! Only answers; must not connect, nor decide how long an answer may take.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bluegreen_lint::set::Declared;
use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};

use crate::check;
use crate::cli::Cli;
use crate::cluster::{Cluster, ClusterError, Request, Resource};
use crate::observe::{names, observe, observe_set};
use crate::plan::Selection;
use crate::release::Color;
use crate::traffic::tag;

/// What kubectl and the programs like it call the request for completions.
pub const REQUEST: &str = "__complete";

/// The program that kubectl looks for on the `PATH` to complete `kubectl bluegreen`.
pub const FOR_KUBECTL: &str = "\
#!/bin/sh
# kubectl runs this to learn what can follow `kubectl bluegreen`. Keep it on the PATH as kubectl_complete-bluegreen.
exec kubectl-bluegreen __complete \"$@\"
";

/// Add no space: the word goes on. A number of kubectl's own protocol, that of spf13/cobra, as the next one is.
const NO_SPACE: u32 = 2;
/// Offer no files.
const NO_FILES: u32 = 4;

/// What only the kubeconfig or the cluster knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The contexts of the kubeconfig.
    Contexts,
    /// The namespaces of the cluster.
    Namespaces,
    /// The release sets of the namespace.
    Sets,
    /// The two colors, with what they are at the moment.
    Colors,
}

/// What the command line says so far about where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--app`.
    pub app: Option<String>,
}

impl Scope {
    /// Reads an unfinished command line.
    #[must_use]
    pub fn of(arguments: &[OsString]) -> Self {
        let command = Cli::command().ignore_errors(true).disable_help_flag(true).disable_version_flag(true);
        let Ok(matches) = command.try_get_matches_from(arguments) else { return Self::default() };
        let text = |id: &str| matches.try_get_one::<String>(id).ok().flatten().filter(|text| !text.is_empty()).cloned();
        Self {
            kubeconfig: matches.try_get_one::<PathBuf>("kubeconfig").ok().flatten().cloned(),
            context: text("context"),
            namespace: text("namespace"),
            app: text("app"),
        }
    }
}

/// The command line with what can stand for its values. `ask` is asked only for what the word at the cursor needs.
#[must_use]
pub fn command(ask: impl Fn(Names) -> Vec<CompletionCandidate> + Clone + Send + Sync + 'static) -> clap::Command {
    let complete = move |argument: clap::Arg| {
        let known = |names: Names| {
            let ask = ask.clone();
            ArgValueCandidates::new(move || ask(names))
        };
        match (argument.get_id().as_str(), value_name(&argument)) {
            ("context", _) => argument.add(known(Names::Contexts)),
            ("namespace", _) => argument.add(known(Names::Namespaces)),
            ("app", _) => argument.add(known(Names::Sets)),
            (_, "ENV") => argument.add(known(Names::Colors)),
            (_, "CHECK") => argument.add(ArgValueCandidates::new(checks)),
            _ => argument,
        }
    };
    let of_verb = complete.clone();
    let command = Cli::command().mut_args(complete);
    let command = command.mut_subcommands(move |verb| verb.mut_args(of_verb.clone()));
    // What follows `lint` is the linter's own command line.
    command.mut_subcommand("lint", |verb| {
        let about = verb.get_about().cloned().unwrap_or_default();
        bluegreen_lint::completion::command().name("lint").about(about)
    })
}

fn value_name(argument: &clap::Arg) -> &str {
    argument.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str())
}

fn checks() -> Vec<CompletionCandidate> {
    let candidate = |check: &check::Check| CompletionCandidate::new(check.id).help(Some(check.refuses.into()));
    check::ALL.iter().map(candidate).collect()
}

/// Asks the cluster.
///
/// # Errors
/// When it does not answer; then there is nothing to offer.
pub async fn ask<C: Cluster>(
    cluster: &C,
    default_namespace: &str,
    scope: &Scope,
    declared: &[Declared],
    names_of: Names,
) -> Result<Vec<CompletionCandidate>, ClusterError> {
    let namespace = scope.namespace.as_deref().unwrap_or(default_namespace);
    match names_of {
        Names::Contexts => Ok(Vec::new()),
        Names::Namespaces => {
            let all = Request::list(Resource::Namespaces, None);
            Ok(names(&cluster.send(&all).await?).into_iter().map(CompletionCandidate::new).collect())
        }
        Names::Sets => {
            let observed = observe(cluster, Some(namespace), declared).await?;
            let serves = |active: Option<Color>| active.map(|color| format!("{color} serves").into());
            let sets = observed.sets();
            Ok(sets.iter().map(|set| CompletionCandidate::new(set.name()).help(serves(set.active()))).collect())
        }
        Names::Colors => {
            let selection = Selection { namespace: namespace.to_owned(), app: scope.app.clone() };
            let observed = observe_set(cluster, &selection, declared).await?;
            let Ok(set) = selection.find(&observed) else { return Ok(colors()) };
            let state = |color| if set.active() == Some(color) { "serves" } else { "idle" };
            let tags = |color| set.images(color).into_iter().map(tag).collect::<Vec<_>>().join(", ");
            let help = |color| format!("{}, {} ready, {}", tags(color), set.ready_pods(color).count(), state(color));
            let candidate = |color: Color| CompletionCandidate::new(color.as_str()).help(Some(help(color).into()));
            Ok(Color::ALL.into_iter().map(candidate).collect())
        }
    }
}

/// The colors, where nothing is known of them.
#[must_use]
pub fn colors() -> Vec<CompletionCandidate> {
    Color::ALL.into_iter().map(|color| CompletionCandidate::new(color.as_str())).collect()
}

/// Answers kubectl: a line for each candidate, a tab before its description, and at last what to do with them. The
/// last argument is the word at the cursor; the first one is the program.
#[must_use]
pub fn for_kubectl(mut command: clap::Command, arguments: Vec<OsString>, here: Option<&Path>) -> String {
    let at = arguments.len().saturating_sub(1);
    // As kubectl does it: flags are offered to those who begin to write one.
    let wants_flag = arguments.last().is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
    let candidates = complete(&mut command, arguments, at, here).unwrap_or_default();
    let (mut text, mut what_then) = (String::new(), NO_FILES);
    for candidate in candidates.iter().filter(|candidate| !candidate.is_hide_set()) {
        let value = candidate.get_value().to_string_lossy();
        if value.starts_with('-') && !wants_flag {
            continue;
        }
        if value.ends_with(['/', '=']) {
            what_then |= NO_SPACE;
        }
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().filter(|line| !line.is_empty()).map(|line| format!("\t{line}"));
        let _ = writeln!(text, "{value}{}", help.unwrap_or_default());
    }
    let _ = writeln!(text, ":{what_then}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        std::iter::once("kubectl-bluegreen").chain(line.split(' ')).map(OsString::from).collect()
    }

    fn answer(line: &str) -> Vec<String> {
        let ask = |names| vec![CompletionCandidate::new(format!("{names:?}"))];
        for_kubectl(command(ask), words(line), None).lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_unfinished_line_says_where_to_look() {
        let shop = Scope { namespace: Some("shop".to_owned()), ..Scope::default() };
        for line in ["-n shop switch ", "switch -n shop ", "switch --namespace=shop --app", "-nshop switch --context "]
        {
            assert_eq!(Scope::of(&words(line)), shop, "{line}");
        }
        let scope = Scope::of(&words("status --context there --kubeconfig a/b -a api --acc"));
        assert_eq!((scope.context.as_deref(), scope.app.as_deref()), (Some("there"), Some("api")));
        assert_eq!(scope.kubeconfig.as_deref(), Some(Path::new("a/b")));
        assert_eq!(Scope::of(&words("")), Scope::default());
    }

    #[test]
    fn each_place_is_asked_for_its_own_names() {
        assert_eq!(answer("switch "), ["Colors", ":4"]);
        assert_eq!(answer("check "), ["Colors", ":4"]);
        assert_eq!(answer("status -n "), ["Namespaces", ":4"]);
        assert_eq!(answer("-n "), ["Namespaces", ":4"]);
        assert_eq!(answer("status --context "), ["Contexts", ":4"]);
        assert_eq!(answer("status --app="), ["--app=Sets", ":4"]);
        assert!(answer("switch green --accept cap")[0].starts_with("capacity\t"));
    }

    #[test]
    fn after_lint_the_linters_own_words_follow() {
        assert!(answer("lint --sel")[0].starts_with("--select\t"));
        assert_eq!(answer("lint --select BG201"), ["BG201\tactive-selects-nothing", ":4"]);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let command = || command(|_| Vec::new());
        assert_eq!(for_kubectl(command(), words("lint s"), Some(here)), "src/\n:6\n");
        assert!(answer("lin")[0].starts_with("lint\tCheck manifests without a cluster"), "{:?}", answer("lin"));
    }

    #[test]
    fn commands_and_flags_come_with_their_help() {
        assert!(answer("").contains(&"switch\tMove all traffic to one color, or a share of it".to_owned()));
        assert_eq!(answer("swi"), ["switch\tMove all traffic to one color, or a share of it", ":4"]);
        assert!(answer("switch --dry")[0].starts_with("--dry-run\t"));
    }
}
