//! Reads `.bluegreen.yaml` of the current directory, or of one above it, for the commands that need it.
//! Only reads; what is in it is for those commands.

use bluegreen_lint::config;
use bluegreen_lint::config::file::{File, Stranger};
use bluegreen_lint::config::release::{Analysis, SmokeTest};
use bluegreen_lint::source::{Hands, Source, add_configs};
use miette::Diagnostic;

use crate::error::Error;
use crate::plain::plain;

/// How much is shown of a path or a command of somebody else's, in characters.
const MAX_SHOWN: usize = 200;

/// What the nearest `.bluegreen.yaml` says; nothing when there is none. Whether commands of a file that is not one's own
/// are run is for [`tests`].
///
/// # Errors
/// When it cannot be read, says what makes no sense, or says something and is of somebody else's in a directory where
/// everybody can put it, unless it is `trusted`.
pub fn read(trusted: bool) -> Result<File, Error> {
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
    let Some((path, hands)) = source.and_then(|source| Some((&source.name, source.hands.as_ref()?))) else {
        return Ok(layer.file);
    };
    let Some((how, mend)) = strange(hands, user()) else { return Ok(layer.file) };
    let file = File { stranger: Some(Stranger { path: path.clone(), how, mend }), ..layer.file };
    let is_brought = hands.links.iter().chain([&hands.owner]).any(|owner| !is_own(*owner, user()));
    if is_brought && hands.in_the_open && !trusted && !says(&file).is_empty() {
        return Err(Error::Usage {
            message: format!("{}, and everybody can put one there: it is not believed", whose(&file)),
            help: format!(
                "work in a directory of your own, or {mend}; `deploy` and `smoke` also take {TRUST}, and what else asks the cluster goes on without the file where --app names the set"
            ),
        });
    }
    Ok(file)
}

/// Allows for one run what is refused of somebody else's file.
const TRUST: &str = "--trust-config";

/// The user who runs this; nobody where the system knows no such.
#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

fn is_own(owner: u32, user: u32) -> bool {
    owner == 0 || owner == user
}

/// How somebody else than root and this user can say what a file says, and how he no longer can, in words: it is his, or the
/// link to it is, or he may write to it. A group may where it is the owner's own, which by convention has the same number.
fn strange(hands: &Hands, user: u32) -> Option<(String, &'static str)> {
    let link = hands.links.iter().find(|owner| !is_own(**owner, user));
    let (by_all, by_group) = (hands.mode & 0o002 != 0, hands.mode & 0o020 != 0 && hands.group != hands.owner);
    if !is_own(hands.owner, user) {
        Some((format!("belongs to another user (id {})", hands.owner), "put a copy of your own in its place"))
    } else if let Some(link) = link {
        Some((format!("is a link of another user (id {link})"), "put a file of your own in the place of the link"))
    } else if by_all {
        Some((format!("can be written by everybody (mode {:03o})", hands.mode & 0o777), "close it with chmod go-w"))
    } else if by_group {
        let how = format!("can be written by another group (id {}, mode {:03o})", hands.group, hands.mode & 0o777);
        Some((how, "close it with chmod g-w"))
    } else {
        None
    }
}

/// The file and how it is somebody else's, in words.
fn whose(file: &File) -> String {
    let words = |stranger: &Stranger| format!("{} {}", plain(&stranger.path, MAX_SHOWN), stranger.how);
    file.stranger.as_ref().map(words).unwrap_or_default()
}

/// The keys of what a file says about releases.
fn says(file: &File) -> Vec<&'static str> {
    let keys = [
        ("sets", !file.sets.is_empty()),
        ("smoke", !file.smoke.is_empty()),
        ("analysis", file.analysis != Analysis::default()),
    ];
    keys.into_iter().filter(|(_, is_said)| *is_said).map(|(key, _)| key).collect()
}

/// What is to be said before somebody else's word is taken, where there is such. What is about releases counts only for
/// a `release`.
#[must_use]
pub fn note(file: &File, release: bool) -> Option<String> {
    file.stranger.as_ref()?;
    let said: Vec<String> =
        says(file).into_iter().filter(|key| release || *key == "sets").map(|key| format!("`{key}`")).collect();
    (!said.is_empty()).then(|| format!("{} is taken from a file of somebody else's: {}", said.join(", "), whose(file)))
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
        Some((stranger, command)) => Err(Error::Usage {
            message: format!(
                "{}, and would have a command run here: {}",
                whose(file),
                plain(&command.join(" "), MAX_SHOWN)
            ),
            help: format!("read it; then {}, or allow it for this run: {TRUST}", stranger.mend),
        }),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_file_is_ones_own_where_nobody_else_can_have_written_it() {
        let own = || Hands { owner: 1000, group: 1000, mode: 0o644, links: Vec::new(), in_the_open: false };
        for hands in [
            own(),
            Hands { owner: 0, group: 0, ..own() },
            Hands { mode: 0o664, ..own() },
            Hands { links: vec![0, 1000], ..own() },
            Hands { group: 100, ..own() },
            Hands { in_the_open: true, ..own() },
        ] {
            assert_eq!(strange(&hands, 1000), None, "{hands:?}");
        }
        for (hands, how, mend) in [
            (Hands { owner: 1001, ..own() }, "belongs to another user (id 1001)", "copy of your own"),
            (Hands { links: vec![1000, 1001], ..own() }, "is a link of another user (id 1001)", "link"),
            (Hands { owner: 0, group: 0, links: vec![1001], ..own() }, "is a link of another user (id 1001)", "link"),
            (Hands { mode: 0o666, ..own() }, "can be written by everybody (mode 666)", "go-w"),
            (Hands { owner: 0, group: 0, mode: 0o646, ..own() }, "can be written by everybody (mode 646)", "go-w"),
            (Hands { group: 100, mode: 0o664, ..own() }, "can be written by another group (id 100, mode 664)", "g-w"),
        ] {
            let (said, way_out) = strange(&hands, 1000).unwrap();
            assert_eq!(said, how, "{hands:?}");
            assert!(way_out.contains(mend), "{hands:?}: {way_out}");
        }
        // Root, too, asks before it obeys a user.
        assert!(strange(&own(), 0).is_some());
    }
}
