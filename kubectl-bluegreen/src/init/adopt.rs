//! `init --from`: a running Deployment and its Service become a release set, and no request is lost on the way.
//! Pure; what is done already is not planned again, so that the same command goes on from any point.

use bluegreen_lint::set::{Active, PerColor, ReleaseSet};
use serde_json::{Value, json};

use super::clone;
use super::scene::{Scene, text};
use super::{Mark, in_words, to_yaml};
use crate::check::{self, rollout_has_ended};
use crate::cluster::{ObjectRef, Request, Resource};
use crate::error::Error;
use crate::journal::{Colors, Journal};
use crate::observed::{Observed, SetView, name, selector};
use crate::plan::{Action, Change, Plan, Planner, SetRef, Settings, Step, selector_change};
use crate::release::Color;
use crate::traffic::{Move, wait_after_move};

/// What the journal calls it.
pub(super) const COMMAND: &str = "init";

/// Plans the adoption of a Deployment and its Service.
#[derive(Clone, Debug)]
pub struct Adopt {
    /// The namespace.
    pub namespace: String,
    /// The Deployment.
    pub deployment: String,
    /// The Service; without it the only one that selects the Deployment's pods.
    pub service: Option<String>,
    /// Whether the old Deployment is deleted in the end.
    pub remove_old: bool,
    /// Who and how.
    pub settings: Settings,
}

impl Planner for Adopt {
    fn asks(&self, observed: &Observed) -> Vec<Request> {
        Scene::asks(self, observed)
    }

    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let scene = Scene::look(self, observed)?;
        scene.refuse_what_cannot_be()?;
        let plan = match scene.serving {
            None => scene.copy_first().map_or_else(|| scene.move_service(Color::Blue), Ok)?,
            Some(color) if scene.is_moving()? => scene.move_service(color)?,
            Some(color) => scene.after_the_move(color)?,
        };
        Ok(plan)
    }
}

impl Adopt {
    /// What would be made, as YAML, and what would be changed after that.
    ///
    /// # Errors
    /// When it cannot be adopted.
    pub fn print(&self, observed: &Observed) -> Result<String, Error> {
        let scene = Scene::look(self, observed)?;
        scene.refuse_what_cannot_be()?;
        let mut documents = Color::ALL.map(|color| scene.color_service(color)).to_vec();
        documents.extend(scene.old.into_iter().flat_map(|old| Color::ALL.map(|color| scene.copy(old, color))));
        let change = if scene.serving.is_some() {
            String::new()
        } else {
            let lines = in_words(&scene.selector_for(Color::Blue)).replace(',', "\n#   ").replace('=', ": ");
            format!(
                "# Once deployment/{} is rolled out, the selector of service/{}:\n#   {lines}\n",
                self.copy_name(Color::Blue),
                scene.called()
            )
        };
        Ok(to_yaml(&documents) + &change)
    }
}

impl<'o> Scene<'o> {
    /// The set as it is to be.
    fn set(&self) -> SetRef {
        SetRef {
            name: self.adopt.deployment.clone(),
            namespace: self.adopt.namespace.clone(),
            color_label: Some(self.relabeling.color_label.clone()),
            service: self.called().to_owned(),
            color_services: Colors::default(),
            ports: Vec::new(),
            deployments: Colors::new(|color| Some(self.adopt.copy_name(color))),
        }
    }

    fn plan(&self, to: Color, title: String) -> Plan {
        Plan { again: Some(self.command()), ..Plan::without_steps("init", self.set(), to, title) }
    }

    /// The command line that goes on.
    fn command(&self) -> String {
        let removes = if self.adopt.remove_old { " --remove-old" } else { "" };
        let (deployment, service, namespace) = (&self.adopt.deployment, self.called(), &self.adopt.namespace);
        format!("kubectl bluegreen init --from deployment/{deployment} --service {service} -n {namespace}{removes}")
    }

    /// The copy of a color, as it is to be made.
    #[must_use]
    pub fn copy(&self, old: &Value, color: Color) -> Value {
        // Blue takes over what serves now; green waits for the first release.
        let replicas = if color == Color::Blue { size(old).max(1) } else { 0 };
        let mut copy = clone::deployment(old, &self.adopt.copy_name(color), color, replicas, &self.relabeling);
        self.mark.put(&mut copy);
        copy
    }

    /// The Service of a color, as it is to be made.
    #[must_use]
    pub fn color_service(&self, color: Color) -> Value {
        let called = format!("{}-{color}", self.called());
        let mut service = clone::color_service(self.raw_service, &called, &self.selector_for(color));
        self.mark.put(&mut service);
        service
    }

    /// Makes what is not there and waits for it; nothing when it is there and ready.
    fn copy_first(&self) -> Option<Plan> {
        let old = self.old?;
        let mut steps = Vec::new();
        for color in Color::ALL {
            if self.color_services.get(color).is_none() {
                steps.push(create(Resource::Services, self.color_service(color), &format!("for tests of {color}")));
            }
        }
        for color in Color::ALL {
            match self.copies.get(color) {
                None => {
                    let copy = self.copy(old, color);
                    let what = format!("a copy of deployment/{} with {} replicas", self.adopt.deployment, size(&copy));
                    steps.push(create(Resource::Deployments, copy, &what));
                }
                Some(copy) => steps.extend(self.bring_up_to_date(old, copy, color)),
            }
        }
        let blue = self.adopt.copy_name(Color::Blue);
        let mut there = self.observed.deployments.items.iter();
        let ready = there.find(|deployment| name(&deployment.metadata) == blue).is_some_and(rollout_has_ended);
        if steps.is_empty() && ready {
            return None;
        }
        let title = format!("wait until deployment/{blue} is rolled out and all its pods are ready");
        steps.push(Step::new("rollout", title, Action::AwaitRollout(Color::Blue)));
        let then = format!("check it, then move service/{}: {}", self.called(), self.change(Color::Blue));
        let then = std::iter::once(then).chain(self.afterwards()).collect::<Vec<_>>().join("; then ");
        steps.push(Step::new("plan", then, Action::PlanAgain));
        let title = format!(
            "Adopt deployment/{} in namespace {}: copies of it become blue and green, and service/{} moves to blue",
            self.adopt.deployment,
            self.adopt.namespace,
            self.called()
        );
        let mut plan = Plan { steps, ..self.plan(Color::Blue, title) };
        plan.notes = self.notes();
        Some(plan)
    }

    /// What follows the move, in words.
    fn afterwards(&self) -> Vec<String> {
        let scalers = self.autoscalers().into_iter().flatten().filter(|hpa| owner(hpa).is_none());
        let mut words: Vec<String> = scalers.map(|hpa| format!("move hpa/{}", text(hpa, "/metadata/name"))).collect();
        if self.adopt.remove_old && self.old.is_some() {
            let seconds = self.adopt.settings.after.as_secs();
            words.push(format!("delete deployment/{}, {seconds} s after the move", self.adopt.deployment));
        }
        words
    }

    fn change(&self, color: Color) -> String {
        selector_change(selector(self.service), &self.selector_for(color))
    }

    fn notes(&self) -> Vec<String> {
        let old = &self.adopt.deployment;
        let mut notes = Vec::new();
        if !self.adopt.remove_old {
            notes.push(format!("deployment/{old} keeps running: --remove-old deletes it in the end"));
        }
        let others = self.other_services();
        if !others.is_empty() {
            notes.push(format!("service/{} stays on deployment/{old}", others.join(", service/")));
        }
        for object in self.left_behind().into_iter().filter(|object| !object.starts_with("service/")) {
            notes.push(format!("{object} counts the pods of deployment/{old} only: give each color one of its own"));
        }
        for hpa in self.autoscalers().into_iter().flatten() {
            if let Some(owner) = owner(hpa) {
                let called = text(hpa, "/metadata/name");
                notes.push(format!(
                    "hpa/{called} belongs to {owner}, which must be told to scale deployment/{old}-blue"
                ));
            }
        }
        let unseen = self.unseen();
        if !unseen.is_empty() {
            notes.push(format!("unknown, because reading them is not allowed: {}", unseen.join(", ")));
        }
        notes
    }

    /// Lets a copy follow what has changed in the old Deployment since it was made: it does not serve yet.
    fn bring_up_to_date(&self, old: &Value, copy: &Value, color: Color) -> Vec<Step> {
        let called = self.adopt.copy_name(color);
        let mut operations = Vec::new();
        let mut titles = Vec::new();
        if Mark::of(copy).is_some_and(|made| made.digest != self.mark.digest) {
            operations.push(json!({"op": "replace", "path": "/spec/template", "value": clone::template(old, color, &self.relabeling)}));
            let mut marked = json!({});
            self.mark.put(&mut marked);
            let text = marked
                .pointer("/metadata/annotations")
                .and_then(Value::as_object)
                .and_then(|all| all.values().next().cloned());
            let key = super::MADE_FROM.replace('/', "~1");
            operations.push(json!({"op": "add", "path": format!("/metadata/annotations/{key}"), "value": text}));
            titles.push(format!("deployment/{} has another pod template since", self.adopt.deployment));
        }
        if color == Color::Blue && size(copy) < size(old) {
            operations.push(json!({"op": "replace", "path": "/spec/replicas", "value": size(old)}));
            titles.push(format!("{} -> {} replicas", size(copy), size(old)));
        }
        if operations.is_empty() {
            return Vec::new();
        }
        let object = ObjectRef::new(Resource::Deployments, &self.adopt.namespace, &called);
        let change = Change::new(object, text(copy, "/metadata/resourceVersion"), operations);
        vec![Step::new("scale", format!("patch deployment/{called}: {}", titles.join(", ")), Action::Patch(change))]
    }

    /// The set as the checks and the move see it.
    fn view(&self) -> SetView<'o> {
        let deployment = |name_of: String| {
            let mut all = self.observed.deployments.items.iter();
            all.position(|d| {
                name(&d.metadata) == name_of && d.metadata.namespace.as_deref() == Some(&self.adopt.namespace)
            })
        };
        let service = |name_of: &str| {
            let mut all = self.observed.services.items.iter();
            all.position(|s| {
                name(&s.metadata) == name_of && s.metadata.namespace.as_deref() == Some(&self.adopt.namespace)
            })
        };
        let set = ReleaseSet {
            name: self.adopt.deployment.clone(),
            namespace: Some(self.adopt.namespace.clone()),
            color_labels: vec![self.relabeling.color_label.clone()],
            workloads: PerColor::new(|color| deployment(self.adopt.copy_name(color))),
            active_service: service(self.called()),
            color_services: PerColor::new(|color| service(&format!("{}-{color}", self.called()))),
            more_services: Vec::new(),
            shared_services: Vec::new(),
            is_declared: false,
            active: self.serving.map(Active::One),
        };
        let selectors = self.serving.is_none().then(|| PerColor::new(|color| self.selector_for(color)));
        SetView { observed: self.observed, set, selectors }
    }

    /// Whether the move has begun and was not seen to end.
    fn is_moving(&self) -> Result<bool, Error> {
        let journal = Journal::of(self.service)?;
        let Some(open) = journal.open() else { return Ok(false) };
        if open.command == COMMAND {
            return Ok(true);
        }
        let message = format!("the {} to {} that {} began has not ended", open.command, open.to, open.by);
        let help = format!("finish it first: kubectl bluegreen switch {}", open.to);
        Err(Error::Forbidden { message, help })
    }

    /// The move itself, by the machinery of every move; one that was cut off is finished, and one that is done has no steps.
    fn move_service(&self, to: Color) -> Result<Plan, Error> {
        let moved = Move { command: COMMAND, to, percent: 100, way_back: false, settings: &self.adopt.settings }
            .plan(&self.view())?;
        let title = if self.serving.is_none() {
            format!(
                "Move service/{} in namespace {} from deployment/{} to blue: {}",
                self.called(),
                self.adopt.namespace,
                self.adopt.deployment,
                self.change(to)
            )
        } else {
            moved.title.clone()
        };
        let mut plan = Plan { title, again: Some(self.command()), set: self.set(), ..moved };
        if plan.steps.is_empty() {
            return Ok(plan);
        }
        if self.serving.is_none() {
            let before = in_words(selector(self.service));
            plan.notes.push(format!(
                "the way back, as long as deployment/{} runs: kubectl set selector service {} {before} -n {}",
                self.adopt.deployment,
                self.called(),
                self.adopt.namespace
            ));
            plan.notes.push(
                "connections that are open now stay on the old pods until they end; only new ones move".to_owned(),
            );
        }
        let then = self.afterwards();
        if !then.is_empty() {
            plan.steps.push(Step::new("plan", then.join("; then "), Action::PlanAgain));
        }
        Ok(plan)
    }

    /// What follows the move: the autoscaler's target, and the end of the old Deployment where that was asked for.
    fn after_the_move(&self, serving: Color) -> Result<Plan, Error> {
        let old = &self.adopt.deployment;
        let copy = self.adopt.copy_name(serving);
        let mut plan =
            self.plan(serving, format!("deployment/{old} is adopted: {serving} serves service/{}", self.called()));
        let mut foreign = None;
        for hpa in self.autoscalers().into_iter().flatten() {
            let called = text(hpa, "/metadata/name");
            if let Some(owner) = owner(hpa) {
                foreign = foreign.or(Some((called, owner)));
                continue;
            }
            let object = ObjectRef::new(Resource::HorizontalPodAutoscalers, &self.adopt.namespace, called);
            let operation = json!({"op": "replace", "path": "/spec/scaleTargetRef/name", "value": copy});
            let change = Change::new(object, text(hpa, "/metadata/resourceVersion"), vec![operation]);
            plan.steps.push(Step::new(
                "autoscaler",
                format!("move hpa/{called}: deployment/{old} -> deployment/{copy}"),
                Action::Patch(change),
            ));
        }
        let Some(value) = self.old else { return Ok(plan) };
        if !self.adopt.remove_old {
            plan.notes.push(format!("deployment/{old} keeps running; end it: {} --remove-old", self.command()));
            return Ok(plan);
        }
        self.refuse_removal(foreign)?;
        plan.title = format!(
            "Remove deployment/{old} in namespace {}: {serving} serves service/{}",
            self.adopt.namespace,
            self.called()
        );
        if let Some(wait) = wait_after_move(&self.view(), self.adopt.settings.after)? {
            plan.steps.push(wait);
            plan.steps.push(Step::new("plan", format!("look again, then delete deployment/{old}"), Action::PlanAgain));
            return Ok(plan);
        }
        let object = ObjectRef::new(Resource::Deployments, &self.adopt.namespace, old);
        let uid = text(value, "/metadata/uid").to_owned();
        plan.steps.push(Step::new("delete", format!("delete deployment/{old}"), Action::Delete(object, uid)));
        plan.steps.push(Step::new(
            "end",
            format!("wait until the pods of deployment/{old} have ended"),
            Action::AwaitEnd(old.clone()),
        ));
        Ok(plan)
    }

    fn refuse_removal(&self, foreign: Option<(&str, String)>) -> Result<(), Error> {
        let old = &self.adopt.deployment;
        let refused = |message: String, help: String| Err(Error::Forbidden { message, help });
        let accepted = |id: &str| check::accepts(&self.adopt.settings.accept, id);
        let copied = self.copies.iter().find_map(|(_, copy)| Mark::of((*copy)?));
        if copied.is_some_and(|made| made.digest != self.mark.digest) && !accepted("drift") {
            let message = format!("deployment/{old} has got another pod template since it was copied");
            let help = "release that to the idle color first, or let it go: --accept drift";
            return refused(message, help.to_owned());
        }
        if let (Some(other), false) = (self.other_services().first(), accepted("other-services")) {
            let message = format!("service/{other} sends its traffic to deployment/{old} and would lose it");
            return refused(
                message,
                format!("let service/{other} select a color, or let it go: --accept other-services"),
            );
        }
        if let Some((hpa, owner)) = foreign {
            let message = format!("hpa/{hpa} scales deployment/{old} and belongs to {owner}");
            return refused(message, format!("tell {owner} to scale the color that serves, and run this again"));
        }
        Ok(())
    }
}

/// How many pods a Deployment asks for.
fn size(deployment: &Value) -> i64 {
    deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

/// Who controls an object, such as `ScaledObject/shop`.
fn owner(object: &Value) -> Option<String> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    let owner = owners.first()?;
    Some(format!("{}/{}", text(owner, "/kind"), text(owner, "/name")))
}

fn create(resource: Resource, body: Value, what: &str) -> Step {
    let object = ObjectRef::new(resource, text(&body, "/metadata/namespace"), text(&body, "/metadata/name"));
    let title = format!("create {object}: {what}");
    Step::new("create", title, Action::Create(object, body))
}
