//! `smoke ENV`: asks the pods of a color what a release would ask them, and changes nothing.
//! Only says what is asked; `execute` asks.

use crate::check;
use crate::error::Error;
use crate::observed::{Observed, name};
use crate::plan::{Action, Plan, Planner, Selection, Step};
use crate::release::Color;
use crate::smoke;
use bluegreen_lint::config::release::SmokeTest;

/// Run the smoke tests on the pods of one color
///
/// Each ready pod is asked through the API server's port-forward: no route and no kubectl are needed. The tests are
/// those of --smoke, or of `smoke` in .bluegreen.yaml, or else what the readiness probe asks. Nothing is changed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen smoke green
  kubectl bluegreen smoke green --smoke /,/api/health
  kubectl bluegreen smoke blue -o json
Exit status: 0 all have passed; 4 one has not.")]
pub struct Args {
    /// The color to ask: blue or green
    #[arg(value_name = "ENV")]
    pub env: Color,
    /// Paths that every pod must answer well
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub smoke: Vec<String>,
    /// Believe .bluegreen.yaml, and run the commands that it names, although somebody else can have written it
    #[arg(long)]
    pub trust_config: bool,
}

/// Plans the tests of a color.
#[derive(Clone, Debug)]
pub struct Smoke {
    /// The color.
    pub color: Color,
    /// The paths of `--smoke`.
    pub paths: Vec<String>,
    /// The tests of the settings.
    pub tests: Vec<SmokeTest>,
    /// Which set.
    pub selection: Selection,
}

impl Planner for Smoke {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        let color = self.color;
        if set.deployment(color).is_none() {
            let (set, namespace) = (set.name().to_owned(), set.namespace().to_owned());
            return Err(Error::NoColor { set, namespace, color });
        }
        if let Some(deployment) = set.deployment(color).filter(|deployment| check::has_old_pods(deployment)) {
            let called = name(&deployment.metadata);
            let reason =
                format!("deployment/{called} is not rolled out, and its old pods would answer for the new version");
            let help = format!(
                "wait for it: kubectl rollout status deployment/{called}; or see why: kubectl bluegreen check {color}"
            );
            return Err(Error::NothingToTest { color, reason, help });
        }
        let tests = smoke::tests(&set, color, &self.paths, &self.tests)?;
        let title = format!("Test {color} of {} in namespace {}", set.name(), set.namespace());
        let mut plan = Plan::nothing("smoke", &set, color, title);
        if tests.is_empty() {
            let message = format!("there is nothing to ask {color}: it has no readiness probe and no port");
            return Err(Error::Forbidden { message, help: "say what to ask: --smoke /PATH".to_owned() });
        }
        let title = format!("test every pod of {color}");
        plan.steps = vec![Step::new("smoke", title, Action::Smoke { color, tests })];
        Ok(plan)
    }
}
