//! Paths and standard input to texts, and byte offsets to lines and columns: the only file access of the linter.
//! Must not know YAML.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the one place that reads files")]

mod index;
mod text;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use miette::Diagnostic;

use crate::parallel;
pub use text::Text;

/// What standard input is called where nobody names it.
pub const STANDARD_INPUT: &str = "<stdin>";

/// One text to lint.
#[derive(Debug, Default)]
pub struct Source {
    /// Its path as it is shown, or the name given to standard input.
    pub name: String,
    /// The whole text.
    pub text: Text,
    /// The file that it was read from; nothing for standard input and for what is no file.
    pub path: Option<PathBuf>,
    /// In whose hands that file was when it was read: of settings, and where the system knows such.
    pub hands: Option<Hands>,
    /// Whether it was named by the caller, rather than found in a directory.
    pub explicit: bool,
    /// Whether it holds manifests or settings.
    pub role: Role,
    /// The configuration that holds for it.
    pub config: Option<Above>,
}

/// Who can say what a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hands {
    /// The id of the user whom it belongs to.
    pub owner: u32,
    /// The id of the group whom it belongs to.
    pub group: u32,
    /// Who may do what with it.
    pub mode: u32,
    /// The ids of those whose symbolic links lead to it, the one that was named first.
    pub links: Vec<u32>,
    /// Whether everybody may put a file where it was found.
    pub in_the_open: bool,
}

/// What a source is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It is linted.
    #[default]
    Manifest,
    /// It says how.
    Config,
}

/// The configuration file that was found above a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Above {
    /// The index of the source that it is.
    pub source: usize,
    /// The path from its directory to the source that it holds for, with `/` between the parts.
    pub path: String,
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
    pub fn new(name: impl Into<String>, text: impl Into<Text>) -> Self {
        Self { name: name.into(), text: text.into(), explicit: true, ..Self::default() }
    }

    /// Whether it came by standard input and stands for no file: what another program made, and so whole objects.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.path.is_none() && self.name == STANDARD_INPUT
    }

    /// Its path from the root; for standard input a name in the current directory.
    fn absolute(&self) -> PathBuf {
        absolute(self.path.as_deref().unwrap_or(Path::new("stdin")))
    }

    /// The line and column of a byte offset; an offset past the end gives the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        self.text.index().position(&self.text, offset)
    }

    /// A line's text without its end, and the byte offset of its start.
    #[must_use]
    pub fn line(&self, line: usize) -> (usize, &str) {
        self.text.index().line(&self.text, line)
    }

    /// The template of a chart that the text at an offset was rendered from, where that came from no file and `helm
    /// template` says so: then the template is what somebody has to change.
    #[must_use]
    pub fn rendered_from(&self, offset: usize) -> Option<&str> {
        self.text.index().template(&self.text, offset).filter(|_| self.path.is_none())
    }

    /// What people know the text at an offset by: the file, or the chart's template and where its text came from.
    #[must_use]
    pub fn called(&self, offset: usize) -> Cow<'_, str> {
        self.rendered_from(offset)
            .map_or(Cow::Borrowed(&self.name), |template| format!("{template} in {}", self.name).into())
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
    /// The file is larger than any manifest.
    #[error("{path} is larger than 32 MiB")]
    #[diagnostic(
        code(bluegreen_lint::too_large),
        help("no manifest is; leave it out, such as by .gitignore, or lint its parts")
    )]
    TooLarge {
        /// The path as it was given.
        path: String,
    },
    /// The configuration is larger than any that people write.
    #[error("{path} is larger than 1 MiB")]
    #[diagnostic(code(bluegreen_lint::too_large), help("a configuration is some lines; see whether this is one"))]
    ConfigTooLarge {
        /// The path as it was given.
        path: String,
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

/// What a configuration file is called.
pub const CONFIG_NAME: &str = ".bluegreen.yaml";

fn is_config(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == CONFIG_NAME)
}

/// As much text stays in memory, in bytes; what is beyond it is read again when it is needed.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// A larger file, in bytes, is no manifest: the API server takes three million bytes for one object.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// A larger configuration, in bytes, is none that somebody wrote, and takes seconds to check.
const MAX_CONFIG_BYTES: usize = 1 << 20;

/// Reads files, directories (`.gitignore` honoured, in the order of their names) and `-`, which is standard input.
///
/// A file that is reached twice is read once: by its own path if it was named, by a link otherwise.
pub fn read(paths: &[PathBuf], stdin_name: &str) -> Result<Vec<Source>, SourceError> {
    let mut found: Vec<(PathBuf, bool)> = Vec::new();
    let mut seen = HashSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push((path.clone(), true));
        } else if path.is_dir() {
            found.extend(
                manifests_below(path)?.into_iter().filter(|path| seen.insert(real(path))).map(|path| (path, false)),
            );
        } else if seen.insert(real(path)) {
            found.push((path.clone(), true));
        }
    }
    let kept = AtomicUsize::new(0);
    let source = |_, (path, explicit): &(PathBuf, bool)| {
        if path.as_os_str() == "-" {
            return standard_input(stdin_name);
        }
        let role = if is_config(path) { Role::Config } else { Role::Manifest };
        Ok(Source { explicit: *explicit, ..file(path, role, &kept)? })
    };
    parallel::map(&found, 1, source).into_iter().collect()
}

fn standard_input(name: &str) -> Result<Source, SourceError> {
    let mut bytes = Vec::new();
    let mut input = std::io::stdin().take(MAX_FILE_BYTES + 1);
    input.read_to_end(&mut bytes).map_err(|error| SourceError::unreadable(Path::new(name), &error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(SourceError::TooLarge { path: name.to_owned() });
    }
    Ok(Source::new(name, utf8(bytes, name)?))
}

/// The manifests in a directory. Links are followed; one that leads back to where it is has nothing new.
fn manifests_below(directory: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let walk = ignore::WalkBuilder::new(directory)
        .hidden(false)
        .require_git(false)
        .follow_links(true)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(Ord::cmp)
        .build();
    let mut found = Vec::new();
    for entry in walk {
        match entry {
            Ok(entry) if is_manifest(entry.path()) && !is_config(entry.path()) && entry.path().is_file() => {
                found.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) if is_dead_end(&error) => {}
            Err(error) => return Err(SourceError::unreadable(directory, &error)),
        }
    }
    Ok(found)
}

/// Whether a link leads nowhere, or in a circle.
fn is_dead_end(error: &ignore::Error) -> bool {
    match error {
        ignore::Error::Loop { .. } => true,
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithPath { err, .. } => is_dead_end(err),
        ignore::Error::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// One path for one file, whatever links lead to it.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Gives each source the nearest `.bluegreen.yaml` in its directory or above; standard input counts as being in the
/// current directory. The files that are found come after the sources.
pub fn add_configs(sources: &mut Vec<Source>) -> Result<(), SourceError> {
    let mut known: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
    for at in 0..sources.len() {
        let Some(path) = sources.get(at).map(Source::absolute) else { continue };
        let Some(config) = path.parent().and_then(|directory| config_above(directory, &mut known)) else { continue };
        give(sources, at, &path, &config)?;
    }
    Ok(())
}

/// Gives all sources one configuration file.
pub fn add_config(sources: &mut Vec<Source>, config: &Path) -> Result<(), SourceError> {
    for at in 0..sources.len() {
        let Some(path) = sources.get(at).map(Source::absolute) else { continue };
        give(sources, at, &path, config)?;
    }
    if sources.is_empty() {
        sources.push(file(config, Role::Config, &AtomicUsize::new(0))?);
    }
    Ok(())
}

fn give(sources: &mut Vec<Source>, at: usize, path: &Path, config: &Path) -> Result<(), SourceError> {
    let is_it = |source: &Source| source.role == Role::Config && source.absolute() == absolute(config);
    let source = if let Some(source) = sources.iter().position(is_it) {
        source
    } else {
        let above = config.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let own = Some(Above { source: sources.len(), path: above });
        sources.push(Source { config: own, ..file(config, Role::Config, &AtomicUsize::new(0))? });
        sources.len() - 1
    };
    let directory = absolute(config).parent().map(Path::to_owned).unwrap_or_default();
    let below = path.strip_prefix(&directory).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(std::ffi::OsStr::to_string_lossy).collect();
    if let Some(given) = sources.get_mut(at) {
        given.config = Some(Above { source, path: parts.join("/") });
    }
    Ok(())
}

/// The nearest configuration in a directory or above it.
fn config_above(directory: &Path, known: &mut HashMap<PathBuf, Option<PathBuf>>) -> Option<PathBuf> {
    if let Some(found) = known.get(directory) {
        return found.clone();
    }
    let here = directory.join(CONFIG_NAME);
    let found =
        if here.is_file() { Some(here) } else { directory.parent().and_then(|above| config_above(above, known)) };
    known.insert(directory.to_owned(), found.clone());
    found
}

/// A path from the root.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A path as it is shown: without a leading `./` or the current directory.
fn shown(path: &Path) -> String {
    let here = absolute(Path::new("."));
    path.strip_prefix("./").or_else(|_| path.strip_prefix(here)).unwrap_or(path).display().to_string()
}

fn file(path: &Path, role: Role, kept: &AtomicUsize) -> Result<Source, SourceError> {
    let name = shown(path);
    let unreadable = |error: std::io::Error| SourceError::unreadable(path, &error);
    let mut opened = File::open(path).map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(SourceError::TooLarge { path: name });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
    opened.read_to_end(&mut bytes).map_err(unreadable)?;
    if role == Role::Config && bytes.len() > MAX_CONFIG_BYTES {
        return Err(SourceError::ConfigTooLarge { path: name });
    }
    let keep = !path.is_file() || kept.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() <= MAX_KEPT_BYTES;
    let text = Text::of_file(path, utf8(bytes, &name)?, keep);
    let hands = if role == Role::Config { hands(path, &metadata) } else { None };
    Ok(Source { name, text, path: Some(path.to_owned()), hands, role, explicit: true, config: None })
}

/// As many links are followed at most from one file to another.
#[cfg(unix)]
const MAX_LINKS: usize = 40;

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no such ids")]
fn hands(path: &Path, metadata: &Metadata) -> Option<Hands> {
    use std::os::unix::fs::MetadataExt;

    let (mut links, mut at) = (Vec::new(), absolute(path));
    while let Some((link, to)) = std::fs::symlink_metadata(&at).ok().zip(std::fs::read_link(&at).ok()) {
        links.push(link.uid());
        at = at.parent().unwrap_or(Path::new("/")).join(to);
        if links.len() >= MAX_LINKS {
            break;
        }
    }
    let directory = absolute(path).parent().and_then(|directory| std::fs::metadata(directory).ok());
    let in_the_open = directory.is_some_and(|directory| directory.mode() & 0o002 != 0);
    Some(Hands { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() & 0o7777, links, in_the_open })
}

#[cfg(not(unix))]
fn hands(_: &Path, _: &Metadata) -> Option<Hands> {
    None
}

/// The text of a file that is no manifest.
pub(crate) fn read_text(path: &Path) -> Result<String, SourceError> {
    let bytes = std::fs::read(path).map_err(|error| SourceError::unreadable(path, &error))?;
    utf8(bytes, &path.display().to_string())
}

/// Whether a file still holds this text.
pub(crate) fn is_still(path: &Path, text: &str) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes())
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
        let sources = read(&[root.path().to_owned(), root.path().join("skip.yaml")], STANDARD_INPUT).unwrap();
        let texts: Vec<_> = sources.iter().map(|source| (&*source.text, source.explicit)).collect();
        assert_eq!(texts, [("h", false), ("z", false), ("b", false), ("s", true)]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let missing = read(&[root.path().join("missing.yaml")], STANDARD_INPUT).unwrap_err().to_string();
        assert!(missing.contains("missing.yaml"), "{missing}");
        let path = root.path().join("bad.yaml");
        std::fs::write(&path, b"a: \xff").unwrap();
        let bad = read(&[path], STANDARD_INPUT).unwrap_err().to_string();
        assert!(bad.contains("byte 3 is 0xff"), "{bad}");
    }
}
