//! The `bluegreen-lint` program: parses, runs, prints, and answers with an exit status.
//! Decides nothing: that is the library's.

#![expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use bluegreen_lint::cli::{Cli, ColorWhen, ExitStatus};
use bluegreen_lint::completion;
use bluegreen_lint::report::human::{self, Style};
use clap::Parser;
use clap_complete::CompleteEnv;

fn main() -> ExitCode {
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(completion::command).try_complete(std::env::args_os(), here.as_deref());
    if !matches!(asked, Ok(false)) {
        // A shell has its answer, or there is none: a person at a prompt wants no words about it.
        return ExitStatus::Clean.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitStatus::Unusable } else { ExitStatus::Clean }.into();
        }
    };
    let style = style(cli.color);
    let today = jiff::Zoned::now().date();
    match cli.run(style, Some(today)) {
        Ok(answer) => {
            // A closed pipe is the reader's choice, not a failure.
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(answer.text.as_bytes()).and_then(|()| out.flush());
            let _ = std::io::stderr().lock().write_all(answer.notes.as_bytes());
            answer.status.into()
        }
        Err(error) => {
            let _ = std::io::stderr().lock().write_all(human::render_error(&error, style).as_bytes());
            ExitStatus::Unusable.into()
        }
    }
}

fn style(when: ColorWhen) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let color = match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    };
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let unicode = utf8.is_some_and(|locale| locale.to_ascii_lowercase().contains("utf"));
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Style { color, unicode, width: columns.unwrap_or(100).clamp(40, 200) }
}
