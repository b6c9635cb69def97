//! Plans a move of traffic to one color, all of it or a share; `switch`, `rollback` and `rehearse` share it.
//! Pure: everything comes from what was observed. How a share is written is for the routers.

use std::time::Duration;

use jiff::SignedDuration;

use crate::check::{self, CheckResult, Means, Question};
use crate::error::Error;
use crate::journal::{Entry, Journal, PUT_BACK};
use crate::observed::{Labels, SetView, name, selector};
use crate::plan::{Action, Plan, Settings, Step, change_service, entry, scale, selector_title};
use crate::prepare::raise_floor;
use crate::release::{Color, Split};
use crate::rights::Right;
use crate::router::{self, Ask, Router, Stage};

/// A move of traffic, as a command asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Move<'m> {
    /// The command, for titles and the journal.
    pub command: &'static str,
    /// The color that is to serve.
    pub to: Color,
    /// The share of the traffic that it is to get, in percent.
    pub percent: u8,
    /// Whether it goes back to where traffic came from.
    pub way_back: bool,
    /// Who moves and how.
    pub settings: &'m Settings,
}

impl Move<'_> {
    /// Plans the move; refuses what the checks refuse, and a share that nothing can give.
    pub fn plan(self, set: &SetView<'_>) -> Result<Plan, Error> {
        let (namespace, name_of_set) = (set.namespace().to_owned(), set.name().to_owned());
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: name_of_set, namespace });
        };
        // Nothing for one color is everything for the other.
        let this = if self.percent == 0 { Self { to: self.to.other(), percent: 100, ..self } } else { self };
        if set.deployment(this.to).is_none() {
            return Err(Error::NoColor { set: name_of_set, namespace, color: this.to });
        }
        let journal = Journal::of(service)?;
        journal.ongoing().map_or(Ok(()), router::known)?;
        if this.percent >= 100 {
            return this.all(set, &journal);
        }
        let Some(base) = set.base() else {
            let message = format!("the active Service of {name_of_set} does not select exactly one color");
            let help = "give it one first: kubectl bluegreen switch ENV".to_owned();
            return Err(Error::Forbidden { message, help });
        };
        let share = if this.to == base { 100 - this.percent } else { this.percent };
        Self { to: base.other(), percent: share, ..this }.share(set, base, &journal)
    }

    /// All traffic to the color: its selector, then whatever was written for a share as it was before.
    fn all(self, set: &SetView<'_>, journal: &Journal) -> Result<Plan, Error> {
        let Self { command, to, way_back, settings, .. } = self;
        let service = set.active_service().map(selector).cloned().unwrap_or_default();
        let wanted = set.selector_for(to);
        let moves = set.active() != Some(to);
        let ongoing = journal.ongoing().cloned();
        let open = journal.open().filter(|open| open.to == to && !open.split.is_partial()).cloned();
        if !moves && open.is_none() && ongoing.is_none() {
            let serves = if set.ready_pods(to).next().is_some() {
                "already serves"
            } else {
                "is selected already, and none of its pods is ready in"
            };
            let title = format!("{to} {serves} {} in namespace {}", set.name(), set.namespace());
            return Ok(Plan::nothing(command, set, to, title));
        }
        let overlap = Overlap::of(self, set, open.as_ref())?;
        let mut plan = Plan { split: Some(Split::all(to)), ..Plan::nothing(command, set, to, self.title(set)) };
        let mut entry = match open {
            Some(open) if !moves => {
                plan.title = format!("Finish the {} of {} to {to} that {} began", open.command, set.name(), open.by);
                plan.from = open.from;
                open
            }
            open => {
                let means = if matches!(overlap, Overlap::Widen(_)) { Means::Both } else { Means::Selector };
                let question = Question { set, target: to, percent: 100, way_back, means };
                if let Some(sized) = if settings.scale { self.size_first(set)? } else { None } {
                    // Nothing is scaled for a move that is not allowed.
                    self.refuse(vec![check::permissions(&question, &settings.accept)])?;
                    return Ok(sized);
                }
                plan.checks = self.refuse(check::run(&question, &settings.accept))?;
                let resumed = open.filter(|_| matches!(overlap, Overlap::Narrow(_)));
                resumed.unwrap_or_else(|| self.entry(set, &question, Split::all(to)))
            }
        };
        if let Some(ongoing) = &ongoing {
            (entry.before, entry.router) = (ongoing.before.clone(), ongoing.router.clone());
            // Somebody else has moved the rest: the way back is to where the share was taken from.
            if let Some(from) = ongoing.from.filter(|from| !moves && ongoing.split.is_partial() && *from != to) {
                (entry.from, plan.from) = (Some(from), Some(from));
                plan.title = format!("End the share of {} by {}: {to} serves all users", ongoing.to, ongoing.router);
            }
        }
        plan.id = Some(entry.id.clone());
        if let Overlap::Widen(both) = &overlap {
            entry.before.color = Some(to);
            entry.before.selector = Some(service);
            OVERLAP.clone_into(&mut entry.step);
            let change = change_service(set, Some(both), journal.clone().put(entry)).map(Action::Patch);
            plan.steps.extend(change.map(|change| Step::new("widen", selector_title(set, both), change)));
            let then = format!("let both colors serve, settle, then only {to}");
            plan.steps.push(Step::new("plan", then, Action::PlanAgain));
            plan.notes = self.notes(set);
            return Ok(plan);
        }
        if let Overlap::Narrow(both) = overlap {
            let title = format!(
                "wait until exactly the ready pods of both colors are the endpoints of service/{}",
                plan.set.service
            );
            plan.steps.push(Step::new("overlap", title, Action::AwaitBoth(both)));
            plan.steps.extend(self.settle("whoever sends to pods directly follows on its own"));
        }
        let mut back = put_back(set, &entry, to)?;
        // A route of somebody else's to the color that is left.
        let left = entry.before.color.filter(|color| *color != to).zip(back.gives);
        plan.gives = left.map(|(color, share)| Split::giving(color, share));
        self.refuse(denied(set, to, &back.steps).into_iter().collect())?;
        let known = journal.last().is_some_and(|last| *last == entry);
        if moves || !known {
            let (id, title) = if moves {
                ("patch", selector_title(set, &wanted))
            } else {
                ("record", format!("write the move into the journal on service/{}", plan.set.service))
            };
            let change = change_service(set, moves.then_some(&wanted), journal.clone().put(entry.clone()));
            let step = change.map(|change| Step::new(id, title, Action::Patch(change)));
            plan.steps
                .extend(step.map(|step| if moves { step.leading_to(shares_after(set, &entry, to)) } else { step }));
        }
        let endpoints =
            format!("wait until exactly the ready pods of {to} are the endpoints of service/{}", plan.set.service);
        let endpoints =
            Step::new("endpoints", endpoints, Action::AwaitEndpoints { color: to, selector: wanted.clone() });
        let settle = self.settle("every node's proxy follows on its own");
        // What was written for a share goes last, once the selector alone does the same. On the way back it is a share of
        // the color that is left, and goes at once.
        if left_by_route(&entry, to).is_some() {
            plan.steps.extend(back.steps.into_iter().chain([endpoints]).chain(settle));
        } else {
            // Wherever a route sends to now, it is this color.
            back.steps.iter_mut().for_each(|step| step.split = None);
            plan.steps.extend(std::iter::once(endpoints).chain(settle).chain(back.steps));
        }
        plan.steps.push(close(&entry.id, wanted));
        plan.notes.extend(back.notes);
        if moves {
            plan.notes.extend(self.notes(set));
        }
        Ok(plan)
    }

    /// A share of the traffic to the color that does not serve.
    fn share(self, set: &SetView<'_>, base: Color, journal: &Journal) -> Result<Plan, Error> {
        let Self { command, to, percent, settings, .. } = self;
        let split = Split::giving(to, percent);
        let ongoing = journal.ongoing().cloned();
        let unfinished = ongoing.as_ref().filter(|entry| !entry.split.is_partial());
        if let Some(unfinished) = unfinished {
            let message =
                format!("the {} to {} that {} began has not ended", unfinished.command, unfinished.to, unfinished.by);
            let is_way_back = matches!(unfinished.command.as_str(), "rollback" | PUT_BACK);
            let back = if is_way_back { "" } else { "; or go back: kubectl bluegreen rollback" };
            let help = format!("finish it first: {}{back}", unfinished.finish());
            return Err(Error::Forbidden { message, help });
        }
        ongoing.as_ref().map_or(Ok(()), |given| still_beside(set, base, given))?;
        if set.deployment(to).is_none() {
            let (set, namespace) = (set.name().to_owned(), set.namespace().to_owned());
            return Err(Error::NoColor { set, namespace, color: to });
        }
        let router = Router::choose(set, settings.router, ongoing.as_ref())?;
        let before = ongoing.as_ref().map(|entry| entry.before.clone()).unwrap_or_default();
        let had = Router::current(set).1.map_or(0, |split| split.share(to));
        let stage = router.plan(&Ask { set, color: to, share: percent, stays: base, before: &before })?;
        let open = ongoing.filter(|open| journal.open().is_some() && open.split == split && open.to == to);
        let gives = stage.gives.map(|share| Split::giving(to, share));
        if stage.steps.is_empty() && stage.selector.is_none() && open.is_none() {
            let words = split.share_in_words(to, gives);
            let title = format!("{words} of the traffic of {} goes to {to} already, by {}", set.name(), router.id);
            return Ok(Plan { split: Some(split), gives, ..Plan::nothing(command, set, to, title) });
        }
        // Less for a color is a way back for the other one.
        let question = Question { set, target: to, percent, way_back: percent <= had, means: router.means };
        let mut checks = check::run(&question, &settings.accept);
        checks.extend(denied(set, to, &stage.steps));
        if stage.sizes {
            checks.retain(|check| !["rolled-out", "pods-ready", "capacity"].contains(&check.id));
        }
        let title = format!(
            "Split {} in namespace {}: {percent} % to {}, {} % to {}, by {}",
            set.name(),
            set.namespace(),
            version(set, to),
            100 - percent,
            version(set, base),
            router.id
        );
        let mut plan = Plan { split: Some(split), gives, ..Plan::nothing(command, set, to, title) };
        plan.checks = self.refuse(checks)?;
        let mut entry = open.unwrap_or_else(|| self.entry(set, &question, split));
        entry.before = stage.before;
        entry.before.color = Some(to);
        router.id.clone_into(&mut entry.router);
        plan.id = Some(entry.id.clone());
        if let Some(both) = &stage.selector {
            let change = change_service(set, Some(both), journal.clone().put(entry.clone())).map(Action::Patch);
            plan.steps.extend(change.map(|change| Step::new("widen", selector_title(set, both), change)));
        } else if journal.last() != Some(&entry) {
            let change = change_service(set, None, journal.clone().put(entry.clone())).map(Action::Patch);
            let title = format!("write the move and what was before into the journal on service/{}", plan.set.service);
            plan.steps.extend(change.map(|change| Step::new("record", title, change)));
        }
        plan.steps.extend(stage.steps);
        if let Some(then) = stage.then {
            plan.steps.push(Step::new("plan", then, Action::PlanAgain));
        } else {
            plan.steps.extend(self.settle("what routes to the set follows on its own"));
            plan.steps.push(close(
                &entry.id,
                stage.selector.unwrap_or_else(|| set.active_service().map(selector).cloned().unwrap_or_default()),
            ));
        }
        plan.notes = stage.notes;
        plan.notes.push(format!("the share is of {}", router.covers));
        let services = set.color_service(to).zip(set.active_service());
        if let Some((color, active)) = services.filter(|_| router.means == Means::ColorService) {
            plan.notes.push(format!(
                "policies attached to service/{} by its name do not hold for service/{}: whether there are any was not looked at",
                name(&active.metadata),
                name(&color.metadata)
            ));
        }
        Ok(plan)
    }

    /// The checks, unless one of them refuses.
    fn refuse(self, checks: Vec<CheckResult>) -> Result<Vec<CheckResult>, Error> {
        if check::all_pass(&checks) {
            return Ok(checks);
        }
        Err(Error::Refused { command: self.command, color: self.to, checks })
    }

    /// The journal's entry, with those checks that were let pass by name because they had to be.
    fn entry(self, set: &SetView<'_>, question: &Question<'_>, split: Split) -> Entry {
        let mut entry = entry(set, self.command, self.to, self.settings);
        let failed =
            |id: &String| check::run(question, &[]).iter().any(|c| c.id == id && c.status == check::Status::Fail);
        entry.accepted.retain(failed);
        entry.split = split;
        entry
    }

    fn title(self, set: &SetView<'_>) -> String {
        let from = set.base().map_or_else(|| "no single color".to_owned(), |from| version(set, from));
        let verb = match self.command {
            "deploy" => "Move the traffic of",
            PUT_BACK => "Put back",
            _ if self.way_back => "Roll back",
            _ => "Switch",
        };
        let (current, to) = (Router::current(set).1, version(set, self.to));
        let from = match current.filter(|split| split.is_partial()) {
            Some(split) => format!("{} % blue, {} % green", split.blue, split.green),
            None => from,
        };
        format!("{verb} {} in namespace {}: {from} -> {to}", set.name(), set.namespace())
    }

    fn settle(self, why: &str) -> Option<Step> {
        let time = self.settings.settle;
        let step = || Step::new("settle", format!("settle for {} s: {why}", time.as_secs_f64()), Action::Settle(time));
        (!time.is_zero()).then(step)
    }

    fn notes(self, set: &SetView<'_>) -> Vec<String> {
        let Some(left) = set.base().filter(|base| *base != self.to) else { return Vec::new() };
        let open = format!("connections that are open now stay on {left} until they end; only new ones move");
        let way_back = (self.command != PUT_BACK).then(|| format!("{left} keeps running: it is the way back"));
        way_back.into_iter().chain([open]).collect()
    }

    /// Sizes the target like the color that serves, and plans the rest once it is there. Its autoscaler, which sees no
    /// users there yet, must not take the pods away again.
    fn size_first(self, set: &SetView<'_>) -> Result<Option<Plan>, Error> {
        let wanted = set.base().map_or(1, |base| set.desired(base)).max(1);
        let floor = raise_floor(set, self.to, wanted)?;
        let size = (set.desired(self.to) < wanted).then(|| scale(set, self.to, wanted)).flatten();
        if floor.is_none() && size.is_none() {
            return Ok(None);
        }
        let mut plan = Plan::nothing(self.command, set, self.to, self.title(set));
        if let Some(floor) = &floor {
            plan.notes.push(format!("{}: so that it keeps the pods; a cleanup of {} undoes it", floor.title, self.to));
        }
        plan.steps.extend(floor.into_iter().chain(size));
        plan.steps.push(Step::new(
            "rollout",
            format!("wait until {wanted} pods of {} are ready", self.to),
            Action::AwaitRollout(self.to),
        ));
        plan.steps.push(Step::new("plan", format!("check {}, then move the traffic", self.to), Action::PlanAgain));
        Ok(Some(plan))
    }
}

/// The step of an entry whose move lets both colors serve for a moment.
const OVERLAP: &str = "overlap";

/// Where a move is that lets both colors serve for a moment.
enum Overlap {
    /// It does not.
    No,
    /// The selector is to be widened to this.
    Widen(Labels),
    /// It is widened to this.
    Narrow(Labels),
}

impl Overlap {
    fn of(this: Move<'_>, set: &SetView<'_>, open: Option<&Entry>) -> Result<Self, Error> {
        let widened = set.active().is_none() && set.base().is_some();
        if widened && open.is_some_and(|open| open.step == OVERLAP) {
            return Ok(Self::Narrow(set.active_service().map(selector).cloned().unwrap_or_default()));
        }
        let wanted = this.settings.overlap && set.active().is_some_and(|active| active != this.to);
        if !wanted {
            return Ok(Self::No);
        }
        let cannot = |message: String| Error::Forbidden {
            message: format!("both colors cannot serve at once: {message}"),
            help: "leave --overlap out, or give both pod templates a label that no other pods have".to_owned(),
        };
        set.widened().map(Self::Widen).map_err(cannot)
    }
}

/// Refuses to go on from a share beside a color that the active Service does not select any more: what it was given for is
/// over, and what was written for it is to be taken away first.
pub(crate) fn still_beside(set: &SetView<'_>, base: Color, given: &Entry) -> Result<(), Error> {
    let Some(from) = given.from.filter(|from| *from != base) else { return Ok(()) };
    let service = set.active_service().map(|service| name(&service.metadata)).unwrap_or_default();
    Err(Error::Forbidden {
        message: format!(
            "{} was given {} % beside {from} by {}, and somebody else has let service/{service} select {base} since",
            given.to,
            given.split.share(given.to),
            given.router
        ),
        help: format!(
            "end that share first: all to {base}: kubectl bluegreen switch {base}; or go back: kubectl bluegreen rollback"
        ),
    })
}

/// The steps that put back what was written for a share, or for both colors at once.
fn put_back(set: &SetView<'_>, entry: &Entry, stays: Color) -> Result<Stage, Error> {
    let Some((color, router)) = entry.before.color.zip(Router::named(&entry.router)) else {
        return Ok(Stage::default());
    };
    Ok(router.plan(&Ask { set, color, share: 0, stays, before: &entry.before })?)
}

/// The router by whose routes the color that is left has a share.
fn left_by_route(entry: &Entry, to: Color) -> Option<&'static Router> {
    let router = Router::named(&entry.router).filter(|router| router.means == Means::ColorService);
    router.filter(|_| entry.before.color != Some(to))
}

/// The shares once the active Service selects a color, and routes are as they are now.
fn shares_after(set: &SetView<'_>, entry: &Entry, to: Color) -> Split {
    let left = left_by_route(entry, to).zip(entry.before.color);
    let share = left.and_then(|(router, color)| Some(Split::giving(color, router.share_now(set, color)?)));
    share.unwrap_or(Split::all(to))
}

fn close(id: &str, selector: Labels) -> Step {
    let close = Action::CloseJournal { id: id.to_owned(), selector };
    Step::new("journal", "write the end of the move into the journal", close)
}

/// The refusal of writes that the API server does not allow, if there are such.
fn denied(set: &SetView<'_>, color: Color, steps: &[Step]) -> Option<CheckResult> {
    let rights: Vec<Right> = steps.iter().flat_map(|step| step.action.rights(set.namespace())).collect();
    check::denied(set.observed, set.namespace(), color, &rights)
}

/// The step that waits until the last move is long enough ago.
///
/// # Errors
/// When the journal cannot be read, or its last move is further ahead of our clock than that.
pub fn wait_after_move(set: &SetView<'_>, after: Duration) -> Result<Option<Step>, Error> {
    let Some(service) = set.active_service() else { return Ok(None) };
    let journal = Journal::of(service)?;
    let gap = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
    let Some(last) = journal.last() else { return Ok(None) };
    let now = set.observed.at;
    let latest = now.checked_add(gap).unwrap_or(now);
    if !after.is_zero() && last.at > latest {
        let message = format!(
            "by the clock of {} the last move is still to come ({}): how long ago it was is not known",
            last.by,
            last.at.strftime("%Y-%m-%d %H:%M:%SZ")
        );
        let help = format!("once it is {} s ago: --after 0s", after.as_secs());
        return Err(Error::Forbidden { message, help });
    }
    let until = last.at.checked_add(gap).unwrap_or(latest);
    Ok(Some(until).filter(|until| !after.is_zero() && *until > now).map(|until| {
        let wait = until.duration_since(now).as_secs().saturating_add(1);
        let title = format!("wait {wait} s: the last move was less than {} s ago", after.as_secs());
        Step::new("wait", title, Action::WaitUntil(until))
    }))
}

/// A color with what it runs: `blue (v1.0)`.
#[must_use]
pub fn version(set: &SetView<'_>, color: Color) -> String {
    let images = set.images(color);
    let tags: Vec<&str> = images.iter().map(|image| tag(image)).collect();
    if tags.is_empty() { color.to_string() } else { format!("{color} ({})", tags.join(", ")) }
}

/// The tag of an image, or its digest, or the image itself.
#[must_use]
pub fn tag(image: &str) -> &str {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let file = rest.rsplit('/').next().unwrap_or(rest);
    let tag = file.split_once(':').map(|(_, tag)| tag);
    tag.or(digest).unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_found() {
        for (image, expected) in [
            ("shop:1.0", "1.0"),
            ("host:5000/team/shop:v2", "v2"),
            ("host:5000/shop", "host:5000/shop"),
            ("shop@sha256:aa", "sha256:aa"),
            ("shop:1.0@sha256:aa", "1.0"),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
