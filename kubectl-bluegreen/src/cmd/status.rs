//! `status`: what serves, what is ready, and whether a switch or a rollback would pass.
//! Describes what was observed; changes nothing.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::check::{self, CheckResult, Question, Status as CheckStatus};
use crate::cmd::rollback;
use crate::error::Error;
use crate::journal::{Colors, Journal};
use crate::lock;
use crate::observed::{SetView, name, selector};
use crate::plan::SetRef;
use crate::release::{Active, Color, Split};
use crate::traffic::{tag, version};

/// Show what serves, what is ready, and whether a switch or a rollback would pass
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen status
  kubectl bluegreen status -n shop -o wide
  kubectl bluegreen status -A -o json | jq '.items[].active'")]
pub struct Args {
    /// All sets of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// How many pods of a color there are.
#[derive(Clone, Copy, Debug, Serialize)]
struct Replicas {
    desired: i32,
    ready: usize,
    updated: i32,
}

/// One color.
#[derive(Clone, Debug, Serialize)]
struct ColorStatus {
    deployment: Option<String>,
    image: Option<String>,
    replicas: Replicas,
    service: Option<String>,
    endpoints: Option<usize>,
}

/// The names of the Services.
#[derive(Clone, Debug, Serialize)]
struct Services {
    active: Option<String>,
    blue: Option<String>,
    green: Option<String>,
}

/// A move that goes on, or was cut off.
#[derive(Clone, Debug, Serialize)]
struct Moving {
    id: Option<String>,
    by: String,
    since: Option<Timestamp>,
    step: Option<String>,
}

/// What `status` answers for one set.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    version: u32,
    at: Timestamp,
    set: SetRef,
    active: &'static str,
    split: Option<Split>,
    router: &'static str,
    colors: Colors<ColorStatus>,
    services: Services,
    moving: Option<Moving>,
    writers: Vec<check::Writer>,
    checks: Vec<CheckResult>,
    can_switch: bool,
    can_rollback: bool,
    requests: usize,
    #[serde(skip)]
    text: Text,
}

/// What only people read.
#[derive(Clone, Debug, Default)]
struct Text {
    serves: String,
    selector: String,
    last_move: String,
    rollback: String,
}

impl Status {
    /// Describes a set.
    #[must_use]
    pub fn new(set: &SetView<'_>, requests: usize) -> Self {
        let service = set.active_service();
        let named = |color: Color| set.color_service(color).map(|service| name(&service.metadata).to_owned());
        let journal = service.map(Journal::of).transpose();
        let idle = set.active().map(Color::other).filter(|idle| set.deployment(*idle).is_some());
        let checks = idle
            .filter(|_| service.is_some())
            .map(|idle| check::run(&Question { set, target: idle, percent: 100, way_back: false }, &[]));
        let rollback = can_roll_back(set);
        Self {
            version: 1,
            at: set.observed.at,
            set: SetRef::of(set),
            active: match set.set.active {
                Some(Active::One(color)) => color.as_str(),
                Some(Active::Both) => "both",
                None => "none",
            },
            split: set.active().map(Split::all),
            router: "service",
            colors: Colors::new(|color| color_status(set, color)),
            services: Services {
                active: service.map(|service| name(&service.metadata).to_owned()),
                blue: named(Color::Blue),
                green: named(Color::Green),
            },
            moving: moving(set, journal.as_ref().ok().and_then(Option::as_ref)),
            writers: check::writers(set, idle),
            can_switch: checks.as_ref().is_some_and(|checks| check::all_pass(checks)),
            can_rollback: rollback.is_ok(),
            requests,
            text: Text {
                serves: serves(set),
                selector: service.map(|service| shown(selector(service))).unwrap_or_default(),
                last_move: match &journal {
                    Err(error) => error.to_string(),
                    Ok(journal) => {
                        journal.as_ref().map_or_else(String::new, |journal| last_move(journal, set.observed.at))
                    }
                },
                rollback: match rollback {
                    Ok(color) => format!("to {} would pass", version(set, color)),
                    Err(error) => format!("refused: {error}"),
                },
            },
            checks: checks.unwrap_or_default(),
        }
    }

    /// One screen for a person.
    #[must_use]
    pub fn table(&self, wide: bool) -> String {
        let mut text = format!("{}\n\n", self.text.serves);
        let mut rows = vec![["", "COLOR", "DEPLOYMENT", "VERSION", "READY", "ENDPOINTS", "SERVICE"].map(str::to_owned)];
        for (color, of) in [(Color::Blue, &self.colors.blue), (Color::Green, &self.colors.green)] {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let image = of.image.as_deref().map(|image| if wide { image } else { tag(image) });
            rows.push([
                if self.active == color.as_str() { "*" } else { " " }.to_owned(),
                color.to_string(),
                or_none(&of.deployment),
                image.unwrap_or("-").to_owned(),
                format!("{}/{}", of.replicas.ready, of.replicas.desired),
                of.endpoints.map_or_else(|| "-".to_owned(), |count| count.to_string()),
                or_none(&of.service),
            ]);
        }
        text.push_str(&crate::table::aligned(&rows));
        let _ = writeln!(text);
        let active = self.services.active.as_deref().map_or_else(
            || "none: there is nothing to switch".to_owned(),
            |active| format!("{active} selects {}", self.text.selector),
        );
        let _ = writeln!(text, "Active Service  {active}");
        let _ = writeln!(text, "Last move       {}", self.text.last_move);
        if let Some(moving) = &self.moving {
            let _ = writeln!(text, "Moving          {} holds the lease or has not finished", moving.by);
        }
        for writer in &self.writers {
            let _ = writeln!(text, "Also writes     {}: {}", writer.manager, writer.effect);
        }
        let _ = writeln!(text, "Switch          {}", self.switch_text());
        let _ = writeln!(text, "Rollback        {}", self.text.rollback);
        if wide {
            let _ = writeln!(text);
            for check in &self.checks {
                let _ = crate::plan::write_check(&mut text, check);
            }
        }
        text
    }

    fn switch_text(&self) -> String {
        let Some(color) = self.checks.first().map(|check| check.color) else {
            return "not possible: it takes an active Service that selects one color, and another color to go to"
                .to_owned();
        };
        let failed: Vec<&CheckResult> = self.checks.iter().filter(|check| check.status == CheckStatus::Fail).collect();
        match failed.first() {
            None => format!("to {color} would pass"),
            Some(first) => {
                let ids: Vec<&str> = failed.iter().map(|check| check.id).collect();
                format!("to {color} refused by {}: {}", ids.join(", "), first.message)
            }
        }
    }
}

/// Who serves, in one line.
fn serves(set: &SetView<'_>) -> String {
    let of = format!("{} in namespace {}", set.name(), set.namespace());
    match set.set.active {
        Some(Active::One(color)) => format!("{of}: {} serves", version(set, color)),
        Some(Active::Both) => format!("{of}: the active Service selects BOTH colors"),
        None if set.active_service().is_some() => format!("{of}: the active Service selects NO color"),
        None => format!("{of}: there is no active Service"),
    }
}

/// `app: shop, color: blue`
fn shown(labels: &crate::observed::Labels) -> String {
    if labels.is_empty() {
        return "nothing".to_owned();
    }
    labels.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
}

/// Where a rollback would go, if nothing refuses it.
fn can_roll_back(set: &SetView<'_>) -> Result<Color, Error> {
    let to = rollback::target(set, false)?;
    let checks = check::run(&Question { set, target: to, percent: 100, way_back: true }, &[]);
    if set.active() == Some(to) || check::all_pass(&checks) {
        return Ok(to);
    }
    Err(Error::Refused { command: "rollback", color: to, checks })
}

fn color_status(set: &SetView<'_>, color: Color) -> ColorStatus {
    let deployment = set.deployment(color);
    let status = deployment.and_then(|deployment| deployment.status.as_ref());
    let service = set.color_service(color);
    // Without a Service of its own, the color's endpoints are those of the active one while it selects this color.
    let serving = service.or_else(|| set.active_service().filter(|_| set.active() == Some(color)));
    ColorStatus {
        deployment: deployment.map(|deployment| name(&deployment.metadata).to_owned()),
        image: set.images(color).first().map(|image| (*image).to_owned()),
        replicas: Replicas {
            desired: set.desired(color),
            ready: set.ready_pods(color).count(),
            updated: status.and_then(|status| status.updated_replicas).unwrap_or_default(),
        },
        service: service.map(|service| name(&service.metadata).to_owned()),
        endpoints: serving.map(|service| set.endpoints(service).count()),
    }
}

fn moving(set: &SetView<'_>, journal: Option<&Journal>) -> Option<Moving> {
    let open = journal.and_then(Journal::open);
    let holder = set.lease().and_then(lock::held_by);
    let by = holder.or_else(|| open.map(|open| open.by.clone()))?;
    let (id, since, step) =
        open.map_or((None, None, None), |open| (Some(open.id.clone()), Some(open.at), Some(open.step.clone())));
    Some(Moving { id, by, since, step })
}

fn last_move(journal: &Journal, now: Timestamp) -> String {
    let Some(last) = journal.last() else { return "none yet".to_owned() };
    let from = last.from.map_or("?", Color::as_str);
    let result = last.result.as_deref().unwrap_or("not finished");
    format!("{} {from} -> {}, {} ago by {}: {result}", last.command, last.to, ago(now, last.at), last.by)
}

/// How long ago, as kubectl writes ages: `45s`, `12m`, `5h`, `3d`.
fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
