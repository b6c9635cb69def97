//! `status`: what serves, what is ready, and whether a switch or a rollback would pass.
//! Describes what was observed; changes nothing, and leaves its looks to `screen`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::check::{self, CheckResult, Means, Question};
use crate::cmd::rollback;
use crate::error::Error;
use crate::journal::{Colors, Entry, Journal};
use crate::lock;
use crate::observed::{SetView, name, selector, shown};
use crate::plan::SetRef;
use crate::release::{Active, Color, Split};
use crate::router::{self, Router};
use crate::routes::{Backend, UnknownKind};
use crate::traffic::version;

/// Show what serves, what is ready, and whether a switch or a rollback would pass
///
/// One screen for one release set, or one line for each with -A. With -w the view is kept up to date: redrawn in place
/// on a terminal, one line for each change on a pipe. Ctrl-C ends it, with 130 as everywhere.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen status
  kubectl bluegreen status -n shop -o wide     # full images, and every check
  kubectl bluegreen status -w                  # while somebody releases
  kubectl bluegreen status -A                  # all sets that one may see
  kubectl bluegreen status -A -o json | jq '.items[].active'")]
pub struct Args {
    /// All sets of all namespaces that one may see
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Keep the view up to date
    #[arg(short, long)]
    pub watch: bool,
}

/// How many pods of a color there are.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Replicas {
    pub(crate) desired: i32,
    pub(crate) ready: usize,
    pub(crate) updated: i32,
}

/// One color.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ColorStatus {
    pub(crate) deployment: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) replicas: Replicas,
    pub(crate) service: Option<String>,
    pub(crate) endpoints: Option<usize>,
    /// The images of the other containers, too.
    #[serde(skip)]
    pub(crate) images: Vec<String>,
}

/// The names of the Services.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Services {
    pub(crate) active: Option<String>,
    pub(crate) blue: Option<String>,
    pub(crate) green: Option<String>,
}

/// A member of the set that is not there, and what does not work without it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Missing {
    pub(crate) member: String,
    pub(crate) effect: &'static str,
}

/// The routes to the set's Services, and the kinds of routes that could not be read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RouteStatus {
    pub(crate) found: Vec<RouteTo>,
    pub(crate) unknown: Vec<UnknownKind>,
}

/// A route and those of the set's Services that it names.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RouteTo {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) services: Vec<String>,
}

/// A move that goes on, or was cut off.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Moving {
    pub(crate) id: Option<String>,
    pub(crate) by: String,
    #[schemars(with = "Option<String>")]
    pub(crate) since: Option<Timestamp>,
    pub(crate) step: Option<String>,
}

/// What `status` answers for one set.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen status")]
pub struct Status {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// When the cluster was asked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) at: Timestamp,
    pub(crate) set: SetRef,
    /// What the active Service selects.
    #[schemars(extend("enum" = ["blue", "green", "both", "none"]))]
    pub(crate) active: &'static str,
    pub(crate) split: Option<Split>,
    pub(crate) router: &'static str,
    pub(crate) colors: Colors<ColorStatus>,
    pub(crate) services: Services,
    pub(crate) missing: Vec<Missing>,
    pub(crate) routes: RouteStatus,
    pub(crate) moving: Option<Moving>,
    pub(crate) writers: Vec<check::Writer>,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) can_switch: bool,
    pub(crate) can_rollback: bool,
    requests: usize,
    #[serde(skip)]
    pub(crate) words: Words,
}

/// What `status -A` answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen status -A")]
pub struct Overview {
    /// The version of this format: what is added keeps it, what is changed does not.
    #[schemars(extend("const" = 1))]
    pub(crate) version: u32,
    /// The sets, in the order of their namespaces and names.
    pub(crate) items: Vec<Status>,
}

/// What only people read.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// The color that serves, with its version.
    pub(crate) serves: Option<(Color, String)>,
    /// How many pods get what comes to the active Service.
    pub(crate) endpoints: Option<usize>,
    /// The selector of the active Service.
    pub(crate) selector: String,
    /// The last move, or why it is not known.
    pub(crate) last_move: Result<Option<Entry>, String>,
    /// The move that has begun and not ended.
    pub(crate) open: Option<Entry>,
    /// Who holds the Lease.
    pub(crate) holder: Option<String>,
    /// Where a rollback would go and how fast, or why it is refused.
    pub(crate) rollback: Result<(String, String), String>,
}

impl Status {
    /// Describes a set.
    #[must_use]
    pub fn new(set: &SetView<'_>, requests: usize) -> Self {
        let service = set.active_service();
        let named = |color: Color| set.color_service(color).map(|service| name(&service.metadata).to_owned());
        let journal = service.map(Journal::of).transpose();
        let open = journal.as_ref().ok().and_then(Option::as_ref).and_then(Journal::open).cloned();
        let known = |journal: Option<Journal>| {
            journal.as_ref().and_then(Journal::ongoing).map_or(Ok(()), router::known).map(|()| journal)
        };
        let journal = journal.map_err(Error::from).and_then(known);
        let holder = set.lease().and_then(lock::held_by);
        let checks: Vec<Vec<CheckResult>> = targets(set)
            .into_iter()
            .map(|target| {
                check::run(&Question { set, target, percent: 100, way_back: false, means: Means::Selector }, &[])
            })
            .collect();
        let rollback = rollback::outlook(set);
        let (router, split) = Router::current(set);
        Self {
            version: 1,
            at: set.observed.at,
            set: SetRef::of(set),
            active: match set.set.active {
                Some(Active::One(color)) => color.as_str(),
                Some(Active::Both) => "both",
                None => "none",
            },
            split,
            router,
            colors: Colors::new(|color| color_status(set, color)),
            services: Services {
                active: service.map(|service| name(&service.metadata).to_owned()),
                blue: named(Color::Blue),
                green: named(Color::Green),
            },
            missing: missing(set),
            routes: routes(set),
            moving: moving(open.as_ref(), holder.as_deref()),
            writers: check::writers(set, None),
            // A journal that cannot be read, or what it leaves to put back, would be lost by a switch, so the switch refuses.
            can_switch: journal.is_ok() && checks.iter().any(|checks| check::all_pass(checks)),
            can_rollback: rollback.is_ok(),
            requests,
            words: Words {
                serves: set.active().map(|color| (color, version(set, color))),
                endpoints: service.map(|service| set.endpoints(service).count()),
                selector: service.map(|service| shown(selector(service))).unwrap_or_default(),
                last_move: match journal {
                    Err(error) => Err(error.to_string()),
                    Ok(journal) => Ok(journal.and_then(|journal| journal.last().cloned())),
                },
                open,
                holder,
                rollback: match rollback {
                    Ok(outlook) => Ok((version(set, outlook.color), outlook.how)),
                    Err(error) => Err(refusal(&error)),
                },
            },
            checks: checks.into_iter().flatten().collect(),
        }
    }
}

/// The colors that a switch could go to: the other one, or either while no single one serves.
fn targets(set: &SetView<'_>) -> Vec<Color> {
    let colors = Color::ALL.into_iter().filter(|color| set.active() != Some(*color));
    let there = colors.filter(|color| set.deployment(*color).is_some());
    if set.active_service().is_none() { Vec::new() } else { there.collect() }
}

/// An error and the way out, in one sentence.
fn refusal(error: &Error) -> String {
    match error.help() {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    }
}

fn missing(set: &SetView<'_>) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut add = |member: String, effect: &'static str| missing.push(Missing { member, effect });
    if set.active_service().is_none() {
        add("active Service".to_owned(), "nothing can be switched: users need one Service that selects one color");
    }
    for color in Color::ALL {
        if set.deployment(color).is_none() {
            add(format!("{color} Deployment"), "there is no other color to switch to; status and history work");
        }
    }
    for color in Color::ALL {
        if set.deployment(color).is_some() && set.color_service(color).is_none() {
            add(
                format!("{color} Service"),
                "the color has no name of its own, and no route can give it a share; smoke tests and a switch work",
            );
        }
    }
    missing
}

fn routes(set: &SetView<'_>) -> RouteStatus {
    let services: Vec<&str> = set.services().map(|service| name(&service.metadata)).collect();
    let found = set.observed.routes.known.iter().filter_map(|route| {
        let ours =
            |backend: &&Backend| backend.namespace == set.namespace() && services.contains(&backend.service.as_str());
        let mut named: Vec<String> =
            route.backends.iter().filter(ours).map(|backend| backend.service.clone()).collect();
        named.sort();
        named.dedup();
        let (kind, name) = (route.resource.kind(), route.name.clone());
        (!named.is_empty()).then_some(RouteTo { kind, name, services: named })
    });
    RouteStatus { found: found.collect(), unknown: set.observed.routes.unknown.clone() }
}

fn color_status(set: &SetView<'_>, color: Color) -> ColorStatus {
    let deployment = set.deployment(color);
    let status = deployment.and_then(|deployment| deployment.status.as_ref());
    let service = set.color_service(color);
    // Without a Service of its own, the color's endpoints are those of the active one while it selects this color.
    let serving = service.or_else(|| set.active_service().filter(|_| set.active() == Some(color)));
    let images: Vec<String> = set.images(color).into_iter().map(str::to_owned).collect();
    ColorStatus {
        deployment: deployment.map(|deployment| name(&deployment.metadata).to_owned()),
        image: images.first().cloned(),
        replicas: Replicas {
            desired: set.desired(color),
            ready: set.ready_pods(color).count(),
            updated: status.and_then(|status| status.updated_replicas).unwrap_or_default(),
        },
        service: service.map(|service| name(&service.metadata).to_owned()),
        endpoints: serving.map(|service| set.endpoints(service).count()),
        images,
    }
}

fn moving(open: Option<&Entry>, holder: Option<&str>) -> Option<Moving> {
    let by = holder.map(str::to_owned).or_else(|| open.map(|open| open.by.clone()))?;
    let (id, since, step) =
        open.map_or((None, None, None), |open| (Some(open.id.clone()), Some(open.at), Some(open.step.clone())));
    Some(Moving { id, by, since, step })
}
