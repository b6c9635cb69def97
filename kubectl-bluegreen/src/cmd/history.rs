//! `history`: who moved what, when, and how it ended.
//! Reads the journal; changes nothing.

use std::fmt::Write as _;

use serde::Serialize;

use crate::error::Error;
use crate::journal::{Entry, Journal};
use crate::observed::SetView;
use crate::plan::SetRef;
use crate::traffic::tag;

/// Show who moved traffic, when, from where to where, and how it ended
///
/// The last 20 moves are kept on the active Service itself, so every machine sees the same.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen history
  kubectl bluegreen history -o json")]
pub struct Args {}

/// What `history` answers.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    version: u32,
    set: SetRef,
    entries: Vec<Entry>,
}

impl History {
    /// Reads the journal of a set.
    pub fn new(set: &SetView<'_>) -> Result<Self, Error> {
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: set.name().to_owned(), namespace: set.namespace().to_owned() });
        };
        Ok(Self { version: 1, set: SetRef::of(set), entries: Journal::of(service)?.entries })
    }

    /// The moves for a person, the last one first.
    #[must_use]
    pub fn table(&self) -> String {
        if self.entries.is_empty() {
            return format!("{} in namespace {}: no moves yet\n", self.set.name, self.set.namespace);
        }
        let mut rows = vec![["WHEN", "COMMAND", "MOVE", "VERSION", "BY", "RESULT"].map(str::to_owned)];
        for entry in self.entries.iter().rev() {
            let images = if entry.to == crate::release::Color::Blue { &entry.images.blue } else { &entry.images.green };
            let mut result = entry.result.clone().unwrap_or_else(|| "not finished".to_owned());
            if !entry.accepted.is_empty() {
                let _ = write!(result, " (accepted {})", entry.accepted.join(", "));
            }
            rows.push([
                entry.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                entry.command.clone(),
                entry.moved(),
                images.iter().map(|image| tag(image)).collect::<Vec<_>>().join(", "),
                entry.by.clone(),
                result,
            ]);
        }
        crate::table::aligned(&rows)
    }
}
