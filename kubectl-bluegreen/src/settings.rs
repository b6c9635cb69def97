//! Reads `.bluegreen.yaml` of the current directory, or of one above it, for the commands that need it.
//! Only reads; what is in it is for those commands.

use bluegreen_lint::config::{self, file::File};
use bluegreen_lint::source::{Source, add_configs};
use miette::Diagnostic;

use crate::error::Error;

/// What the nearest `.bluegreen.yaml` says; nothing when there is none.
///
/// # Errors
/// When it cannot be read, or says what makes no sense.
pub fn read() -> Result<File, Error> {
    // A source without a path counts as being in the current directory.
    let mut sources = vec![Source::new("", "")];
    let unreadable = |error: bluegreen_lint::source::SourceError| Error::Usage {
        message: error.to_string(),
        help: "check .bluegreen.yaml".to_owned(),
    };
    add_configs(&mut sources).map_err(unreadable)?;
    let layers = config::load(&sources).map_err(|error| Error::Usage {
        message: error.to_string(),
        help: error.help().map_or_else(|| "check it: bluegreen-lint .".to_owned(), |help| help.to_string()),
    })?;
    Ok(layers.into_iter().next().map(|layer| layer.file).unwrap_or_default())
}
