//! A text that many hold and nobody copies: kept in memory, or read again from its file when somebody asks for it.
//! Must not know what the text says.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::index::Index;

/// A whole text; a copy of it is another hold on the same one.
#[derive(Clone, Debug, Default)]
pub struct Text(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    text: OnceLock<String>,
    /// The file to read it from again, and what its content was recognized by the first time.
    file: Option<(PathBuf, u64)>,
    changed: AtomicBool,
    index: Index,
}

impl Text {
    /// The text that was read from a file; without `keep` it is forgotten, and read again when somebody asks for it.
    pub(super) fn of_file(path: &Path, text: String, keep: bool) -> Self {
        let file = Some((path.to_owned(), seal(&text)));
        let text = if keep { OnceLock::from(text) } else { OnceLock::new() };
        Self(Arc::new(Held { text, file, ..Held::default() }))
    }

    /// The text for one look at it: what is not in memory does not stay there.
    pub(crate) fn once(&self) -> Cow<'_, str> {
        self.0.text.get().map_or_else(|| Cow::Owned(self.0.again()), |text| Cow::Borrowed(text.as_str()))
    }

    /// Whether the file had another content when it was read again.
    pub(crate) fn has_changed(&self) -> bool {
        self.0.changed.load(Ordering::Relaxed)
    }

    pub(super) fn index(&self) -> &Index {
        &self.0.index
    }
}

impl Held {
    fn again(&self) -> String {
        let Some((path, sealed)) = &self.file else { return String::new() };
        let text = super::read_text(path).unwrap_or_default();
        if seal(&text) != *sealed {
            self.changed.store(true, Ordering::Relaxed);
        }
        text
    }
}

fn seal(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self(Arc::new(Held { text: OnceLock::from(text.into()), ..Held::default() }))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.text.get_or_init(|| self.0.again())
    }
}
