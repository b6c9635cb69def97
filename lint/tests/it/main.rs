//! The tests of the linter as a whole: rules by their fixtures, formats, the program, the structure of the code.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests read fixtures, start programs, take time, and fail by panicking"
)]

mod architecture;
mod config;
mod corpus;
mod documentation;
mod edges;
mod fixes;
mod formats;
mod hostile;
mod kinds;
mod list;
mod mutations;
mod process;
mod rules;
mod schema;
mod server;
mod sets;
mod suppression;

use std::path::{Path, PathBuf};

use bluegreen_lint::source::{Above, CONFIG_NAME, Role, Source};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The linter as a process, whose glyphs do not depend on the locale of whoever tests.
fn program() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("bluegreen-lint").unwrap();
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// The day on which the fixtures and examples are linted.
const TODAY: &str = "2026-11-25";

/// Gives the sources a configuration with this text.
fn configure(sources: &mut Vec<Source>, text: &str) {
    let at = sources.len();
    sources.push(Source { role: Role::Config, ..Source::new(CONFIG_NAME, text) });
    for source in sources {
        source.config = Some(Above { source: at, path: source.name.clone() });
    }
}

/// The files below a folder with a name that begins so, in order.
fn files(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, prefix));
        } else if path.file_name().unwrap().to_str().unwrap().starts_with(prefix) {
            found.push(path);
        }
    }
    found.sort();
    found
}
