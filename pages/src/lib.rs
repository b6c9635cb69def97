//! What is made from the code for people to read, as texts by their paths in the repository.
//! Must not say anything itself that the code does not say: it only arranges.

use std::path::{Path, PathBuf};

pub mod captures;
pub mod checks;
pub mod cli;
pub mod contents;
pub mod errors;
pub mod modules;
pub mod owner;
pub mod routers;
pub mod samples;
pub mod session;
mod tree;

/// The first line of every generated page; Markdown does not show it.
const NOTICE: &str = "<!-- Generated from the code: cargo run -p pages -->\n\n";

/// The root of the repository that this program was built in.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every generated file: its path in the repository, and its text.
///
/// # Errors
/// When the sources of the programs cannot be read or understood.
pub fn generated() -> Result<Vec<(String, String)>, Problem> {
    let root = root();
    let mut files = bluegreen_lint::pages::generated();
    let contents = contents::page(&root, files.iter().map(|(path, _)| path.as_str()))?;
    files.push(("docs/SUMMARY.md".to_owned(), contents));
    for (path, text) in [
        ("docs/cli.md", cli::page()),
        ("docs/checks.md", checks::page(&root)?),
        ("docs/errors.md", errors::page(&root)?),
        ("docs/routers.md", routers::page(&root)?),
    ] {
        files.push((path.to_owned(), format!("{NOTICE}{text}")));
    }
    files.extend(captures::pictures()?);
    files.extend(samples::samples()?);
    files.extend(owner::pages(&root)?);
    let schemas = kubectl_bluegreen::schemas::all().into_iter();
    files.extend(schemas.map(|(name, schema)| (format!("schemas/{name}"), format!("{schema:#}\n"))));
    files.extend(modules::pictures(&root)?);
    files
        .push(("packaging/kubectl_complete-bluegreen".to_owned(), kubectl_bluegreen::complete::FOR_KUBECTL.to_owned()));
    Ok(files)
}

/// The sources are not what this program expects.
#[derive(Debug)]
pub struct Problem(String);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}
