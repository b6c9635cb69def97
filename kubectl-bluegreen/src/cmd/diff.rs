//! `diff`: what differs between the live colors.
//! Shows what the linter's drift rules say, and the pod templates side by side; changes nothing.

use std::fmt::Write as _;
use std::path::PathBuf;

use bluegreen_lint::diff::unified;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::drift::{Difference, differences, manifest};
use crate::error::Error;
use crate::init::files::{Effect, Fate, Files};
use crate::observed::{Observed, SetView, name};
use crate::paint::{self, folded};
use crate::plan::SetRef;
use crate::release::Color;

/// Show what differs between the live colors, or between the cluster and files
///
/// Names what differs and is not meant to, by the linter's drift rules, then shows the two pod templates as a unified
/// diff. Image, color and versions are meant to differ. Exits with 0 when nothing differs that is not meant to, with 1
/// when something does. With -f the API server is asked, without storing anything, what an apply of the manifests would
/// change.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen diff            # before a switch: is green what blue is?
  kubectl bluegreen diff --all      # values of environment variables, too
  kubectl bluegreen diff -f k8s/    # what would init -f change?
  kubectl bluegreen diff -o json")]
pub struct Args {
    /// Also name what is merely worth knowing, such as other values of environment variables
    #[arg(long, conflicts_with = "files")]
    pub all: bool,
    /// Show what an apply of these manifests would change in the cluster, instead; `-` reads standard input
    #[arg(short, long = "filename", value_name = "PATH")]
    pub files: Vec<PathBuf>,
}

/// What `diff` answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen diff")]
pub struct Answer {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    version: u32,
    set: SetRef,
    /// Whether nothing differs that is not meant to.
    pub same: bool,
    differences: Vec<Difference>,
    /// The pod templates as a unified diff, or the objects; empty when they are equal.
    diff: String,
    /// What an apply would do to each object of the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<Vec<Effect>>,
    requests: usize,
}

impl Answer {
    /// Compares the colors of a set.
    pub fn new(set: &SetView<'_>, all: bool, requests: usize) -> Result<Self, Error> {
        let template = |color: Color| {
            let (named, namespace) = (set.name().to_owned(), set.namespace().to_owned());
            let deployment = set.deployment(color).ok_or(Error::NoColor { set: named, namespace, color })?;
            let template = manifest(deployment).pointer("/spec/template").cloned().unwrap_or(Value::Null);
            let text = serde_yaml::to_string(&template).unwrap_or_default();
            Ok::<_, Error>((format!("{color}: deployment/{}", name(&deployment.metadata)), text))
        };
        let ((blue, blue_text), (green, green_text)) = (template(Color::Blue)?, template(Color::Green)?);
        let diff = unified(&blue_text, &green_text, &blue, &green);
        let differences = differences(set, all);
        let same = differences.iter().all(|difference| difference.severity == "info");
        Ok(Self { version: 1, set: SetRef::of(set), same, differences, diff, objects: None, requests })
    }

    /// Compares the cluster with files.
    ///
    /// # Errors
    /// When the server refuses an object.
    pub fn of_files(files: &Files, observed: &Observed, requests: usize) -> Result<Self, Error> {
        let effects = files.effects(observed)?;
        let same = effects.iter().all(|effect| effect.change == Fate::Same);
        let diff = effects.iter().filter(|effect| effect.change != Fate::Same).map(Effect::diff).collect();
        let (set, differences) = (files.set(observed), Vec::new());
        Ok(Self { version: 1, set, same, differences, diff, objects: Some(effects), requests })
    }

    /// The answer for a person.
    #[must_use]
    pub fn table(&self, columns: Option<usize>) -> String {
        let of = format!("{} in namespace {}", self.set.name, self.set.namespace);
        if let Some(objects) = &self.objects {
            let count = |fate: Fate| objects.iter().filter(|effect| effect.change == fate).count();
            let (create, change, same) = (count(Fate::Create), count(Fate::Change), count(Fate::Same));
            let words = match (create, change) {
                (0, 0) => format!("all {same} objects are as the files say"),
                _ => format!("an apply would create {create}, change {change} and leave {same} objects as they are"),
            };
            let separator = if self.diff.is_empty() { "" } else { "\n" };
            let words = folded(&format!("{of}: {words}"), columns);
            return format!("{words}\n{separator}{}", paint::diff(&self.diff));
        }
        let unmeant = self.differences.iter().filter(|difference| difference.severity != "info").count();
        let words = match unmeant {
            0 => format!("{of}: the colors differ only in what is meant to differ"),
            1 => format!("{of}: 1 difference that is not meant to be"),
            count => format!("{of}: {count} differences that are not meant to be"),
        };
        let mut text = folded(&words, columns) + "\n";
        if !self.differences.is_empty() {
            text.push('\n');
        }
        for difference in &self.differences {
            let _ = writeln!(text, "  {} {:<7} {}", difference.code, difference.severity, difference.message);
        }
        if !self.diff.is_empty() {
            let _ = write!(text, "\n{}", paint::diff(&self.diff));
        }
        text
    }
}
