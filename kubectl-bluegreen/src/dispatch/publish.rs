//! Writes the page about a move: once before it, so that it can be written at all, and once when it has ended.
//! Changes nothing of the move or of how the command ends; what is on the page is for `crate::page`.

use bluegreen_lint::files::{WriteError, write_atomically};
use jiff::Timestamp;
use miette::Diagnostic as _;

use super::Run;
use crate::cli::Page;
use crate::cmd::rehearse::Rehearsal;
use crate::error::Error;
use crate::page::{self, Head};
use crate::report::Report;

/// An option that names a file which cannot be written, with the way out.
pub(super) fn unwritable(message: String, error: &WriteError) -> Error {
    Error::Usage { message, help: error.help().map_or_else(String::new, |help| help.to_string()) }
}

impl Run {
    pub(super) fn head(&self, command: &'static str, namespace: &str, began: Timestamp) -> Head {
        Head { command, namespace: namespace.to_owned(), by: self.holder.who(), began }
    }

    /// Writes that the move has begun. If it is killed, that is what stays.
    ///
    /// # Errors
    /// When the page cannot be written: nothing is moved without it, but for a way back, which waits for no page.
    pub(super) fn open(&self, page: &Page, head: &Head) -> Result<(), Error> {
        let Some(path) = &page.report else { return Ok(()) };
        match write_atomically(path, page::unfinished(head).as_bytes()) {
            Ok(()) => self.ui.follow(),
            Err(error) if head.command == "rollback" => {
                self.ui.always(format_args!("warning: --report: {error}; going on without the page"));
            }
            Err(error) => return Err(unwritable(format!("--report: {error}; nothing was changed"), &error)),
        }
        Ok(())
    }

    /// Writes how it ended. That this fails is said, and changes nothing.
    pub(super) fn publish(&self, page: &Page, head: &Head, report: &Report, rehearsal: Option<&Rehearsal>) {
        let (Some(path), Some(trail)) = (&page.report, self.ui.trail()) else { return };
        let report = self.typed(report);
        match write_atomically(path, page::page(head, &report, &trail, rehearsal).as_bytes()) {
            Ok(()) => self.ui.note(format_args!("the page about it is {}", path.display())),
            Err(error) => self.ui.always(format_args!("warning: --report: {error}")),
        }
    }

    /// A report whose commands look where this run was told to look.
    fn typed(&self, report: &Report) -> Report {
        let mut report = report.clone();
        let mut typed = |text: &mut String| *text = self.ui.place().typed(text).into_owned();
        for check in &mut report.checks {
            typed(&mut check.message);
            check.help.iter_mut().for_each(&mut typed);
        }
        if let Some(error) = &mut report.error {
            typed(&mut error.message);
            error.help.iter_mut().for_each(typed);
        }
        report
    }
}
