//! What a command that changes something answers: how it ended, step by step.
//! Data only; printing is for `Ui`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::MetricResult;
use crate::check::CheckResult;
use crate::error::Error;
use crate::plan::{Plan, SetRef};
use crate::release::{Color, ExitStatus, Split};
use crate::smoke::TestResult;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done and seen.
    Done,
    /// It was so already.
    NothingToDo,
    /// A dry run: nothing was written.
    Planned,
    /// A check refused it.
    Refused,
    /// It failed.
    Failed,
    /// Traffic was put back.
    PutBack,
    /// Somebody else is moving this set.
    Busy,
    /// The cluster did not get there in time.
    TimedOut,
    /// Interrupted.
    Interrupted,
}

/// How one step went.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StepReport {
    /// What kind of step it is.
    pub id: &'static str,
    /// What it does, in words.
    pub title: String,
    /// `done`, `failed`, or `planned` when it was not reached.
    #[schemars(extend("enum" = ["done", "failed", "planned"]))]
    pub status: &'static str,
    /// How long it took.
    #[schemars(range(min = 0.0))]
    pub seconds: f64,
}

/// What went wrong, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErrorReport {
    /// The stable code.
    #[schemars(regex(pattern = "^bluegreen::"))]
    pub code: String,
    /// What happened.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        Self { code: error.code(), message: error.to_string(), help: error.help() }
    }
}

/// What a command answers that failed before it had anything else to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen: an error")]
pub struct Failed<'e> {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// What went wrong.
    pub error: &'e ErrorReport,
}

/// What a command that changes something answers.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen: a command that changes something")]
pub struct Report {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// The command.
    pub command: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The set; nothing when none was found.
    pub set: Option<SetRef>,
    /// The color that served before.
    pub from: Option<Color>,
    /// The color that the command is about.
    pub to: Option<Color>,
    /// The shares that the command leads to.
    pub split: Option<Split>,
    /// The shares that were seen once it had ended well, where traffic was moved.
    pub observed: Option<Split>,
    /// The move in the journal.
    pub id: Option<String>,
    /// The steps.
    pub steps: Vec<StepReport>,
    /// What was checked.
    pub checks: Vec<CheckResult>,
    /// What the smoke tests found; left out where there were none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestResult>,
    /// What the metrics said last; left out where none were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analysis: Vec<MetricResult>,
    /// What went wrong.
    pub error: Option<ErrorReport>,
    /// How many requests were sent.
    pub requests: usize,
    /// How the process ends.
    #[serde(skip)]
    pub status: ExitStatus,
}

impl Report {
    /// Builds the answer of what was planned, done, and seen.
    #[must_use]
    pub fn new(
        command: &'static str,
        plan: Option<&Plan>,
        done: Vec<StepReport>,
        result: &Result<Outcome, Error>,
        requests: usize,
    ) -> Self {
        let error = result.as_ref().err();
        let outcome = match result {
            Ok(outcome) => *outcome,
            Err(error) if error.leaves_traffic() => Outcome::Failed,
            Err(error) => match error.status() {
                ExitStatus::Refused => Outcome::Refused,
                ExitStatus::Busy => Outcome::Busy,
                ExitStatus::TimedOut => Outcome::TimedOut,
                ExitStatus::Interrupted => Outcome::Interrupted,
                ExitStatus::PutBack => Outcome::PutBack,
                ExitStatus::Done | ExitStatus::Failed | ExitStatus::Usage => Outcome::Failed,
            },
        };
        let mut steps = done;
        if let Some(plan) = plan {
            let reached = steps.len();
            let planned = |step: &crate::plan::Step| StepReport {
                id: step.id,
                title: step.title.clone(),
                status: "planned",
                seconds: 0.0,
            };
            let known: Vec<String> = steps.iter().map(|step| step.title.clone()).collect();
            steps.extend(plan.steps.iter().filter(|step| reached == 0 || !known.contains(&step.title)).map(planned));
        }
        let refused = error.map(Error::checks).filter(|checks| !checks.is_empty());
        let checks = refused.or(plan.map(|plan| plan.checks.as_slice())).unwrap_or_default().to_vec();
        Self {
            version: 1,
            command,
            outcome,
            set: plan.map(|plan| plan.set.clone()),
            from: plan.and_then(|plan| plan.from),
            to: plan.map(|plan| plan.to),
            split: plan.and_then(|plan| plan.split),
            observed: None,
            id: plan.and_then(|plan| plan.id.clone()),
            steps,
            checks,
            tests: Vec::new(),
            analysis: Vec::new(),
            error: error.map(ErrorReport::from),
            requests,
            status: error.map_or(ExitStatus::Done, Error::status),
        }
    }
}
