//! `history`: who moved what, when, and how it ended.
//! Reads the journal; changes nothing.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::journal::{Colors, Entry, Journal};
use crate::observed::SetView;
use crate::plan::SetRef;
use crate::release::Color;
use crate::table::fitted;
use crate::traffic::tag;

/// Show who moved traffic, when, from where to where, and how it ended
///
/// The last 20 moves are kept on the active Service itself, so every machine sees the same.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen history
  kubectl bluegreen history -o wide    # both colors: how many pods of which image
  kubectl bluegreen history -o json")]
pub struct Args {}

/// What `history` answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen history")]
pub struct History {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    version: u32,
    set: SetRef,
    entries: Vec<Entry>,
    requests: usize,
}

impl History {
    /// Reads the journal of a set.
    pub fn new(set: &SetView<'_>, requests: usize) -> Result<Self, Error> {
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: set.name().to_owned(), namespace: set.namespace().to_owned() });
        };
        Ok(Self { version: 1, set: SetRef::of(set), entries: Journal::of(service)?.entries, requests })
    }

    /// The moves for a person, the last one first, in a terminal of so many columns; wide with the whole names of the images
    /// and the size of both colors.
    #[must_use]
    pub fn table(&self, wide: bool, columns: Option<usize>) -> String {
        if self.entries.is_empty() {
            return format!("{} in namespace {}: no moves yet\n", self.set.name, self.set.namespace);
        }
        let mut rows = vec![["WHEN", "COMMAND", "MOVE", "VERSION", "BY", "RESULT"].map(str::to_owned)];
        for entry in self.entries.iter().rev() {
            let mut result = entry.result.clone().unwrap_or_else(|| "not finished".to_owned());
            if !entry.accepted.is_empty() {
                let _ = write!(result, " (accepted {})", entry.accepted.join(", "));
            }
            rows.push([
                entry.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                entry.command.clone(),
                entry.moved(),
                if wide { whole(entry) } else { versions(of(&entry.images, entry.to).as_slice()) },
                entry.by.clone(),
                result,
            ]);
        }
        fitted(&rows, &[1, 3, 4], columns)
    }
}

/// What is there for a color.
fn of<T>(colors: &Colors<T>, color: Color) -> &T {
    match color {
        Color::Blue => &colors.blue,
        Color::Green => &colors.green,
    }
}

fn versions(images: &[String]) -> String {
    images.iter().map(|image| tag(image)).collect::<Vec<_>>().join(", ")
}

/// What each color ran, and how many pods of it: `blue 2 x shop:1.0, green 2 x shop:1.1`.
fn whole(entry: &Entry) -> String {
    let color = |color| format!("{color} {} x {}", of(&entry.replicas, color), of(&entry.images, color).join(" + "));
    Color::ALL.map(color).join(", ")
}
