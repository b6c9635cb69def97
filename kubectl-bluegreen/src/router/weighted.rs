//! Shares by weighted lists of backends, whatever kind of route has them: given, read back, and put back as they were.
//! Knows no kind of route by its name; the arithmetic on a list is in `weights`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Ask, Given, Refusal, Stage, ends, ends_to_give, map_port, no_port, tell};
use crate::cluster::ObjectRef;
use crate::journal::{Before, Journal, Phase};
use crate::observed::{SetView, name};
use crate::plan::{Action, Change, Step};
use crate::release::Color;
use crate::routes::Route;
use crate::weights::{Ends, Shape, Written, list};

/// The routes of a shape in the set's namespace.
pub(super) fn of_shape<'s>(set: &'s SetView<'_>, shape: &'s Shape) -> impl Iterator<Item = &'s Route> {
    let known = set.observed.routes.known.iter();
    known.filter(|route| shape.resources.contains(&route.resource) && route.namespace == set.namespace())
}

/// The weighted routes that send users to the active Service, in words.
pub(super) fn weighted_routes(set: &SetView<'_>, shape: &Shape) -> Vec<String> {
    let Some(service) = set.active_service() else { return Vec::new() };
    let active = name(&service.metadata);
    let ends = Ends { namespace: set.namespace(), active, color: "" };
    let routes = of_shape(set, shape).filter(|route| !shape.lists_to(route, ends).is_empty());
    routes.map(ToString::to_string).collect()
}

/// The share that all weighted routes give a color; the largest where they differ, nothing where none names it.
pub(super) fn weighted_share(set: &SetView<'_>, color: Color, shape: &Shape) -> Option<u8> {
    let before = set.ongoing().map(|entry| entry.before).unwrap_or_default();
    let ends = ends(set, color, &before)?;
    of_shape(set, shape).map(|route| share_by(route, shape, ends)).max().filter(|share| *share > 0)
}

/// The share that a route gives a color; the largest where its lists differ.
fn share_by(route: &Route, shape: &Shape, ends: Ends<'_>) -> u8 {
    let lists = shape.lists_to(route, ends).into_iter();
    lists.map(|pointer| shape.share(list(&route.object, &pointer), ends)).max().unwrap_or_default()
}

/// The steps of weighted routes to a share.
///
/// With `named_first`, a list that does not name the color yet gets it at weight 0 first.
pub(super) fn weighted(ask: &Ask<'_>, shape: &Shape, named_first: bool) -> Result<Stage, Refusal> {
    let Ask { set, color, share, before, .. } = *ask;
    if share == 0 {
        return Ok(put_back(ask, shape, named_first));
    }
    let ends = ends_to_give(ask, "a route")?;
    let port = |port: &Value| map_port(set, color, port);
    let no_port = |message| no_port(ends, message);
    let mut stage = Stage { before: before.clone(), ..Stage::default() };
    stage.before.color_service = Some(ends.color.to_owned());
    let (mut raised, mut named, mut given) = (Vec::new(), Vec::new(), Vec::new());
    let records = Records::new(set, shape, color, before, ends);
    for route in of_shape(set, shape) {
        let mut originals = BTreeMap::new();
        let (mut to_name, mut to_raise, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        let lists = records.lists(route);
        stage.notes.extend(records.changes(route, &lists));
        for Known { pointer, now, recorded } in lists {
            if !shape.leads(now, ends) {
                // Nothing of it is changed, and it is recorded so that a put-back knows it again as what it is.
                let known = shape.has_color(now, ends).then(|| recorded.unwrap_or(now));
                originals.extend(known.map(|known| (pointer, Value::from(known))));
                continue;
            }
            if recorded.is_none() && shape.share(now, ends) > 0 {
                return Err(Refusal::new(
                    format!("{route} gives service/{} a share that this tool has not recorded", ends.color),
                    "it would not be known what to put back: take that backend out of the route, or set its weight to 0",
                ));
            }
            let original = recorded.map_or_else(|| now.to_vec(), |recorded| shape.original(now, recorded, ends));
            let wanted = shape.giving(&original, ends, share, port).map_err(no_port)?;
            let real = shape.share(&wanted, ends);
            if real == 0 || !shape.leads(&wanted, ends) {
                return Err(Refusal::new(
                    format!("{route} knows whole weights only: {share} % of what it sends to the set cannot be given"),
                    "ask for a share that is nearer to one half, or for all of it",
                ));
            }
            if named_first && !shape.has_color(now, ends) {
                to_name.push(replaced(&pointer, &shape.naming(now, ends, port).map_err(no_port)?));
            } else if now != wanted.as_slice() {
                to_raise.push(replaced(&pointer, &wanted));
            }
            seen.push(real);
            originals.insert(pointer, Value::from(original));
        }
        let Some(most) = seen.iter().max() else { continue };
        stage.gives = stage.gives.max(Some(*most));
        let step = (to_name.is_empty() && !to_raise.is_empty()).then_some(raised.len());
        given.push(Given { before: share_by(route, shape, ends), after: *most, step });
        stage.before.routes.insert(route.key(), originals);
        if let Some(real) = seen.iter().find(|real| **real != share) {
            stage.notes.push(format!("{route} knows whole weights only: {color} gets {real} %"));
        }
        if !to_name.is_empty() {
            let title = format!("patch {route}: add service/{} at weight 0", ends.color);
            named.extend([Step::new("route", title, changed(route, to_name)), accepted_step(route, false)]);
        } else if !to_raise.is_empty() {
            let rest = 100 - share;
            let title =
                format!("patch {route}: {share} % to service/{}, {rest} % to service/{}", ends.color, ends.active);
            raised.push(Step::new("route", title, changed(route, to_raise)));
            raised.extend(named_first.then(|| accepted_step(route, false)));
        }
    }
    if named.is_empty() {
        tell(&mut raised, &given, color);
        stage.steps = raised;
    } else {
        stage.steps = named;
        stage.then = Some(format!("look again, then give {color} {share} %"));
    }
    Ok(stage)
}

/// The steps that put weighted routes back: every list that was given a share, wherever it is by now.
fn put_back(ask: &Ask<'_>, shape: &Shape, accepted: bool) -> Stage {
    let Ask { set, color, before, .. } = *ask;
    let mut stage = Stage { before: before.clone(), ..Stage::default() };
    // Without a Service that could be named none was.
    let Some(ends) = ends(set, color, before) else { return stage };
    let (records, mut given, mut waits) = (Records::new(set, shape, color, before, ends), Vec::new(), Vec::new());
    for route in of_shape(set, shape) {
        let is_ours = records.is_ours(route);
        let (mut operations, lists) = (Vec::new(), records.lists(route));
        let (mut as_before, mut after) = (true, 0);
        stage.notes.extend(records.changes(route, &lists));
        for Known { pointer, now, recorded } in lists {
            let has_share = shape.leads(now, ends) && shape.share(now, ends) > 0;
            // A share that came after the one that was given: nothing but a copy of it, whoever made that.
            let Some(recorded) = recorded.or((has_share && is_ours).then_some(&[])) else {
                if has_share {
                    let share = shape.share(now, ends);
                    after = after.max(share);
                    stage.gives = stage.gives.max(Some(share));
                    let words = "which this tool has not written: it stays";
                    stage.notes.push(format!("{route} gives service/{} {share} %, {words}", ends.color));
                }
                continue;
            };
            let original = shape.original(now, recorded, ends);
            let was_given = recorded.is_empty() || shape.leads(recorded, ends);
            if was_given && now != original.as_slice() {
                as_before &= original.as_slice() == recorded;
                operations.push(replaced(&pointer, &original));
            }
        }
        let step = (!operations.is_empty()).then_some(stage.steps.len());
        given.push(Given { before: share_by(route, shape, ends), after, step });
        if !operations.is_empty() {
            let title = if as_before {
                format!("patch {route}: its backends as they were before")
            } else {
                format!("patch {route}: take the share of service/{} out, and leave the rest as it is now", ends.color)
            };
            stage.steps.push(Step::new("route", title, changed(route, operations)));
            waits.extend(accepted.then(|| accepted_step(route, true)));
        }
    }
    tell(&mut stage.steps, &given, color);
    // No users of one route wait for the word of another one's Gateway.
    stage.steps.extend(waits);
    stage
}

/// A list of a route.
struct Known<'r> {
    /// Where it is, as a JSON pointer.
    pointer: String,
    /// What it is now.
    now: &'r [Value],
    /// What it was before the color got a share, as far as that was recorded.
    recorded: Option<&'r [Value]>,
}

/// What the journal knows of the lists of a set's routes.
struct Records<'r> {
    shape: &'r Shape,
    before: &'r Before,
    ends: Ends<'r>,
    /// The routes of the set's namespace, by their names in the journal.
    there: BTreeSet<String>,
    /// What was written to them, as far as that is known.
    written: Written,
}

impl<'r> Records<'r> {
    fn new(set: &SetView<'_>, shape: &'r Shape, color: Color, before: &'r Before, ends: Ends<'r>) -> Self {
        let journal = set.active_service().and_then(|service| Journal::of(service).ok()).unwrap_or_default();
        let ended = journal.ongoing().is_some_and(|entry| entry.phase == Phase::Closed);
        let written = Written { shares: journal.shares_given(color), ended };
        Self { shape, before, ends, there: of_shape(set, shape).map(Route::key).collect(), written }
    }

    /// Whether a route is one that the journal names.
    fn is_ours(&self, route: &Route) -> bool {
        self.before.routes.contains_key(&route.key())
    }

    /// The recorded lists that a route's can have come from: its own; of a route that was not written to, those of routes
    /// that are not there any more, whose name it has taken the place of.
    fn of(&self, route: &Route) -> Vec<(&'r str, &'r [Value])> {
        let (own, kind) = (route.key(), format!("{}/", route.resource.kind()));
        let ours = self.is_ours(route);
        let is_gone = |key: &str| key.starts_with(&kind) && !self.there.contains(key);
        let is_meant = |key: &str| if ours { key == own } else { is_gone(key) };
        let meant = self.before.routes.iter().filter(|(key, _)| is_meant(key));
        meant
            .flat_map(|(_, lists)| lists)
            .filter_map(|(at, list)| Some((at.as_str(), list.as_array()?.as_slice())))
            .collect()
    }

    /// The lists of a route. Also a copy is known again: a rule that somebody repeated, a route that has another name since.
    /// Under another name only what is as it was written is ours: the rest is somebody else's route.
    fn lists<'l>(&self, route: &'l Route) -> Vec<Known<'l>>
    where
        'r: 'l,
    {
        let Self { shape, ends, .. } = *self;
        let (records, ours) = (self.of(route), self.is_ours(route));
        let pointers = (shape.lists)(&route.object).into_iter();
        let lists: Vec<(String, &[Value])> = pointers.map(|at| (at.clone(), list(&route.object, &at))).collect();
        let recognized = shape.recognized(&lists, records.iter().copied(), ours, ends);
        let copied = |now: &[Value]| {
            let mut given = records.iter().map(|(_, list)| *list).filter(|recorded| shape.leads(recorded, ends));
            given.find(|recorded| shape.share(now, ends) > 0 && shape.is_alike(now, recorded, ends))
        };
        let is_written = |now: &[Value], recorded: &[Value]| shape.is_written(now, recorded, ends, &self.written);
        let known = lists.into_iter().zip(recognized).map(|((pointer, now), recorded)| {
            let recorded = recorded.or_else(|| copied(now)).filter(|recorded| ours || is_written(now, recorded));
            Known { pointer, now, recorded }
        });
        known.collect()
    }

    /// What somebody else has made of a route's lists since they were written, in words.
    fn changes(&self, route: &Route, lists: &[Known<'_>]) -> BTreeSet<String> {
        lists.iter().filter_map(|known| self.changed(route, known)).collect()
    }

    fn changed(&self, route: &Route, known: &Known<'_>) -> Option<String> {
        let Self { shape, ends, ref written, .. } = *self;
        let recorded = known.recorded.filter(|recorded| shape.leads(recorded, ends))?;
        if shape.is_written(known.now, recorded, ends, written) {
            return None;
        }
        Some(if shape.keeps_others(known.now, recorded, ends) {
            let share = shape.share(known.now, ends);
            format!("somebody else has changed {route}: it gives service/{} {share} % now", ends.color)
        } else {
            format!(
                "somebody else has changed {route}: its weights as they are now count, not those that were recorded"
            )
        })
    }
}

fn replaced(pointer: &str, list: &[Value]) -> Value {
    json!({"op": "replace", "path": pointer, "value": list})
}

fn changed(route: &Route, operations: Vec<Value>) -> Action {
    let version = route.object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
    let object = ObjectRef::new(route.resource, &route.namespace, &route.name);
    Action::Patch(Change::new(object, version, operations))
}

/// The step that waits for the word of whoever serves a route; `back` once a share was taken out of it.
pub(super) fn accepted_step(route: &Route, back: bool) -> Step {
    let object = ObjectRef::new(route.resource, &route.namespace, &route.name);
    let title = format!("wait until every Gateway of {route} accepts it as it is then");
    Step::new("accepted", title, Action::AwaitAccepted { route: object, back })
}
