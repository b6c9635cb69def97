//! `diff`: what differs between the live colors.
//! Shows what the linter's drift rules say, and the pod templates side by side; changes nothing.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use crate::drift::{Difference, differences, manifest};
use crate::error::Error;
use crate::observed::{SetView, name};
use crate::plan::SetRef;
use crate::release::Color;

/// Show what differs between the live colors
///
/// Names what differs and is not meant to, by the linter's drift rules, then shows the two pod templates as a unified
/// diff. Image, color and versions are meant to differ. Exits with 0 when nothing differs that is not meant to, with 1
/// when something does.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen diff            # before a switch: is green what blue is?
  kubectl bluegreen diff --all      # values of environment variables, too
  kubectl bluegreen diff -o json")]
pub struct Args {
    /// Also name what is merely worth knowing, such as other values of environment variables
    #[arg(long)]
    pub all: bool,
}

/// What `diff` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    version: u32,
    set: SetRef,
    /// Whether nothing differs that is not meant to.
    pub same: bool,
    differences: Vec<Difference>,
    /// The pod templates as a unified diff; empty when they are equal.
    diff: String,
}

impl Answer {
    /// Compares the colors of a set.
    pub fn new(set: &SetView<'_>, all: bool) -> Result<Self, Error> {
        let template = |color: Color| {
            let (named, namespace) = (set.name().to_owned(), set.namespace().to_owned());
            let deployment = set.deployment(color).ok_or(Error::NoColor { set: named, namespace, color })?;
            let template = manifest(deployment).pointer("/spec/template").cloned().unwrap_or(Value::Null);
            let text = serde_yaml::to_string(&template).unwrap_or_default();
            Ok::<_, Error>((format!("{color}: deployment/{}", name(&deployment.metadata)), text))
        };
        let ((blue, blue_text), (green, green_text)) = (template(Color::Blue)?, template(Color::Green)?);
        let diff = TextDiff::from_lines(&blue_text, &green_text).unified_diff().header(&blue, &green).to_string();
        let differences = differences(set, all);
        let same = differences.iter().all(|difference| difference.severity == "info");
        Ok(Self { version: 1, set: SetRef::of(set), same, differences, diff })
    }

    /// The answer for a person.
    #[must_use]
    pub fn table(&self) -> String {
        let of = format!("{} in namespace {}", self.set.name, self.set.namespace);
        let unmeant = self.differences.iter().filter(|difference| difference.severity != "info").count();
        let mut text = match unmeant {
            0 => format!("{of}: the colors differ only in what is meant to differ\n"),
            1 => format!("{of}: 1 difference that is not meant to be\n"),
            count => format!("{of}: {count} differences that are not meant to be\n"),
        };
        if !self.differences.is_empty() {
            text.push('\n');
        }
        for difference in &self.differences {
            let _ = writeln!(text, "  {} {:<7} {}", difference.code, difference.severity, difference.message);
        }
        if !self.diff.is_empty() {
            let _ = write!(text, "\n{}", self.diff);
        }
        text
    }
}
