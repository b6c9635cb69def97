//! Paths and standard input to texts, and byte offsets to lines and columns: the only file access of the linter.
//! Must not know YAML.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads files")]

use std::cell::OnceCell;
use std::io::Read;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

/// One text to lint.
#[derive(Debug, Default)]
pub struct Source {
    /// Its path as it is shown, or the name given to standard input.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Whether it was named by the caller, rather than found in a directory.
    pub explicit: bool,
    lines: OnceCell<Vec<usize>>,
}

/// A place in a text, counted as people do: from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Source {
    /// A text that is not read from a file.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), explicit: true, lines: OnceCell::new() }
    }

    /// The byte offset at which each line starts.
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            std::iter::once(0)
                .chain(self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
                .collect()
        })
    }

    /// The line and column of a byte offset; an offset past the end gives the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines().partition_point(|&start| start <= offset).max(1);
        let start = self.lines().get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        let before = if start == 0 { before.trim_start_matches('\u{feff}') } else { before };
        Position { line, column: before.chars().count() + 1 }
    }

    /// A line's text without its end, and the byte offset of its start.
    #[must_use]
    pub fn line(&self, line: usize) -> (usize, &str) {
        let line = line.max(1);
        let start = self.lines().get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.lines().get(line).map_or(self.text.len(), |next| next - 1);
        (start, self.text.get(start..end).unwrap_or_default().trim_end_matches('\r'))
    }
}

/// Why an input could not be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SourceError {
    /// The path cannot be read.
    #[error("cannot read {path}: {reason}")]
    #[diagnostic(code(bluegreen_lint::unreadable), help("check the path and its permissions"))]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// The content is not text.
    #[error("{path} is not UTF-8: byte {offset} is {byte:#04x}")]
    #[diagnostic(
        code(bluegreen_lint::not_utf8),
        help("Kubernetes manifests are UTF-8; convert the file, or leave it out")
    )]
    NotUtf8 {
        /// The path as it was given.
        path: String,
        /// The offset of the first bad byte.
        offset: usize,
        /// That byte.
        byte: u8,
    },
}

impl SourceError {
    fn unreadable(path: &Path, reason: &impl ToString) -> Self {
        Self::Unreadable { path: path.display().to_string(), reason: reason.to_string() }
    }
}

/// Whether a file in a directory is taken for a manifest.
fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Reads files, directories (`.gitignore` honoured, in the order of their names) and `-`, which is standard input.
///
/// A file that is named twice is read once.
pub fn read(paths: &[PathBuf], stdin_name: &str) -> Result<Vec<Source>, SourceError> {
    let mut sources: Vec<Source> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| SourceError::unreadable(Path::new(stdin_name), &error))?;
            sources.push(Source::new(stdin_name, utf8(bytes, stdin_name)?));
        } else if path.is_dir() {
            let walk = ignore::WalkBuilder::new(path)
                .hidden(false)
                .require_git(false)
                .filter_entry(|entry| entry.file_name() != ".git")
                .sort_by_file_name(Ord::cmp)
                .build();
            for entry in walk {
                let entry = entry.map_err(|error| SourceError::unreadable(path, &error))?;
                if entry.file_type().is_some_and(|kind| !kind.is_dir())
                    && is_manifest(entry.path())
                    && entry.path().is_file()
                {
                    let name = shown(entry.path());
                    if seen.insert(name.clone()) {
                        sources.push(Source { explicit: false, ..file(entry.path(), &name)? });
                    }
                }
            }
        } else {
            let name = shown(path);
            if seen.insert(name.clone()) {
                sources.push(file(path, &name)?);
            }
        }
    }
    Ok(sources)
}

/// A path as it is shown: without a leading `./`.
fn shown(path: &Path) -> String {
    path.strip_prefix("./").unwrap_or(path).display().to_string()
}

fn file(path: &Path, name: &str) -> Result<Source, SourceError> {
    let bytes = std::fs::read(path).map_err(|error| SourceError::unreadable(path, &error))?;
    Ok(Source::new(name, utf8(bytes, name)?))
}

fn utf8(bytes: Vec<u8>, path: &str) -> Result<String, SourceError> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
        SourceError::NotUtf8 { path: path.to_owned(), offset, byte }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("x", "a\nü: b\r\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position("a\nü: ".len()), Position { line: 2, column: 4 });
        assert_eq!(source.position(99), Position { line: 3, column: 1 });
        assert_eq!(source.line(2), (2, "ü: b"));
        assert_eq!(source.line(9), (source.text.len(), ""));
    }

    #[test]
    fn directories_are_walked_in_order_and_ignore_files_hold() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("b.yaml", "b"),
            ("a/z.yml", "z"),
            ("a/.hidden.yaml", "h"),
            ("skip.yaml", "s"),
            ("note.txt", "n"),
            (".gitignore", "skip.yaml\n"),
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let sources = read(&[root.path().to_owned(), root.path().join("skip.yaml")], "<stdin>").unwrap();
        let texts: Vec<_> = sources.iter().map(|source| (source.text.as_str(), source.explicit)).collect();
        assert_eq!(texts, [("h", false), ("z", false), ("b", false), ("s", true)]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let missing = read(&[root.path().join("missing.yaml")], "<stdin>").unwrap_err().to_string();
        assert!(missing.contains("missing.yaml"), "{missing}");
        let path = root.path().join("bad.yaml");
        std::fs::write(&path, b"a: \xff").unwrap();
        let bad = read(&[path], "<stdin>").unwrap_err().to_string();
        assert!(bad.contains("byte 3 is 0xff"), "{bad}");
    }
}
