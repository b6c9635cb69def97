//! `rollback`: all traffic back to the color that served before the last release.
//! Only plans; the journal says where back is, and without it there is no guess.

use crate::error::Error;
use crate::journal::{Entry, Journal};
use crate::observed::{Observed, SetView};
use crate::plan::{Plan, Planner, Selection, Settings};
use crate::release::Color;
use crate::traffic::Move;

/// Move all traffic back to the color that served before
///
/// The journal on the active Service says which color that was. A second rollback in a row is refused unless --again
/// says that it is meant.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen rollback            # look at the plan, confirm
  kubectl bluegreen rollback --yes      # at once
  kubectl bluegreen rollback --again    # undo a rollback")]
pub struct Args {
    /// Roll back although the last move was a rollback
    #[arg(long)]
    pub again: bool,
    /// Size the color like the one that serves, and wait for it, before traffic moves
    #[arg(long)]
    pub scale: bool,
}

/// Plans a rollback.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// Whether a rollback may be rolled back.
    pub again: bool,
    /// Which set.
    pub selection: Selection,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Rollback {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        let to = target(&set, self.again)?;
        Move { command: "rollback", to, way_back: true, settings: &self.settings }.plan(&set)
    }
}

/// Where back is.
pub fn target(set: &SetView<'_>, again: bool) -> Result<Color, Error> {
    let Some(service) = set.active_service() else {
        return Err(Error::NoActiveService { set: set.name().to_owned(), namespace: set.namespace().to_owned() });
    };
    let journal = Journal::of(service)?;
    let refused = |message: String, help: &str| Err(Error::Forbidden { message, help: help.to_owned() });
    let Some(last) = journal.last() else {
        let message = format!("the journal of {} is empty: it is not known which color served before", set.name());
        return refused(message, "say it yourself: kubectl bluegreen switch ENV");
    };
    let was_rollback = last.command == "rollback";
    if was_rollback && journal.open().is_some() && set.active() == Some(last.to) {
        return Ok(last.to);
    }
    let Some(from) = release_began_at(&journal.entries) else {
        let message = "before the last move no single color served".to_owned();
        return refused(message, "say where to: kubectl bluegreen switch ENV");
    };
    if was_rollback && !again {
        let message = format!(
            "the last move was a rollback already, from {from} to {} at {} by {}",
            last.to,
            last.at.strftime("%Y-%m-%d %H:%M:%SZ"),
            last.by
        );
        return refused(message, "--again undoes it");
    }
    Ok(from)
}

/// The color that served before the last release began: its moves are the last ones that went to one color.
fn release_began_at(entries: &[Entry]) -> Option<Color> {
    let last = entries.last()?;
    let of_release = entries.iter().rev().take_while(|entry| entry.to == last.to && entry.command == last.command);
    of_release.last()?.from
}
