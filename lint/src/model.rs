//! What rules see: objects, facts about them, and the release sets that they form.
//! Must not judge; it only makes questions easy to ask.

use std::collections::{HashMap, HashSet};

mod near;
pub mod routing;
pub mod scaling;

use crate::config::MeantToDiffer;
use crate::manifest::{self, Identity, Manifests, Object, Place, is_placeholder};
use crate::parallel::{self, FEW_OBJECTS};
use crate::set::{self, Active, Color, Declared, Facts, ReleaseSet, Route, Service, Workload, same_namespace};
use crate::yaml::NodeRef;
use near::Near;
use routing::Routing;
use scaling::{Scaler, is_scaler};

/// A workload or Service of a set: the object, and what discovery knows of it.
#[derive(Debug)]
pub struct Member<'m, F> {
    /// Its index among the workloads or the Services.
    pub at: usize,
    /// The object as it was written.
    pub object: &'m Object,
    /// What discovery knows of it.
    pub facts: &'m F,
}

impl<F> Clone for Member<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Member<'_, F> {}

/// All objects of a run and the release sets among them.
#[derive(Debug)]
pub struct Model {
    /// What was read.
    pub manifests: Manifests,
    /// The release sets, whose members are indices into the facts.
    pub sets: Vec<ReleaseSet>,
    /// What may differ between the colors, by the index of the source.
    pub meant_to_differ: Vec<Option<MeantToDiffer>>,
    facts: Facts,
    workload_objects: Vec<usize>,
    service_objects: Vec<usize>,
    route_objects: Vec<usize>,
    origins: HashMap<usize, String>,
    by_label: HashMap<String, HashMap<String, Vec<usize>>>,
    by_backend: HashMap<String, Vec<usize>>,
    workloads_by_name: HashMap<String, Vec<usize>>,
    services_by_name: HashMap<String, Vec<usize>>,
    set_of_workload: HashMap<usize, usize>,
    set_of_service: HashMap<usize, usize>,
    scalers: HashMap<usize, Vec<usize>>,
    lost_scalers: Vec<usize>,
    unreadable: HashSet<String>,
    has_templated_workload: bool,
    has_unjudged_service: bool,
}

impl Model {
    /// Understands what was read.
    #[must_use]
    pub fn new(manifests: Manifests, declared: Vec<Declared>, origin: impl Fn(usize) -> String + Sync) -> Self {
        let mut facts = Facts { declared, ..Facts::default() };
        let (mut workload_objects, mut service_objects, mut route_objects) = (Vec::new(), Vec::new(), Vec::new());
        let found = parallel::map(&manifests.objects, FEW_OBJECTS, |_, object| Fact::of(object, &origin));
        for (at, fact) in found.into_iter().enumerate() {
            match fact {
                Some(Fact::Workload(workload)) => {
                    facts.workloads.push(workload);
                    workload_objects.push(at);
                }
                Some(Fact::Service(service)) => {
                    facts.services.push(service);
                    service_objects.push(at);
                }
                Some(Fact::Route(route)) => {
                    facts.routes.push(route);
                    route_objects.push(at);
                }
                None => {}
            }
        }
        let sets = set::discover(&facts);
        let unreadable = manifests.unreadable().into_iter().map(&origin).collect();
        let mut origins: HashMap<usize, String> = HashMap::new();
        for object in &manifests.objects {
            origins.entry(object.source).or_insert_with(|| origin(object.source));
        }
        let mut by_label: HashMap<String, HashMap<String, Vec<usize>>> = HashMap::new();
        for (at, workload) in facts.workloads.iter().enumerate() {
            for (key, value) in &workload.labels {
                let by_value = match by_label.get_mut(key) {
                    Some(by_value) => by_value,
                    None => by_label.entry(key.clone()).or_default(),
                };
                by_value.entry(value.clone()).or_default().push(at);
            }
        }
        let mut by_backend: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, route) in facts.routes.iter().enumerate() {
            for backend in &route.backends {
                by_backend.entry(backend.clone()).or_default().push(at);
            }
        }
        let has_templated_workload = facts.workloads.iter().any(|workload| is_placeholder(&workload.name));
        let templated = |service: &Service| is_placeholder(&service.name) || has_placeholder(&service.selector);
        let unselective = |at: &usize| manifests.objects.get(*at).is_some_and(has_misspelt_selector);
        let has_unjudged_service = facts.services.iter().any(templated) || service_objects.iter().any(unselective);
        let workloads_by_name = by_name(facts.workloads.iter().map(|workload| workload.name.as_str()));
        let services_by_name = by_name(facts.services.iter().map(|service| service.name.as_str()));
        let mut model = Self {
            manifests,
            sets,
            meant_to_differ: Vec::new(),
            facts,
            workload_objects,
            service_objects,
            route_objects,
            origins,
            by_label,
            by_backend,
            workloads_by_name,
            services_by_name,
            set_of_workload: HashMap::new(),
            set_of_service: HashMap::new(),
            scalers: HashMap::new(),
            lost_scalers: Vec::new(),
            unreadable,
            has_templated_workload,
            has_unjudged_service,
        };
        model.relate();
        model
    }

    /// Notes which set a member belongs to, and what scales each workload.
    fn relate(&mut self) {
        for (at, set) in self.sets.iter().enumerate() {
            let workloads = set.workloads.iter().filter_map(|(_, index)| *index);
            self.set_of_workload.extend(workloads.map(|workload| (workload, at)));
            let services = set.active_service.into_iter().chain(set.color_services.iter().filter_map(|(_, at)| *at));
            let services = services.chain(set.more_services.iter().copied());
            services.for_each(|service| _ = self.set_of_service.entry(service).or_insert(at));
        }
        let (mut scalers, mut lost) = (HashMap::<usize, Vec<usize>>::new(), Vec::new());
        for (at, object) in self.manifests.objects.iter().enumerate().filter(|(_, object)| is_scaler(object)) {
            match Scaler::of(object).and_then(|scaler| self.target_of(scaler)) {
                Some(target) => scalers.entry(target.at).or_default().push(at),
                None => lost.push(at),
            }
        }
        self.lost_scalers = lost;
        self.scalers = scalers;
    }

    /// Notes that an object is of no kind that there is: where one of a set's kinds was probably meant, it may be the member
    /// that a set lacks, which then is as uncertain as with a document that cannot be read.
    pub(crate) fn distrust(&mut self, place: &Place) {
        let kinds = ["Deployment", "StatefulSet", "Service", "Ingress", "HorizontalPodAutoscaler"];
        let is_meant = |id: &Identity| kinds.iter().any(|kind| id.kind == *kind || is_misspelt(&id.kind, kind));
        if place.object.as_ref().is_some_and(is_meant) {
            self.unreadable.extend(self.origins.get(&place.source).cloned());
        }
    }

    /// All objects, in the order of the sources.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.manifests.objects
    }

    /// The path of a source that objects were read from.
    #[must_use]
    pub fn origin(&self, source: usize) -> &str {
        self.origins.get(&source).map_or("", String::as_str)
    }

    /// All Services.
    pub fn services(&self) -> impl Iterator<Item = Member<'_, Service>> {
        (0..self.facts.services.len()).filter_map(|at| self.service(at))
    }

    /// The workloads whose pods a selector selects, in whatever namespace.
    pub fn selected<'m>(&'m self, selector: &set::Labels) -> impl Iterator<Item = Member<'m, Workload>> {
        let lists = selector.iter().map(|(key, value)| self.by_label.get(key)?.get(value));
        let fewest = lists.min_by_key(|list| list.map_or(0, Vec::len)).flatten();
        let found = fewest.into_iter().flatten().filter_map(|at| self.workload(*at));
        found.filter(|member| set::selects(selector, &member.facts.labels))
    }

    /// The routes that name a Service.
    pub fn routes_to(&self, service: &str) -> impl Iterator<Item = &Route> {
        self.by_backend.get(service).into_iter().flatten().filter_map(|at| self.facts.routes.get(*at))
    }

    /// The workload that a scaler means, if it is there.
    #[must_use]
    pub fn target_of<'m>(&'m self, scaler: Scaler<'m>) -> Option<Member<'m, Workload>> {
        let named = self.workloads_by_name.get(scaler.name).into_iter().flatten().filter_map(|at| self.workload(*at));
        let origin = self.origin(scaler.object.source);
        let namespace = scaler.object.id.namespace.as_deref();
        let of_kind = named.filter(|member| member.facts.kind == scaler.kind);
        of_kind.filter(|member| same_namespace(member.facts.namespace.as_deref(), namespace)).max_by_key(|member| {
            (member.facts.namespace.as_deref() == namespace, set::nearness(&member.facts.origin, origin))
        })
    }

    /// What scales a workload.
    pub fn scalers_of(&self, workload: Member<'_, Workload>) -> impl Iterator<Item = Scaler<'_>> {
        let objects = self.scalers.get(&workload.at).into_iter().flatten();
        objects.filter_map(|at| self.manifests.objects.get(*at)).filter_map(Scaler::of)
    }

    /// The scalers of which nobody can say what they scale, or whose target is not there.
    pub fn lost_scalers(&self) -> impl Iterator<Item = &Object> {
        self.lost_scalers.iter().filter_map(|at| self.manifests.objects.get(*at))
    }

    /// The Services that a reference from another object can mean: those of a name, in its namespace.
    pub fn services_named<'m>(
        &'m self,
        name: &str,
        namespace: Option<&'m str>,
    ) -> impl Iterator<Item = Member<'m, Service>> {
        let named = self.services_by_name.get(name).into_iter().flatten().filter_map(|at| self.service(*at));
        named.filter(move |member| same_namespace(member.facts.namespace.as_deref(), namespace))
    }

    /// An index of the names of the sets' workloads.
    pub(crate) fn near_workloads(&self) -> Near<'_> {
        Near::new(
            self.workloads()
                .filter(|(at, _)| self.set_of_workload.contains_key(at))
                .map(|(at, member)| (at, member.facts.name.as_str())),
        )
    }

    /// An index of the names of the sets' Services.
    pub(crate) fn near_services(&self) -> Near<'_> {
        Near::new(
            self.services()
                .filter(|member| self.set_of_service.contains_key(&member.at))
                .map(|member| (member.at, member.facts.name.as_str())),
        )
    }

    /// The set that a workload belongs to, unless something of the set could not be read.
    #[must_use]
    pub fn set_with_workload(&self, at: usize) -> Option<SetView<'_>> {
        self.judged(*self.set_of_workload.get(&at)?)
    }

    /// The set that a Service belongs to, unless something of the set could not be read.
    #[must_use]
    pub fn set_with_service(&self, at: usize) -> Option<SetView<'_>> {
        self.judged(*self.set_of_service.get(&at)?)
    }

    fn judged(&self, set: usize) -> Option<SetView<'_>> {
        let set = SetView { model: self, set: self.sets.get(set)? };
        (!set.is_uncertain()).then_some(set)
    }

    /// The ports of a Service that routes send to.
    pub fn ports_asked<'m>(
        &'m self,
        service: &'m str,
        namespace: Option<&'m str>,
    ) -> impl Iterator<Item = NodeRef<'m>> {
        let objects = self.by_backend.get(service).into_iter().flatten().filter_map(|at| self.route_objects.get(*at));
        let objects = objects.filter_map(|at| self.manifests.objects.get(*at));
        objects.flat_map(move |object| {
            let backends =
                Routing::of(object).into_iter().flat_map(|routing| routing.rules).flat_map(|rule| rule.backends);
            let of_service = backends.filter(move |backend| {
                let of = backend.namespace.or(object.id.namespace.as_deref());
                backend.service == service && same_namespace(of, namespace)
            });
            of_service.filter_map(|backend| backend.port)
        })
    }

    /// Whether all objects are from one file.
    #[must_use]
    pub fn is_one_file(&self) -> bool {
        self.origins.len() <= 1
    }

    /// Whether a workload's name is still to be filled in, so that it may be any color of any set.
    #[must_use]
    pub fn has_templated_workload(&self) -> bool {
        self.has_templated_workload
    }

    /// Whether there is a Service of which nobody can say what it selects: by a placeholder, or a misspelt field.
    #[must_use]
    pub fn has_unjudged_service(&self) -> bool {
        self.has_unjudged_service
    }

    /// A workload by its index.
    #[must_use]
    pub fn workload(&self, at: usize) -> Option<Member<'_, Workload>> {
        let object = self.manifests.objects.get(*self.workload_objects.get(at)?)?;
        Some(Member { at, object, facts: self.facts.workloads.get(at)? })
    }

    /// A Service by its index.
    #[must_use]
    pub fn service(&self, at: usize) -> Option<Member<'_, Service>> {
        let object = self.manifests.objects.get(*self.service_objects.get(at)?)?;
        Some(Member { at, object, facts: self.facts.services.get(at)? })
    }

    /// All workloads with their indices.
    pub fn workloads(&self) -> impl Iterator<Item = (usize, Member<'_, Workload>)> {
        (0..self.facts.workloads.len()).filter_map(|at| Some((at, self.workload(at)?)))
    }

    /// The release sets, with their members at hand.
    pub fn sets(&self) -> impl Iterator<Item = SetView<'_>> {
        self.sets.iter().map(|set| SetView { model: self, set })
    }
}

/// A release set with its members at hand.
#[derive(Clone, Copy, Debug)]
pub struct SetView<'m> {
    /// The whole model.
    pub model: &'m Model,
    /// The set.
    pub set: &'m ReleaseSet,
}

impl<'m> SetView<'m> {
    /// The workload of a color.
    #[must_use]
    pub fn workload(&self, color: Color) -> Option<Member<'m, Workload>> {
        self.set.workloads.get(color).and_then(|at| self.model.workload(at))
    }

    /// Both workloads, where the set has both.
    #[must_use]
    pub fn both(&self) -> Option<(Member<'m, Workload>, Member<'m, Workload>)> {
        self.workload(Color::Blue).zip(self.workload(Color::Green))
    }

    /// The workloads that are there, blue first.
    pub fn workloads(&self) -> impl Iterator<Item = (Color, Member<'m, Workload>)> + use<'m> {
        let view = *self;
        Color::ALL.into_iter().filter_map(move |color| Some((color, view.workload(color)?)))
    }

    /// The active Service.
    #[must_use]
    pub fn active_service(&self) -> Option<Member<'m, Service>> {
        self.set.active_service.and_then(|at| self.model.service(at))
    }

    /// The color Service of a color.
    #[must_use]
    pub fn color_service(&self, color: Color) -> Option<Member<'m, Service>> {
        self.set.color_services.get(color).and_then(|at| self.model.service(at))
    }

    /// The Services that users reach: the active one first.
    pub fn user_services(&self) -> impl Iterator<Item = Member<'m, Service>> + use<'m> {
        let view = *self;
        let more = self.set.more_services.iter().filter_map(move |at| view.model.service(*at));
        self.active_service().into_iter().chain(more)
    }

    /// The other Services that select both colors.
    pub fn shared_services(&self) -> impl Iterator<Item = Member<'m, Service>> + use<'m> {
        let view = *self;
        self.set.shared_services.iter().filter_map(move |at| view.model.service(*at))
    }

    /// All Services of the set: those that users reach, and those of the colors.
    pub fn services(&self) -> impl Iterator<Item = Member<'m, Service>> + use<'m> {
        let view = *self;
        let colors = Color::ALL.into_iter().filter_map(move |color| view.color_service(color));
        self.user_services().chain(colors)
    }

    /// The color that the active Service selects, if it is one.
    #[must_use]
    pub fn active(&self) -> Option<Color> {
        match self.set.active {
            Some(Active::One(color)) => Some(color),
            _ => None,
        }
    }

    /// What the configuration lets differ between the colors.
    #[must_use]
    pub fn meant_to_differ(&self) -> Option<&'m MeantToDiffer> {
        let (_, member) = self.workloads().next()?;
        self.model.meant_to_differ.get(member.object.source)?.as_ref()
    }

    /// Whether a document that could not be read may hold a member of this set: it is in a file of one of them, or
    /// beside one.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        let unreadable = &self.model.unreadable;
        if unreadable.is_empty() {
            return false;
        }
        let directory = |path: &str| path.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned());
        let workloads = self.workloads().map(|(_, member)| member.facts.origin.as_str());
        let mut origins = workloads.chain(self.services().map(|member| member.facts.origin.as_str()));
        origins.any(|origin| unreadable.iter().any(|broken| broken == origin || directory(broken) == directory(origin)))
    }
}

/// Whether a key was meant to be this field, and is not.
#[must_use]
pub fn is_misspelt(key: &str, field: &str) -> bool {
    let near = key.chars().count().abs_diff(field.chars().count()) <= 2;
    near && key != field && strsim::damerau_levenshtein(key, field) <= 2
}

/// Whether an object has a field that was probably meant to be its selector.
#[must_use]
pub fn has_misspelt_selector(object: &Object) -> bool {
    let spec = object.root().get("spec");
    spec.is_some_and(|spec| spec.entries().any(|(entry, _)| is_misspelt(&entry.key, "selector")))
}

/// Whether a label or selector of the object has a placeholder, so that nothing can be said of what it selects.
#[must_use]
pub fn has_placeholder(labels: &set::Labels) -> bool {
    labels.iter().any(|(key, value)| is_placeholder(key) || is_placeholder(value))
}

/// What discovery needs to know of an object.
enum Fact {
    Workload(Workload),
    Service(Service),
    Route(Route),
}

impl Fact {
    fn of(object: &Object, origin: &impl Fn(usize) -> String) -> Option<Self> {
        let origin = || origin(object.source);
        if object.is_service() {
            return Some(Self::Service(Service {
                namespace: object.id.namespace.clone(),
                name: object.id.name.clone(),
                origin: origin(),
                selector: manifest::labels(object.root().at(&["spec", "selector"])),
                recorded: false,
            }));
        }
        let workload = workload_facts(object, origin).map(Self::Workload);
        workload.or_else(|| Routing::of(object).map(|routing| Self::Route(routing.facts(object))))
    }
}

fn workload_facts(object: &Object, origin: impl Fn() -> String) -> Option<Workload> {
    let template = object.template()?;
    let group = object.group();
    let can_be_color = match object.id.kind.as_str() {
        "Deployment" => matches!(group, "apps" | "extensions"),
        "StatefulSet" => group == "apps",
        "Rollout" => group == "argoproj.io",
        _ => false,
    };
    let image = |container: NodeRef<'_>| container.get("image").and_then(NodeRef::as_str).map(str::to_owned);
    Some(Workload {
        can_be_color,
        kind: object.id.kind.clone(),
        is_whole: object.root().at(&["spec", "strategy", "blueGreen"]).is_some(),
        namespace: object.id.namespace.clone(),
        name: object.id.name.clone(),
        origin: origin(),
        labels: manifest::labels(template.at(&["metadata", "labels"])),
        selector: manifest::labels(object.root().at(&["spec", "selector", "matchLabels"])),
        images: object.containers().filter_map(image).collect(),
    })
}

fn by_name<'f>(names: impl Iterator<Item = &'f str>) -> HashMap<String, Vec<usize>> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    names.enumerate().for_each(|(at, name)| by_name.entry(name.to_owned()).or_default().push(at));
    by_name
}
