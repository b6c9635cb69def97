//! `lint`: the linter under another name, for manifests that are not applied yet.
//! Must not need a cluster or a kubeconfig; what follows the verb is the linter's own command line.

use std::ffi::OsString;

use bluegreen_lint::cli::Cli as Linter;
use clap::Parser as _;

use crate::cli::{Cli, Command};

/// Check manifests without a cluster, before they are applied
///
/// This is bluegreen-lint, with all of its options: `kubectl bluegreen lint --help` shows them. Exit status: 0 nothing
/// at or above --fail-on; 1 findings; 2 bad usage, unreadable input, or no Kubernetes object found.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:
  kubectl bluegreen lint k8s/
  kubectl bluegreen lint --fix k8s/
  helm template shop | kubectl bluegreen lint -
  kubectl bluegreen lint --explain BG203")]
pub struct Args {
    /// Files, directories, `-` for standard input, and the linter's options
    #[arg(value_name = "PATH", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// The linter's command line, where the verb among these arguments of the program is `lint`.
///
/// # Errors
///
/// What follows the verb is no command line of the linter, or asks for its help.
#[must_use]
pub fn linter(arguments: &[OsString]) -> Option<Result<Linter, clap::Error>> {
    let verbs = arguments.iter().enumerate().filter(|(_, word)| *word == "lint");
    let rest = verbs.filter_map(|(at, _)| {
        let up_to = Cli::try_parse_from(arguments.get(..=at)?).ok()?;
        matches!(up_to.command, Command::Lint(_)).then(|| arguments.get(at + 1..).unwrap_or_default())
    });
    let name = OsString::from("kubectl bluegreen lint");
    rest.map(|rest| Linter::try_parse_from(std::iter::once(&name).chain(rest))).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(words: &str) -> Option<Vec<String>> {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        let linter = linter(&words)?.unwrap();
        Some(linter.paths.iter().map(|path| path.display().to_string()).collect())
    }

    #[test]
    fn the_verb_is_told_from_values() {
        assert_eq!(paths("kubectl-bluegreen lint a --fix b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(paths("kubectl-bluegreen -n lint --color never lint lint"), Some(vec!["lint".to_owned()]));
        assert_eq!(paths("kubectl-bluegreen -n lint status"), None);
        assert_eq!(paths("kubectl-bluegreen status"), None);
    }
}
