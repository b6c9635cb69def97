//! `init -f` and `diff -f`: what an apply of manifests would change, and the plan to do it.
//! Pure; the server's own answers to dry runs say what would change, and the active Service's selector never does.

use std::collections::BTreeSet;

use bluegreen_lint::diff;
use bluegreen_lint::manifest;
use bluegreen_lint::model::{Model, SetView as FileSet};
use bluegreen_lint::set::{Active, selects};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{mapping, strings};
use crate::check::rollout_has_ended;
use crate::cluster::{AnyObject, ClusterError, Failure, Request};
use crate::error::Error;
use crate::journal::Colors;
use crate::observed::{Labels, Observed, SetView, TOOL, name, selector};
use crate::plan::{Action, Plan, Planner, SetRef, Step};
use crate::release::Color;

/// The order in which kinds are applied: what others need comes first.
const ORDER: &[&[&str]] = &[
    &["Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass"],
    &[
        "ServiceAccount",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "ResourceQuota",
        "LimitRange",
        "NetworkPolicy",
    ],
    &["Service"],
    &["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"],
];

/// An object as the files want it.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    id: manifest::Identity,
    body: Value,
}

/// Manifests that are to be applied.
#[derive(Clone, Debug)]
pub struct Files {
    objects: Vec<Wanted>,
    /// The set as the files say it.
    set: SetRef,
    /// The color that the files' active Service selects.
    active: Option<Color>,
    force: bool,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is not there yet.
    Create,
    /// Something about it changes.
    Change,
    /// It is as the files say.
    Same,
}

/// What an apply would do to one object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Effect {
    /// The object, such as `deployment/shop-blue`.
    #[serde(serialize_with = "in_words")]
    #[schemars(with = "String")]
    object: AnyObject,
    /// What becomes of it.
    pub change: Fate,
    #[serde(skip)]
    body: Value,
    #[serde(skip)]
    before: Value,
    #[serde(skip)]
    after: Value,
}

fn in_words<S: serde::Serializer>(object: &AnyObject, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(object)
}

fn fails(message: String, help: impl Into<String>) -> Error {
    Error::Init { message, help: help.into() }
}

impl Files {
    /// Chooses the objects of one set, and what belongs to no other.
    ///
    /// # Errors
    /// When the files hold no release set, or several and it is not said which one is meant.
    pub fn new(model: &Model, app: Option<&str>, namespace: &str, force: bool) -> Result<Self, Error> {
        let called = |set: &FileSet<'_>| {
            set.active_service().map_or_else(|| set.set.name.clone(), |service| service.facts.name.clone())
        };
        let sets: Vec<FileSet<'_>> = model.sets().collect();
        let is_meant = |set: &&FileSet<'_>| app.is_none_or(|app| called(set) == app || set.set.name == app);
        let names = || sets.iter().map(called).collect::<Vec<_>>();
        let meant: Vec<&FileSet<'_>> = sets.iter().filter(is_meant).collect();
        let set = match meant.as_slice() {
            [one] => *one,
            [] if sets.is_empty() => {
                let help = "a release set is two Deployments named or labelled blue and green: see `kubectl bluegreen init --new`";
                return Err(fails("there is no release set in the files".to_owned(), help));
            }
            [] => {
                let message = format!("there is no release set {} in the files", app.unwrap_or_default());
                return Err(fails(message, format!("there is: {}", names().join(", "))));
            }
            _ => {
                let message = format!("several release sets in the files: {}", names().join(", "));
                return Err(Error::Usage { message, help: "say which one: --app NAME".to_owned() });
            }
        };
        let others = sets.iter().filter(|other| called(other) != called(set));
        let foreign: BTreeSet<&manifest::Identity> = others.flat_map(members).collect();
        let mut objects: Vec<Wanted> =
            model.objects().iter().filter(|object| !foreign.contains(&object.id)).map(wanted).collect();
        let rank = |wanted: &Wanted| {
            ORDER.iter().position(|kinds| kinds.contains(&wanted.id.kind.as_str())).unwrap_or(ORDER.len())
        };
        objects.sort_by_key(rank);
        let set_ref = SetRef {
            name: set.set.name.clone(),
            namespace: namespace.to_owned(),
            color_label: set.set.color_label().map(str::to_owned),
            service: set.active_service().map(|service| service.facts.name.clone()).unwrap_or_default(),
            color_services: Colors::default(),
            ports: Vec::new(),
            deployments: Colors::new(|color| set.workload(color).map(|workload| workload.facts.name.clone())),
        };
        let active = if let Some(Active::One(color)) = set.set.active { Some(color) } else { None };
        Ok(Self { objects, set: set_ref, active, force })
    }

    /// The namespace that the set is in.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.set.namespace
    }

    /// The set in the cluster that the files are about.
    fn live<'o>(&self, observed: &'o Observed) -> Option<SetView<'o>> {
        let shares = |set: &SetView<'_>| {
            let there = SetRef::of(set);
            let same = |here: &Option<String>, there: &Option<String>| here.is_some() && here == there;
            set.namespace() == self.set.namespace
                && (there.service == self.set.service && !there.service.is_empty()
                    || same(&self.set.deployments.blue, &there.deployments.blue)
                    || same(&self.set.deployments.green, &there.deployments.green))
        };
        observed.sets().into_iter().find(shares)
    }

    /// The set by the names of its members, in the files or in the cluster.
    fn whole(&self, live: Option<&SetView<'_>>) -> SetRef {
        let mut whole = self.set.clone();
        if let Some(live) = live.map(SetRef::of) {
            whole.color_label = live.color_label.or(whole.color_label);
            if whole.service.is_empty() {
                whole.service = live.service;
            }
            whole.deployments = Colors {
                blue: whole.deployments.blue.or(live.deployments.blue),
                green: whole.deployments.green.or(live.deployments.green),
            };
        }
        whole
    }

    /// The names of the Services whose selectors decide where users go, in the files and in the cluster.
    fn active_services(&self, live: Option<&SetView<'_>>) -> BTreeSet<String> {
        let live = live.and_then(SetView::active_service).map(|service| name(&service.metadata).to_owned());
        std::iter::once(self.set.service.clone()).chain(live).filter(|name| !name.is_empty()).collect()
    }

    /// What is applied: the files' words, but an active Service that is there keeps its selector, and only in the
    /// version that was seen.
    fn body(&self, wanted: &Wanted, observed: &Observed, live: Option<&SetView<'_>>) -> Value {
        let mut body = wanted.body.clone();
        let is_active = wanted.id.kind == "Service" && self.active_services(live).contains(&wanted.id.name);
        let mut services = observed.services.items.iter();
        let there = services.find(|service| {
            name(&service.metadata) == wanted.id.name
                && service.metadata.namespace.as_deref() == Some(&self.set.namespace)
        });
        if let (true, Some(service)) = (is_active, there) {
            if let Some(spec) = mapping(&mut body, &["spec"]) {
                spec.insert("selector".to_owned(), json!(selector(service)));
            }
            if let Some(metadata) = mapping(&mut body, &["metadata"]) {
                metadata.insert("resourceVersion".to_owned(), json!(service.metadata.resource_version));
            }
        }
        body
    }

    /// Each object with what is applied for it, as far as the server has said what its kind is called.
    fn requests(&self, observed: &Observed) -> Result<Vec<(AnyObject, Value)>, Error> {
        let live = self.live(observed);
        let known = |wanted: &Wanted| {
            let (plural, namespaced) = kind(observed, &wanted.id)?;
            let namespace = wanted.id.namespace.clone().unwrap_or_else(|| self.set.namespace.clone());
            let mut body = self.body(wanted, observed, live.as_ref());
            if namespaced && let Some(metadata) = mapping(&mut body, &["metadata"]) {
                metadata.insert("namespace".to_owned(), namespace.as_str().into());
            }
            let object = AnyObject {
                api_version: wanted.id.api_version.clone(),
                kind: wanted.id.kind.clone(),
                plural,
                namespace: namespaced.then_some(namespace),
                name: wanted.id.name.clone(),
            };
            Ok((object, body))
        };
        self.objects.iter().map(known).collect()
    }

    fn dry_run(&self, object: &AnyObject, body: &Value) -> Request {
        Request::Apply { object: object.clone(), body: body.clone(), force: self.force, dry_run: true }
    }

    /// What an apply would do, object by object.
    ///
    /// # Errors
    /// When the server refuses an object, or has not been asked.
    pub fn effects(&self, observed: &Observed) -> Result<Vec<Effect>, Error> {
        let effect = |(object, body): (AnyObject, Value)| {
            let before = match observed.answer(&Request::Read(object.clone())) {
                Some(Ok(value)) => clean(value),
                Some(Err(error)) if error.failure != Failure::NotFound => return Err(error.clone().into()),
                _ => Value::Null,
            };
            let after = match observed.answer(&self.dry_run(&object, &body)) {
                Some(Ok(value)) => clean(value),
                Some(Err(error)) if error.failure == Failure::Conflict => {
                    return Err(taken(&object, error));
                }
                Some(Err(error)) => return Err(error.clone().into()),
                None => Value::Null,
            };
            let change = match (&before, before == after) {
                (Value::Null, _) => Fate::Create,
                (_, true) => Fate::Same,
                (_, false) => Fate::Change,
            };
            Ok(Effect { object, change, body, before, after })
        };
        self.requests(observed)?.into_iter().map(effect).collect()
    }

    /// What is applied, as YAML documents.
    ///
    /// # Errors
    /// When a kind is unknown to the server.
    pub fn documents(&self, observed: &Observed) -> Result<Vec<Value>, Error> {
        let mut bodies: Vec<Value> = self.requests(observed)?.into_iter().map(|(_, body)| body).collect();
        for metadata in bodies.iter_mut().filter_map(|body| mapping(body, &["metadata"])) {
            metadata.remove("resourceVersion");
        }
        Ok(bodies)
    }

    fn notes(&self, effects: &[Effect], live: Option<&SetView<'_>>) -> Vec<String> {
        let mut notes = Vec::new();
        for wanted in self.objects.iter().filter(|wanted| wanted.id.kind == "Service") {
            let said = strings(wanted.body.pointer("/spec/selector"));
            let effect =
                effects.iter().find(|effect| effect.object.kind == "Service" && effect.object.name == wanted.id.name);
            let kept: Labels = strings(effect.and_then(|effect| effect.body.pointer("/spec/selector")));
            if said != kept {
                notes.push(format!(
                    "service/{} keeps its selector {}, though the files say {}: traffic moves with `kubectl bluegreen switch`",
                    wanted.id.name, super::in_words(&kept), super::in_words(&said)
                ));
            }
        }
        let serving = live.and_then(|set| set.deployment(set.active()?)).map(|deployment| name(&deployment.metadata));
        let changed = effects.iter().find(|effect| {
            effect.change == Fate::Change
                && effect.object.kind == "Deployment"
                && Some(effect.object.name.as_str()) == serving
                && effect.before.pointer("/spec/template") != effect.after.pointer("/spec/template")
        });
        if let Some(changed) = changed {
            notes.push(format!("{} serves now: its pods are replaced one after another", changed.object));
        }
        notes
    }
}

impl Planner for Files {
    fn asks(&self, observed: &Observed) -> Vec<Request> {
        let versions: BTreeSet<&str> = self.objects.iter().map(|wanted| wanted.id.api_version.as_str()).collect();
        let mut asks: Vec<Request> =
            versions.into_iter().map(|version| Request::Kinds { api_version: version.to_owned() }).collect();
        for (object, body) in self.requests(observed).unwrap_or_default() {
            asks.push(self.dry_run(&object, &body));
            asks.push(Request::Read(object));
        }
        asks.retain(|ask| observed.answer(ask).is_none());
        asks
    }

    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let effects = self.effects(observed)?;
        let live = self.live(observed);
        if let Some(set) = &live {
            refuse_harm(&effects, set)?;
        }
        let set = self.whole(live.as_ref());
        let changing = || effects.iter().filter(|effect| effect.change != Fate::Same);
        let apply = |effect: &Effect| {
            let verb = if effect.change == Fate::Create { "create" } else { "change" };
            let (object, body, force) = (effect.object.clone(), effect.body.clone(), self.force);
            Step::new("apply", format!("{verb} {object}"), Action::Apply { object, body, force })
        };
        let mut steps: Vec<Step> = changing().map(apply).collect();
        for color in Color::ALL {
            let called = set.deployment(color);
            let wakes = |effect: &&Effect| {
                effect.object.kind == "Deployment"
                    && effect.object.name == called
                    && effect.after.pointer("/spec/replicas").and_then(Value::as_i64) != Some(0)
            };
            let rolling = || live.as_ref().and_then(|set| set.deployment(color)).is_some_and(is_rolling);
            if changing().any(|effect| wakes(&effect)) || rolling() {
                let title = format!("wait until deployment/{called} is rolled out and all its pods are ready");
                steps.push(Step::new("rollout", title, Action::AwaitRollout(color)));
            }
        }
        let from = live.as_ref().and_then(SetView::active);
        let to = from.or(self.active).unwrap_or(Color::Blue);
        let service =
            effects.iter().find(|effect| effect.object.kind == "Service" && effect.object.name == set.service);
        let wakes = steps.iter().any(|step| step.action == Action::AwaitRollout(to));
        if let (Some(service), true, true) = (service, wakes, from.or(self.active).is_some()) {
            let selector = strings(service.body.pointer("/spec/selector"));
            let title =
                format!("wait until exactly the ready pods of {to} are the endpoints of service/{}", set.service);
            steps.push(Step::new("endpoints", title, Action::AwaitEndpoints { color: to, selector }));
        }
        let title = if changing().next().is_none() {
            format!("{} in namespace {} is as the files say", set.name, set.namespace)
        } else {
            format!(
                "Apply {} of {} objects of {} in namespace {}",
                changing().count(),
                effects.len(),
                set.name,
                set.namespace
            )
        };
        let notes = self.notes(&effects, live.as_ref());
        let diff = changing().filter(|effect| effect.change == Fate::Change).map(Effect::diff).collect();
        Ok(Plan { from, notes, steps, diff, ..Plan::without_steps("init", set, to, title) })
    }
}

impl Effect {
    /// The difference as a unified diff; empty when there is none.
    #[must_use]
    pub fn diff(&self) -> String {
        let (before, after) = (document(&self.before), document(&self.after));
        let (from, to) = match self.change {
            Fate::Create => ("nothing".to_owned(), format!("{} in the files", self.object)),
            _ => (format!("{} in the cluster", self.object), format!("{} with the files", self.object)),
        };
        diff::unified(&before, &after, &from, &to)
    }
}

/// Which set `diff -f` is about, and what an apply would do.
impl Files {
    /// The set by the names of its members.
    #[must_use]
    pub fn set(&self, observed: &Observed) -> SetRef {
        self.whole(self.live(observed).as_ref())
    }
}

/// Nothing that serves is taken away by an apply.
fn refuse_harm(effects: &[Effect], set: &SetView<'_>) -> Result<(), Error> {
    let (Some(active), Some(service)) = (set.active(), set.active_service()) else { return Ok(()) };
    let Some(serving) = set.deployment(active).map(|deployment| name(&deployment.metadata)) else { return Ok(()) };
    let is_it = |effect: &&Effect| effect.object.kind == "Deployment" && effect.object.name == serving;
    let Some(effect) = effects.iter().find(is_it) else { return Ok(()) };
    let replicas = |value: &Value| value.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    if replicas(&effect.after) == 0 && replicas(&effect.before) > 0 {
        let message = format!("deployment/{serving} serves the users of {}, and the files scale it to 0", set.name());
        let help = format!("take `replicas` out of the files, or let them say {}", replicas(&effect.before));
        return Err(Error::Forbidden { message, help });
    }
    let labels = strings(effect.after.pointer("/spec/template/metadata/labels"));
    if !selects(selector(service), &labels) {
        let message = format!(
            "deployment/{serving} serves, and with the labels in the files service/{} would not select its pods",
            name(&service.metadata)
        );
        return Err(Error::Forbidden {
            message,
            help: "let the pod template keep the labels of the selector".to_owned(),
        });
    }
    Ok(())
}

fn document(value: &Value) -> String {
    if value.is_null() { String::new() } else { serde_yaml::to_string(value).unwrap_or_default() }
}

fn wanted(object: &manifest::Object) -> Wanted {
    Wanted { id: object.id.clone(), body: object.root().to_json() }
}

fn members<'m>(set: &FileSet<'m>) -> Vec<&'m manifest::Identity> {
    let workloads = set.workloads().map(|(_, workload)| &workload.object.id);
    workloads.chain(set.services().map(|service| &service.object.id)).collect()
}

/// Refuses to apply over fields that others have set. This tool is such another: it gives a color its image and its size.
fn taken(object: &AnyObject, error: &ClusterError) -> Error {
    let (message, help) = if error.message.contains(&format!("\"{TOOL}\"")) {
        (
            format!(
                "{object} has been given another version or size than the files say, by a command of this tool: {}",
                error.message
            ),
            "write what runs into the files, as kubectl bluegreen diff -f PATH shows it; or put back what they say, \
             also where it serves: --force-conflicts",
        )
    } else {
        (
            format!("{object} has fields that are somebody else's: {}", error.message),
            "take them out of the files, or take them over: --force-conflicts",
        )
    };
    Error::Forbidden { message, help: help.to_owned() }
}

/// What the server calls a kind in its URLs, and whether its objects are in namespaces.
fn kind(observed: &Observed, id: &manifest::Identity) -> Result<(String, bool), Error> {
    let unknown = || {
        let message = format!("the cluster has no kind {} in {}", id.kind, id.api_version);
        fails(message, "install its CustomResourceDefinition first, or leave the file out")
    };
    let kinds = match observed.answer(&Request::Kinds { api_version: id.api_version.clone() }) {
        Some(Ok(kinds)) => kinds,
        Some(Err(error)) if error.failure != Failure::NotFound => return Err(error.clone().into()),
        _ => return Err(unknown()),
    };
    let mut all = kinds.get("resources").and_then(Value::as_array).into_iter().flatten();
    let field = |kind: &Value, key: &str| kind.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let found =
        all.find(|kind| field(kind, "kind") == id.kind && !field(kind, "name").contains('/')).ok_or_else(unknown)?;
    Ok((field(found, "name"), found.get("namespaced").and_then(Value::as_bool) == Some(true)))
}

/// Whether a rollout goes on that may still end well.
fn is_rolling(deployment: &Deployment) -> bool {
    let spec = deployment.spec.as_ref();
    let stands = spec.is_some_and(|spec| spec.paused == Some(true) || spec.replicas == Some(0));
    let conditions = deployment.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    let late = |condition: &DeploymentCondition| condition.reason.as_deref() == Some("ProgressDeadlineExceeded");
    !stands && !rollout_has_ended(deployment) && !conditions.into_iter().any(late)
}

/// Takes out what only the API server writes.
fn clean(value: &Value) -> Value {
    let mut object = value.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for written in ["managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"] {
            metadata.remove(written);
        }
    }
    object
}
