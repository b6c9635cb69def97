//! What realizes a split of the traffic: one pure router a file, and the one list of them.
//! Routers turn what was observed and a share into steps, and read shares back; they send nothing.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::check::Means;
use crate::cluster::Resource;
use crate::error::Error;
use crate::journal::{Before, Entry};
use crate::observed::{Labels, SetView, name, port_called, uid};
use crate::plain::plain;
use crate::plan::Step;
use crate::release::{Active, Color, Split};
use crate::rights::ask_an_admin;
use crate::routes::Why;
use crate::weights::{Ends, percent};

mod gateway;
mod istio;
mod nginx;
mod replicas;
mod service;
mod traefik;
mod weighted;

pub(crate) use gateway::accepted;

/// How much is said of a key that is not known, in characters.
const MAX_KEY: usize = 60;

/// Every router, in the order in which they are looked for.
pub static ALL: &[Router] =
    &[service::ROUTER, gateway::ROUTER, traefik::ROUTER, nginx::ROUTER, istio::ROUTER, replicas::ROUTER];

/// Something that can realize a split.
#[derive(Clone, Copy, Debug)]
pub struct Router {
    /// Its name on the command line, in the journal and in JSON.
    pub id: &'static str,
    /// What it is and what it covers, in one sentence.
    pub covers: &'static str,
    /// What brings the share to the color.
    pub means: Means,
    /// The routes of its kind that send users to the set.
    routes: fn(&SetView<'_>) -> Vec<String>,
    /// The share of a color beside the one that serves, in percent; nothing where it has none.
    share: fn(&SetView<'_>, Color) -> Option<u8>,
    /// The steps to a share.
    plan: fn(&Ask<'_>) -> Result<Stage, Refusal>,
}

/// Which router is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// What routes to the set.
    #[default]
    Auto,
    /// The active Service's selector: all or nothing.
    Service,
    /// `HTTPRoutes` and `GRPCRoutes` of the Gateway API.
    Gateway,
    /// TraefikServices and IngressRoutes.
    Traefik,
    /// Canaries of Ingresses.
    Nginx,
    /// VirtualServices.
    Istio,
    /// The number of pods of each color behind the active Service.
    Replicas,
}

impl Choice {
    fn id(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Service => Some("service"),
            Self::Gateway => Some("gateway"),
            Self::Traefik => Some("traefik"),
            Self::Nginx => Some("nginx"),
            Self::Istio => Some("istio"),
            Self::Replicas => Some("replicas"),
        }
    }
}

/// A share that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The set.
    pub set: &'a SetView<'a>,
    /// The color that gets the share, beside the one that serves.
    pub color: Color,
    /// The share in percent, from 0 (put back) to 99.
    pub share: u8,
    /// The color that serves the rest.
    pub stays: Color,
    /// What was before the first step.
    pub before: &'a Before,
}

/// The next steps to a share.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// What is to do; nothing when the share is there already.
    pub steps: Vec<Step>,
    /// What was before the first step.
    pub before: Before,
    /// The share that the color has once they are done, in percent, where it is not the one that was asked for as a matter
    /// of course.
    pub gives: Option<u8>,
    /// What follows once these steps are done, in words, where more has to be planned then.
    pub then: Option<String>,
    /// What is to be known before one says yes.
    pub notes: Vec<String>,
    /// Whether these steps size the color: whether it could serve can only be judged then.
    pub sizes: bool,
    /// The selector that the active Service gets before these steps, where it gets another one.
    pub selector: Option<Labels>,
}

/// Why a router cannot give the share, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub message: String,
    /// The way out.
    pub help: String,
    /// Whether it is over once the color has ready pods.
    pub for_want_of_pods: bool,
}

impl Refusal {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), for_want_of_pods: false }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Forbidden { message: refusal.message, help: refusal.help }
    }
}

impl Router {
    /// The next steps to a share.
    ///
    /// # Errors
    /// When this router cannot give it.
    pub fn plan(&self, ask: &Ask<'_>) -> Result<Stage, Refusal> {
        if let Some(hidden) = hidden(ask.set, ask.before) {
            return Err(Refusal::new(
                format!(
                    "what was written for the share of {} cannot be seen: reading {hidden} is not allowed",
                    ask.color
                ),
                ask_an_admin("", ask.set.namespace()),
            ));
        }
        // What no route can give is not to be taken for given.
        if ask.share > 0 && self.means == Means::ColorService && (self.routes)(ask.set).is_empty() {
            return Err(none(ask.set));
        }
        (self.plan)(ask)
    }

    /// The share that a color has by its routes now, in percent, beside whichever color the active Service selects.
    #[must_use]
    pub fn share_now(&self, set: &SetView<'_>, color: Color) -> Option<u8> {
        (self.share)(set, color)
    }

    /// Whether this router could give a color that serves nobody yet a share, once its pods are ready.
    ///
    /// # Errors
    /// When it could not.
    pub fn could_give(&self, set: &SetView<'_>, color: Color, share: u8) -> Result<(), Refusal> {
        let ask = Ask { set, color, share, stays: color.other(), before: &Before::default() };
        self.plan(&ask).map(|_| ()).or_else(|refusal| if refusal.for_want_of_pods { Ok(()) } else { Err(refusal) })
    }

    /// The router of a name.
    #[must_use]
    pub fn named(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|router| router.id == id)
    }

    /// The router for a split: the one that does it already, the one that was asked for, or the only one whose routes
    /// send users to the set.
    ///
    /// # Errors
    /// When there is none, or it is not said which.
    pub fn choose(set: &SetView<'_>, choice: Choice, ongoing: Option<&Entry>) -> Result<&'static Self, Refusal> {
        let chosen = choice.id().and_then(Self::named);
        let current = ongoing.filter(|entry| entry.split.is_partial()).and_then(|entry| Self::named(&entry.router));
        if let Some(current) = current {
            return match chosen.filter(|chosen| chosen.id != current.id) {
                None => Ok(current),
                Some(chosen) => Err(Refusal::new(
                    format!("{} is split by {} now, not by {}", set.name(), current.id, chosen.id),
                    "end that first: kubectl bluegreen rollback, or switch to one color",
                )),
            };
        }
        if let Some(chosen) = chosen {
            return Ok(chosen);
        }
        let found = Self::found(set);
        match found.as_slice() {
            [only] => Ok(only),
            [] => Err(none(set)),
            several => {
                let words = several.iter().map(|router| format!("{} ({})", router.id, (router.routes)(set).join(", ")));
                Err(Refusal::new(
                    format!("several kinds of routes lead to {}: {}", set.name(), words.collect::<Vec<_>>().join("; ")),
                    format!("say which one is to split: --router {}", several.first().map_or("NAME", |first| first.id)),
                ))
            }
        }
    }

    /// The routers whose routes send users to the set.
    fn found(set: &SetView<'_>) -> Vec<&'static Self> {
        ALL.iter().filter(|router| !(router.routes)(set).is_empty()).collect()
    }

    /// What realizes the split now, and the split, where it can be read back.
    #[must_use]
    pub fn current(set: &SetView<'_>) -> (&'static str, Option<Split>) {
        let Some(base) = set.base() else { return (service::ROUTER.id, None) };
        let found = Self::found(set);
        let other = base.other();
        let ongoing = set.ongoing().and_then(|entry| Self::named(&entry.router));
        let shares = ongoing.into_iter().chain(found.iter().copied());
        let mut shares = shares.filter_map(|router| Some((router, (router.share)(set, other)?)));
        if let Some(entry) = set.ongoing().filter(|entry| hidden(set, &entry.before).is_some() || known(entry).is_err())
        {
            return (Self::named(&entry.router).map_or(service::ROUTER.id, |router| router.id), None);
        }
        match (shares.next(), found.as_slice()) {
            (Some((router, share)), _) => (router.id, Some(Split::giving(other, share))),
            (None, [only]) => (only.id, Some(Split::all(base))),
            (None, _) => (service::ROUTER.id, Some(Split::all(base))),
        }
    }
}

/// Refuses a move that left behind what a newer version wrote: what is not known cannot be put back.
///
/// # Errors
/// When it is such a move.
pub fn known(ongoing: &Entry) -> Result<(), Error> {
    let unknown = match (Router::named(&ongoing.router), ongoing.before.more.keys().next()) {
        (None, _) => format!("by router {}", ongoing.router),
        (_, Some(what)) => format!("with `before.{}` in its journal", plain(what, MAX_KEY)),
        (Some(_), None) => return Ok(()),
    };
    let Entry { command, to, by, .. } = ongoing;
    Err(Error::Forbidden {
        message: format!(
            "the {command} to {to} by {by} wrote what this version of kubectl-bluegreen does not know, {unknown}: it could not be put back"
        ),
        help: "move this set with the newer version that wrote it".to_owned(),
    })
}

/// A kind of objects that were written, as the journal says, and may not be read now.
fn hidden(set: &SetView<'_>, before: &Before) -> Option<&'static str> {
    let unknown = set.observed.routes.unknown.iter().filter(|unknown| unknown.reason == Why::NotAllowed);
    let mut kinds = unknown.map(|unknown| unknown.kind.kind());
    let scaled = set.observed.autoscalers.is_none() && before.autoscaler.is_some();
    kinds.find(|kind| before.has_routes_of(kind)).or_else(|| scaled.then(|| Resource::HorizontalPodAutoscalers.kind()))
}

fn none(set: &SetView<'_>) -> Refusal {
    let service = set.active_service().map_or("", |service| name(&service.metadata));
    let routes: Vec<String> =
        set.observed.routes.to(set.namespace(), service).map(|(route, _)| route.to_string()).collect();
    let hidden = set.observed.routes.unknown_for(Why::NotAllowed);
    let mut message = format!("nothing that leads to {} can split its traffic", set.name());
    if !routes.is_empty() {
        message = format!("{message}: {} cannot", routes.join(", "));
    }
    if !hidden.is_empty() {
        message = format!("{message}; routes are unknown: reading {hidden} is not allowed");
    }
    let help = format!(
        "a percentage needs an HTTPRoute, a TraefikService, an IngressRoute, an Ingress of ingress-nginx or a VirtualService \
         that names service/{service}, or `--router replicas`, which needs no route; all at once needs none of them: \
         kubectl bluegreen switch ENV"
    );
    Refusal::new(message, help)
}

/// The Services between which a share moves. While it is given, the color's is the one that routes were made to name,
/// whatever has become of it since.
fn ends<'s>(set: &'s SetView<'_>, color: Color, before: &'s Before) -> Option<Ends<'s>> {
    let active = name(&set.active_service()?.metadata);
    let written = before.color_service.as_deref().filter(|_| before.color.is_none_or(|of| of == color));
    let color = written.or_else(|| Some(name(&set.color_service(color)?.metadata)))?;
    Some(Ends { namespace: set.namespace(), active, color })
}

/// The same for a share that is to be given: a route needs a Service of the color to name.
fn ends_to_give<'s>(ask: &Ask<'s>, route: &str) -> Result<Ends<'s>, Refusal> {
    let Ask { set, color, before, .. } = *ask;
    let Some(service) = set.color_service(color) else {
        return Err(Refusal::new(
            format!("{} has no Service for {color} that {route} could name", set.name()),
            format!("make one that selects {color}: the color Service"),
        ));
    };
    match ends(set, color, before) {
        Some(ends) if ends.color == name(&service.metadata) => Ok(ends),
        _ => Err(Refusal::new(
            format!("the share of {color} goes to another Service than service/{}", name(&service.metadata)),
            "end that first: kubectl bluegreen rollback",
        )),
    }
}

/// The share of a color by the pods behind the active Service, while it selects both.
fn by_endpoints(set: &SetView<'_>, color: Color) -> Option<u8> {
    let service = set.active_service().filter(|_| set.set.active == Some(Active::Both))?;
    let serving = set.endpoints(service).serving;
    let all = serving.values().max_by_key(|pods| pods.len())?;
    let own: BTreeSet<String> = set.pods_of(color).map(uid).collect();
    Some(share_of(all.intersection(&own).count(), all.len())).filter(|_| !all.is_empty())
}

/// The share of so many pods of all, in percent.
pub(crate) fn share_of(pods: usize, all: usize) -> u8 {
    let count = |pods: usize| u64::try_from(pods).unwrap_or_default();
    percent(count(pods), count(all))
}

/// What a route gives a color before and after the steps to a share, and which of them changes it.
struct Given {
    before: u8,
    after: u8,
    step: Option<usize>,
}

/// Tells the steps of several routes what each of them leads to: the largest share that any of them gives by then.
fn tell(steps: &mut [Step], given: &[Given], color: Color) {
    for (number, step) in given.iter().enumerate().filter_map(|(number, one)| Some((number, one.step?))) {
        let by_then = given.iter().enumerate().map(|(at, one)| if at <= number { one.after } else { one.before });
        let split = Split::giving(color, by_then.max().unwrap_or_default());
        steps.get_mut(step).into_iter().for_each(|step| step.split = Some(split));
    }
}

/// Refuses a share because the color's Service has no port like the one that a route names.
fn no_port(ends: Ends<'_>, message: String) -> Refusal {
    let help = format!("give service/{} that port: by the same name, or the same targetPort", ends.color);
    Refusal::new(message, help)
}

/// The port of a color's Service that is the given port of the active one: by its name, or by where it leads.
fn map_port(set: &SetView<'_>, color: Color, port: &Value) -> Result<Value, String> {
    let (Some(active), Some(service)) = (set.active_service(), set.color_service(color)) else {
        return Err("there is no Service to look at".to_owned());
    };
    let called = |candidate: &ServicePort| candidate.name.as_deref().filter(|name| !name.is_empty()).map(str::to_owned);
    let is_meant = |candidate: &&ServicePort| match port {
        Value::String(text) => called(candidate).as_ref() == Some(text),
        number => number.as_i64() == Some(i64::from(candidate.port)),
    };
    let Some(of_active) = ports(active).find(is_meant) else {
        return Err(format!("service/{} has no port {port}, which a route names", name(&active.metadata)));
    };
    let base = set.base().unwrap_or(color.other());
    let leads_to = target(set, base, of_active);
    let by_name =
        ports(service).find(|candidate| called(of_active).is_some() && called(candidate) == called(of_active));
    let by_target = || {
        let same_protocol = |candidate: &&ServicePort| protocol(candidate) == protocol(of_active);
        ports(service).filter(same_protocol).find(|candidate| target(set, color, candidate) == leads_to)
    };
    let Some(found) = by_name.or_else(by_target) else {
        return Err(format!(
            "service/{} has no port like port {port} of service/{}",
            name(&service.metadata),
            name(&active.metadata)
        ));
    };
    Ok(match (port, called(found)) {
        (Value::String(_), Some(called)) => called.into(),
        _ => found.port.into(),
    })
}

fn ports(service: &Service) -> impl Iterator<Item = &ServicePort> {
    service.spec.iter().flat_map(|spec| spec.ports.iter().flatten())
}

fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

/// Where a port leads in the pods of a color: a number, or a name that the pods do not declare.
fn target(set: &SetView<'_>, color: Color, port: &ServicePort) -> IntOrString {
    let target = port.target_port.clone().unwrap_or(IntOrString::Int(port.port));
    let IntOrString::String(wanted) = &target else { return target };
    let pod = set.deployment(color).and_then(|deployment| deployment.spec.as_ref()?.template.spec.as_ref());
    let declared = pod.and_then(|pod| port_called(pod, wanted, protocol(port)));
    declared.map_or(target.clone(), |declared| IntOrString::Int(declared.container_port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    /// The largest share counts: it is there with the first route that is raised, and gone with the last one.
    #[test]
    fn steps_of_several_routes_say_what_each_leads_to() {
        let splits = |given: &[(u8, u8, Option<usize>)]| {
            let given: Vec<Given> = given
                .iter()
                .map(|(before, after, step)| Given { before: *before, after: *after, step: *step })
                .collect();
            let mut steps = vec![Step::new("route", "", Action::PlanAgain); 3];
            tell(&mut steps, &given, Color::Green);
            steps.iter().map(|step| step.split.map(|split| split.green)).collect::<Vec<_>>()
        };
        assert_eq!(splits(&[(0, 10, Some(0)), (0, 10, Some(2))]), [Some(10), None, Some(10)]);
        assert_eq!(splits(&[(50, 0, Some(0)), (50, 0, Some(2))]), [Some(50), None, Some(0)]);
        assert_eq!(splits(&[(50, 0, Some(0)), (25, 25, None)]), [Some(25), None, None]);
    }
}
