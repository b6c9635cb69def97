//! Reads `.bluegreen.yaml` of the current directory, or of one above it, for the commands that need it.
//! Only reads; what is in it is for those commands.

use bluegreen_lint::config;
use bluegreen_lint::config::file::{File, Stranger};
use bluegreen_lint::config::release::SmokeTest;
use bluegreen_lint::source::{Source, add_configs};
use miette::Diagnostic;

use crate::error::Error;
use crate::plain::plain;

/// How much is shown of a path or a command of somebody else's, in characters.
const MAX_SHOWN: usize = 200;

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
    let Some(layer) = layers.into_iter().next() else { return Ok(File::default()) };
    let source = sources.get(layer.source);
    let stranger = source.and_then(|source| {
        let uid = source.owner.filter(|owner| is_strange(*owner))?;
        Some(Stranger { path: source.name.clone(), uid })
    });
    Ok(File { stranger, ..layer.file })
}

/// Whether a user is neither root nor the one who runs this.
#[cfg(unix)]
fn is_strange(owner: u32) -> bool {
    owner != 0 && owner != rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_strange(_: u32) -> bool {
    false
}

/// The smoke tests of the settings, as far as they count beside those of `--smoke`. Whoever can write a file above the
/// current directory could have any command run here: one of somebody else's is believed only when that is said.
///
/// # Errors
/// When a command would be run that a stranger's file names.
pub fn tests<'f>(file: &'f File, paths: &[String], trusted: bool) -> Result<&'f [SmokeTest], Error> {
    let command = file.smoke.iter().filter_map(|test| test.command.as_deref()).find(|_| paths.is_empty() && !trusted);
    match file.stranger.as_ref().zip(command) {
        None => Ok(&file.smoke),
        Some((Stranger { path, uid }, command)) => Err(Error::Usage {
            message: format!(
                "{} belongs to another user (id {uid}), and would have a command run here: {}",
                plain(path, MAX_SHOWN),
                plain(&command.join(" "), MAX_SHOWN)
            ),
            help: "read it; then make it yours with chown, or allow it for this run: --trust-config".to_owned(),
        }),
    }
}
