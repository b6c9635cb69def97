//! Prints what a command answers, or why there is no answer, in the form that was asked for.
//! Must not run anything.

use serde::Serialize;

use super::Run;
use crate::cli::Output;
use crate::error::Error;
use crate::paint::{Canvas, bad};
use crate::place::Place;
use crate::plan::write_check;
use crate::release::ExitStatus;
use crate::report::{ErrorReport, Failed, Outcome, Report};
use crate::ui::Ui;

impl Run {
    /// Prints how a command ended.
    pub(super) fn answer(&self, report: &Report, error: Option<&Error>) -> ExitStatus {
        if let Some(error) = error {
            self.explain(error);
        }
        self.print(report, || summary(report));
        report.status
    }

    /// Prints an answer in the form that was asked for.
    pub(super) fn print(&self, data: &impl Serialize, table: impl FnOnce() -> String) {
        match written(data, self.global.output, self.ui.place()) {
            Some(text) => self.ui.data(text),
            None => self.ui.table(&table()),
        }
    }

    /// Prints an error, the checks behind it, and the way out.
    pub(super) fn explain(&self, error: &Error) {
        let mut lines = String::new();
        for check in error.checks() {
            let _ = write_check(&mut lines, check, Canvas::default());
        }
        if !lines.is_empty() {
            self.ui.always(lines.trim_end());
        }
        self.say(&ErrorReport::from(error));
    }

    fn say(&self, report: &ErrorReport) {
        self.ui.always(format_args!("{}: {}", bad(format_args!("error[{}]", report.code)), report.message));
        if let Some(help) = &report.help {
            self.ui.always(format_args!("  help: {help}"));
        }
    }

    /// Prints what went wrong where there is no other answer, also as data when data was asked for.
    pub fn fail(&self, report: &ErrorReport, status: ExitStatus) -> ExitStatus {
        self.say(report);
        if self.global.output.is_data() {
            self.print(&Failed { version: 1, error: report }, String::new);
        }
        status
    }
}

/// An answer as data, with commands for where the run looks; nothing where it is for a person.
fn written(data: &impl Serialize, output: Output, place: &Place) -> Option<String> {
    let data = || place.data(data).unwrap_or_default();
    match output {
        Output::Json => Some(format!("{}\n", serde_json::to_string_pretty(&data()).unwrap_or_default())),
        Output::Yaml => Some(serde_yaml::to_string(&data()).unwrap_or_default()),
        Output::Table | Output::Wide => None,
    }
}

/// Prints what is wrong with a command line that cannot be read, also as data when it asks for data; or the help or the
/// version that it asks for.
pub fn unread(error: &clap::Error, output: Output, ui: &Ui) -> ExitStatus {
    let _ = error.print();
    if !error.use_stderr() {
        return ExitStatus::Done;
    }
    let text = error.render().to_string();
    let said = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let report = ErrorReport {
        code: "bluegreen::usage".to_owned(),
        message: said.split_whitespace().collect::<Vec<_>>().join(" "),
        help: Some("`--help` shows how it is written".to_owned()),
    };
    if let Some(text) = written(&Failed { version: 1, error: &report }, output, ui.place()) {
        ui.data(text);
    }
    ExitStatus::Usage
}

/// The last line for a person.
fn summary(report: &Report) -> String {
    let set = report.set.as_ref().map_or("", |set| set.name.as_str());
    let to = report.to.map_or("", |to| to.as_str());
    match (report.outcome, report.command) {
        (Outcome::Done, "smoke") => format!("done: {to} of {set} passes its tests\n"),
        (Outcome::Done, "init") => {
            let service = report.set.as_ref().map_or("", |set| set.service.as_str());
            format!("done: {set} is a release set; service/{service} leads to {to}\n")
        }
        (Outcome::Done, "cleanup") if report.steps.iter().any(|step| step.id == "scale-down") => {
            format!("done: {to} of {set} has no pods\n")
        }
        (Outcome::Done, "cleanup") => format!("done: {to} of {set} is scaled to 0; its pods are not waited for\n"),
        (Outcome::Done, _) => match (report.split.zip(report.to), report.observed.or(report.split)) {
            (Some((asked, to)), Some(seen)) if seen.is_partial() => {
                format!("done: {} of {set} go to {to}\n", asked.share_in_words(to, Some(seen)))
            }
            _ => format!("done: {to} serves {set}\n"),
        },
        (Outcome::NothingToDo, _) => "nothing to do\n".to_owned(),
        (Outcome::Planned, _) => "dry run: nothing was changed\n".to_owned(),
        _ => String::new(),
    }
}
