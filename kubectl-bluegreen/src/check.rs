//! What a careful operator would look at before moving traffic: one pure check a file, and the one list of them.
//! Checks read what was observed and decide nothing else; whether a command goes on is the plan's business.

use schemars::JsonSchema;
use serde::Serialize;

use crate::observed::{Observed, SetView};
use crate::release::Color;
use crate::rights::Right;

mod capacity;
mod drain;
mod drift;
mod foreign_owner;
mod other_services;
mod permissions;
mod pods_ready;
mod ports;
mod rollback_target;
mod rolled_out;
mod selector_shape;
mod service_traps;

pub use foreign_owner::{Writer, writers};
pub(crate) use other_services::{CHECK as OTHER_SERVICES, left_behind};
pub(crate) use rollback_target::CHECK as ROLLBACK_TARGET;
pub(crate) use rolled_out::{
    deadline_exceeded as rollout_deadline_exceeded, has_ended as rollout_has_ended, has_old_pods,
};

/// Every check, in the order in which they are shown.
pub static ALL: &[Check] = &[
    permissions::CHECK,
    foreign_owner::CHECK,
    other_services::CHECK,
    selector_shape::CHECK,
    rolled_out::CHECK,
    pods_ready::CHECK,
    capacity::CHECK,
    ports::CHECK,
    service_traps::CHECK,
    drain::CHECK,
    rollback_target::CHECK,
    drift::CHECK,
];

/// A check of one move.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name on the command line and in JSON.
    pub id: &'static str,
    /// What it refuses, in one sentence.
    pub refuses: &'static str,
    run: fn(&Question<'_>) -> Verdict,
}

/// The move that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The set.
    pub set: &'q SetView<'q>,
    /// The color that traffic would go to.
    pub target: Color,
    /// The share of the traffic that it would get, in percent.
    pub percent: u8,
    /// Whether it is a way back: then a smaller good color beats a broken one.
    pub way_back: bool,
    /// What would bring the traffic there.
    pub means: Means,
}

/// What would bring traffic to a color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// The active Service's selector, which selects the color alone.
    #[default]
    Selector,
    /// The color's own Service, which a route names.
    ColorService,
    /// The active Service's selector, widened to both colors.
    Both,
}

/// How a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to say.
    Pass,
    /// Worth a look; does not refuse.
    Warn,
    /// Refuses the move.
    Fail,
    /// Could not be judged.
    Skip,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    status: Status,
    message: String,
    help: Option<String>,
}

impl Verdict {
    fn pass(message: impl Into<String>) -> Self {
        Self { status: Status::Pass, message: message.into(), help: None }
    }

    fn fail(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status: Status::Fail, message: message.into(), help: Some(help.into()) }
    }

    fn warn(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status: Status::Warn, ..Self::fail(message, help) }
    }

    fn skip(message: impl Into<String>) -> Self {
        Self { status: Status::Skip, ..Self::pass(message) }
    }
}

/// A check's result as it is shown and serialized.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CheckResult {
    /// The check.
    pub id: &'static str,
    /// The color that was asked about.
    pub color: Color,
    /// How it ended.
    pub status: Status,
    /// What was seen.
    pub message: String,
    /// The way out, where there is something to do.
    pub help: Option<String>,
}

/// Runs every check. One that fails and is accepted by name becomes a warning that says so.
#[must_use]
pub fn run(question: &Question<'_>, accepted: &[String]) -> Vec<CheckResult> {
    ALL.iter().map(|check| judge(check, question, accepted)).collect()
}

/// Runs the one check that even what comes before a move must pass.
#[must_use]
pub(crate) fn permissions(question: &Question<'_>, accepted: &[String]) -> CheckResult {
    judge(&permissions::CHECK, question, accepted)
}

/// The refusal of rights that the API server does not give, beside those that every move needs.
#[must_use]
pub(crate) fn denied(observed: &Observed, namespace: &str, color: Color, rights: &[Right]) -> Option<CheckResult> {
    let verdict = permissions::in_namespace(observed, namespace, rights);
    let result = || CheckResult {
        id: permissions::CHECK.id,
        color,
        status: verdict.status,
        message: verdict.message.clone(),
        help: verdict.help.clone(),
    };
    (verdict.status == Status::Fail).then(result)
}

fn judge(check: &Check, question: &Question<'_>, accepted: &[String]) -> CheckResult {
    let verdict = (check.run)(question);
    let mut result = CheckResult {
        id: check.id,
        color: question.target,
        status: verdict.status,
        message: verdict.message,
        help: verdict.help,
    };
    if result.status == Status::Fail && accepts(accepted, check.id) {
        result.status = Status::Warn;
        result.message.push_str(" (accepted)");
    }
    result
}

/// Whether a check is let pass by its name.
pub(crate) fn accepts(accepted: &[String], id: &str) -> bool {
    accepted.iter().any(|accepted| accepted == id)
}

/// Whether nothing refuses the move.
#[must_use]
pub fn all_pass(results: &[CheckResult]) -> bool {
    results.iter().all(|result| result.status != Status::Fail)
}

/// `1 pod`, `2 pods`.
pub(crate) fn pods(count: usize) -> String {
    format!("{count} {}", if count == 1 { "pod" } else { "pods" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_list() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check");
        #[expect(clippy::disallowed_methods, reason = "the test looks at the folder itself")]
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.map(|file| file.trim_end_matches(".rs").replace('_', "-")).collect();
        let mut ids: Vec<&str> = ALL.iter().map(|check| check.id).collect();
        files.sort();
        ids.sort_unstable();
        assert_eq!(files, ids);
    }
}
