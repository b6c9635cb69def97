//! What there is of an adoption already: the old Deployment, its Service, the copies, and who else looks at the pods.
//! Only looks and refuses; what is to be done is for `adopt`.

use bluegreen_lint::set::{PerColor, color_named, selects};
use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::Value;

use super::adopt::Adopt;
use super::labels::{Relabeling, Watcher};
use super::{Mark, clone, digest, in_words};
use crate::cluster::{Failure, ObjectRef, Request, Resource, Review};
use crate::error::Error;
use crate::journal::Journal;
use crate::observed::{Labels, Observed, deployment_of, has_ended, lease_name, name, selector};
use crate::release::Color;
use crate::rights::{Right, ask_an_admin, of_a_move};

/// The longest name of a Service of which a color Service's name can be made.
const MAX_SERVICE_NAME: usize = 63 - "-green".len();

/// What there is of an adoption.
#[derive(Debug)]
pub struct Scene<'o> {
    pub(super) adopt: &'o Adopt,
    pub(super) observed: &'o Observed,
    /// The old Deployment, as it is; nothing when it is gone.
    pub(super) old: Option<&'o Value>,
    /// The Service that moves.
    pub(super) service: &'o Service,
    /// The same, as it is.
    pub(super) raw_service: &'o Value,
    /// The copies that are there.
    pub(super) copies: PerColor<Option<&'o Value>>,
    /// The color Services that are there.
    pub(super) color_services: PerColor<Option<&'o Value>>,
    /// What the copies are made from.
    pub(super) mark: Mark,
    pub(super) relabeling: Relabeling,
    /// The color that the Service selects; nothing before the move.
    pub(super) serving: Option<Color>,
    watchers: Vec<Watcher>,
}

fn refused<T>(message: String, help: impl Into<String>) -> Result<T, Error> {
    Err(Error::Forbidden { message, help: help.into() })
}

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl<'o> Scene<'o> {
    /// What is to be asked besides what is always observed. Some questions come from the answers to others.
    #[must_use]
    pub fn asks(adopt: &Adopt, observed: &Observed) -> Vec<Request> {
        let namespace = adopt.namespace.as_str();
        let mut asks: Vec<Request> = std::iter::once(adopt.deployment.clone())
            .chain(Color::ALL.map(|color| adopt.copy_name(color)))
            .map(|name| Request::Get(ObjectRef::new(Resource::Deployments, namespace, name)))
            .collect();
        asks.extend(
            [
                Resource::Services,
                Resource::HorizontalPodAutoscalers,
                Resource::NetworkPolicies,
                Resource::PodDisruptionBudgets,
            ]
            .map(|resource| Request::list(resource, Some(namespace))),
        );
        if let Some(Ok(old)) = asks.first().and_then(|get| observed.answer(get)) {
            let claims = claims(old).into_iter();
            asks.extend(
                claims.map(|claim| Request::Get(ObjectRef::new(Resource::PersistentVolumeClaims, namespace, claim))),
            );
        }
        if let Ok(scene) = Scene::look(adopt, observed) {
            asks.extend(
                scene
                    .rights()
                    .iter()
                    .filter(|right| scene.said(right).is_none())
                    .map(|right| question(right, namespace)),
            );
        }
        asks.retain(|ask| observed.answer(ask).is_none());
        asks
    }

    /// Finds everything, whatever state it is in.
    ///
    /// # Errors
    /// When there is no such Deployment, or it is not clear which Service is meant.
    pub fn look(adopt: &'o Adopt, observed: &'o Observed) -> Result<Self, Error> {
        let namespace = adopt.namespace.as_str();
        let get = |name: String| -> Result<Option<&'o Value>, Error> {
            match observed.answer(&Request::Get(ObjectRef::new(Resource::Deployments, namespace, name))) {
                Some(Ok(value)) => Ok(Some(value)),
                Some(Err(error)) if error.failure != Failure::NotFound => Err(error.clone().into()),
                _ => Ok(None),
            }
        };
        let old = get(adopt.deployment.clone())?;
        let [blue, green] = Color::ALL.map(|color| get(adopt.copy_name(color)));
        let copies = PerColor { blue: blue?, green: green? };
        let marks = || copies.iter().filter_map(|(_, copy)| Mark::of((*copy)?));
        let from = format!("deployment/{}", adopt.deployment);
        let made = match old {
            Some(old) => {
                let mark = Mark { from, uid: text(old, "/metadata/uid").to_owned(), ..Mark::default() };
                marks().find(|made| made.is_of(&mark)).map_or(Made::Not(mark), Made::Already)
            }
            None => match marks().find(|made| made.from == from) {
                Some(made) => Made::Already(made),
                None => return Err(adopt.absent(observed)),
            },
        };
        let relabeling = match &made {
            Made::Already(mark) => {
                Some(Relabeling { labels: mark.labels.clone(), color_label: mark.color_label.clone() })
            }
            Made::Not(_) => None,
        };
        let (Made::Already(mark) | Made::Not(mark)) = made;
        let listed = observed
            .answer(&Request::list(Resource::Services, Some(namespace)))
            .map(|answer| answer.map_err(Clone::clone));
        listed.transpose()?;
        let raw = observed.list(Resource::Services, namespace).unwrap_or_default();
        let raw_of = |name: &str| raw.iter().find(|service| text(service, "/metadata/name") == name).copied();
        let is_ours = |service: &Service| {
            raw_of(name(&service.metadata)).and_then(Mark::of).is_some_and(|made| made.is_of(&mark))
        };
        let old_labels = old.map(clone::template_labels);
        let copied = PerColor::new(|color| copies.get(color).map(clone::template_labels));
        let reaches = |service: &Service| {
            let all = old_labels.iter().chain(copied.blue.iter()).chain(copied.green.iter());
            all.into_iter().any(|labels| selects(selector(service), labels)) && !is_ours(service)
        };
        let here = observed.services.items.iter();
        let here: Vec<&Service> =
            here.filter(|service| service.metadata.namespace.as_deref() == Some(namespace)).collect();
        let service =
            adopt.which(&here.iter().copied().filter(|service| reaches(service)).collect::<Vec<_>>(), &here)?;
        let called = name(&service.metadata);
        let Some(raw_service) = raw_of(called) else {
            return Err(adopt.absent(observed));
        };
        let watchers = watchers(observed, namespace, called, &|service| is_ours(service));
        let relabeling = relabeling.or_else(|| {
            Relabeling::choose(old?.pointer("/spec/selector")?, old_labels.as_ref()?, selector(service), &watchers)
        });
        let Some(relabeling) = relabeling else {
            let message = format!(
                "no label of deployment/{} can differ on a copy: its selector would still select it",
                adopt.deployment
            );
            return refused(message, "adopt it by hand: write both colors as manifests and use init -f");
        };
        let to_old = old_labels.as_ref().is_some_and(|labels| selects(selector(service), labels));
        let selected =
            |color: &Color| copied.get(*color).as_ref().is_some_and(|labels| selects(selector(service), labels));
        let serving: Vec<Color> = Color::ALL.into_iter().filter(selected).collect();
        let serving = if let ([color], false) = (serving.as_slice(), to_old) { Some(*color) } else { None };
        let color_services = PerColor::new(|color| raw_of(&format!("{called}-{color}")));
        let mark = Mark {
            labels: relabeling.labels.clone(),
            color_label: relabeling.color_label.clone(),
            digest: old.and_then(|old| old.pointer("/spec/template")).map(digest).unwrap_or(mark.digest),
            ..mark
        };
        Ok(Self {
            adopt,
            observed,
            old,
            service,
            raw_service,
            copies,
            color_services,
            mark,
            relabeling,
            serving,
            watchers,
        })
    }

    /// The name of the Service that moves.
    pub(super) fn called(&self) -> &'o str {
        name(&self.service.metadata)
    }

    pub(super) fn old_labels(&self) -> Labels {
        self.old.map(clone::template_labels).unwrap_or_default()
    }

    /// What the Service is to select for a color.
    pub(super) fn selector_for(&self, color: Color) -> Labels {
        clone::selector(selector(self.service), color, &self.relabeling)
    }

    /// Everything that makes an adoption impossible, or a bad idea.
    pub(super) fn refuse_what_cannot_be(&self) -> Result<(), Error> {
        self.refuse_missing_rights()?;
        let (Some(old), None) = (self.old, self.serving) else { return Ok(()) };
        let called = &self.adopt.deployment;
        if let Some(color) = color_named(called) {
            let message = format!("deployment/{called} is named for a color already");
            return refused(
                message,
                format!("write the Deployment of {} as a manifest: kubectl bluegreen init -f PATH", color.other()),
            );
        }
        self.refuse_what_is_there()?;
        self.refuse_strangers()?;
        self.refuse_volumes(old)?;
        let (labels, new) = (self.old_labels(), self.relabeling.with_color(&self.old_labels(), "blue"));
        let lost = self.watchers.iter().find(|watcher| watcher.carries_traffic && watcher.loses(&labels, &new));
        if let Some(watcher) = lost {
            let message = format!(
                "{} would not treat the copies as it treats deployment/{called}: they carry {}",
                watcher.object,
                in_words(&self.relabeling.labels)
            );
            return refused(message, "let it mean pods with these labels, too, and run this again");
        }
        let journal = Journal::of(self.service)?;
        // An adoption that was cut off, or whose Service somebody took back, goes on.
        if let Some(open) = journal.open().filter(|open| open.command != super::adopt::COMMAND) {
            let message =
                format!("the {} of service/{} that {} began has not ended", open.command, self.called(), open.by);
            return refused(message, format!("finish it first: kubectl bluegreen switch {}", open.to));
        }
        Ok(())
    }

    /// Nothing that exists is overwritten.
    fn refuse_what_is_there(&self) -> Result<(), Error> {
        let in_the_way = |found: &PerColor<Option<&Value>>| {
            let foreign = |value: &&Value| !Mark::of(value).is_some_and(|made| made.is_of(&self.mark));
            Color::ALL.into_iter().find(|color| found.get(*color).as_ref().is_some_and(foreign))
        };
        let taken = in_the_way(&self.copies).map(|color| format!("deployment/{}", self.adopt.copy_name(color)));
        let taken = taken
            .or_else(|| in_the_way(&self.color_services).map(|color| format!("service/{}-{color}", self.called())));
        if let Some(taken) = taken {
            let message = format!("{taken} exists already, and this has not made it");
            return refused(message, "nothing that exists is overwritten: rename it or delete it first");
        }
        if self.called().len() > MAX_SERVICE_NAME {
            let message = format!("service/{}-green would have too long a name", self.called());
            return refused(
                message,
                format!("a Service's name has at most 63 characters: use one of at most {MAX_SERVICE_NAME}"),
            );
        }
        Ok(())
    }

    /// Traffic of others must not move along.
    fn refuse_strangers(&self) -> Result<(), Error> {
        let (namespace, wanted) = (self.adopt.namespace.as_str(), selector(self.service));
        let here = |pod: &&Pod| pod.metadata.namespace.as_deref() == Some(namespace) && !has_ended(pod);
        let names: Vec<String> = Color::ALL.map(|color| self.adopt.copy_name(color)).into();
        let own = |pod: &Pod| {
            deployment_of(pod).is_some_and(|of| of == self.adopt.deployment || names.iter().any(|name| name == of))
        };
        let empty = Labels::new();
        let stranger = self
            .observed
            .pods
            .items
            .iter()
            .filter(here)
            .find(|pod| selects(wanted, pod.metadata.labels.as_ref().unwrap_or(&empty)) && !own(pod));
        let Some(stranger) = stranger else { return Ok(()) };
        let message = format!(
            "service/{} also selects pod/{}, which is not of deployment/{}",
            self.called(),
            name(&stranger.metadata),
            self.adopt.deployment
        );
        refused(message, "give the selector a label that only this Deployment's pods have")
    }

    /// A volume that only one node, or one pod, can mount cannot be shared with the copies.
    fn refuse_volumes(&self, old: &Value) -> Result<(), Error> {
        for claim in claims(old) {
            let get = Request::Get(ObjectRef::new(Resource::PersistentVolumeClaims, &self.adopt.namespace, &claim));
            let modes = match self.observed.answer(&get) {
                Some(Ok(claim)) => {
                    claim.pointer("/spec/accessModes").and_then(Value::as_array).cloned().unwrap_or_default()
                }
                Some(Err(error)) => return Err(error.clone().into()),
                None => Vec::new(),
            };
            let is = |mode: &str| modes.iter().any(|have| have == mode);
            if !is("ReadWriteMany") && !is("ReadOnlyMany") {
                let mode = modes.first().and_then(Value::as_str).unwrap_or("of an unknown mode");
                let message = format!(
                    "deployment/{} mounts persistentvolumeclaim/{claim}, which is {mode}: the copies could not run beside it",
                    self.adopt.deployment
                );
                return refused(message, "blue and green need a volume that both can mount (ReadWriteMany), or none");
            }
        }
        Ok(())
    }

    /// What the adoption needs to be allowed from here on.
    fn rights(&self) -> Vec<Right> {
        let service = self.called();
        let mut rights = of_a_move(service, &lease_name(service));
        if self.serving.is_none() {
            rights.push(Right::new("create", Resource::Deployments, None));
            rights.push(Right::new("create", Resource::Services, None));
        }
        let scalers = self.autoscalers().into_iter().flatten();
        rights.extend(
            scalers
                .map(|hpa| Right::new("patch", Resource::HorizontalPodAutoscalers, Some(text(hpa, "/metadata/name")))),
        );
        if self.adopt.remove_old && self.old.is_some() {
            rights.push(Right::new("delete", Resource::Deployments, Some(&self.adopt.deployment)));
        }
        rights
    }

    /// Whether something is allowed, as far as the API server said.
    fn said(&self, right: &Right) -> Option<bool> {
        let namespace = &self.adopt.namespace;
        let by_rule = self.observed.rights.get(namespace).and_then(|rights| rights.allows(right));
        by_rule.or_else(|| match self.observed.answer(&question(right, namespace))? {
            Ok(review) => review.pointer("/status/allowed").and_then(Value::as_bool),
            Err(_) => None,
        })
    }

    fn refuse_missing_rights(&self) -> Result<(), Error> {
        let denied: Vec<String> =
            self.rights().iter().filter(|right| self.said(right) == Some(false)).map(ToString::to_string).collect();
        if denied.is_empty() {
            return Ok(());
        }
        let help = ask_an_admin(" --for init", &self.adopt.namespace);
        refused(format!("not allowed: {}", denied.join(", ")), help)
    }

    /// The autoscalers of the old Deployment; nothing when they are unknown.
    pub(super) fn autoscalers(&self) -> Option<Vec<&'o Value>> {
        let all = self.observed.list(Resource::HorizontalPodAutoscalers, &self.adopt.namespace)?;
        let scales = |hpa: &&Value| {
            text(hpa, "/spec/scaleTargetRef/kind") == "Deployment"
                && text(hpa, "/spec/scaleTargetRef/name") == self.adopt.deployment
        };
        Some(all.into_iter().filter(scales).collect())
    }

    /// The Services, apart from the one that moves, that select the old pods.
    pub(super) fn other_services(&self) -> Vec<&str> {
        let labels = self.old_labels();
        let here = self.observed.services.items.iter();
        let here = here.filter(|service| service.metadata.namespace.as_deref() == Some(self.adopt.namespace.as_str()));
        here.filter(|service| selects(selector(service), &labels))
            .map(|service| name(&service.metadata))
            .filter(|name| *name != self.called())
            .collect()
    }

    /// Who else selects the old pods and will not select the copies, though no traffic hangs on it.
    pub(super) fn left_behind(&self) -> Vec<&str> {
        let (labels, new) = (self.old_labels(), self.relabeling.with_color(&self.old_labels(), "blue"));
        let lost = self.watchers.iter().filter(|watcher| !watcher.carries_traffic && watcher.loses(&labels, &new));
        lost.map(|watcher| watcher.object.as_str()).collect()
    }

    /// What could not be read and would have been looked at.
    pub(super) fn unseen(&self) -> Vec<&'static str> {
        let looked_at = [Resource::HorizontalPodAutoscalers, Resource::NetworkPolicies, Resource::PodDisruptionBudgets];
        self.observed.unread(&looked_at, &self.adopt.namespace)
    }
}

/// Whether copies are there.
enum Made {
    Already(Mark),
    Not(Mark),
}

fn question(right: &Right, namespace: &str) -> Request {
    Request::Review { review: Review::Access, spec: right.review(namespace) }
}

/// The volume claims that a Deployment's pods share.
fn claims(deployment: &Value) -> Vec<String> {
    let volumes = deployment.pointer("/spec/template/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    let claim = |volume: &Value| Some(volume.pointer("/persistentVolumeClaim/claimName")?.as_str()?.to_owned());
    volumes.filter_map(claim).collect()
}

/// Whose selectors look at pods in the namespace.
fn watchers(observed: &Observed, namespace: &str, moved: &str, is_ours: &dyn Fn(&Service) -> bool) -> Vec<Watcher> {
    let mut found = Vec::new();
    let mut add = |object: String, carries_traffic: bool, selector: &Value| {
        found.push(Watcher { object, carries_traffic, selector: selector.clone() });
    };
    for policy in observed.list(Resource::NetworkPolicies, namespace).into_iter().flatten() {
        let called = format!("networkpolicy/{}", text(policy, "/metadata/name"));
        let rules = |direction: &str, peers: &str| {
            let rules = policy.pointer(&format!("/spec/{direction}")).and_then(Value::as_array).into_iter().flatten();
            let peers = rules.filter_map(|rule| rule.get(peers)?.as_array().cloned()).flatten();
            // A peer of other namespaces does not mean these pods.
            let here = peers.filter(|peer| peer.get("namespaceSelector").is_none());
            here.filter_map(|peer| peer.get("podSelector").cloned()).collect::<Vec<_>>()
        };
        let own = policy.pointer("/spec/podSelector").cloned().into_iter();
        own.chain(rules("ingress", "from"))
            .chain(rules("egress", "to"))
            .for_each(|selector| add(called.clone(), true, &selector));
    }
    for budget in observed.list(Resource::PodDisruptionBudgets, namespace).into_iter().flatten() {
        if let Some(selector) = budget.pointer("/spec/selector") {
            add(format!("poddisruptionbudget/{}", text(budget, "/metadata/name")), false, selector);
        }
    }
    for service in &observed.services.items {
        let here = service.metadata.namespace.as_deref() == Some(namespace);
        if here && name(&service.metadata) != moved && !selector(service).is_empty() && !is_ours(service) {
            let selector = serde_json::json!({"matchLabels": selector(service)});
            add(format!("service/{}", name(&service.metadata)), false, &selector);
        }
    }
    found
}

impl Adopt {
    /// What the copy of a color is called.
    #[must_use]
    pub fn copy_name(&self, color: Color) -> String {
        format!("{}-{color}", self.deployment)
    }

    fn absent(&self, observed: &Observed) -> Error {
        let there: Vec<&str> = observed.deployments.items.iter().map(|deployment| name(&deployment.metadata)).collect();
        let help = if there.is_empty() {
            "there is none: look elsewhere with -n NAMESPACE or --context".to_owned()
        } else {
            format!("there is: {}", there.join(", "))
        };
        let message = format!("no deployment/{} in namespace {}", self.deployment, self.namespace);
        Error::Init { message, help }
    }

    /// Which Service is meant. Never a guess.
    fn which<'s>(&self, reaching: &[&'s Service], all: &[&'s Service]) -> Result<&'s Service, Error> {
        let called = |service: &&Service| name(&service.metadata).to_owned();
        if let Some(wanted) = &self.service {
            if let Some(service) = reaching.iter().find(|service| called(service) == *wanted) {
                return Ok(service);
            }
            if all.iter().any(|service| called(service) == *wanted) {
                let message = format!("service/{wanted} does not select the pods of deployment/{}", self.deployment);
                return refused(message, "name the Service that users reach: --service NAME");
            }
            let message = format!("no service/{wanted} in namespace {}", self.namespace);
            let help = format!("there is: {}", all.iter().map(called).collect::<Vec<_>>().join(", "));
            return Err(Error::Init { message, help });
        }
        match reaching {
            [one] => Ok(one),
            [] => refused(
                format!("no Service selects the pods of deployment/{}", self.deployment),
                format!("users need one that can move: kubectl expose deployment/{} --port PORT", self.deployment),
            ),
            many => {
                let names = many.iter().map(called).collect::<Vec<_>>().join(", ");
                let message = format!("several Services select the pods of deployment/{}: {names}", self.deployment);
                let help = "say which one moves: --service NAME; the others stay where they are".to_owned();
                Err(Error::Usage { message, help })
            }
        }
    }
}
