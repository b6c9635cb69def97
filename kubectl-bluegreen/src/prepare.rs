//! Plans a release: a version to the idle color, sized like the active one and ready, then all traffic to it.
//! Pure; what is done already is not planned again, so that it can go on from any point.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use serde_json::{Value, json};

use crate::cluster::{ObjectRef, Resource};
use crate::error::Error;
use crate::observed::{Observed, SetView, name};
use crate::plan::{Action, Change, Plan, Planner, Selection, Settings, Step};
use crate::release::Color;
use crate::traffic::{Move, tag};

/// Plans a release of one version.
#[derive(Clone, Debug)]
pub struct Release {
    /// The tag that replaces the active color's.
    pub version: String,
    /// Which set.
    pub selection: Selection,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Release {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let set = self.selection.find(observed)?;
        if set.active_service().is_none() {
            return Err(Error::NoActiveService { set: set.name().to_owned(), namespace: set.namespace().to_owned() });
        }
        let Some(active) = set.active() else {
            let message = format!("the active Service of {} does not select exactly one color", set.name());
            return Err(Error::Forbidden {
                message,
                help: "give it one first: kubectl bluegreen switch ENV".to_owned(),
            });
        };
        let to = |color: Color| Move {
            command: "switch",
            to: color,
            percent: 100,
            way_back: false,
            settings: &self.settings,
        };
        let runs = |color: Color| set.images(color).first().is_some_and(|image| tag(image) == self.version);
        if runs(active) {
            return to(active).plan(&set);
        }
        let idle = active.other();
        match self.prepare(&set, active, idle)? {
            Some(plan) => Ok(plan),
            None => to(idle).plan(&set),
        }
    }
}

impl Release {
    /// What the idle color lacks; nothing when it is as it should be.
    fn prepare(&self, set: &SetView<'_>, active: Color, idle: Color) -> Result<Option<Plan>, Error> {
        let Some((deployment, model)) = set.deployment(idle).zip(set.deployment(active)) else {
            let (set, namespace) = (set.name().to_owned(), set.namespace().to_owned());
            return Err(Error::NoColor { set, namespace, color: idle });
        };
        let called = name(&deployment.metadata);
        let image = container(model).and_then(|container| container.image.as_deref()).unwrap_or_default();
        let wanted = with_tag(image, &self.version);
        let has = container(deployment).and_then(|container| container.image.as_deref());
        let replicas = set.desired(active).max(1);
        let mut operations: Vec<Value> = Vec::new();
        let mut titles = Vec::new();
        if has != Some(wanted.as_str()) {
            let operation = if has.is_some() { "replace" } else { "add" };
            operations
                .push(json!({"op": operation, "path": "/spec/template/spec/containers/0/image", "value": wanted}));
            titles.push(format!("image {} -> {wanted}", has.unwrap_or("none")));
        }
        if set.desired(idle) < replicas {
            operations.push(json!({"op": "add", "path": "/spec/replicas", "value": replicas}));
            titles.push(format!("{} -> {replicas} replicas", set.desired(idle)));
        }
        if operations.is_empty() && crate::check::rollout_has_ended(deployment) {
            return Ok(None);
        }
        let title = format!("Release {} of {} to {idle}; {active} serves meanwhile", self.version, set.name());
        let mut plan = Plan { title, ..Plan::nothing("release", set, idle, String::new()) };
        if !operations.is_empty() {
            let object = ObjectRef::new(Resource::Deployments, set.namespace(), called);
            let version = deployment.metadata.resource_version.as_deref().unwrap_or_default();
            let change = Action::Patch(Change::new(object, version, operations));
            plan.steps.push(Step::new("scale", format!("patch deployment/{called}: {}", titles.join(", ")), change));
        }
        let title = format!("wait until {replicas} pods of {idle} are ready");
        plan.steps.push(Step::new("rollout", title, Action::AwaitRollout(idle)));
        plan.steps.push(Step::new("plan", format!("check {idle}, then move all traffic to it"), Action::PlanAgain));
        Ok(Some(plan))
    }
}

fn container(deployment: &Deployment) -> Option<&Container> {
    deployment.spec.as_ref()?.template.spec.as_ref()?.containers.first()
}

/// An image with another tag, and without the digest that would pin the old one.
fn with_tag(image: &str, version: &str) -> String {
    let image = image.split('@').next().unwrap_or(image);
    let (path, file) = image.rsplit_once('/').map_or(("", image), |(path, file)| (path, file));
    let file = file.split(':').next().unwrap_or(file);
    if path.is_empty() { format!("{file}:{version}") } else { format!("{path}/{file}:{version}") }
}

#[cfg(test)]
mod tests {
    use super::with_tag;

    #[test]
    fn only_the_tag_is_replaced() {
        for (image, expected) in [
            ("shop", "shop:2"),
            ("shop:1", "shop:2"),
            ("host:5000/shop", "host:5000/shop:2"),
            ("host:5000/team/shop:1@sha256:aa", "host:5000/team/shop:2"),
        ] {
            assert_eq!(with_tag(image, "2"), expected, "{image}");
        }
    }
}
