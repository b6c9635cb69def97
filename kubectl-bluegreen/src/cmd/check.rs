//! `check [ENV]`: could traffic move now?
//! Asks the same checks as `switch`; changes nothing.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::check::Means;
use crate::check::{self, CheckResult, Question, Status};
use crate::cmd::rollback::{self, Outlook};
use crate::error::Error;
use crate::journal::Journal;
use crate::observed::SetView;
use crate::paint::{self, Canvas, wrapped};
use crate::plan::{SetRef, write_check};
use crate::release::Color;
use crate::router;
use crate::traffic::version;

/// Ask whether traffic could move now
///
/// Runs the checks of `switch` for a color. Without one it answers two questions: could I switch now, to the color that
/// does not serve, and could I roll back now, and how fast? Exits with 0 when nothing refuses the switch and with 3 when
/// something does.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen check              # could I switch now, and could I roll back?
  kubectl bluegreen check green        # could green serve now?
  kubectl bluegreen check -o json      # for a pipeline")]
pub struct Args {
    /// The color to ask about: blue or green
    #[arg(value_name = "ENV")]
    pub env: Option<Color>,
}

/// What `check` answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen check")]
pub struct Answer {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    version: u32,
    set: SetRef,
    color: Color,
    /// Whether nothing refuses the switch.
    pub ok: bool,
    checks: Vec<CheckResult>,
    /// Whether one could roll back now; only where no color was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback: Option<WayBack>,
    requests: usize,
}

/// Whether one could roll back now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WayBack {
    ok: bool,
    color: Option<Color>,
    /// How fast it would be, or why it is refused.
    message: String,
    help: Option<String>,
    checks: Vec<CheckResult>,
}

impl WayBack {
    fn new(set: &SetView<'_>) -> Self {
        match rollback::outlook(set) {
            Ok(Outlook { color, how, checks }) => {
                let message = format!("{}: {how}", version(set, color));
                Self { ok: true, color: Some(color), message, help: None, checks }
            }
            Err(error) => {
                let color = rollback::target(set, false, &[]).ok();
                let (help, checks) = (error.help(), error.checks().to_vec());
                Self { ok: false, color, message: error.to_string(), help, checks }
            }
        }
    }
}

impl Answer {
    /// Asks about a color, or about the one that does not serve and the way back.
    pub fn new(set: &SetView<'_>, color: Option<Color>, accepted: &[String], requests: usize) -> Result<Self, Error> {
        let (named, namespace) = (set.name().to_owned(), set.namespace().to_owned());
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: named, namespace });
        };
        // A switch would refuse to lose what it cannot read, whatever the checks say.
        Journal::of(service)?.ongoing().map_or(Ok(()), router::known)?;
        let Some(target) = color.or(set.active().map(Color::other)) else {
            let message = format!("the active Service of {named} does not select exactly one color");
            return Err(Error::Forbidden {
                message,
                help: "say which color is meant: kubectl bluegreen check ENV".to_owned(),
            });
        };
        if set.deployment(target).is_none() {
            return Err(Error::NoColor { set: named, namespace, color: target });
        }
        let checks =
            check::run(&Question { set, target, percent: 100, way_back: false, means: Means::Selector }, accepted);
        let rollback = color.is_none().then(|| WayBack::new(set));
        let (set, ok) = (SetRef::of(set), check::all_pass(&checks));
        Ok(Self { version: 1, set, color: target, ok, checks, rollback, requests })
    }

    /// The answer for a person.
    #[must_use]
    pub fn table(&self, canvas: Canvas<'_>) -> String {
        let (good, bad) = (paint::good("could serve now"), paint::bad("could not serve now"));
        let verdict = if self.ok { good } else { bad };
        let mut text =
            format!("{} of {} in namespace {}: {verdict}\n\n", self.color, self.set.name, self.set.namespace);
        for check in &self.checks {
            let _ = write_check(&mut text, check, canvas);
        }
        let Some(back) = &self.rollback else { return text };
        if back.ok {
            let _ = writeln!(text, "\n{}", wrapped(&format!("Rollback: would pass, to {}", back.message), 10, canvas));
            return text;
        }
        let _ = writeln!(
            text,
            "\n{}",
            wrapped(&format!("Rollback: {}: {}", paint::bad("refused"), back.message), 10, canvas)
        );
        for check in back.checks.iter().filter(|check| check.status == Status::Fail) {
            let _ = write_check(&mut text, check, canvas);
        }
        if let Some(help) = back.help.as_ref().filter(|_| back.checks.is_empty()) {
            let _ = writeln!(text, "          help: {}", wrapped(help, 16, canvas));
        }
        text
    }
}
