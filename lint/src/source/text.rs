//! A text that many hold and nobody copies, with what was found out about where things are in it.
//! Must not know what the text says.

use std::ops::Deref;
use std::sync::Arc;

use super::index::Index;

/// A whole text; a copy of it is another hold on the same one.
#[derive(Clone, Debug, Default)]
pub struct Text(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    text: String,
    index: Index,
}

impl Text {
    pub(super) fn index(&self) -> &Index {
        &self.0.index
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self(Arc::new(Held { text: text.into(), index: Index::default() }))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
