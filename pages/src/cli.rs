//! The reference of the two command lines, in Markdown and as man pages, made from their definitions.
//! Knows no single command.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory};

/// The two command lines.
fn programs() -> [Command; 2] {
    [kubectl_bluegreen::cli::Cli::command(), bluegreen_lint::cli::Cli::command()].map(|mut program| {
        program = program.disable_help_subcommand(true);
        program.build();
        program
    })
}

/// Writes a man page for each command.
///
/// # Errors
/// When a file cannot be written.
pub fn man(directory: &Path) -> std::io::Result<()> {
    programs().into_iter().try_for_each(|program| clap_mangen::generate_to(program, directory))
}

/// `docs/cli.md`.
#[must_use]
pub fn page() -> String {
    let mut text = String::from("# Command line\n\nThe same as `--help` says.\n");
    for program in programs() {
        section(&mut text, &program, 2);
        let verbs: Vec<&Command> = program.get_subcommands().filter(|verb| !verb.is_hide_set()).collect();
        if !verbs.is_empty() {
            let _ = write!(text, "\n| command | |\n|---|---|\n");
        }
        for verb in &verbs {
            let name = called(verb);
            let _ = writeln!(text, "| [`{name}`](#{}) | {} |", name.replace(' ', "-"), cell(&about(verb)));
        }
        for verb in verbs {
            section(&mut text, verb, 3);
        }
    }
    text
}

/// The words that start a command.
fn called(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn section(text: &mut String, command: &Command, level: usize) {
    let (name, about) = (called(command), about(command));
    let more = command.get_long_about().map_or_else(|| about.clone(), ToString::to_string);
    let more = more.strip_prefix(&about).unwrap_or(&more).trim();
    let _ = write!(text, "\n{} {name}\n\n{about}.\n", "#".repeat(level));
    if !more.is_empty() {
        let _ = write!(text, "\n{more}\n");
    }
    let usage = command.clone().render_usage().to_string();
    let _ = write!(text, "\n```text\n{}\n```\n", usage.trim());
    let own: Vec<&Arg> = command.get_arguments().filter(|argument| is_shown(argument, level)).collect();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for argument in &own {
        if !headings.contains(&argument.get_help_heading()) {
            headings.push(argument.get_help_heading());
        }
    }
    for heading in headings {
        let _ = write!(text, "\n| {} | |\n|---|---|\n", heading.unwrap_or("argument"));
        for argument in own.iter().filter(|argument| argument.get_help_heading() == heading) {
            let _ = writeln!(text, "| {} | {} |", spelled(argument), cell(&help(argument)));
        }
    }
    if let Some(after) = command.get_after_help() {
        let _ = write!(text, "\n```text\n{}\n```\n", after.to_string().trim());
    }
}

/// Global flags are described once, with the program.
fn is_shown(argument: &Arg, level: usize) -> bool {
    let is_help = matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong);
    !argument.is_hide_set() && !is_help && (level == 2 || !argument.is_global_set())
}

/// `-n`, `--namespace NAME`
fn spelled(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ");
    let flags =
        [argument.get_short().map(|short| format!("-{short}")), argument.get_long().map(|long| format!("--{long}"))];
    let mut flags: Vec<String> = flags.into_iter().flatten().collect();
    match flags.last_mut() {
        None => flags.push(value),
        Some(last) if takes_value => *last = format!("{last} {value}"),
        Some(_) => {}
    }
    flags.iter().map(|flag| format!("`{}`", flag.replace('|', "\\|"))).collect::<Vec<_>>().join(", ")
}

fn help(argument: &Arg) -> String {
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let is_flag = !argument.get_action().takes_values();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && !is_flag {
        let _ = write!(help, ": {}", values.join(", "));
    }
    let defaults = argument.get_default_values();
    if !defaults.is_empty() && !is_flag && !argument.is_hide_default_value_set() {
        let defaults: Vec<String> = defaults.iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let _ = write!(help, " (default {})", defaults.join(", "));
    }
    help
}

/// Text inside a table, where `<` would begin a tag, but for code.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('\n', " ");
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}
