//! Plans a move of all traffic to one color; `switch`, `rollback` and `rehearse` share it.
//! Pure: everything comes from what was observed.

use serde_json::json;

use crate::check::{self, Question};
use crate::cluster::{ObjectRef, Resource};
use crate::error::Error;
use crate::journal::Journal;
use crate::observed::{SetView, name};
use crate::plan::{Action, Change, Plan, SetRef, Settings, Step, entry, move_selector, selector_title};
use crate::release::{Color, Split};

/// A move of all traffic, as a command asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Move<'m> {
    /// The command, for titles and the journal.
    pub command: &'static str,
    /// The color that is to serve.
    pub to: Color,
    /// Whether it goes back to where traffic came from.
    pub way_back: bool,
    /// Who moves and how.
    pub settings: &'m Settings,
}

impl Move<'_> {
    /// Plans the move; refuses what the checks refuse.
    pub fn plan(self, set: &SetView<'_>) -> Result<Plan, Error> {
        let Self { command, to, way_back, settings } = self;
        let (namespace, name_of_set) = (set.namespace().to_owned(), set.name().to_owned());
        let Some(service) = set.active_service() else {
            return Err(Error::NoActiveService { set: name_of_set, namespace });
        };
        if set.deployment(to).is_none() {
            return Err(Error::NoColor { set: name_of_set, namespace, color: to });
        }
        let journal = Journal::of(service)?;
        if set.active() == Some(to) {
            return Ok(self.finish(set, &journal));
        }
        let question = Question { set, target: to, percent: 100, way_back };
        // Nothing is scaled for a move that is not allowed.
        let permitted = check::permissions(&question, &settings.accept);
        if permitted.status == check::Status::Fail {
            return Err(Error::Refused { command, color: to, checks: vec![permitted] });
        }
        if let Some(plan) = settings.scale.then(|| self.size_first(set)).flatten() {
            return Ok(plan);
        }
        let checks = check::run(&question, &settings.accept);
        if !check::all_pass(&checks) {
            return Err(Error::Refused { command, color: to, checks });
        }
        let mut entry = entry(set, command, to, settings);
        entry
            .accepted
            .retain(|id| check::run(&question, &[]).iter().any(|c| c.id == id && c.status == check::Status::Fail));
        let id = entry.id.clone();
        let patch = move_selector(set, to, journal, entry).map(Action::Patch);
        let patch = patch.map(|patch| Step::new("patch", selector_title(set, to), patch));
        let mut plan = Plan {
            title: self.title(set),
            checks,
            split: Some(Split::all(to)),
            ..Plan::nothing(command, set, to, String::new())
        };
        plan.steps = patch.into_iter().chain(self.after_patch(set, &id)).collect();
        plan.id = Some(id);
        if let Some(left) = set.active() {
            plan.notes.push(format!("{left} keeps running: it is the way back"));
            plan.notes.push(format!("connections that are open now stay on {left} until they end; only new ones move"));
        }
        Ok(plan)
    }

    fn title(self, set: &SetView<'_>) -> String {
        let from = set.active().map_or_else(|| "no single color".to_owned(), |from| version(set, from));
        let verb = if self.way_back { "Roll back" } else { "Switch" };
        format!("{verb} {} in namespace {}: {from} -> {}", set.name(), set.namespace(), version(set, self.to))
    }

    fn after_patch(self, set: &SetView<'_>, id: &str) -> Vec<Step> {
        let (to, settle) = (self.to, self.settings.settle);
        let service = SetRef::of(set).service;
        let mut steps = vec![Step::new(
            "endpoints",
            format!("wait until exactly the ready pods of {to} are the endpoints of service/{service}"),
            Action::AwaitEndpoints { color: to, selector: set.selector_for(to) },
        )];
        if !settle.is_zero() {
            let title = format!("settle for {} s: every node's proxy follows on its own", settle.as_secs_f64());
            steps.push(Step::new("settle", title, Action::Settle(settle)));
        }
        let close = Action::CloseJournal { id: id.to_owned(), selector: set.selector_for(to) };
        steps.push(Step::new("journal", "write the end of the move into the journal", close));
        steps
    }

    /// The color is selected already: a move that was cut off is finished, and otherwise there is nothing to do.
    fn finish(self, set: &SetView<'_>, journal: &Journal) -> Plan {
        let open = journal.open().filter(|open| open.to == self.to);
        let Some(open) = open else {
            let title = format!("{} already serves {} in namespace {}", self.to, set.name(), set.namespace());
            return Plan::nothing(self.command, set, self.to, title);
        };
        let title = format!("Finish the {} of {} to {} that {} began", open.command, set.name(), self.to, open.by);
        let mut plan = Plan::nothing(self.command, set, self.to, title);
        plan.from = open.from;
        plan.split = Some(Split::all(self.to));
        plan.id = Some(open.id.clone());
        plan.steps = self.after_patch(set, &open.id);
        plan
    }

    /// Sizes the target like the color that serves, and plans the rest once it is there.
    fn size_first(self, set: &SetView<'_>) -> Option<Plan> {
        let wanted = set.active().map_or(1, |active| set.desired(active)).max(1);
        if set.desired(self.to) >= wanted {
            return None;
        }
        let mut plan = Plan::nothing(self.command, set, self.to, self.title(set));
        plan.steps = vec![
            scale(set, self.to, wanted)?,
            Step::new(
                "rollout",
                format!("wait until {wanted} pods of {} are ready", self.to),
                Action::AwaitRollout(self.to),
            ),
            Step::new("plan", format!("check {}, then move the traffic", self.to), Action::PlanAgain),
        ];
        Some(plan)
    }
}

/// The step that sizes a color's Deployment.
#[must_use]
pub fn scale(set: &SetView<'_>, color: Color, replicas: i32) -> Option<Step> {
    let deployment = set.deployment(color)?;
    let called = name(&deployment.metadata);
    let object = ObjectRef::new(Resource::Deployments, set.namespace(), called);
    let version = deployment.metadata.resource_version.as_deref().unwrap_or_default();
    let operation = json!({"op": "replace", "path": "/spec/replicas", "value": replicas});
    let title = format!("scale deployment/{called}: {} -> {replicas} replicas", set.desired(color));
    Some(Step::new("scale", title, Action::Patch(Change::new(object, version, vec![operation]))))
}

/// A color with what it runs: `blue (v1.0)`.
#[must_use]
pub fn version(set: &SetView<'_>, color: Color) -> String {
    let images = set.images(color);
    let tags: Vec<&str> = images.iter().map(|image| tag(image)).collect();
    if tags.is_empty() { color.to_string() } else { format!("{color} ({})", tags.join(", ")) }
}

/// The tag of an image, or its digest, or the image itself.
#[must_use]
pub fn tag(image: &str) -> &str {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let file = rest.rsplit('/').next().unwrap_or(rest);
    let tag = file.split_once(':').map(|(_, tag)| tag);
    tag.or(digest).unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_found() {
        for (image, expected) in [
            ("shop:1.0", "1.0"),
            ("host:5000/team/shop:v2", "v2"),
            ("host:5000/shop", "host:5000/shop"),
            ("shop@sha256:aa", "sha256:aa"),
            ("shop:1.0@sha256:aa", "1.0"),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
