//! What a command will do, as data, before it does it.
//! Builds steps out of what was observed; sends nothing and knows no clock.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use crate::analysis::Analysis;
use crate::check::{CheckResult, Status};
use crate::cluster::ask::Source;
use crate::cluster::{AnyObject, ObjectRef, Request, Resource};
use crate::error::Error;
use crate::journal::{ANNOTATION, Colors, Entry, Journal, Phase};
use crate::observed::{Labels, Observed, SetView, lease_name, name, selector};
use crate::paint::{self, Canvas};
use crate::plain::plain;
use crate::release::{Color, Split};
use crate::rights::{Right, of_the_lock};
use crate::router::Choice;
use crate::smoke::Test;

mod selection;

pub use selection::{Selection, SetRef};

/// How much of an image's name the journal keeps, in characters: more than any registry takes.
const MAX_IMAGE: usize = 512;

/// Who moves, and with which settings. The same for every plan of one run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `user@host`, for the journal.
    pub by: String,
    /// Tells this run from others in the journal's ids.
    pub token: String,
    /// How long a switch settles before it says done.
    pub settle: Duration,
    /// How long the color that was left keeps running before a cleanup.
    pub after: Duration,
    /// The checks that are let pass by name.
    pub accept: Vec<String>,
    /// Whether the target is sized first.
    pub scale: bool,
    /// Which router is to split the traffic.
    pub router: Choice,
    /// Whether both colors serve for a moment before only the new one does.
    pub overlap: bool,
    /// Why it is done, for the journal, where that is worth keeping.
    pub why: Option<String>,
}

/// A change of one object: a JSON Patch that holds only for the version that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The object.
    pub object: ObjectRef,
    /// The operations of the patch, the condition among them.
    pub patch: Value,
}

impl Change {
    /// A change of an object that is conditional on the version that was read.
    #[must_use]
    pub fn new(object: ObjectRef, resource_version: &str, operations: Vec<Value>) -> Self {
        let condition = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version});
        Self { object, patch: std::iter::once(condition).chain(operations).collect() }
    }
}

/// One thing that a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Writes.
    Patch(Change),
    /// Makes an object that is not there.
    Create(ObjectRef, Value),
    /// Deletes an object, if it is still the one of that UID.
    Delete(ObjectRef, String),
    /// Waits until a color is rolled out and all its pods are ready.
    AwaitRollout(Color),
    /// Asks the pods of a color what no user has asked yet.
    Smoke {
        /// The color.
        color: Color,
        /// What is asked.
        tests: Vec<Test>,
    },
    /// Watches a color for a while, now that it has users.
    Soak {
        /// The color.
        color: Color,
        /// For how long.
        time: Duration,
        /// The metrics that are watched besides its pods.
        analysis: Option<Analysis>,
    },
    /// Asks the source of the metrics once, before they are needed.
    AskMetrics {
        /// The color.
        color: Color,
        /// The metrics.
        analysis: Analysis,
    },
    /// Asks the person, unless everything was agreed to before.
    Confirm(String),
    /// Waits until a color has no pods left to run.
    AwaitScaleDown {
        /// The color.
        color: Color,
        /// The active Service's selector, which must stay as it is meanwhile.
        selector: Labels,
    },
    /// Lets an object have these fields.
    Apply {
        /// The object.
        object: AnyObject,
        /// The fields.
        body: Value,
        /// Takes fields that are somebody else's.
        force: bool,
    },
    /// Waits until the pods of a Deployment that is gone have ended.
    AwaitEnd(String),
    /// Waits until the active Service sends traffic to exactly the ready pods of a color.
    AwaitEndpoints {
        /// The color.
        color: Color,
        /// The selector that must stay there meanwhile.
        selector: Labels,
    },
    /// Waits until the active Service, with this selector, sends traffic to exactly the ready pods of both colors.
    AwaitBoth(Labels),
    /// Waits until whoever serves a route says that it has taken the route as it is now.
    AwaitAccepted {
        /// The route.
        route: ObjectRef,
        /// Whether a share was taken out of it: then something else that it names and that is not there ends no wait.
        back: bool,
    },
    /// Lets time pass for what cannot be observed.
    Settle(Duration),
    /// Waits for a moment.
    WaitUntil(Timestamp),
    /// Writes into the journal how the move ended, if the selector is still what was written.
    CloseJournal {
        /// The move.
        id: String,
        /// The selector that must still be there.
        selector: Labels,
    },
    /// Reads again and plans the rest: what follows depends on what is true by then.
    PlanAgain,
}

impl Action {
    /// What is sent, if it writes.
    #[must_use]
    pub fn request(&self, dry_run: bool) -> Option<Request> {
        match self {
            Self::Patch(Change { object, patch }) => {
                Some(Request::Patch { object: object.clone(), patch: patch.clone(), dry_run })
            }
            Self::Create(object, body) => Some(Request::Create { object: object.clone(), body: body.clone(), dry_run }),
            Self::Delete(object, uid) => Some(Request::Delete { object: object.clone(), uid: uid.clone(), dry_run }),
            Self::Apply { object, body, force } => {
                Some(Request::Apply { object: object.clone(), body: body.clone(), force: *force, dry_run })
            }
            _ => None,
        }
    }

    /// What it takes in a namespace, reads that were done already aside.
    #[must_use]
    pub fn rights(&self, namespace: &str) -> Vec<Right> {
        let portforward = Right::on("get", Resource::Pods, "portforward");
        match self {
            Self::Smoke { tests, .. } if !tests.is_empty() => vec![portforward],
            Self::Soak { analysis: Some(analysis), .. } | Self::AskMetrics { analysis, .. } => match &analysis.source {
                Source::Service { namespace: of, .. } if of == namespace => {
                    vec![Right::on("get", Resource::Services, "proxy")]
                }
                _ => Vec::new(),
            },
            action => action.request(false).as_ref().and_then(Right::of).into_iter().collect(),
        }
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What kind of step it is.
    pub id: &'static str,
    /// What it does, in words.
    pub title: String,
    /// What it does.
    pub action: Action,
    /// The shares that the colors have once it is done, where it changes them.
    pub split: Option<Split>,
}

impl Step {
    /// A step.
    pub fn new(id: &'static str, title: impl Into<String>, action: Action) -> Self {
        Self { id, title: title.into(), action, split: None }
    }

    /// The same step, which leads to these shares.
    #[must_use]
    pub fn leading_to(self, split: Split) -> Self {
        Self { split: Some(split), ..self }
    }
}

/// What a command will do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The command.
    pub command: &'static str,
    /// The set.
    pub set: SetRef,
    /// What it does, in one line.
    pub title: String,
    /// The color that serves before, if it is one.
    pub from: Option<Color>,
    /// The color that the command is about.
    pub to: Color,
    /// The shares after it, for a move of traffic.
    pub split: Option<Split>,
    /// The shares that come of it, where they are not the ones that were asked for as a matter of course.
    pub gives: Option<Split>,
    /// The id of the move in the journal.
    pub id: Option<String>,
    /// What was checked.
    pub checks: Vec<CheckResult>,
    /// What is done once it has been planned again, as far as it takes rights of its own.
    pub later: Vec<Right>,
    /// What else is to be known before one says yes.
    pub notes: Vec<String>,
    /// The steps; none when there is nothing to do.
    pub steps: Vec<Step>,
    /// What changes in objects that are there, as a unified diff.
    pub diff: String,
    /// The command line that goes on after this was cut off, where it is not a matter of course.
    pub again: Option<String>,
}

impl Plan {
    /// A plan without steps: what is asked for is already so.
    #[must_use]
    pub fn nothing(command: &'static str, set: &SetView<'_>, to: Color, title: String) -> Self {
        Self { from: set.base(), ..Self::without_steps(command, SetRef::of(set), to, title) }
    }

    /// A plan that is still to get its steps, for a set that may not be there yet.
    #[must_use]
    pub fn without_steps(command: &'static str, set: SetRef, to: Color, title: String) -> Self {
        Self {
            command,
            set,
            title,
            from: None,
            to,
            split: None,
            gives: None,
            id: None,
            checks: Vec::new(),
            later: Vec::new(),
            notes: Vec::new(),
            steps: Vec::new(),
            diff: String::new(),
            again: None,
        }
    }

    /// The object that the Lease guards.
    #[must_use]
    pub fn guarded(&self) -> &str {
        if self.set.service.is_empty() { &self.set.name } else { &self.set.service }
    }

    /// Everything that it takes from its first step to its last.
    #[must_use]
    pub fn rights(&self) -> Vec<Right> {
        let of_steps = self.steps.iter().flat_map(|step| step.action.rights(&self.set.namespace));
        let all = of_the_lock(&lease_name(self.guarded())).into_iter().chain(of_steps).chain(self.later.clone());
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether two plans do the same, whatever version of the objects they were made of.
    #[must_use]
    pub fn means_the_same(&self, other: &Self) -> bool {
        let steps = |plan: &Self| plan.steps.iter().map(|step| (step.id, step.title.clone())).collect::<Vec<_>>();
        (&self.set, &self.title, self.from, self.to, &self.diff)
            == (&other.set, &other.title, other.from, other.to, &other.diff)
            && steps(self) == steps(other)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        if !self.steps.is_empty() {
            writeln!(f)?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {}. {}", number + 1, step.title)?;
        }
        if !self.diff.is_empty() {
            write!(f, "\n{}", self.diff)?;
        }
        if !self.checks.is_empty() {
            writeln!(f)?;
        }
        let passes = |check: &&CheckResult| check.status == Status::Pass;
        for check in self.checks.iter().filter(|check| !passes(check)) {
            write_check(f, check, Canvas::default())?;
        }
        match (self.checks.iter().filter(passes).count(), self.checks.len()) {
            (0, _) => {}
            (passing, all) if passing == all => writeln!(f, "  {} all {all} checks pass", paint::good("ok  "))?,
            (passing, _) => writeln!(f, "  {} {passing} other checks pass", paint::good("ok  "))?,
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  note: {note}"))
    }
}

/// Writes a check as one line, and its way out as another.
pub fn write_check(f: &mut impl fmt::Write, check: &CheckResult, canvas: Canvas<'_>) -> fmt::Result {
    let mark = match check.status {
        Status::Pass => paint::good("ok  "),
        Status::Warn => paint::warn("warn"),
        Status::Fail => paint::bad("FAIL"),
        Status::Skip => paint::faint("skip"),
    };
    writeln!(f, "  {mark} {:<15} {}", check.id, paint::wrapped(&check.message, paint::MESSAGE, canvas))?;
    match &check.help {
        Some(help) if check.status != Status::Pass => {
            writeln!(f, "       {:<15} help: {}", "", paint::wrapped(help, paint::MESSAGE + 6, canvas))
        }
        _ => Ok(()),
    }
}

/// Something that plans: a command with its arguments. Called again whenever the state may have changed.
pub trait Planner {
    /// What is asked at the same time as everything else, whatever there is to be seen: reads that the plan can do without.
    fn asks_first(&self) -> Vec<Request> {
        Vec::new()
    }

    /// What else must be asked before it can plan: reads and dry runs. Called again with the answers until there is
    /// nothing more to ask.
    fn asks(&self, _observed: &Observed) -> Vec<Request> {
        Vec::new()
    }

    /// Plans from what was observed.
    fn plan(&self, observed: &Observed) -> Result<Plan, Error>;

    /// Whether what is planned, or an earlier run that was cut off, has begun to move traffic and has not ended: then users
    /// depend on a color that is still to be watched.
    fn is_under_way(&self, _observed: &Observed) -> bool {
        false
    }

    /// Whether a person is asked when the plan has changed meanwhile. A way back waits for nobody.
    fn asks_again(&self) -> bool {
        true
    }

    /// Whether what was begun is taken back when it goes wrong. Where not, it stays as it is and the error says how.
    fn puts_back(&self) -> bool {
        false
    }

    /// Plans the way back to what was before, after something went wrong.
    ///
    /// # Errors
    /// When it must not be taken back: then it is held where it is.
    fn put_back(&self, observed: &Observed, _why: &str) -> Result<Plan, Error> {
        self.plan(observed)
    }
}

/// The change of the active Service that writes a journal, and another selector where it gets one, both in one patch.
#[must_use]
pub fn change_service(set: &SetView<'_>, selector: Option<&Labels>, journal: Journal) -> Option<Change> {
    let service = set.active_service()?;
    let version = service.metadata.resource_version.as_deref().unwrap_or_default();
    let selector = selector.map(|selector| json!({"op": "replace", "path": "/spec/selector", "value": selector}));
    let journal = set_journal(service, journal);
    Some(Change::new(SetRef::of(set).active_service(), version, selector.into_iter().chain([journal]).collect()))
}

/// The operation that writes the journal. A Service may have no annotations at all yet.
#[must_use]
pub fn set_journal(service: &Service, journal: Journal) -> Value {
    let text = journal.text_for(service);
    if service.metadata.annotations.is_some() {
        let key = ANNOTATION.replace('~', "~0").replace('/', "~1");
        json!({"op": "add", "path": format!("/metadata/annotations/{key}"), "value": text})
    } else {
        json!({"op": "add", "path": "/metadata/annotations", "value": {ANNOTATION: text}})
    }
}

/// The journal's entry for a move of all traffic.
#[must_use]
pub fn entry(set: &SetView<'_>, command: &'static str, to: Color, settings: &Settings) -> Entry {
    let at = set.observed.at;
    Entry {
        id: format!("{}-{}", at.strftime("%Y%m%dT%H%M%SZ"), settings.token),
        at,
        by: settings.by.clone(),
        command: command.to_owned(),
        from: set.base(),
        to,
        split: Split::all(to),
        router: "service".to_owned(),
        images: Colors::new(|color| set.images(color).into_iter().map(|image| plain(image, MAX_IMAGE)).collect()),
        replicas: Colors::new(|color| set.desired(color)),
        before: crate::journal::Before::default(),
        phase: Phase::Moving,
        step: "selector".to_owned(),
        accepted: settings.accept.clone(),
        result: None,
        more: settings.why.iter().map(|why| ("why".to_owned(), why.as_str().into())).collect(),
    }
}

/// How the labels of a selector change: `deployment: blue -> green`.
#[must_use]
pub fn selector_change(before: &Labels, after: &Labels) -> String {
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    let changes = changed.map(|(key, value)| {
        let was = before.get(key).map_or("any", String::as_str);
        format!("{key}: {was} -> {value}")
    });
    changes.collect::<Vec<_>>().join(", ")
}

/// The words for the patch that gives the active Service another selector.
#[must_use]
pub fn selector_title(set: &SetView<'_>, to: &Labels) -> String {
    let Some(service) = set.active_service() else { return String::new() };
    let gone = selector(service).iter().filter(|(key, _)| !to.contains_key(*key));
    let gone = gone.map(|(key, value)| format!("{key}: {value} -> any"));
    let changed = Some(selector_change(selector(service), to)).filter(|change| !change.is_empty());
    let changes = changed.into_iter().chain(gone).collect::<Vec<_>>().join(", ");
    format!("patch service/{}: {changes}", name(&service.metadata))
}

/// The step that sizes a color's Deployment.
#[must_use]
pub fn scale(set: &SetView<'_>, color: Color, replicas: i32) -> Option<Step> {
    let deployment = set.deployment(color)?;
    let called = name(&deployment.metadata);
    let object = ObjectRef::new(Resource::Deployments, set.namespace(), called);
    let version = deployment.metadata.resource_version.as_deref().unwrap_or_default();
    let operation = json!({"op": "replace", "path": "/spec/replicas", "value": replicas});
    let title = format!("scale deployment/{called}: {} -> {replicas} replicas", set.desired(color));
    Some(Step::new("scale", title, Action::Patch(Change::new(object, version, vec![operation]))))
}
