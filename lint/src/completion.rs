//! What can follow on the command line, for shells: the rules and groups, besides what the command line itself says.
//! Only answers; which shell asks is read in `main`.

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;

use crate::cli::Cli;
use crate::pages;
use crate::rule::GROUPS;
use crate::rules;

/// The script that lets a shell ask a program what can follow; empty for an unknown shell.
#[must_use]
pub fn script(shell: &str, program: &str) -> String {
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(shell) {
        // Writing into memory does not fail.
        let _ = shell.write_registration("COMPLETE", program, program, program, &mut script);
    }
    String::from_utf8_lossy(&script).into_owned()
}

/// The command line with what can stand for its values.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command().mut_args(|argument| {
        let names_rules = argument.get_value_names().is_some_and(|names| names.iter().any(|name| name == "RULE"));
        if names_rules { argument.add(ArgValueCandidates::new(selectors)) } else { argument }
    })
}

/// What selects rules: their codes, and the groups.
fn selectors() -> Vec<CompletionCandidate> {
    let of_rule = |code: &'static str, help: String| CompletionCandidate::new(code).help(Some(help.into()));
    let groups = GROUPS.iter().map(|(_, group)| of_rule(group, pages::topic(group).to_owned()));
    let rules = rules::ALL.iter().map(|rule| of_rule(rule.code, rule.name.to_owned()));
    rules.chain(groups).collect()
}
