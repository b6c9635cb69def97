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
mod fixes;
mod formats;
mod hostile;
mod list;
mod mutations;
mod process;
mod rules;
mod schema;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
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
