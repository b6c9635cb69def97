//! `cleanup ENV`: ends the pods of the color that does not serve.
//! Only plans; refuses whenever traffic may still reach that color.

use std::time::Duration;

use crate::error::Error;
use crate::journal::Journal;
use crate::observed::{Observed, SetView, name, selector};
use crate::plan::{self, Action, Plan, Planner, Selection, Settings, Step};
use crate::release::{Active, Color};
use crate::routes::Why;
use crate::traffic;

/// Scale the color that does not serve to 0
///
/// Refuses the active color, and a color that a route still names. Waits until the last move is long enough ago:
/// connections that were open then may still end there.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen cleanup blue               # look at the plan, confirm
  kubectl bluegreen cleanup blue --after 5m    # give open connections five minutes
After a cleanup the way back takes a start-up: kubectl bluegreen rollback --scale")]
pub struct Args {
    /// The color to end: blue or green
    #[arg(value_name = "ENV")]
    pub env: Color,
    /// How long after the last move the color may be ended
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = crate::cli::duration)]
    pub after: Duration,
}

/// Plans a cleanup.
#[derive(Clone, Debug)]
pub struct Cleanup {
    /// The color to end.
    pub color: Color,
    /// Which set.
    pub selection: Selection,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Cleanup {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        let color = self.color;
        if set.deployment(color).is_none() {
            let (set, namespace) = (set.name().to_owned(), set.namespace().to_owned());
            return Err(Error::NoColor { set, namespace, color });
        }
        refuse(&set, color)?;
        let title =
            format!("Clean up {} of {} in namespace {}", traffic::version(&set, color), set.name(), set.namespace());
        if set.desired(color) == 0 && set.pods_of(color).next().is_none() {
            return Ok(Plan::nothing("cleanup", &set, color, format!("{color} of {} has no pods already", set.name())));
        }
        let mut plan = Plan { title, ..Plan::nothing("cleanup", &set, color, String::new()) };
        let hidden = set.observed.routes.unknown_for(Why::NotAllowed);
        if !hidden.is_empty() {
            plan.notes.push(format!("routes are unknown: reading {hidden} is not allowed"));
        }
        if let Some(autoscaler) = set.autoscaler(color) {
            plan.notes.push(format!("hpa/{autoscaler} sleeps at 0 replicas and does not wake them"));
        }
        plan.notes.push(format!("after this the way back to {color} takes a start-up: rollback --scale"));
        if let Some(wait) = traffic::wait_after_move(&set, self.settings.after)? {
            plan.steps.push(wait);
            let title = format!("look again, then scale deployment/{} to 0", plan.set.deployment(color));
            plan.steps.push(Step::new("plan", title, Action::PlanAgain));
            return Ok(plan);
        }
        plan.steps.extend((set.desired(color) != 0).then(|| plan::scale(&set, color, 0)).flatten());
        let title = format!("wait until {color} has no pods");
        let selector = set.active_service().map(selector).cloned().unwrap_or_default();
        plan.steps.push(Step::new("scale-down", title, Action::AwaitScaleDown { color, selector }));
        Ok(plan)
    }
}

/// Refuses a color that traffic may reach.
fn refuse(set: &SetView<'_>, color: Color) -> Result<(), Error> {
    let refused = |message: String, help: String| Err(Error::Forbidden { message, help });
    match set.set.active {
        Some(Active::One(active)) if active == color => {
            let message = format!("{color} serves the users of {}", set.name());
            return refused(message, format!("switch first: kubectl bluegreen switch {}", color.other()));
        }
        Some(Active::Both) => {
            let message = format!("the active Service of {} selects both colors", set.name());
            return refused(message, "give it one color first: kubectl bluegreen switch ENV".to_owned());
        }
        _ => {}
    }
    if let Some(open) = set.active_service().map(Journal::of).transpose()?.as_ref().and_then(Journal::open) {
        let message = format!(
            "the {} to {} that {} began at {} has not ended",
            open.command,
            open.to,
            open.by,
            open.at.strftime("%Y-%m-%d %H:%M:%SZ")
        );
        return refused(message, format!("finish it first: kubectl bluegreen switch {}", open.to));
    }
    let service = set.color_service(color).map(|service| name(&service.metadata));
    let route = service.and_then(|service| set.observed.routes.to(set.namespace(), service).next());
    if let (Some((route, _)), Some(service)) = (route, service) {
        let message = format!("{route} sends traffic to service/{service}, which serves {color}");
        return refused(message, "take that backend out of the route first".to_owned());
    }
    if let Some(split) = set.ongoing().map(|entry| entry.split).filter(|split| split.share(color) > 0) {
        let message = format!("{color} has {} % of the traffic, as the journal says", split.share(color));
        return refused(message, "give it to one color first: kubectl bluegreen switch ENV".to_owned());
    }
    Ok(())
}
