//! `rehearse -f PATH VERSION`: plays a release of the manifests on a cluster in memory.
//! Runs the very plans and the executor of the real commands; knows no kubeconfig and no network.

use std::path::PathBuf;
use std::time::Duration;

use bluegreen_lint::config::file::File;
use bluegreen_lint::config::release::{Analysis, Convention, MetricCheck, Prometheus};
use bluegreen_lint::set::Declared;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::analysis;
use crate::cli::Page;
use crate::cluster::simulated::{Behaviour, Fault, SimulatedCluster, Users};
use crate::cluster::{Cluster, ObjectRef, Resource};
use crate::cmd::deploy::{Deploy, shares};
use crate::cmd::rollback::Rollback;
use crate::error::Error;
use crate::execute::{Executor, Options};
use crate::image;
use crate::interrupt::Interrupt;
use crate::manifests::{self, Manifests};
use crate::observe::observe;
use crate::observed::name;
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
  kubectl bluegreen rehearse -f k8s/ v1.1.0 --fault error-rate
  kubectl bluegreen rehearse -f k8s/ v1.1.0 --steps 10,50,100
  kubectl bluegreen rehearse -f k8s/ v1.1.0 -o json
  kubectl bluegreen rehearse -f k8s/ v1.1.0 --report rehearsal.html
The exit status is that of the release: with a fault it is the one that the real thing would have.")]
pub struct Args {
    /// Files or directories with the manifests of the release set; `-` reads standard input
    #[arg(short, long = "filename", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// The version to release: the tag that replaces the active color's
    #[arg(value_name = "VERSION")]
    pub version: String,
    /// Let something go wrong, and see what becomes of it
    #[arg(long, value_enum, value_name = "NAME")]
    pub fault: Option<FaultName>,
    /// The shares that the new version gets one after the other, in percent, each larger than the one before; 100 is added
    /// at the end when it is missing. Less than all needs a route that is among the manifests
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "100", value_parser = super::deploy::share)]
    pub steps: Vec<u8>,
    /// How long each step is watched under simulated users
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = crate::cli::duration)]
    pub soak: Duration,
    /// The page about it.
    #[command(flatten)]
    pub page: Page,
}

/// What can go wrong in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FaultName {
    /// The new pods never become ready
    NeverReady,
    /// The new pods crash again and again
    Crash,
    /// The new image cannot be pulled
    PullError,
    /// The new pods are ready, and answer tests with 500
    SmokeFails,
    /// The new pods pass their tests, and answer users with errors
    ErrorRate,
    /// Somebody changes the active Service at the moment of the move
    Conflict,
    /// The connection is cut after the move was sent
    Disconnect,
    /// Somebody moves the selector back meanwhile
    OtherWriter,
}

/// Which share of the users' requests fails in a rehearsal of errors.
const ERROR_RATE: f64 = 0.3;
/// Which share may fail where the settings do not say.
const MAX_ERROR_RATE: f64 = 0.05;

impl FaultName {
    /// Lets it happen in a release of a version that moves a Service.
    fn prepare(self, cluster: &SimulatedCluster, version: &str, service: &ObjectRef) {
        let behaviour = Behaviour::default();
        let behaviour = match self {
            Self::NeverReady => Behaviour { becomes_ready: false, ..behaviour },
            Self::Crash => Behaviour { crashes: true, ..behaviour },
            Self::PullError => Behaviour { pull_fails: true, ..behaviour },
            Self::SmokeFails => Behaviour { status: 500, ..behaviour },
            Self::ErrorRate => Behaviour { error_rate: ERROR_RATE, ..behaviour },
            Self::Conflict => {
                let touch = service.clone();
                let write = move |cluster: &SimulatedCluster| {
                    cluster.edit(&touch, |service| {
                        if let Some(metadata) = service.get_mut("metadata") {
                            put(metadata, "annotations", "touched", "yes".into());
                        }
                    });
                };
                return cluster.inject_into(&format!("patch {service} "), Fault::OtherWriter(Box::new(write)));
            }
            Self::Disconnect => return cluster.inject_into(&format!("patch {service} "), Fault::LoseAfter),
            Self::OtherWriter => {
                let selector = cluster.object(service).and_then(|service| service.pointer("/spec/selector").cloned());
                let (selector, back) = (selector.unwrap_or_default(), service.clone());
                let write = move |cluster: &SimulatedCluster| {
                    cluster.edit(&back, |service| put(service, "spec", "selector", selector));
                };
                // Its own endpoints are read for the first time once it has been written.
                let asked = format!("list endpointslices -n {} -l", service.namespace);
                return cluster.inject_into(&asked, Fault::OtherWriter(Box::new(write)));
            }
        };
        cluster.behave(version, behaviour);
    }
}

/// The day on which every rehearsal begins, so that two of them print the same.
pub(crate) const EPOCH: Timestamp = Timestamp::constant(1_767_258_000, 0);
/// How long the simulated cluster may take to come to rest before the release begins.
pub(crate) const SETTLE_MAX: Duration = Duration::from_hours(1);
/// The namespace of manifests that name none.
const NAMESPACE: &str = "default";

/// What `rehearse` answers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen rehearse")]
pub struct Rehearsal {
    /// The release.
    #[serde(flatten)]
    pub report: Report,
    /// The way back from it; nothing when the release was not done.
    pub rollback: Option<WayBack>,
    /// What users would have noticed.
    pub users: Option<UsersReport>,
    /// When the release began, by the clock of the simulation.
    #[serde(skip)]
    pub began: Timestamp,
}

/// What users noticed.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UsersReport {
    /// How many requests they sent meanwhile.
    pub requests: u64,
    /// How many were answered with an error.
    pub errors: u64,
    /// How many found nobody to answer.
    pub lost: u64,
}

/// What the way back took.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
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

/// A cluster that holds the manifests, and the namespace that they are in.
#[must_use]
pub fn load(manifests: &Manifests) -> (SimulatedCluster, String) {
    let namespace = manifests.namespace().unwrap_or(NAMESPACE).to_owned();
    let cluster = SimulatedCluster::new(EPOCH);
    for object in manifests.model.objects() {
        let mut value = object.root().to_json();
        // What names no namespace goes where the set is, as `kubectl apply -n` would do.
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.entry("namespace").or_insert_with(|| namespace.clone().into());
        }
        cluster.apply(value);
    }
    (cluster, namespace)
}

/// Plays the release, then the way back on a copy of the cluster as the release left it.
///
/// # Errors
/// When the manifests cannot be read, or the linter refuses them.
pub async fn run(
    args: &Args,
    app: Option<String>,
    config: File,
    settings: &Settings,
    options: &Options,
    ui: &Ui,
) -> Result<(Rehearsal, Option<Error>), Error> {
    let shares = shares(&args.steps)?;
    let manifests = manifests::read(&args.files, ui)?;
    let (cluster, namespace) = load(&manifests);
    cluster.settle(SETTLE_MAX).await;
    let options = Options { namespace: namespace.clone(), declared: manifests.declared, ..options.clone() };
    let selection = Selection { namespace, app };
    let interrupt = Interrupt::default();
    let ui = &ui.with_answers(Answers::Yes);
    let release = Deploy {
        wanted: image::parse(std::slice::from_ref(&args.version))?,
        paths: Vec::new(),
        tests: config.smoke,
        shares,
        soak: args.soak,
        analysis: analysis::of(&watched(config.analysis))?,
        selection: selection.clone(),
        settings: settings.clone(),
    };
    if let Some(service) = active_service(&cluster, &selection, &options.declared).await? {
        cluster.give_users(service.clone());
        if let Some(fault) = args.fault {
            fault.prepare(&cluster, &args.version, &service);
        }
    }
    ui.note("");
    let began = cluster.now();
    ui.begin_trail();
    let executor = Executor::new(&cluster, ui, &interrupt, &options);
    let (report, result) = Box::pin(executor.run("rehearse", &release)).await;
    ui.close_trail();
    let users = cluster.users().as_ref().map(UsersReport::of);
    let rollback = match &result {
        Ok(Outcome::Done) => {
            ui.note("\nThe way back, on a copy of the cluster as it is now:\n");
            let copy = cluster.fork();
            let back = Rollback { again: false, selection, settings: settings.clone() };
            let executor = Executor::new(&copy, ui, &interrupt, &options);
            let (report, _) = Box::pin(executor.run("rollback", &back)).await;
            Some(way_back(report))
        }
        _ => None,
    };
    Ok((Rehearsal { report, rollback, users, began }, result.err()))
}

/// The Service that users reach, once it is clear which set is meant.
async fn active_service(
    cluster: &SimulatedCluster,
    selection: &Selection,
    declared: &[Declared],
) -> Result<Option<ObjectRef>, Error> {
    let observed = observe(cluster, Some(&selection.namespace), declared).await?;
    let set = selection.find(&observed)?;
    Ok(set.active_service().map(|service| ObjectRef::new(Resource::Services, set.namespace(), name(&service.metadata))))
}

/// What is watched: the settings' checks by the simulated Prometheus, else the error rate.
fn watched(settings: Analysis) -> Analysis {
    if !settings.checks.is_empty() {
        return settings;
    }
    let check = MetricCheck { error_rate: Some(Convention::Http), max: Some(MAX_ERROR_RATE), ..MetricCheck::default() };
    let prometheus = Prometheus { url: Some("http://the-simulation".to_owned()), service: None };
    Analysis { prometheus, checks: vec![check], ..Analysis::default() }
}

/// Sets a field of a section of an object, which there may be none of yet.
fn put(object: &mut Value, section: &str, key: &str, value: Value) {
    let section = object.as_object_mut().map(|object| object.entry(section).or_insert_with(|| json!({})));
    if let Some(section) = section.and_then(Value::as_object_mut) {
        section.insert(key.to_owned(), value);
    }
}

impl UsersReport {
    fn of(users: &Users) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of some minutes")]
        let whole = |count: f64| count.round().max(0.0) as u64;
        Self { requests: whole(users.sent), errors: whole(users.errors), lost: whole(users.lost) }
    }
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
        let users = self.users.map_or_else(String::new, |users| {
            let UsersReport { requests, errors, lost } = users;
            format!("users meanwhile: {requests} requests, {errors} answered with an error, {lost} lost\n")
        });
        let words = match (&self.report.outcome, &self.rollback) {
            (Outcome::Done, Some(back)) if back.outcome == Outcome::Done => format!(
                "rehearsed: {to} would serve after {:.1} s; a rollback would take {:.2} s until traffic is back, {:.1} s in all\n",
                self.report.steps.iter().map(|step| step.seconds).sum::<f64>(),
                back.seconds_to_endpoints,
                back.seconds,
            ),
            (Outcome::Done, _) => format!("rehearsed: {to} would serve, but the way back FAILED\n"),
            (Outcome::NothingToDo, _) => "rehearsed: there would be nothing to do\n".to_owned(),
            (outcome, _) => {
                let outcome = serde_json::to_value(outcome).ok();
                let outcome = outcome.as_ref().and_then(Value::as_str).unwrap_or_default();
                format!("rehearsed: it would end with exit status {} ({outcome})\n", self.report.status as u8)
            }
        };
        format!("{users}{words}")
    }
}
