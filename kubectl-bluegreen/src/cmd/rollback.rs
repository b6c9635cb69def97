//! `rollback`: all traffic back to the color that served before the last release.
//! Only plans; the journal says where back is, and without it there is no guess.

use crate::check::{self, CheckResult, Means, Question, ROLLBACK_TARGET};
use crate::cli::Page;
use crate::error::Error;
use crate::image::runs;
use crate::journal::{Entry, Journal, PUT_BACK};
use crate::observed::{Observed, SetView};
use crate::plan::{Plan, Planner, Selection, Settings};
use crate::release::Color;
use crate::router::{self, Router};
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
    /// The page about it.
    #[command(flatten)]
    pub page: Page,
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
        let to = target(&set, self.again, &self.settings.accept)?;
        Move { command: "rollback", to, percent: 100, way_back: true, settings: &self.settings }.plan(&set)
    }
}

/// Where back is. What a color runs by now can be accepted as `rollback-target`.
pub fn target(set: &SetView<'_>, again: bool, accepted: &[String]) -> Result<Color, Error> {
    let Some(service) = set.active_service() else {
        return Err(Error::NoActiveService { set: set.name().to_owned(), namespace: set.namespace().to_owned() });
    };
    let journal = Journal::of(service)?;
    journal.ongoing().map_or(Ok(()), router::known)?;
    let refused = |message: String, help: &str| Err(Error::Forbidden { message, help: help.to_owned() });
    let Some(last) = journal.last() else {
        let message = format!("the journal of {} is empty: it is not known which color served before", set.name());
        return refused(message, "say it yourself: kubectl bluegreen switch ENV");
    };
    let was_rollback = last.command == "rollback" || last.command == PUT_BACK;
    // One that did not end goes on, wherever traffic is by now.
    if was_rollback && journal.open().is_some() {
        return Ok(last.to);
    }
    let release = last_release(&journal.entries);
    let Some(from) = release.first().and_then(|began| began.from) else {
        let message = "before the last move no single color served".to_owned();
        return refused(message, "say where to: kubectl bluegreen switch ENV");
    };
    let can_go_back = || {
        let accepted = check::accepts(accepted, ROLLBACK_TARGET.id);
        if accepted { Ok(()) } else { is_what_served(set, from, &release) }
    };
    if was_rollback && !again {
        let when = format!("at {} by {}", last.at.strftime("%Y-%m-%d %H:%M:%SZ"), last.by);
        if from == last.to {
            let message =
                format!("the last move was a {} already: it took a share back to {from} {when}", last.command);
            return refused(message, "there is nothing to undo; say where to: kubectl bluegreen switch ENV");
        }
        let message = format!("the last move was a {} already, from {from} to {} {when}", last.command, last.to);
        can_go_back()?;
        return refused(message, "undo that one: kubectl bluegreen rollback --again");
    }
    can_go_back()?;
    Ok(from)
}

/// Refuses a color that has got an image since it served that has not served anywhere.
fn is_what_served(set: &SetView<'_>, color: Color, release: &[&Entry]) -> Result<(), Error> {
    let (now, serves) = (set.images(color), set.images(color.other()));
    // A digest pins the same version, and what serves on the other color has proven itself there.
    let is_same = |a: &str, b: &str| runs(a, b) || runs(b, a);
    let served = |entry: &&Entry| {
        let then = entry.images.of(color);
        let known = |image: &&str| then.iter().any(|then| is_same(image, then)) || serves.contains(image);
        then.is_empty() || now.iter().all(known)
    };
    if set.base() == Some(color) || set.deployment(color).is_none() || release.iter().any(served) {
        return Ok(());
    }
    let served = release.first().map(|began| began.images.of(color).join(", ")).unwrap_or_default();
    let message =
        format!("{color} is not what it was when it served: it ran {served} then, and has {} now", now.join(", "));
    let help = format!(
        "give it what it ran: kubectl bluegreen deploy VERSION; or, if what it has is good: kubectl bluegreen rollback --accept {}",
        ROLLBACK_TARGET.id
    );
    Err(Error::Forbidden { message, help })
}

/// What a rollback would do now.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The color that it would go to.
    pub color: Color,
    /// How fast users would be back there.
    pub how: String,
    /// What was checked.
    pub checks: Vec<CheckResult>,
}

/// Where a rollback would go, and how fast traffic would be back, if nothing refuses it.
pub fn outlook(set: &SetView<'_>) -> Result<Outlook, Error> {
    let color = target(set, false, &[])?;
    if set.base() == Some(color) {
        let journal = set.active_service().map(Journal::of).transpose()?.unwrap_or_default();
        let how = match Router::current(set) {
            (router, Some(split)) if split.is_partial() && journal.ongoing().is_none() => format!(
                "it moves nothing: the {} % of {} by {router} are not in the journal, and stay",
                split.share(color.other()),
                color.other()
            ),
            (router, Some(split)) if split.is_partial() => {
                format!("the {} % of {} come back by {router}", split.share(color.other()), color.other())
            }
            _ if journal.open().is_some() => "its traffic has moved already, only the end is to be written".to_owned(),
            _ => format!("{color} serves already"),
        };
        return Ok(Outlook { color, how, checks: Vec::new() });
    }
    let question = Question { set, target: color, percent: 100, way_back: true, means: Means::Selector };
    let checks = check::run(&question, &[]);
    if !check::all_pass(&checks) {
        return Err(Error::Refused { command: "rollback", color, checks });
    }
    let ready = set.ready_pods(color).count();
    let serving = set.active().map_or(0, |active| set.ready_pods(active).count());
    let pods = if ready == 1 { "pod is" } else { "pods are" };
    let smaller = if ready < serving { format!(" ({serving} serve now)") } else { String::new() };
    let how = format!("its {ready} {pods} ready{smaller}, new connections are back within about a second");
    Ok(Outlook { color, how, checks })
}

/// The moves of the last release, the first one first: the last ones that went to one color by one command.
fn last_release(entries: &[Entry]) -> Vec<&Entry> {
    let is_of_it = |entry: &&Entry| entries.last().is_some_and(|l| entry.to == l.to && entry.command == l.command);
    let mut moves: Vec<&Entry> = entries.iter().rev().take_while(is_of_it).collect();
    moves.reverse();
    moves
}
