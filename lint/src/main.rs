//! The `bluegreen-lint` program: parses, runs, prints, and answers with an exit status.
//! Decides nothing: that is the library's.

#![expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use bluegreen_lint::cli::{self, Cli, ExitStatus, Surroundings};
use bluegreen_lint::completion;
use clap::Parser;
use clap_complete::CompleteEnv;

/// Objects are made of very many small pieces, on several threads: most systems' own allocators take half as long again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(completion::command).try_complete(std::env::args_os(), here.as_deref());
    if !matches!(asked, Ok(false)) {
        // A shell has its answer, or there is none: a person at a prompt wants no words about it.
        return ExitStatus::Clean.into();
    }
    let surroundings = Surroundings {
        today: jiff::Zoned::now().date(),
        terminal: std::io::stdout().is_terminal(),
        columns: terminal_size::terminal_size_of(std::io::stdout()).map(|(columns, _)| usize::from(columns.0)),
        variable: &|name| std::env::var(name).ok(),
    };
    let answer = cli::answer(Cli::try_parse(), &surroundings);
    // A closed pipe is the reader's choice, not a failure.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(answer.text.as_bytes()).and_then(|()| out.flush());
    let _ = std::io::stderr().lock().write_all(answer.notes.as_bytes());
    answer.status.into()
}
