//! The Rust sources of the two programs, read as text and as syntax.
//! The only file here that reads; says nothing of what is in them.

#![expect(clippy::disallowed_methods, reason = "this program reads the sources that its pages are made from")]

use std::path::Path;

use crate::Problem;

/// The folders of the sources of the two programs.
pub(crate) const PLUGIN: &str = "kubectl-bluegreen/src";
pub(crate) const LINTER: &str = "lint/src";

/// A source file.
pub(crate) struct Source {
    /// Its path below the folder, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    /// The syntax of the file.
    pub(crate) fn syntax(&self) -> Result<syn::File, Problem> {
        syn::parse_file(&self.text).map_err(|error| Problem(format!("{}: {error}", self.path)))
    }

    /// The doc comment of the file.
    pub(crate) fn documentation(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    }
}

/// All sources below a folder of the repository, by path.
pub(crate) fn sources(root: &Path, folder: &str) -> Result<Vec<Source>, Problem> {
    let mut found = Vec::new();
    let base = root.join(folder);
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        let problem = |error: std::io::Error| Problem(format!("{}: {error}", folder.display()));
        for entry in std::fs::read_dir(&folder).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).map_err(problem)?;
                let path = path.strip_prefix(&base).unwrap_or(&path);
                let path =
                    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}
