//! `docs -f PATH`: the page about a release set that a team keeps beside its manifests.
//! Needs no cluster; the text itself is made in `guide`.

use std::path::PathBuf;

use bluegreen_lint::config::file::File;
use serde_json::{Value, json};

use crate::cluster::simulated::SimulatedCluster;
use crate::cluster::{ObjectRef, Resource};
use crate::cmd::rehearse::{SETTLE_MAX, load};
use crate::error::Error;
use crate::guide::{Guide, in_short};
use crate::manifests;
use crate::observe::observe;
use crate::observed::{SetView, name};
use crate::plan::Selection;
use crate::release::Color;
use crate::ui::Ui;

/// Where the page goes when nothing is said.
const PAGE: &str = "BLUE_GREEN_DEPLOYMENT.md";

/// Write a page about a release set: its objects, commands, checks and way back
///
/// Reads manifests, lints them, and writes Markdown with a Mermaid diagram for the people who release this set. The same
/// manifests give the same page, so that it can be committed; `--check` tells in a pipeline when it is not current. No
/// cluster and no kubeconfig are needed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen docs -f k8s/                    # writes BLUE_GREEN_DEPLOYMENT.md
  kubectl bluegreen docs -f k8s/ --check            # 1 when it is not current
  helm template shop | kubectl bluegreen docs -f - --to -")]
pub struct Args {
    /// Files or directories with the manifests of the release set; `-` reads standard input
    #[arg(short, long = "filename", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// The file to write; `-` prints
    #[arg(long, value_name = "FILE", default_value = PAGE)]
    pub to: PathBuf,
    /// Write nothing; exit with 1 when the file is not what would be written
    #[arg(long)]
    pub check: bool,
}

/// The page, made of the set as it would be on a cluster with both colors running.
///
/// # Errors
/// When the manifests cannot be read or are refused by the linter, or it is not clear which set is meant.
pub async fn page(args: &Args, app: Option<&str>, config: &File, ui: &Ui) -> Result<String, Error> {
    let manifests = manifests::read(&args.files, ui)?;
    let (cluster, namespace) = load(&manifests);
    let selection = Selection { namespace, app: app.map(str::to_owned) };
    let observed = observe(&cluster, Some(&selection.namespace), &manifests.declared).await?;
    run_both(&cluster, &selection.find(&observed)?);
    cluster.settle(SETTLE_MAX).await;
    let observed = observe(&cluster, Some(&selection.namespace), &manifests.declared).await?;
    let set = selection.find(&observed)?;
    Guide { set: &set, manifests: &manifests, tests: &config.smoke, made_by: &made_by(args, app) }.page()
}

/// Gives the color that does not serve as many pods as the one that does.
fn run_both(cluster: &SimulatedCluster, set: &SetView<'_>) {
    let Some(active) = set.active() else { return };
    let (idle, replicas) = (active.other(), set.desired(active).max(1));
    for color in Color::ALL.into_iter().filter(|color| *color == idle || set.desired(*color) == 0) {
        let Some(deployment) = set.deployment(color) else { continue };
        let deployment = ObjectRef::new(Resource::Deployments, set.namespace(), name(&deployment.metadata));
        cluster.edit(&deployment, |object| {
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                spec.insert("replicas".to_owned(), json!(replicas));
            }
        });
    }
}

/// The command that makes the page again.
fn made_by(args: &Args, app: Option<&str>) -> String {
    let files = args.files.iter().map(|file| format!(" -f {}", in_short(file)));
    let app = app.map_or_else(String::new, |app| format!(" --app {app}"));
    let to = in_short(&args.to);
    let to = if [PAGE, "-"].contains(&to.as_str()) { String::new() } else { format!(" --to {to}") };
    format!("kubectl bluegreen docs{}{to}{app}", files.collect::<String>())
}
