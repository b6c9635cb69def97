//! Runs a plan's steps in order, under the Lease, and says what it saw.
//! Decides nothing that a plan has not said: whatever changes meanwhile is read and planned again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use bluegreen_lint::set::Declared;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::analysis::MetricResult;
use crate::check;
use crate::cluster::{Cluster, ClusterError, Failure, Request};
use crate::error::Error;
use crate::health::Health;
use crate::interrupt::Interrupt;
use crate::lock::{Lock, is_left, trying_again};
use crate::observe::{answers, ask, ask_for, observe};
use crate::observed::Observed;
use crate::plan::{Action, Plan, Planner, Step};
use crate::process::Holder;
use crate::release::{Color, Split};
use crate::report::{Outcome, Report, StepReport};
use crate::smoke::TestResult;
use crate::trail::Event;
use crate::ui::Ui;

mod basis;
mod guard;
mod journal;
mod keep;
mod lease;
mod overtaken;
mod put_back;
mod rollout;
mod smoke;
mod soak;
mod state;
mod waits;

/// How often a plan is made anew because its objects changed under it.
const MAX_ATTEMPTS: usize = 8;
/// The pause before a request is tried again that the cluster could not answer.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The check that speaks of rights.
const PERMISSIONS: &str = "permissions";

/// Whether anything is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    /// Write.
    #[default]
    None,
    /// Only plan.
    Client,
    /// Plan, and let the API server check the writes without storing them.
    Server,
}

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The namespace.
    pub namespace: String,
    /// Whether anything is written.
    pub dry_run: DryRun,
    /// Bounds each wait for the cluster.
    pub timeout: Duration,
    /// How long to wait for somebody else's Lease.
    pub wait_lock: Duration,
    /// Who we are.
    pub holder: Holder,
    /// The sets that settings name.
    pub declared: Vec<Declared>,
    /// The checks that are let pass by name.
    pub accept: Vec<String>,
}

/// Runs plans on a cluster.
#[derive(Debug)]
pub struct Executor<'e, C> {
    cluster: &'e C,
    ui: &'e Ui,
    interrupt: &'e Interrupt,
    options: &'e Options,
    steps: RefCell<Vec<StepReport>>,
    /// What the smoke tests found in this run.
    tests: RefCell<Vec<TestResult>>,
    /// What the metrics said last in this run.
    metrics: RefCell<Vec<MetricResult>>,
    /// What was seen of the pods that have users by now.
    health: RefCell<Health>,
    /// When they were looked at last.
    looked: Cell<Instant>,
    /// Whether pods that have users are looked after while this waits.
    guards: Cell<bool>,
    /// Whether a release has begun to move traffic, in this run or in an earlier one.
    under_way: Cell<bool>,
    plan: RefCell<Option<Plan>>,
    /// The shares that were seen since this plan was made, by the endpoints of the active Service.
    seen: Cell<Option<Split>>,
    /// The color that served all users, a share aside, before this run did anything.
    base: Cell<Option<Color>>,
    /// The color that the selector was moved to in this run.
    moved: Cell<Option<Color>>,
    /// The last object that was changed in this run so that both colors have a share, or only one again.
    shared: RefCell<Option<String>>,
    /// The notes that were shown.
    told: RefCell<BTreeSet<String>>,
    /// Whether this run has sent a write that the plan asked for, whatever became of it.
    wrote: Cell<bool>,
    /// The object of a write of which it is not known whether it happened.
    unknown: RefCell<Option<String>>,
    /// When the work began, questions aside.
    started: Cell<Instant>,
    /// What the plan that was agreed to rests on.
    basis: RefCell<Option<basis::Basis>>,
    /// The version of the pods that the plan was made of.
    pods: RefCell<Option<String>>,
}

/// For how long the cluster could not answer.
#[derive(Default)]
struct Patience {
    failing_since: Option<Instant>,
}

/// How a step leaves the plan.
enum Flow {
    /// On to the next step.
    Next,
    /// The rest must be planned anew, as the plan said.
    PlanAgain,
    /// Something changed under us, or it is not known whether the write happened: read, and plan again.
    Changed(ClusterError),
}

impl<'e, C: Cluster> Executor<'e, C> {
    /// An executor for one command.
    #[must_use]
    pub fn new(cluster: &'e C, ui: &'e Ui, interrupt: &'e Interrupt, options: &'e Options) -> Self {
        Self {
            cluster,
            ui,
            interrupt,
            options,
            steps: RefCell::default(),
            tests: RefCell::default(),
            metrics: RefCell::default(),
            health: RefCell::default(),
            looked: Cell::new(Instant::now()),
            guards: Cell::default(),
            under_way: Cell::default(),
            plan: RefCell::default(),
            seen: Cell::default(),
            base: Cell::default(),
            moved: Cell::default(),
            shared: RefCell::default(),
            told: RefCell::default(),
            wrote: Cell::default(),
            unknown: RefCell::default(),
            started: Cell::new(Instant::now()),
            basis: RefCell::default(),
            pods: RefCell::default(),
        }
    }

    /// Observes, plans, asks, locks, and does what the plan says.
    pub async fn run(&self, command: &'static str, planner: &impl Planner) -> (Report, Result<Outcome, Error>) {
        let result = self.attempt(planner).await.map_err(|error| self.with_state(error));
        let requests = self.cluster.requests();
        let mut report = Report::new(command, self.plan.borrow().as_ref(), self.steps.take(), &result, requests);
        report.tests = self.tests.take();
        report.analysis = self.analysis();
        report.observed = self.observed().filter(|_| matches!(report.outcome, Outcome::Done | Outcome::NothingToDo));
        (report, result)
    }

    /// The shares that the colors have now, by what was seen: pods by their endpoints, weights by the routes that were read
    /// and written.
    fn observed(&self) -> Option<Split> {
        let plan = self.plan.borrow();
        let (plan, seen) = (plan.as_ref()?, self.seen.get());
        if plan.split?.is_partial() { seen.or(plan.gives) } else { plan.gives.or(seen) }
    }

    async fn attempt(&self, planner: &impl Planner) -> Result<Outcome, Error> {
        let at = Instant::now();
        let mut observed = self.stoppable(self.observe(planner)).await??;
        let plan = planner.plan(&observed)?;
        self.basis.replace(basis::Basis::of(&plan.set, &observed, at));
        self.under_way.set(planner.is_under_way(&observed));
        self.stoppable(self.allowed(&plan, &mut observed)).await??;
        let guarded = plan.guarded();
        let left = observed.lease(&plan.set.namespace, guarded).filter(|lease| is_left(lease, &self.options.holder));
        let left = left.cloned();
        self.not_overtaken(planner, &plan, &observed)?;
        self.keep_observed(&observed, &plan);
        drop(observed);
        self.show(&plan);
        *self.plan.borrow_mut() = Some(plan.clone());
        if plan.steps.is_empty() {
            // Whoever has ended holds nothing: a move would take it, and here there is none.
            if let Some(lease) = left.filter(|_| self.options.dry_run == DryRun::None) {
                let _ = self.stoppable(Lock::give_back_left(self.cluster, &lease)).await?;
            }
            return Ok(Outcome::NothingToDo);
        }
        match self.options.dry_run {
            DryRun::None => {}
            DryRun::Client => return Ok(Outcome::Planned),
            DryRun::Server => return self.dry_run(&plan).await,
        }
        self.stoppable(self.ui.confirm("Go on?")).await??;
        self.started.set(Instant::now());
        let lock = self.take(guarded, &plan.set.namespace).await?;
        let result = tokio::select! {
            biased;
            lost = lock.keep(self.cluster) => Err(lost),
            () = self.interrupt.at_once() => Err(self.interrupted()),
            // On the heap: the state of all steps together is large.
            result = Box::pin(self.guarded(planner, plan.clone(), &lock)) => result,
        };
        let result = match result {
            // Whoever stood still for longer than the Lease lasts finds what its next holder has done.
            Err(error @ Error::Overridden { .. }) => tokio::select! {
                lost = lock.lost_meanwhile(self.cluster) => Err(lost.unwrap_or(error)),
                () = self.interrupt.at_once() => Err(error),
            },
            result => result,
        };
        self.give_back(guarded, lock.release(self.cluster)).await;
        result
    }

    /// Work that may be dropped when somebody wants to stop.
    async fn stoppable<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        self.interrupt.or(work).await.ok_or_else(|| self.interrupted())
    }

    async fn observe(&self, planner: &impl Planner) -> Result<Observed, Error> {
        let (namespace, declared) = (&self.options.namespace, &self.options.declared);
        let first = answers(self.cluster, planner.asks_first());
        let (observed, first) = tokio::join!(Box::pin(observe(self.cluster, Some(namespace), declared)), first);
        let mut observed = observed?;
        observed.answers = first?;
        ask(self.cluster, &mut observed, |observed| planner.asks(observed)).await?;
        self.pods.replace(Some(observed.pods.resource_version.clone()).filter(|version| !version.is_empty()));
        Ok(observed)
    }

    /// Refuses a plan that the API server would not let come to its end, before anything is changed.
    async fn allowed(&self, plan: &Plan, observed: &mut Observed) -> Result<(), Error> {
        if plan.steps.is_empty() || check::accepts(&self.options.accept, PERMISSIONS) {
            return Ok(());
        }
        let needed = plan.rights();
        ask_for(self.cluster, observed, &plan.set.namespace, &needed).await;
        match check::denied(observed, &plan.set.namespace, plan.to, &needed) {
            Some(denied) => Err(Error::Refused { command: plan.command, color: plan.to, checks: vec![denied] }),
            None => Ok(()),
        }
    }

    async fn dry_run(&self, plan: &Plan) -> Result<Outcome, Error> {
        for request in plan.steps.iter().filter_map(|step| step.action.request(true)) {
            self.cluster.send(&request).await?;
        }
        Ok(Outcome::Planned)
    }

    /// Reads and plans again under the Lease, then goes through the steps.
    async fn locked(&self, planner: &impl Planner, agreed: Option<Plan>, lock: &Lock) -> Result<Outcome, Error> {
        let mut agreed = agreed;
        let mut written: Option<String> = None;
        let (mut conflicts, mut patience) = (0, Patience::default());
        while conflicts < MAX_ATTEMPTS {
            let plan = if let Some(plan) = self.stoppable(self.still_holds(agreed.as_ref())).await? {
                plan
            } else {
                let observed = match self.stoppable(self.observe(planner)).await? {
                    Ok(observed) => observed,
                    Err(Error::Cluster { error }) => {
                        self.wait_out(error, &mut patience).await?;
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                self.under_way.set(planner.is_under_way(&observed));
                let plan = planner.plan(&observed)?;
                self.not_overtaken(planner, &plan, &observed)?;
                self.keep_observed(&observed, &plan);
                plan
            };
            // What was written, and what was not, is in the plan now.
            self.unknown.take();
            let ours = written.is_some() && plan.id == written;
            let same = agreed.as_ref().is_none_or(|agreed| agreed.means_the_same(&plan)) || ours;
            if (agreed.is_none() || !same) && !plan.title.is_empty() {
                self.show(&plan);
            }
            *self.plan.borrow_mut() = Some(plan.clone());
            self.seen.take();
            if plan.steps.is_empty() {
                return Ok(if self.steps.borrow().is_empty() && !self.wrote.get() {
                    Outcome::NothingToDo
                } else {
                    Outcome::Done
                });
            }
            if !same && planner.asks_again() {
                self.ui.note("The state has changed since the plan was made: the plan above is the new one.");
                self.stoppable(self.ui.confirm("Go on with the new plan?")).await??;
            }
            match self.steps(&plan, lock, &mut written).await? {
                Flow::Next => return Ok(Outcome::Done),
                Flow::PlanAgain => (agreed, patience) = (None, Patience::default()),
                Flow::Changed(error) if error.failure == Failure::Conflict => {
                    (agreed, patience) = (Some(plan), Patience::default());
                    conflicts += 1;
                }
                Flow::Changed(error) => {
                    agreed = Some(plan);
                    self.wait_out(error, &mut patience).await?;
                }
            }
        }
        let object = self.plan.borrow().as_ref().map(|plan| plan.set.active_service().to_string()).unwrap_or_default();
        Err(Error::Conflict { object, attempts: MAX_ATTEMPTS })
    }

    /// Pauses after a failure that may be over in a moment.
    ///
    /// # Errors
    /// The failure, when it will not pass by itself or has lasted for the whole `--timeout`.
    async fn wait_out(&self, error: ClusterError, patience: &mut Patience) -> Result<(), Error> {
        let first = patience.failing_since.is_none();
        let since = *patience.failing_since.get_or_insert_with(Instant::now);
        if !error.is_passing() || since.elapsed() >= self.options.timeout {
            return Err(error.into());
        }
        if first {
            self.ui.note(format_args!("            {}", trying_again(&error, self.options.timeout)));
        }
        self.stoppable(sleep(RETRY_AFTER)).await
    }

    async fn steps(&self, plan: &Plan, lock: &Lock, written: &mut Option<String>) -> Result<Flow, Error> {
        for step in &plan.steps {
            let started = Instant::now();
            let result = self.guarding(plan, step, self.step(plan, step, lock, written)).await;
            if let Ok((Flow::Changed(error), _)) = result {
                return Ok(Flow::Changed(error));
            }
            let status = if result.is_ok() { "done" } else { "failed" };
            let seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
            let report = StepReport { id: step.id, title: step.title.clone(), status, seconds };
            self.ui.keep(|| Event::Stepped(report.clone()));
            self.steps.borrow_mut().push(report);
            let (flow, seen) = result?;
            if !seen.is_empty() {
                self.ui.done(self.started.get().elapsed(), &seen);
            }
            if matches!(flow, Flow::PlanAgain) {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    async fn step(
        &self,
        plan: &Plan,
        step: &Step,
        lock: &Lock,
        written: &mut Option<String>,
    ) -> Result<(Flow, String), Error> {
        let set = &plan.set;
        let next = |seen: String| Ok((Flow::Next, seen));
        if let Some(request) = step.action.request(false) {
            return self.send(plan, step, request, lock, written).await;
        }
        match &step.action {
            Action::AwaitEndpoints { color, selector } => {
                // Without a move there was none: a new set waits for its first endpoints.
                self.moved.set(plan.id.as_ref().map(|_| *color).or(self.moved.get()));
                next(self.await_endpoints(set, &[*color], selector).await?)
            }
            Action::AwaitBoth(selector) => {
                let seen = self.await_endpoints(set, &Color::ALL, selector).await?;
                self.ui.keep(|| Event::Split(self.seen.get()));
                next(seen)
            }
            Action::AwaitAccepted { route, back } => next(self.await_accepted(set, route, *back).await?),
            Action::AwaitRollout(color) => next(self.await_rollout(set, *color).await?),
            Action::AwaitScaleDown { color, selector } => next(self.await_scale_down(set, *color, selector).await?),
            Action::Settle(time) => {
                self.stoppable(sleep(*time)).await?;
                let why = step.title.split_once(": ").map_or("", |(_, why)| why);
                next(format!("waited {} s: {why}, which cannot be observed", time.as_secs_f64()))
            }
            Action::WaitUntil(moment) => {
                self.count_down(*moment).await?;
                next("waited".to_owned())
            }
            Action::CloseJournal { id, selector } => next(self.close_journal(set, id, selector, lock).await?),
            Action::Smoke { color, tests } => next(self.smoke(set, *color, tests).await?),
            Action::Soak { color, time, analysis } => next(self.soak(set, *color, *time, analysis.as_ref()).await?),
            Action::AskMetrics { color, analysis } => next(self.ask_metrics(set, *color, analysis).await?),
            Action::Confirm(question) => {
                self.stoppable(self.ui.confirm(question)).await??;
                next(String::new())
            }
            Action::AwaitEnd(deployment) => next(self.await_end(set, deployment).await?),
            Action::PlanAgain => Ok((Flow::PlanAgain, String::new())),
            Action::Patch(_) | Action::Create(..) | Action::Apply { .. } | Action::Delete(..) => next(String::new()),
        }
    }

    /// Sends the write of a step, once.
    async fn send(
        &self,
        plan: &Plan,
        step: &Step,
        request: Request,
        lock: &Lock,
        written: &mut Option<String>,
    ) -> Result<(Flow, String), Error> {
        if self.interrupt.is_fired() {
            return Err(self.interrupted());
        }
        lock.fence(self.cluster)?;
        if plan.id.is_some() {
            written.clone_from(&plan.id);
        }
        self.wrote.set(true);
        let object = written_object(&request);
        let deletes = request.verb() == "delete";
        let mut seen = format!("{object} is {}", if deletes { "deleted" } else { "written" });
        let mut answer = self.write(&request).await.map(|_| ());
        if deletes && answer.as_ref().is_err_and(|error| error.failure == Failure::NotFound) {
            if self.is_gone(&request).await {
                (seen, answer) = (format!("{object} is gone"), Ok(()));
            } else if let Err(error) = &mut answer {
                error.failure = Failure::Unavailable;
            }
        }
        match answer {
            Ok(()) => {
                if step.id == "patch" {
                    self.moved.set(plan.id.as_ref().map(|_| plan.to).or(self.moved.get()));
                }
                if let Some(split) = step.split {
                    self.ui.keep(|| Event::Split(Some(split)));
                }
                if matches!(step.id, "route" | "widen") {
                    *self.shared.borrow_mut() = Some(object);
                }
                Ok((Flow::Next, seen))
            }
            Err(error) if error.failure == Failure::Conflict || error.is_passing() => {
                Ok((Flow::Changed(error), String::new()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether what was to be deleted is not there any more, whoever did that. An API server that has just begun answers 404
    /// of kinds that it does not know yet, too: the list of the kind shows it.
    async fn is_gone(&self, deletion: &Request) -> bool {
        let Some(object) = deletion.object() else { return false };
        let list = self.cluster.list::<Value>(&Request::list(object.resource, Some(&object.namespace))).await;
        let is_it = |other: &Value| other.pointer("/metadata/name").is_some_and(|name| *name == object.name);
        list.is_ok_and(|list| !list.items.iter().any(is_it))
    }

    /// Sends a write once. Dropped on the way, or without an answer, it stays unknown until the object is read again.
    async fn write(&self, request: &Request) -> Result<Value, ClusterError> {
        *self.unknown.borrow_mut() = Some(written_object(request));
        let result = self.cluster.send(request).await;
        if result.as_ref().err().is_none_or(|error| !error.is_passing()) {
            self.unknown.take();
        }
        result
    }
}

fn written_object(request: &Request) -> String {
    match request {
        Request::Apply { object, .. } => object.to_string(),
        other => other.object().map(ToString::to_string).unwrap_or_default(),
    }
}
