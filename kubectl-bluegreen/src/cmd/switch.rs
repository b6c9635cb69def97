//! `switch ENV`: all traffic to one color.
//! Only plans; checks refuse, `execute` acts.

use crate::error::Error;
use crate::observed::Observed;
use crate::plan::{Plan, Planner, Selection, Settings};
use crate::release::Color;
use crate::traffic::Move;

/// Move all traffic to one color
///
/// Checks the color, prints the plan, asks, moves the active Service's selector and watches until exactly the ready
/// pods of that color get new connections. The other color keeps running as the way back.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen switch green                   # look at the plan, confirm
  kubectl bluegreen switch green --yes -o json     # in a pipeline
  kubectl bluegreen switch green --scale           # size green like blue first
  kubectl bluegreen switch green --dry-run=server  # plan, and let the API server check the patch")]
pub struct Args {
    /// The color that is to serve: blue or green
    #[arg(value_name = "ENV")]
    pub env: Color,
    /// Size the color like the one that serves, and wait for it, before traffic moves
    #[arg(long)]
    pub scale: bool,
}

/// Plans a switch.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The color that is to serve.
    pub color: Color,
    /// Which set.
    pub selection: Selection,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Switch {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        Move { command: "switch", to: self.color, way_back: false, settings: &self.settings }.plan(&set)
    }
}
