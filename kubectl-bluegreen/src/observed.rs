//! What the cluster said at one moment, and typed questions about it.
//! Pure: `observe` sends the requests.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use bluegreen_lint::set::{
    self, Declared, Facts, PerColor, ReleaseSet, Service as ServiceFacts, Workload as WorkloadFacts,
};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use serde_json::Value;

use crate::cluster::{ClusterError, Listed, Request, Resource};
use crate::journal::{ANNOTATION, Entry, Journal};
use crate::release::{Active, Color};
use crate::rights::Rights;
use crate::routes::{self, Route, Routes};

mod pod;
pub use pod::{deployment_of, has_ended, is_ready, is_terminating, lasting_containers, port_called, serves, uid};

/// Labels or a selector.
pub type Labels = BTreeMap<String, String>;

/// A question and its answer.
pub type Answered = (Request, Result<Value, ClusterError>);

/// What the cluster said at one moment about a namespace, or about all of them.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// When it was asked.
    pub at: Timestamp,
    /// Deployments.
    pub deployments: Listed<Deployment>,
    /// Services.
    pub services: Listed<Service>,
    /// Pods.
    pub pods: Listed<Pod>,
    /// EndpointSlices.
    pub slices: Listed<EndpointSlice>,
    /// Leases of this tool.
    pub leases: Listed<Lease>,
    /// Where routes send traffic.
    pub routes: Routes,
    /// Autoscalers; nothing when reading them is not allowed.
    pub autoscalers: Option<Listed<HorizontalPodAutoscaler>>,
    /// What we may do, by namespace, where the API server says it.
    pub rights: BTreeMap<String, Rights>,
    /// The sets that settings name.
    pub declared: Vec<Declared>,
    /// What else a command has asked, and the answers.
    pub answers: Vec<Answered>,
    /// The sets in it, once somebody has looked for them. Who changes Deployments, Services, routes or what settings name
    /// takes it away.
    pub(crate) found: OnceCell<Vec<ReleaseSet>>,
}

/// The label by which this tool's own Leases are found.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of `MANAGED_BY`, and the field manager of every write.
pub const TOOL: &str = "kubectl-bluegreen";

impl Observed {
    /// The release sets in what was observed, in the order of their namespaces and names.
    #[must_use]
    pub fn sets(&self) -> Vec<SetView<'_>> {
        let found = self.found.get_or_init(|| set::discover(&self.facts()));
        found.iter().map(|set| SetView { observed: self, set: set.clone(), selectors: None }).collect()
    }

    /// This tool's Lease for the set of an active Service.
    #[must_use]
    pub fn lease(&self, namespace: &str, active_service: &str) -> Option<&Lease> {
        let lease = lease_name(active_service);
        let is_it = |l: &&Lease| name(&l.metadata) == lease && l.metadata.namespace.as_deref() == Some(namespace);
        self.leases.items.iter().find(is_it)
    }

    /// The answer to a question that a command has asked.
    #[must_use]
    pub fn answer(&self, asked: &Request) -> Option<Result<&Value, &ClusterError>> {
        let found = self.answers.iter().find(|(request, _)| request == asked);
        found.map(|(_, answer)| answer.as_ref())
    }

    /// The objects of a list that a command has asked for; nothing when it could not be read, which is not the same as none.
    #[must_use]
    pub fn list(&self, resource: Resource, namespace: &str) -> Option<Vec<&Value>> {
        let answer = self.answer(&Request::list(resource, Some(namespace)))?.ok()?;
        Some(answer.get("items").and_then(Value::as_array).into_iter().flatten().collect())
    }

    /// Which of some lists could not be read, as they are called in URLs.
    #[must_use]
    pub fn unread(&self, resources: &[Resource], namespace: &str) -> Vec<&'static str> {
        let unread = resources.iter().filter(|resource| self.list(**resource, namespace).is_none());
        unread.map(|resource| resource.plural()).collect()
    }

    /// What is known of a kind of route that was not known before.
    pub(crate) fn know(&mut self, kind: Resource, objects: &[Value]) {
        self.routes.unknown.retain(|unknown| unknown.kind != kind);
        self.routes.known.extend(routes::read(kind, objects));
        self.found.take();
    }

    /// What was observed here and elsewhere.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.at = self.at.min(other.at);
        self.deployments.items.extend(other.deployments.items);
        self.services.items.extend(other.services.items);
        self.pods.items.extend(other.pods.items);
        self.slices.items.extend(other.slices.items);
        self.leases.items.extend(other.leases.items);
        self.routes.known.extend(other.routes.known);
        for unknown in other.routes.unknown {
            if !self.routes.unknown.contains(&unknown) {
                self.routes.unknown.push(unknown);
            }
        }
        // Autoscalers that are unknown somewhere are unknown.
        self.autoscalers = self.autoscalers.zip(other.autoscalers).map(|(mut here, there)| {
            here.items.extend(there.items);
            here
        });
        self.rights.extend(other.rights);
        self.found.take();
        self
    }

    fn facts(&self) -> Facts {
        let workload = |deployment: &Deployment| {
            let spec = deployment.spec.as_ref();
            let pod = spec.and_then(|spec| spec.template.spec.as_ref());
            let images =
                pod.into_iter().flat_map(|pod| &pod.containers).filter_map(|container| container.image.clone());
            WorkloadFacts {
                can_be_color: true,
                kind: "Deployment".to_owned(),
                is_whole: false,
                namespace: deployment.metadata.namespace.clone(),
                name: name(&deployment.metadata).to_owned(),
                origin: String::new(),
                labels: template_labels(deployment).clone(),
                selector: spec.and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default(),
                images: images.collect(),
            }
        };
        let service = |service: &Service| ServiceFacts {
            namespace: service.metadata.namespace.clone(),
            name: name(&service.metadata).to_owned(),
            origin: String::new(),
            selector: selector(service).clone(),
            recorded: service.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(ANNOTATION)),
        };
        Facts {
            workloads: self.deployments.items.iter().map(workload).collect(),
            services: self.services.items.iter().map(service).collect(),
            routes: self.routes.facts().collect(),
            declared: self.declared.clone(),
        }
    }
}

static NO_LABELS: Labels = Labels::new();

/// The name of an object.
#[must_use]
pub fn name(metadata: &ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}

/// The labels of a Deployment's pod template.
#[must_use]
pub fn template_labels(deployment: &Deployment) -> &Labels {
    let metadata = deployment.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
    metadata.and_then(|metadata| metadata.labels.as_ref()).unwrap_or(&NO_LABELS)
}

/// The selector of a Service; empty when it has none.
#[must_use]
pub fn selector(service: &Service) -> &Labels {
    service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).unwrap_or(&NO_LABELS)
}

/// Labels or a selector in words: `app=shop, color=blue`.
#[must_use]
pub fn shown(labels: &Labels) -> String {
    if labels.is_empty() {
        return "nothing".to_owned();
    }
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// A release set and what was observed of it.
#[derive(Clone, Debug)]
pub struct SetView<'o> {
    /// What was observed.
    pub observed: &'o Observed,
    /// Which objects are its members.
    pub set: ReleaseSet,
    /// What the active Service is to select for each color, where that is not its selector with the color exchanged.
    pub selectors: Option<PerColor<Labels>>,
}

impl<'o> SetView<'o> {
    /// The set's name: what the members' names have in common.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.set.name
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.set.namespace.as_deref().unwrap_or_default()
    }

    /// The Deployment of a color.
    #[must_use]
    pub fn deployment(&self, color: Color) -> Option<&'o Deployment> {
        self.set.workloads.get(color).and_then(|at| self.observed.deployments.items.get(at))
    }

    /// The active Service.
    #[must_use]
    pub fn active_service(&self) -> Option<&'o Service> {
        self.set.active_service.and_then(|at| self.observed.services.items.get(at))
    }

    /// The color Service of a color.
    #[must_use]
    pub fn color_service(&self, color: Color) -> Option<&'o Service> {
        self.set.color_services.get(color).and_then(|at| self.observed.services.items.get(at))
    }

    /// The active Service and the color Services, as far as they are there.
    pub fn services(&self) -> impl Iterator<Item = &'o Service> {
        let of_colors = Color::ALL.map(|color| self.color_service(color));
        std::iter::once(self.active_service()).chain(of_colors).flatten()
    }

    /// The labels that every selector of the set asks for, also those that a switch would write: no pod without them can belong
    /// to the set, or get its traffic.
    #[must_use]
    pub fn common_labels(&self) -> Labels {
        let of_deployment = |color: Color| self.deployment(color)?.spec.as_ref()?.selector.match_labels.clone();
        let mut selectors: Vec<Labels> = self.services().map(|service| selector(service).clone()).collect();
        selectors.push(self.own_selector());
        for color in Color::ALL.into_iter().filter(|color| self.deployment(*color).is_some()) {
            selectors.push(self.selector_for(color));
            selectors.push(of_deployment(color).unwrap_or_default());
        }
        let in_common = |mut common: Labels, other: Labels| {
            common.retain(|key, value| other.get(key) == Some(value));
            common
        };
        selectors.into_iter().reduce(in_common).unwrap_or_default()
    }

    /// The color that the active Service selects, if it is exactly one.
    #[must_use]
    pub fn active(&self) -> Option<Color> {
        match self.set.active {
            Some(Active::One(color)) => Some(color),
            _ => None,
        }
    }

    /// What settings say of this set.
    pub fn declarations(&self) -> impl Iterator<Item = &'o Declared> {
        let is_here = |of: &Option<String>| of.as_deref().is_none_or(|of| of == self.namespace());
        self.observed.declared.iter().filter(move |of| of.name == self.name() && is_here(&of.namespace))
    }

    /// The pods of the namespace.
    pub fn pods(&self) -> impl Iterator<Item = &'o Pod> + use<'o> {
        let namespace = self.set.namespace.clone();
        self.observed.pods.items.iter().filter(move |pod| pod.metadata.namespace == namespace)
    }

    /// The pods that the Deployment of a color made and that have not ended.
    pub fn pods_of(&self, color: Color) -> impl Iterator<Item = &'o Pod> + use<'o> {
        let deployment = self.deployment(color).map(|deployment| name(&deployment.metadata));
        self.pods().filter(move |pod| deployment.is_some() && deployment_of(pod) == deployment && !has_ended(pod))
    }

    /// The pods of a color that are ready and stay.
    pub fn ready_pods(&self, color: Color) -> impl Iterator<Item = &'o Pod> + use<'o> {
        self.pods_of(color).filter(|pod| serves(pod))
    }

    /// The move that has left something to put back, as the journal says; nothing when the journal cannot be read.
    #[must_use]
    pub fn ongoing(&self) -> Option<Entry> {
        Journal::of(self.active_service()?).ok()?.ongoing().cloned()
    }

    /// Whether a route was given a share by a move that has not ended: it is put back with the next one.
    #[must_use]
    pub fn is_put_back(&self, route: &Route) -> bool {
        self.ongoing().is_some_and(|entry| entry.before.routes.contains_key(&route.key()))
    }

    /// The selector of the active Service; while it is widened to both colors, the one that it had before.
    #[must_use]
    pub fn own_selector(&self) -> Labels {
        let current = || self.active_service().map_or(&NO_LABELS, selector).clone();
        let is_widened = self.set.active == Some(Active::Both);
        let recorded = is_widened.then(|| self.ongoing()?.before.selector).flatten();
        recorded.unwrap_or_else(current)
    }

    /// The color that serves, the share of the other one aside: the one that the active Service selects, or selected
    /// before it was widened to both.
    #[must_use]
    pub fn base(&self) -> Option<Color> {
        let own = || {
            let recorded = self.ongoing()?.before.selector?;
            let selected = |color: &Color| {
                self.deployment(*color).is_some_and(|deployment| set::selects(&recorded, template_labels(deployment)))
            };
            Color::ALL.into_iter().find(selected)
        };
        self.active().or_else(|| (self.set.active == Some(Active::Both)).then(own).flatten())
    }

    /// The selector of the active Service with only the color exchanged.
    #[must_use]
    pub fn selector_for(&self, color: Color) -> Labels {
        if let Some(selectors) = &self.selectors {
            return selectors.get(color).clone();
        }
        let target = self.deployment(color).map_or(&NO_LABELS, template_labels);
        set::exchange_color(&self.own_selector(), &self.set.color_labels, target)
    }

    /// The selector that selects the pods of both colors and no others: what both templates and the own selector have in
    /// common, and where that selects others, too, all labels that both templates share.
    ///
    /// # Errors
    /// Why there is no such selector.
    pub fn widened(&self) -> Result<Labels, String> {
        let (Some(blue), Some(green)) = (self.deployment(Color::Blue), self.deployment(Color::Green)) else {
            return Err("there is only one Deployment".to_owned());
        };
        let shared: Labels = template_labels(blue)
            .iter()
            .filter(|(key, value)| template_labels(green).get(*key) == Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let own = self.own_selector();
        let narrow: Labels = shared.clone().into_iter().filter(|(key, value)| own.get(key) == Some(value)).collect();
        if own.iter().any(|(key, _)| !narrow.contains_key(key) && !self.set.color_labels.contains(key)) {
            return Err("the selector asks for more than the color and what both pod templates share".to_owned());
        }
        if narrow.is_empty() && shared.is_empty() {
            return Err("the two pod templates share no label".to_owned());
        }
        match (self.also_selected(&narrow), self.also_selected(&shared)) {
            (None, _) if !narrow.is_empty() => Ok(narrow),
            (_, None) => Ok(shared),
            (_, Some(other)) => Err(format!("what both pod templates share also selects {other}")),
        }
    }

    /// Somebody else's pods that a selector selects, or own pods that it does not.
    fn also_selected(&self, wanted: &Labels) -> Option<String> {
        let colors = Color::ALL.map(|color| self.deployment(color).map(|deployment| name(&deployment.metadata)));
        let here =
            self.observed.deployments.items.iter().filter(|other| other.metadata.namespace == self.set.namespace);
        let mut others = here.filter(|other| !colors.contains(&Some(name(&other.metadata))));
        if let Some(other) = others.find(|other| set::selects(wanted, template_labels(other))) {
            return Some(format!("deployment/{}", name(&other.metadata)));
        }
        let selected = |pod: &Pod| set::selects(wanted, pod.metadata.labels.as_ref().unwrap_or(&NO_LABELS));
        let wrong = |pod: &&Pod| {
            let ours = deployment_of(pod).is_some_and(|owner| colors.contains(&Some(owner)));
            !has_ended(pod) && selected(pod) != ours
        };
        self.pods().find(wrong).map(|pod| format!("pod/{}", name(&pod.metadata)))
    }

    /// The images of a color's Deployment.
    #[must_use]
    pub fn images(&self, color: Color) -> Vec<&'o str> {
        let pod = self.deployment(color).and_then(|deployment| deployment.spec.as_ref()?.template.spec.as_ref());
        pod.into_iter().flat_map(|pod| &pod.containers).filter_map(|container| container.image.as_deref()).collect()
    }

    /// The autoscaler of a color's Deployment.
    #[must_use]
    pub fn autoscaler_of(&self, color: Color) -> Option<&'o HorizontalPodAutoscaler> {
        let deployment = name(&self.deployment(color)?.metadata);
        let autoscalers = self.observed.autoscalers.iter().flat_map(|list| &list.items);
        let scales = |autoscaler: &&HorizontalPodAutoscaler| {
            let target = autoscaler.spec.as_ref().map(|spec| &spec.scale_target_ref);
            autoscaler.metadata.namespace == self.set.namespace
                && target.is_some_and(|target| target.kind == "Deployment" && target.name == deployment)
        };
        autoscalers.into_iter().find(scales)
    }

    /// The autoscaler of a color's Deployment, by its name.
    #[must_use]
    pub fn autoscaler(&self, color: Color) -> Option<&'o str> {
        self.autoscaler_of(color).map(|autoscaler| name(&autoscaler.metadata))
    }

    /// How many pods a color's Deployment asks for.
    #[must_use]
    pub fn desired(&self, color: Color) -> i32 {
        self.deployment(color)
            .map_or(0, |deployment| deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1))
    }

    /// The pods that a Service sends traffic to by its EndpointSlices.
    #[must_use]
    pub fn endpoints(&self, service: &Service) -> Endpoints {
        let of_namespace = |slice: &&EndpointSlice| slice.metadata.namespace == service.metadata.namespace;
        endpoints(self.observed.slices.items.iter().filter(of_namespace), name(&service.metadata))
    }

    /// This tool's Lease for the set.
    #[must_use]
    pub fn lease(&self) -> Option<&'o Lease> {
        self.observed.lease(self.namespace(), name(&self.active_service()?.metadata))
    }
}

/// The name of the Lease that guards a set.
#[must_use]
pub fn lease_name(active_service: &str) -> String {
    format!("{TOOL}-{active_service}")
}

/// The pods behind a Service, by address family, as UIDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// For each address family that has a slice: the pods that get new connections.
    pub serving: BTreeMap<String, BTreeSet<String>>,
}

impl Endpoints {
    /// How many pods get new connections, in the family that has most.
    #[must_use]
    pub fn count(&self) -> usize {
        self.serving.values().map(BTreeSet::len).max().unwrap_or_default()
    }

    /// Whether in every address family exactly these pods get new connections, and there is at least one.
    #[must_use]
    pub fn are_exactly(&self, pods: &BTreeSet<String>) -> bool {
        !pods.is_empty() && !self.serving.is_empty() && self.serving.values().all(|serving| serving == pods)
    }
}

/// Reads the slices of one Service. Only those of the cluster's own controller count: a mirrored or hand-made slice is
/// not what the selector leads to.
pub fn endpoints<'s>(slices: impl Iterator<Item = &'s EndpointSlice>, service: &str) -> Endpoints {
    let mut endpoints = Endpoints::default();
    for slice in slices {
        let label = |key: &str| slice.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
        let managed = label("endpointslice.kubernetes.io/managed-by") == Some("endpointslice-controller.k8s.io");
        if !managed || label("kubernetes.io/service-name") != Some(service) {
            continue;
        }
        let serving = endpoints.serving.entry(slice.address_type.clone()).or_default();
        for endpoint in &slice.endpoints {
            let conditions = endpoint.conditions.as_ref();
            let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
            let uid = endpoint.target_ref.as_ref().and_then(|target| target.uid.clone());
            serving.extend(uid.filter(|_| ready));
        }
    }
    // A family whose slices are all empty beside one that has pods is a dual-stack Service in the making, and counts.
    endpoints
}
