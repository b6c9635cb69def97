//! The `bluegreen-lint` program: parses, runs, prints, and answers with an exit status.
//! Decides nothing: that is the library's.

#![expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use bluegreen_lint::cli::{self, Cli, Surroundings};
use clap::Parser;

fn main() -> ExitCode {
    let surroundings = Surroundings {
        today: jiff::Zoned::now().date(),
        terminal: std::io::stdout().is_terminal(),
        variable: &|name| std::env::var(name).ok(),
    };
    let answer = cli::answer(Cli::try_parse(), &surroundings);
    // A closed pipe is the reader's choice, not a failure.
    let _ = std::io::stdout().lock().write_all(answer.text.as_bytes());
    let _ = std::io::stderr().lock().write_all(answer.notes.as_bytes());
    answer.status.into()
}
