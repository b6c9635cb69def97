//! `rehearse -f PATH VERSION`: plays a release of the manifests on a cluster in memory.
//! Runs the very plans and the executor of the real commands; knows no kubeconfig and no network.

use std::path::PathBuf;
use std::time::Duration;

use bluegreen_lint::config::release::SmokeTest;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::simulated::SimulatedCluster;
use crate::cmd::deploy::Deploy;
use crate::cmd::rollback::Rollback;
use crate::error::Error;
use crate::execute::{Executor, Options};
use crate::image;
use crate::interrupt::Interrupt;
use crate::manifests;
use crate::plan::{Selection, Settings};
use crate::release::Color;
use crate::report::{Outcome, Report, StepReport};
use crate::ui::{Answers, Ui};

/// Play a release of manifests on a cluster in memory
///
/// Lints the manifests, loads them into a simulated cluster with a clock of its own, and runs a release with the same
/// plans that the real commands use: the new version to the idle color, sized, ready, checked, switched. Then it proves
/// the way back. No cluster and no kubeconfig are needed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen rehearse -f k8s/ v1.1.0
  helm template shop | kubectl bluegreen rehearse -f - v1.1.0
  kubectl bluegreen rehearse -f k8s/ v1.1.0 -o json")]
pub struct Args {
    /// Files or directories with the manifests of the release set; `-` reads standard input
    #[arg(short, long = "filename", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// The version to release: the tag that replaces the active color's
    #[arg(value_name = "VERSION")]
    pub version: String,
}

/// The day on which every rehearsal begins, so that two of them print the same.
const EPOCH: Timestamp = Timestamp::constant(1_767_258_000, 0);
/// How long the simulated cluster may take to come to rest before the release begins.
const SETTLE_MAX: Duration = Duration::from_hours(1);
/// The namespace of manifests that name none.
const NAMESPACE: &str = "default";

/// What `rehearse` answers.
#[derive(Debug, Serialize)]
pub struct Rehearsal {
    /// The release.
    #[serde(flatten)]
    pub report: Report,
    /// The way back from it; nothing when the release was not done.
    pub rollback: Option<WayBack>,
}

/// What the way back took.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WayBack {
    /// How it ended.
    pub outcome: Outcome,
    /// How long until the old color's pods were the endpoints again.
    pub seconds_to_endpoints: f64,
    /// How long until everything was done.
    pub seconds: f64,
    /// Its steps.
    pub steps: Vec<StepReport>,
}

/// Reads the manifests and loads them into a cluster; refuses what the linter calls an error.
fn load(files: &[PathBuf], ui: &Ui) -> Result<(SimulatedCluster, String), Error> {
    let model = manifests::read(files, ui)?;
    let namespace = manifests::namespace(&model).unwrap_or_else(|| NAMESPACE.to_owned());
    let cluster = SimulatedCluster::new(EPOCH);
    for object in model.objects() {
        let mut value = object.root().to_json();
        // What names no namespace goes where the set is, as `kubectl apply -n` would do.
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.entry("namespace").or_insert_with(|| namespace.clone().into());
        }
        cluster.apply(value);
    }
    Ok((cluster, namespace))
}

/// Plays the release, then the way back on a copy of the cluster as the release left it.
///
/// # Errors
/// When the manifests cannot be read, or the linter refuses them.
pub async fn run(
    args: &Args,
    app: Option<String>,
    tests: Vec<SmokeTest>,
    settings: &Settings,
    options: &Options,
    ui: &Ui,
) -> Result<(Rehearsal, Option<Error>), Error> {
    let (cluster, namespace) = load(&args.files, ui)?;
    cluster.settle(SETTLE_MAX).await;
    let options = Options { namespace: namespace.clone(), ..options.clone() };
    let selection = Selection { namespace, app };
    let interrupt = Interrupt::default();
    let ui = &ui.with_answers(Answers::Yes);
    let release = Deploy {
        wanted: image::parse(std::slice::from_ref(&args.version))?,
        paths: Vec::new(),
        tests,
        selection: selection.clone(),
        settings: settings.clone(),
    };
    ui.note("");
    let (report, result) = Executor::new(&cluster, ui, &interrupt, &options).run("rehearse", &release).await;
    let rollback = match &result {
        Ok(Outcome::Done) => {
            ui.note("\nThe way back, on a copy of the cluster as it is now:\n");
            let copy = cluster.fork();
            let back = Rollback { again: false, selection, settings: settings.clone() };
            let (report, _) = Executor::new(&copy, ui, &interrupt, &options).run("rollback", &back).await;
            Some(way_back(report))
        }
        _ => None,
    };
    Ok((Rehearsal { report, rollback }, result.err()))
}

fn way_back(report: Report) -> WayBack {
    let seconds = |steps: &[StepReport]| steps.iter().map(|step| step.seconds).sum::<f64>();
    let reached = report.steps.iter().position(|step| step.id == "endpoints").map_or(0, |at| at + 1);
    let seconds_to_endpoints = seconds(report.steps.get(..reached).unwrap_or_default());
    WayBack { outcome: report.outcome, seconds_to_endpoints, seconds: seconds(&report.steps), steps: report.steps }
}

impl Rehearsal {
    /// The last words for a person.
    #[must_use]
    pub fn summary(&self) -> String {
        let to = self.report.to.map_or("-", Color::as_str);
        match (&self.report.outcome, &self.rollback) {
            (Outcome::Done, Some(back)) if back.outcome == Outcome::Done => format!(
                "rehearsed: {to} would serve after {:.1} s; a rollback would take {:.2} s until traffic is back, {:.1} s in all\n",
                self.report.steps.iter().map(|step| step.seconds).sum::<f64>(),
                back.seconds_to_endpoints,
                back.seconds,
            ),
            (Outcome::Done, _) => format!("rehearsed: {to} would serve, but the way back FAILED\n"),
            (Outcome::NothingToDo, _) => "rehearsed: there would be nothing to do\n".to_owned(),
            _ => String::new(),
        }
    }
}
