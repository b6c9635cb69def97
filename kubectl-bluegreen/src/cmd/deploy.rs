//! `deploy VERSION|IMAGE`: a new version to the idle color, tested, then all traffic to it.
//! Only plans; each call plans from what is true by then, so that a release that was cut off goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bluegreen_lint::config::file::File;
use bluegreen_lint::config::release::SmokeTest;

use crate::analysis::Analysis;
use crate::check::{self, Means, Question, Status};
use crate::cli::Page;
use crate::cluster::Request;
use crate::error::Error;
use crate::image::Wanted;
use crate::journal::{Before, Journal, PUT_BACK};
use crate::observed::{Observed, SetView, name};
use crate::plan::{Action, Plan, Planner, Selection, Settings, Step};
use crate::prepare::{Release, SELECTING, change, own_floor, raise_floor, runs_all, template};
use crate::release::Color;
use crate::rights::Right;
use crate::router::{self, Ask, Router};
use crate::smoke;
use crate::traffic::{self, Move};

/// The command's name, for the journal.
const DEPLOY: &str = "deploy";
/// The checks that nothing which a release does first could help.
const BEFORE_ANYTHING: [&str; 5] = ["permissions", "foreign-owner", "other-services", "ports", "service-traps"];

/// The checks that no put-back waits for.
const NOT_FOR_A_WAY_BACK: [&str; 3] = ["rolled-out", "pods-ready", "capacity"];

/// Release a version: to the idle color, tested, then all traffic to it
///
/// The idle color gets the new image, those labels and variables that name its version, and at least as many pods as
/// the color that serves; it is waited for. If it does not become ready, you are told why as soon as that is certain.
/// Then it is tested before any user reaches it, and traffic moves. The other color keeps running as the way back.
///
/// 1.5.0 takes the place of the tag of the color that serves; repo/app:1.5.0 or a digest is taken whole; of several
/// containers each is named.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen deploy 1.5.0                      # look at the plan, confirm, test, confirm, move
  kubectl bluegreen deploy 1.5.0 --yes -o json        # in a pipeline
  kubectl bluegreen deploy repo/app:1.5.0 --smoke /,/health
  kubectl bluegreen deploy 1.5.0 --steps 10,50,100 --soak 2m
  kubectl bluegreen deploy app=1.5.0 proxy=repo/proxy:3
  kubectl bluegreen deploy 1.5.0 --report release.html
A release that was cut off goes on with the same command. What was tested is in `smoke` of .bluegreen.yaml, or what the
readiness probe asks. Exit status 4: a test failed, or what was watched
while it had users; then traffic is back where it was.")]
pub struct Args {
    /// The version, the image, or NAME=IMAGE for each container
    #[arg(value_name = "VERSION|IMAGE", required = true)]
    pub what: Vec<String>,
    /// Paths that every new pod must answer well before any user reaches it
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub smoke: Vec<String>,
    /// The shares that the new version gets one after the other, in percent, each larger than the one before; 100 is added
    /// at the end when it is missing. Less than all needs a router that can split
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "100", value_parser = share)]
    pub steps: Vec<u8>,
    /// How long each step is watched; 60s where there are several steps or a Prometheus is named, else 0s
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration)]
    pub soak: Option<Duration>,
    /// How long after the last move the color that was left may be changed
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = crate::cli::duration)]
    pub after: Duration,
    /// Believe .bluegreen.yaml, and run the commands that it names, although somebody else can have written it
    #[arg(long)]
    pub trust_config: bool,
    /// The page about it.
    #[command(flatten)]
    pub page: Page,
}

/// How long a step is watched where there is a reason to watch.
const SOAK: Duration = Duration::from_mins(1);

/// The shares, each larger than the one before, up to all.
///
/// # Errors
/// When they do not rise.
pub fn shares(steps: &[u8]) -> Result<Vec<u8>, Error> {
    if let Some((before, after)) = steps.iter().zip(steps.iter().skip(1)).find(|(before, after)| before >= after) {
        let rising: BTreeSet<u8> = steps.iter().copied().collect();
        let rising = rising.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        return Err(Error::Usage {
            message: format!("the steps have to rise: {after} comes after {before}"),
            help: format!("write them from the smallest to the largest: --steps {rising}"),
        });
    }
    Ok(steps.iter().copied().chain((steps.last() != Some(&100)).then_some(100)).collect())
}

/// A step of a release: some of the traffic.
pub(super) fn share(text: &str) -> Result<u8, String> {
    let some =
        |share: u8| if share == 0 { Err("a step gives some of the traffic: 1 to 100".to_owned()) } else { Ok(share) };
    super::switch::percent(text).and_then(some)
}

impl Args {
    /// How long each step is watched.
    #[must_use]
    pub fn soak(&self, config: &File) -> Duration {
        let in_shares = self.steps.iter().any(|share| *share < 100);
        let is_watched = in_shares || config.analysis != bluegreen_lint::config::release::Analysis::default();
        self.soak.unwrap_or(if is_watched { SOAK } else { Duration::ZERO })
    }
}

/// Plans a release.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// What is to run.
    pub wanted: Wanted,
    /// The paths of `--smoke`.
    pub paths: Vec<String>,
    /// The tests of the settings.
    pub tests: Vec<SmokeTest>,
    /// The shares that the new version gets one after the other; the last one is 100.
    pub shares: Vec<u8>,
    /// How long each of them is watched.
    pub soak: Duration,
    /// The metrics that are watched.
    pub analysis: Option<Analysis>,
    /// Which set.
    pub selection: Selection,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Deploy {
    fn asks_first(&self) -> Vec<Request> {
        SELECTING.map(|resource| Request::list(resource, Some(&self.selection.namespace))).into()
    }

    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        let (called, namespace) = (set.name().to_owned(), set.namespace().to_owned());
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: called, namespace });
        };
        let journal = Journal::of(service)?;
        journal.ongoing().map_or(Ok(()), router::known)?;
        if let Some(open) = journal.open().filter(|open| open.command == PUT_BACK) {
            let mut plan = self.back(&set, open.to, None)?;
            plan.steps.push(Step::new("plan", format!("look again, then release {}", self.wanted), Action::PlanAgain));
            return Ok(plan);
        }
        let Some(active) = set.base() else {
            let message = format!("the active Service of {called} does not select exactly one color");
            let help = "give it one first: kubectl bluegreen switch ENV".to_owned();
            return Err(Error::Forbidden { message, help });
        };
        let no_color = |color: Color| Error::NoColor { set: called.clone(), namespace: namespace.clone(), color };
        let model = set.deployment(active).and_then(template).ok_or_else(|| no_color(active))?;
        let images = self.wanted.images(model)?;
        if runs_all(&set, active, &images) {
            let mut plan = self.watched(self.to(active, 100).plan(&set)?, active, 100);
            if plan.steps.is_empty() {
                plan.title = format!("{} of {called} runs {} and serves already", active, self.wanted);
            }
            return Ok(plan);
        }
        let idle = active.other();
        set.deployment(idle).ok_or_else(|| no_color(idle))?;
        keeps_the_way_back(&set, &journal, active)?;
        has_its_share(&set, &journal, idle)?;
        let stage = self.stage(&set, &journal, idle);
        match self.prepare(&set, active, idle, &images, stage)? {
            Some(plan) => Ok(plan),
            None => self.go(&set, idle, stage),
        }
    }

    fn is_under_way(&self, observed: &Observed) -> bool {
        let set = self.selection.find(observed);
        let journal = set.ok().and_then(|set| Journal::of(set.active_service()?).ok());
        journal.is_some_and(|journal| back_to(&journal).is_some())
    }

    fn puts_back(&self) -> bool {
        true
    }

    fn put_back(&self, observed: &Observed, why: &str) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: set.name().to_owned(), namespace: set.namespace().to_owned() });
        };
        let mut plan = if let Some(to) = back_to(&Journal::of(service)?) {
            if set.ready_pods(to).next().is_none() {
                let message = format!("{to} has no ready pod any more");
                return Err(Error::Forbidden { message, help: format!("see why: kubectl bluegreen check {to}") });
            }
            self.is_not_what_failed(&set, to)?;
            self.back(&set, to, Some(why))?
        } else {
            Plan::nothing(PUT_BACK, &set, set.base().unwrap_or(Color::Blue), String::new())
        };
        // A share by pods has it among what it puts back.
        let is_planned = plan.steps.iter().any(|step| step.id == "autoscaler");
        plan.steps.extend(own_floor(&set, plan.to.other()).filter(|_| !is_planned));
        Ok(plan)
    }
}

/// The color to which a release that has begun to move traffic is put back; nothing where none has.
fn back_to(journal: &Journal) -> Option<Color> {
    let last = journal.last()?;
    match last.command.as_str() {
        DEPLOY if journal.open().is_some() || last.split.is_partial() => last.from,
        PUT_BACK if journal.open().is_some() => Some(last.to),
        _ => None,
    }
}

/// Refuses to overwrite the color that a move which has not ended came from: it is the way back, also of this release.
fn keeps_the_way_back(set: &SetView<'_>, journal: &Journal, active: Color) -> Result<(), Error> {
    let share = journal.ongoing().filter(|entry| entry.split.is_partial());
    share.map_or(Ok(()), |given| traffic::still_beside(set, active, given))?;
    let open = journal.open().filter(|open| open.command == DEPLOY && open.to == active && !open.split.is_partial());
    let Some((open, from)) = open.and_then(|open| Some((open, open.from?))) else { return Ok(()) };
    Err(Error::Forbidden {
        message: format!(
            "the {} to {} that {} began has not ended: {from}, which this release would overwrite, is its way back",
            open.command, open.to, open.by
        ),
        help: format!("finish it first: {}; or go back: kubectl bluegreen rollback", open.finish()),
    })
}

/// Refuses to go on from a share that somebody has taken away meanwhile: it is not known how long users have tried it.
fn has_its_share(set: &SetView<'_>, journal: &Journal, idle: Color) -> Result<(), Error> {
    let given = journal.ongoing().filter(|_| journal.open().is_none());
    let Some(given) = given.filter(|entry| entry.to == idle && entry.split.is_partial()) else { return Ok(()) };
    // A selector of both colors is a share, whether or not there are pods behind it at this moment.
    let by_route = Router::named(&given.router).is_some_and(|router| router.means == Means::ColorService);
    match Router::current(set).1 {
        Some(now) if by_route && !now.is_partial() => Err(Error::Forbidden {
            message: format!(
                "{idle} was given {} % of the traffic by {}, and no route says so any more",
                given.split.share(idle),
                given.router
            ),
            help:
                "see who has changed that; kubectl bluegreen rollback puts back what is left of it, then deploy again"
                    .to_owned(),
        }),
        _ => Ok(()),
    }
}

/// How far a release is.
#[derive(Clone, Copy, Debug)]
struct Stage {
    /// The share that the new version has.
    has: u8,
    /// The share that comes next; the one that was cut off, where there is one.
    next: u8,
    /// Whether it has a share, or is about to get one.
    has_begun: bool,
}

impl Deploy {
    fn to(&self, color: Color, percent: u8) -> Move<'_> {
        Move { command: DEPLOY, to: color, percent, way_back: false, settings: &self.settings }
    }

    /// Refuses to put users back on the version that is to be left.
    fn is_not_what_failed(&self, set: &SetView<'_>, to: Color) -> Result<(), Error> {
        let model = set.deployment(to.other()).and_then(template);
        let images = model.and_then(|model| self.wanted.images(model).ok());
        if !images.is_some_and(|images| runs_all(set, to, &images)) {
            return Ok(());
        }
        let message = format!("{to} runs {} itself", self.wanted);
        Err(Error::Forbidden { message, help: format!("see it first: kubectl bluegreen check {to}") })
    }

    /// All traffic back to a color. A smaller good color beats a broken one: one ready pod is enough.
    fn back(&self, set: &SetView<'_>, to: Color, why: Option<&str>) -> Result<Plan, Error> {
        let accept = self.settings.accept.iter().cloned().chain(NOT_FOR_A_WAY_BACK.map(str::to_owned)).collect();
        let settings = Settings { accept, overlap: false, why: why.map(str::to_owned), ..self.settings.clone() };
        Move { command: PUT_BACK, to, percent: 100, way_back: true, settings: &settings }.plan(set)
    }

    fn stage(&self, set: &SetView<'_>, journal: &Journal, idle: Color) -> Stage {
        let has = Router::current(set).1.map_or(0, |split| split.share(idle));
        let open = journal.open().filter(|open| open.command == DEPLOY && open.to == idle && open.split.is_partial());
        // What was asked for counts beside what is seen: pods and whole weights do not give every share exactly.
        let asked = journal.ongoing().filter(|entry| entry.to == idle && entry.split.is_partial());
        let reached = has.max(asked.map_or(0, |entry| entry.split.share(idle)));
        let next = self.shares.iter().copied().find(|share| *share > reached).unwrap_or(100);
        let next = open.map_or(next, |open| open.split.share(idle));
        Stage { has, next, has_begun: reached > 0 || open.is_some() }
    }

    /// What the idle color lacks; nothing when it is as it should be.
    fn prepare(
        &self,
        set: &SetView<'_>,
        active: Color,
        idle: Color,
        images: &BTreeMap<String, String>,
        stage: Stage,
    ) -> Result<Option<Plan>, Error> {
        let Some(deployment) = set.deployment(idle) else { return Ok(None) };
        let replicas = self.size(set, active, idle, stage)?;
        let change = change(set, idle, images, replicas)?;
        if change.is_none() && check::rollout_has_ended(deployment) {
            return Ok(None);
        }
        if !stage.has_begun {
            self.refuse(set, idle)?;
        } else if !runs_all(set, idle, images) {
            let message = format!("{} has {} % of the traffic already", traffic::version(set, idle), stage.has);
            let help = "go back first: kubectl bluegreen rollback; or finish it: deploy that version again".to_owned();
            return Err(Error::Forbidden { message, help });
        }
        let title = format!(
            "Release {} of {} in namespace {} to {idle}; {} serves meanwhile",
            self.wanted,
            set.name(),
            set.namespace(),
            traffic::version(set, active),
        );
        let mut plan = Plan { title, ..Plan::nothing(DEPLOY, set, idle, String::new()) };
        if let Some(Release { step: change, note }) = change {
            plan.notes.extend(note);
            let wait = traffic::wait_after_move(set, self.settings.after)?;
            if let Some(wait) = wait.filter(|_| !stage.has_begun) {
                plan.steps.push(wait);
                plan.steps.push(Step::new("plan", format!("look again, then {}", change.title), Action::PlanAgain));
                return Ok(Some(plan));
            }
            if let Some(floor) = raise_floor(set, idle, replicas)? {
                let stays = "it would take the pods away again before users come; it stays so after the release";
                plan.notes.push(format!("{}: {stays}", floor.title));
                plan.steps.push(floor);
            }
            plan.steps.push(change);
        }
        plan.later = self.later(set, active, idle)?;
        Self::note_previews(set, idle, &mut plan);
        let pods = if replicas == 1 { "1 pod of".to_owned() } else { format!("{replicas} pods of") };
        plan.steps.push(Step::new(
            "rollout",
            format!("wait until {pods} {idle} are ready"),
            Action::AwaitRollout(idle),
        ));
        let title = match (stage.has_begun, stage.next) {
            (true, next) => format!("look again, then go on to {next} %"),
            (false, 100) => format!("check {idle} and test it, then move all traffic to it"),
            (false, next) => format!("check {idle} and test it, then give it {next} % of the traffic"),
        };
        plan.steps.push(Step::new("plan", title, Action::PlanAgain));
        Ok(Some(plan))
    }

    /// How many pods the idle color is to have: as many as the one that serves, and never fewer than it has once it has
    /// users. Where its pods are its share, that says how many.
    fn size(&self, set: &SetView<'_>, active: Color, idle: Color, stage: Stage) -> Result<i32, Error> {
        let (serving, own) = (set.desired(active).max(1), set.desired(idle));
        if !stage.has_begun {
            return Ok(serving);
        }
        let by_pods = stage.next < 100 && self.router(set)?.means == Means::Both;
        Ok(if by_pods { own } else { serving.max(own) })
    }

    fn router(&self, set: &SetView<'_>) -> Result<&'static Router, Error> {
        Ok(Router::choose(set, self.settings.router, set.ongoing().as_ref())?)
    }

    /// What is done once the idle color is ready, as far as it takes rights of its own.
    fn later(&self, set: &SetView<'_>, active: Color, idle: Color) -> Result<Vec<Right>, Error> {
        let smoke = Action::Smoke { color: idle, tests: smoke::tests(set, idle, &self.paths, &self.tests)? };
        let soak = Action::Soak { color: idle, time: self.soak, analysis: self.analysis.clone() };
        let before = Before::default();
        let split = self.shares.iter().find(|share| **share < 100).and_then(|share| {
            let router = self.router(set).ok()?;
            router.plan(&Ask { set, color: idle, share: *share, stays: active, before: &before }).ok()
        });
        let of_split = split.into_iter().flat_map(|stage| stage.steps).map(|step| step.action);
        let actions = [smoke].into_iter().chain((!self.soak.is_zero()).then_some(soak)).chain(of_split);
        Ok(actions.flat_map(|action| action.rights(set.namespace())).collect())
    }

    /// Refuses what would be refused later anyway, and what users would notice: a color that has a share of theirs.
    fn refuse(&self, set: &SetView<'_>, idle: Color) -> Result<(), Error> {
        let question = Question { set, target: idle, percent: 100, way_back: false, means: Means::Selector };
        let mut checks = check::run(&question, &self.settings.accept);
        checks.retain(|check| BEFORE_ANYTHING.contains(&check.id));
        if checks.iter().any(|check| check.status == Status::Fail) {
            return Err(Error::Refused { command: DEPLOY, color: idle, checks });
        }
        for share in self.shares.iter().filter(|share| **share < 100) {
            self.router(set)?.could_give(set, idle, *share)?;
        }
        let active = set.active_service().map(|service| name(&service.metadata)).unwrap_or_default();
        let Some(own) = set.color_service(idle).map(|service| name(&service.metadata)) else { return Ok(()) };
        let shares = |route: &crate::routes::Route| {
            route.canary || route.backends.iter().any(|backend| backend.service == active && backend.serves)
        };
        let mut routes = set.observed.routes.to(set.namespace(), own);
        if let Some((route, _)) = routes.find(|(route, backend)| backend.serves && shares(route)) {
            let message = format!("{route} sends users to service/{own}, which serves {idle}");
            return Err(Error::Forbidden { message, help: "take that backend out of the route first".to_owned() });
        }
        Ok(())
    }

    /// Says who sees the new version before all others: Services and routes that lead to the idle color alone.
    fn note_previews(set: &SetView<'_>, idle: Color, plan: &mut Plan) {
        let services = check::left_behind(set, idle).into_iter().map(|service| format!("service/{service}"));
        let own = set.color_service(idle).map(|service| name(&service.metadata));
        let routes = own.into_iter().flat_map(|own| set.observed.routes.to(set.namespace(), own));
        for previewed in services.chain(routes.map(|(route, _)| route.to_string())) {
            plan.notes.push(format!("{previewed} leads to {idle}: whoever uses it sees the new version at once"));
        }
    }

    /// The next share; before the first one the tests and the last question.
    fn go(&self, set: &SetView<'_>, idle: Color, stage: Stage) -> Result<Plan, Error> {
        let share = stage.next;
        let mut plan = self.watched(self.to(idle, share).plan(set)?, idle, share);
        if stage.has_begun {
            return Ok(plan);
        }
        let tests = smoke::tests(set, idle, &self.paths, &self.tests)?;
        let mut before = Vec::new();
        if !tests.is_empty() {
            let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
            let title = format!("test every pod of {idle}: {}", names.join(", "));
            before.push(Step::new("smoke", title, Action::Smoke { color: idle, tests }));
        }
        if let Some(analysis) = self.analysis.clone().filter(|_| !self.soak.is_zero()) {
            let title = format!("ask {} once, before its answers are needed", analysis.source);
            before.push(Step::new("metrics", title, Action::AskMetrics { color: idle, analysis }));
        }
        let amount = if share == 100 { "all traffic".to_owned() } else { format!("{share} % of the traffic") };
        let question = format!("Move {amount} of {} to {}?", set.name(), traffic::version(set, idle));
        before.push(Step::new("confirm", "ask whether traffic may move", Action::Confirm(question)));
        plan.steps.splice(0..0, before);
        Ok(plan)
    }

    /// A move with the watching at its end, before the journal says that it is done, and then the next share.
    fn watched(&self, mut plan: Plan, color: Color, share: u8) -> Plan {
        let Some(at) = plan.steps.iter().position(|step| step.id == "journal") else { return plan };
        if !self.soak.is_zero() {
            let (time, analysis) = (self.soak, self.analysis.clone());
            let metrics = analysis.iter().flat_map(|analysis| &analysis.metrics).map(|metric| metric.name.as_str());
            let what = std::iter::once("its pods").chain(metrics).collect::<Vec<_>>().join(", ");
            let title = format!("watch {color} for {} s: {what}", time.as_secs_f64());
            plan.steps.insert(at, Step::new("soak", title, Action::Soak { color, time, analysis }));
        }
        if share < 100 {
            let left = self.shares.iter().filter(|next| **next > share).map(|next| format!("{next} %"));
            let title = format!("go on to {}", left.collect::<Vec<_>>().join(", then "));
            plan.steps.push(Step::new("plan", title, Action::PlanAgain));
        }
        plan
    }
}
