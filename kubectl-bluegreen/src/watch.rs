//! The live view of `status -w`: waits for changes, reads again, and shows what is true now.
//! Only reads; ends when somebody stops it, or when reading is not allowed any more.

use std::collections::BTreeMap;
use std::time::Duration;

use bluegreen_lint::set::Declared;
use futures_util::future::{LocalBoxFuture, select_all};
use serde_json::json;
use tokio::time::sleep;

use crate::cli::Output;
use crate::cluster::{Cluster, ClusterError, Resource};
use crate::cmd::status::Status;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::lock::forget_left;
use crate::observe::{everywhere, observe_set};
use crate::observed::{MANAGED_BY, Observed, TOOL};
use crate::plan::Selection;
use crate::process::Holder;
use crate::screen;
use crate::ui::Ui;

/// How long a view may stand before it is read again although nothing changed: ages grow.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How long to wait for more of what comes in a burst, as pods do.
const BURST: Duration = Duration::from_millis(100);
/// The pause after a failure that may be over in a moment.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A live view of one set, or of all of them.
#[derive(Debug)]
pub struct View<'v, C> {
    /// The cluster.
    pub cluster: &'v C,
    /// Where it is shown.
    pub ui: &'v Ui,
    /// Whether somebody wants this to stop.
    pub interrupt: &'v Interrupt,
    /// Who we are.
    pub holder: &'v Holder,
    /// Which set, where it is one.
    pub selection: &'v Selection,
    /// Whether it is all sets.
    pub all: bool,
    /// How it is printed.
    pub output: Output,
    /// The sets that settings name.
    pub declared: &'v [Declared],
}

/// What the view remembers.
#[derive(Default)]
struct Shown {
    /// The last line about each set.
    lines: BTreeMap<String, String>,
    /// Whether something was shown at all.
    any: bool,
}

impl<C: Cluster> View<'_, C> {
    /// Shows what is true, again and again.
    ///
    /// # Errors
    /// When the first look fails, or a later one for a reason that will not pass by itself.
    pub async fn run(&self) -> Result<(), Error> {
        let mut shown = Shown::default();
        loop {
            let Some(result) = self.interrupt.or(self.look()).await else { return Ok(()) };
            let wait = match result {
                Ok((observed, statuses)) => {
                    self.show(&statuses, &mut shown);
                    self.change(observed)
                }
                Err(error) if shown.any && will_pass(&error) => {
                    self.say(&error.to_string(), &mut shown);
                    Box::pin(sleep(RETRY_AFTER))
                }
                Err(error) => return Err(error),
            };
            if self.interrupt.or(wait).await.is_none() {
                return Ok(());
            }
        }
    }

    async fn look(&self) -> Result<(Observed, Vec<Status>), Error> {
        let namespace = &self.selection.namespace;
        if self.all {
            let mut observed = everywhere(self.cluster, namespace, self.declared).await?.observed;
            forget_left(&mut observed, self.holder);
            let statuses = observed.sets().iter().map(|set| Status::new(set, self.cluster.requests())).collect();
            return Ok((observed, statuses));
        }
        let mut observed = observe_set(self.cluster, self.selection, self.declared).await?;
        forget_left(&mut observed, self.holder);
        let status = Status::new(&self.selection.find(&observed)?, self.cluster.requests());
        Ok((observed, vec![status]))
    }

    fn show(&self, statuses: &[Status], shown: &mut Shown) {
        let first = !std::mem::replace(&mut shown.any, true);
        let canvas = self.ui.canvas();
        if canvas.columns.is_some() && !self.output.is_data() {
            let wide = self.output == Output::Wide;
            return self.ui.redraw(match statuses {
                [] => vec![(0, "no release set\n".to_owned())],
                [one] if !self.all => screen::parts(one, wide, canvas),
                many => screen::rows(many, wide, canvas),
            });
        }
        if first && statuses.is_empty() {
            self.ui.note("no release set yet");
        }
        let mut gone: Vec<String> = shown.lines.keys().cloned().collect();
        for status in statuses {
            let (key, line) = (format!("{}/{}", status.set.namespace, status.set.name), screen::line(status));
            gone.retain(|known| *known != key);
            if shown.lines.insert(key, line.clone()).as_ref() == Some(&line) {
                continue;
            }
            match self.output {
                Output::Json => {
                    let data = self.ui.place().data(status).unwrap_or_default();
                    self.ui.data(format_args!("{}\n", json!(data)));
                }
                Output::Yaml => {
                    let data = self.ui.place().data(status).unwrap_or_default();
                    self.ui.data(format_args!("---\n{}", serde_yaml::to_string(&data).unwrap_or_default()));
                }
                Output::Table | Output::Wide => {
                    let at = status.at.strftime("%Y-%m-%dT%H:%M:%SZ");
                    let of = if self.all { format!("{}/", status.set.namespace) } else { String::new() };
                    self.ui.table(&format!("{at}  {of}{line}\n"));
                }
            }
        }
        for key in gone {
            shown.lines.remove(&key);
            self.ui.note(format_args!("{key} is gone"));
        }
    }

    /// Says why nothing can be shown, once.
    fn say(&self, words: &str, shown: &mut Shown) {
        if self.ui.columns().is_some() && !self.output.is_data() {
            self.ui.redraw(vec![(0, format!("{}\n", self.ui.place().typed(words)))]);
        } else if shown.lines.insert(String::new(), words.to_owned()).as_deref() != Some(words) {
            self.ui.note(words);
        }
    }

    /// Waits until something that is shown has changed, and for the end of its burst.
    fn change(&self, observed: Observed) -> std::pin::Pin<Box<dyn Future<Output = ()> + '_>> {
        let scope = (!self.all).then_some(self.selection.namespace.as_str());
        let managed = format!("{MANAGED_BY}={TOOL}");
        let versions = [
            (Resource::Services, observed.services.resource_version, None),
            (Resource::Deployments, observed.deployments.resource_version, None),
            (Resource::Pods, observed.pods.resource_version, None),
            (Resource::EndpointSlices, observed.slices.resource_version, None),
            (Resource::Leases, observed.leases.resource_version, Some(managed)),
        ];
        let watch = |(resource, version, labels): (Resource, String, Option<String>)| -> LocalBoxFuture<'_, ()> {
            Box::pin(async move {
                let changed = self.cluster.changed(resource, scope, labels.as_deref(), &version, LOOK_AGAIN).await;
                // Who may not watch still looks again after a while.
                if let Err(error) = changed {
                    sleep(if error.is_passing() { RETRY_AFTER } else { LOOK_AGAIN }).await;
                }
            })
        };
        let watches: Vec<LocalBoxFuture<'_, ()>> = versions.into_iter().map(watch).collect();
        Box::pin(async move {
            select_all(watches).await;
            sleep(BURST).await;
        })
    }
}

/// Whether a view that was up goes on: a set may come back, a server may answer again.
fn will_pass(error: &Error) -> bool {
    match error {
        Error::Cluster { error } => ClusterError::is_passing(error),
        Error::NoSet { .. } | Error::NoSuchSet { .. } => true,
        _ => false,
    }
}
