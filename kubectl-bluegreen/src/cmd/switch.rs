//! `switch ENV [PERCENT]`: all traffic to one color, or a share of it.
//! Only plans; checks refuse, `execute` acts.

use crate::cli::Page;
use crate::error::Error;
use crate::observed::Observed;
use crate::plan::{Plan, Planner, Selection, Settings};
use crate::release::Color;
use crate::traffic::Move;

/// Move all traffic to one color, or a share of it
///
/// Checks the color, prints the plan, asks, moves the active Service's selector and watches until exactly the ready
/// pods of that color get new connections. The other color keeps running as the way back.
///
/// With PERCENT, what routes to the active Service gives the color that share of what enters there. 100 moves the
/// selector itself and puts the route back as it was; so does a rollback, from any share.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen switch green                   # look at the plan, confirm
  kubectl bluegreen switch green --yes -o json     # in a pipeline
  kubectl bluegreen switch green 10                # a tenth, by the route to the active Service
  kubectl bluegreen switch green --scale           # size green like blue first
  kubectl bluegreen switch green --dry-run=server  # plan, and let the API server check the patch")]
pub struct Args {
    /// The color that is to serve: blue or green
    #[arg(value_name = "ENV")]
    pub env: Color,
    /// The share of the traffic that it is to get, from 0 to 100; less than all needs a router that can split
    #[arg(value_name = "PERCENT", default_value = "100", hide_default_value = true, value_parser = percent)]
    pub percent: u8,
    /// Size the color like the one that serves, and wait for it, before traffic moves
    #[arg(long)]
    pub scale: bool,
    /// The page about it.
    #[command(flatten)]
    pub page: Page,
}

/// A share of the traffic, in percent; the sign may be there.
pub(super) fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok().filter(|percent| *percent <= 100);
    number.ok_or_else(|| format!("`{text}` is no share: a whole number from 0 to 100"))
}

/// Plans a switch.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The color that is to serve.
    pub color: Color,
    /// Its share of the traffic, in percent.
    pub percent: u8,
    /// Which set.
    pub selection: Selection,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Switch {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        let Self { color: to, percent, settings, .. } = self;
        Move { command: "switch", to: *to, percent: *percent, way_back: false, settings }.plan(&set)
    }
}
