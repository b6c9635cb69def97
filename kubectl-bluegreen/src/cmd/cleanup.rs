//! `cleanup ENV`: ends the pods of the color that does not serve.
//! Only plans; refuses whenever traffic may still reach that color.

use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;

use crate::check;
use crate::cluster::Resource;
use crate::error::Error;
use crate::journal::Journal;
use crate::observed::{Observed, SetView, name, selector};
use crate::plan::{self, Action, Plan, Planner, Selection, Settings, Step};
use crate::prepare::own_floor;
use crate::release::{Active, Color};
use crate::rights::Right;
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
  kubectl bluegreen cleanup blue --wait=false  # scale only, and let the pods end by themselves
After a cleanup the way back takes a start-up: kubectl bluegreen rollback --scale")]
pub struct Args {
    /// The color to end: blue or green
    #[arg(value_name = "ENV")]
    pub env: Color,
    /// How long after the last move the color may be ended
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = crate::cli::duration)]
    pub after: Duration,
    /// Wait until its pods have ended
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub wait: bool,
}

/// Plans a cleanup.
#[derive(Clone, Debug)]
pub struct Cleanup {
    /// The color to end.
    pub color: Color,
    /// Whether the end of its pods is waited for.
    pub wait: bool,
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
        refuse(&set, color, &self.settings.accept)?;
        let title =
            format!("Clean up {} of {} in namespace {}", traffic::version(&set, color), set.name(), set.namespace());
        let floor = own_floor(&set, color);
        let gone = set.desired(color) == 0 && (!self.wait || set.pods_of(color).next().is_none());
        if gone && floor.is_none() {
            let words = if self.wait { "has no pods already" } else { "is scaled to 0 already" };
            return Ok(Plan::nothing("cleanup", &set, color, format!("{color} of {} {words}", set.name())));
        }
        let mut plan = Plan { title, ..Plan::nothing("cleanup", &set, color, String::new()) };
        let hidden = set.observed.routes.unknown_for(Why::NotAllowed);
        if !hidden.is_empty() {
            plan.notes.push(format!("routes are unknown: reading {hidden} is not allowed"));
        }
        if let Some(autoscaler) = set.autoscaler_of(color) {
            plan.notes.push(wakes(autoscaler));
        }
        plan.notes.push(format!("after this the way back to {color} takes a start-up: rollback --scale"));
        let scale = (set.desired(color) != 0).then(|| plan::scale(&set, color, 0)).flatten();
        let writes: Vec<Step> = scale.into_iter().chain(floor).collect();
        if let Some(wait) = traffic::wait_after_move(&set, self.settings.after)? {
            plan.steps.push(wait);
            let title = format!("look again, then scale deployment/{} to 0", plan.set.deployment(color));
            plan.steps.push(Step::new("plan", title, Action::PlanAgain));
            plan.later = writes.iter().flat_map(|step| step.action.rights(set.namespace())).collect();
        } else {
            plan.steps = writes;
        }
        if let Some(service) = set.active_service() {
            plan.later.push(Right::new("get", Resource::Services, Some(name(&service.metadata))));
        }
        if self.wait && plan.steps.last().is_none_or(|step| step.id != "plan") {
            let title = format!("wait until {color} has no pods");
            let selector = set.active_service().map(selector).cloned().unwrap_or_default();
            plan.steps.push(Step::new("scale-down", title, Action::AwaitScaleDown { color, selector }));
        }
        Ok(plan)
    }
}

/// What an autoscaler does with a Deployment of 0 replicas: nothing, unless something stands behind it that wakes it.
fn wakes(autoscaler: &HorizontalPodAutoscaler) -> String {
    let called = name(&autoscaler.metadata);
    let owner = autoscaler.metadata.owner_references.iter().flatten().find(|owner| owner.kind == "ScaledObject");
    match owner {
        Some(owner) => format!(
            "hpa/{called} belongs to scaledobject/{} of KEDA, which wakes it again: pause that one first (annotation autoscaling.keda.sh/paused-replicas: \"0\")",
            owner.name
        ),
        None => format!("hpa/{called} sleeps at 0 replicas and does not wake them"),
    }
}

/// Refuses a color that traffic may reach.
fn refuse(set: &SetView<'_>, color: Color, accepted: &[String]) -> Result<(), Error> {
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
        return refused(message, format!("finish it first: {}", open.finish()));
    }
    let given = set.ongoing().map(|entry| entry.split.share(color)).filter(|share| *share > 0);
    let take_back = format!("give all of it to one color first: kubectl bluegreen switch {}", color.other());
    let service = set.color_service(color).map(|service| name(&service.metadata));
    let route = service.and_then(|service| set.observed.routes.to(set.namespace(), service).next());
    if let (Some((route, _)), Some(service)) = (route, service) {
        let message = format!("{route} sends traffic to service/{service}, which serves {color}");
        // What was given by a share is put back by its end; another's is his to take out.
        let is_ours = given.is_some() && set.is_put_back(route);
        let help = if is_ours { take_back } else { "take that backend out of the route first".to_owned() };
        return refused(message, help);
    }
    if let Some(share) = given {
        return refused(format!("{color} has {share} % of the traffic, as the journal says"), take_back);
    }
    if set.active_service().is_none() && set.ready_pods(color).next().is_some() {
        let message = format!("{} has no active Service: it cannot be seen whether {color} serves users", set.name());
        let scale = set.deployment(color).map(|deployment| name(&deployment.metadata)).unwrap_or_default();
        return refused(message, format!("if it does not: kubectl scale deployment/{scale} --replicas=0"));
    }
    if set.desired(color) == 0 && set.ready_pods(color).next().is_none() {
        return Ok(());
    }
    let id = check::OTHER_SERVICES.id;
    let elsewhere = check::left_behind(set, color);
    if let (Some(service), false) = (elsewhere.first(), check::accepts(accepted, id)) {
        let help = format!("let it select what the active Service selects; or, if nobody uses it: --accept {id}");
        return refused(format!("service/{service} leads its users to {color} alone"), help);
    }
    Ok(())
}
