//! `check [ENV]`: could traffic move now?
//! Asks the same checks as `switch`; changes nothing.

use std::fmt::Write as _;

use serde::Serialize;

use crate::check::{self, CheckResult, Question};
use crate::error::Error;
use crate::observed::SetView;
use crate::plan::{SetRef, write_check};
use crate::release::{Active, Color};

/// Ask whether traffic could move now
///
/// Runs the checks of `switch` for a color; without one, for the color that does not serve. Exits with 0 when nothing
/// refuses the move and with 3 when something does.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen check              # could I switch now?
  kubectl bluegreen check green        # could green serve now?
  kubectl bluegreen check -o json      # for a pipeline")]
pub struct Args {
    /// The color to ask about: blue or green
    #[arg(value_name = "ENV")]
    pub env: Option<Color>,
}

/// What `check` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    version: u32,
    set: SetRef,
    #[serde(serialize_with = "crate::release::color_name::serialize")]
    color: Color,
    /// Whether nothing refuses the move.
    pub ok: bool,
    checks: Vec<CheckResult>,
}

impl Answer {
    /// Asks about a color, or about the one that does not serve.
    pub fn new(set: &SetView<'_>, color: Option<Color>, accepted: &[String]) -> Result<Self, Error> {
        let (named, namespace) = (set.name().to_owned(), set.namespace().to_owned());
        let idle = match set.set.active {
            Some(Active::One(active)) => Some(active.other()),
            _ => None,
        };
        if set.active_service().is_none() {
            return Err(Error::NoActiveService { set: named, namespace });
        }
        let Some(color) = color.or(idle) else {
            let message = format!("the active Service of {named} does not select exactly one color");
            return Err(Error::Forbidden {
                message,
                help: "say which color is meant: kubectl bluegreen check ENV".to_owned(),
            });
        };
        if set.deployment(color).is_none() {
            return Err(Error::NoColor { set: named, namespace, color });
        }
        let checks = check::run(&Question { set, target: color, percent: 100, way_back: false }, accepted);
        Ok(Self { version: 1, set: SetRef::of(set), color, ok: check::all_pass(&checks), checks })
    }

    /// The answer for a person.
    #[must_use]
    pub fn table(&self) -> String {
        let verdict = if self.ok { "could serve now" } else { "is refused" };
        let mut text =
            format!("{} of {} in namespace {}: {verdict}\n\n", self.color, self.set.name, self.set.namespace);
        for check in &self.checks {
            let _ = write_check(&mut text, check);
        }
        let _ = writeln!(text);
        text
    }
}
