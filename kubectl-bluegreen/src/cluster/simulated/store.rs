//! The objects of the simulated cluster, their versions, and what is due to happen to them.
//! Behaves as the API server and etcd do; what controllers do with the objects is theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::decoding::decoded;
use super::kubelet::Behaviour;
use crate::cluster::{Failure, ObjectRef, Resource};

/// How long the Deployment controller takes to notice.
const CONTROLLER_LAG: Duration = Duration::from_millis(5);
/// How long a Gateway's controller takes to notice.
const GATEWAY_LAG: Duration = Duration::from_millis(100);
/// How long the EndpointSlice controller takes to notice.
const SLICES_LAG: Duration = Duration::from_millis(15);

/// Why a request fails: the class and the server's words.
pub(super) type Refusal = (Failure, String);

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// The Deployment controller looks at a Deployment.
    Deployment(ObjectRef),
    /// A pod's containers start.
    PodRuns(ObjectRef),
    /// A pod's readiness probes have succeeded.
    PodReady(ObjectRef),
    /// A pod has ended.
    PodGone(ObjectRef),
    /// The EndpointSlice controller looks at a Service.
    Slices(String, String),
    /// A Gateway's controller looks at a route.
    Route(ObjectRef),
}

/// One line of the change log: enough to answer a watch.
#[derive(Clone, Debug)]
struct Changed {
    version: u64,
    object: ObjectRef,
    labels: Value,
}

/// The whole cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<ObjectRef, Value>,
    pub(super) behaviours: Vec<(String, Behaviour)>,
    /// The Gateways that take no route.
    pub(super) closed_gateways: BTreeSet<String>,
    /// Since when each pod is ready, and each Deployment makes progress.
    pub(super) since: BTreeMap<ObjectRef, Duration>,
    version: u64,
    serial: u64,
    changes: Vec<Changed>,
    due: BTreeMap<(Duration, u64), Task>,
}

impl State {
    /// A number that was not used before.
    pub(super) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn schedule(&mut self, at: Duration, task: Task) {
        let waits = self.due.iter().any(|((due, _), known)| *due <= at && *known == task);
        if !waits {
            let serial = self.serial();
            self.due.insert((at, serial), task);
        }
    }

    /// Whether a kind is served: one that comes with a CRD is, once there is an object of it.
    pub(super) fn serves(&self, resource: Resource) -> bool {
        let by_crd = ["gateway.networking.k8s.io", "traefik.io", "networking.istio.io"];
        !by_crd.contains(&resource.group()) || self.objects.keys().any(|object| object.resource == resource)
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: Duration) -> Option<(Duration, Task)> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), task) = entry.remove_entry();
        Some((at, task))
    }

    /// Stores an object under a new version and wakes the controllers that look at it. An object that is as it was
    /// keeps its version, as on the real server.
    pub(super) fn put(&mut self, object: &ObjectRef, mut value: Value, now: Duration) -> Value {
        if let Some(before) = self.objects.get(object) {
            if *before == value {
                return value;
            }
            let counted = object.resource == Resource::Deployments || is_gateway_route(object.resource);
            if counted && before.get("spec") != value.get("spec") {
                let generation = number(&value, "/metadata/generation").unwrap_or_default() + 1;
                set(&mut value, "metadata", "generation", generation.into());
            }
        }
        self.version += 1;
        set(&mut value, "metadata", "resourceVersion", self.version.to_string().into());
        self.changed(object, &value);
        self.objects.insert(object.clone(), value.clone());
        self.wake(object, &value, now);
        value
    }

    /// Deletes an object.
    pub(super) fn remove(&mut self, object: &ObjectRef, now: Duration) {
        if let Some(value) = self.objects.remove(object) {
            self.version += 1;
            self.changed(object, &value);
            self.wake(object, &value, now);
            self.since.remove(object);
        }
    }

    fn changed(&mut self, object: &ObjectRef, value: &Value) {
        let labels = value.pointer("/metadata/labels").cloned().unwrap_or_default();
        self.changes.push(Changed { version: self.version, object: object.clone(), labels });
    }

    fn wake(&mut self, object: &ObjectRef, value: &Value, now: Duration) {
        match object.resource {
            Resource::Deployments => self.schedule(now + CONTROLLER_LAG, Task::Deployment(object.clone())),
            Resource::Services => {
                self.schedule(now + SLICES_LAG, Task::Slices(object.namespace.clone(), object.name.clone()));
            }
            Resource::HttpRoutes | Resource::GrpcRoutes => {
                self.schedule(now + GATEWAY_LAG, Task::Route(object.clone()));
            }
            Resource::Pods => {
                if let Some(owner) = text(value, "/metadata/annotations/simulated~1deployment") {
                    let owner = ObjectRef::new(Resource::Deployments, &object.namespace, owner);
                    self.schedule(now + CONTROLLER_LAG, Task::Deployment(owner));
                }
                let in_namespace = self
                    .objects
                    .keys()
                    .filter(|service| service.resource == Resource::Services && service.namespace == object.namespace);
                let services: Vec<String> = in_namespace.map(|service| service.name.clone()).collect();
                for service in services {
                    self.schedule(now + SLICES_LAG, Task::Slices(object.namespace.clone(), service));
                }
            }
            _ => {}
        }
    }

    pub(super) fn has_changed(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        labels: Option<&str>,
        version: u64,
    ) -> bool {
        let newer = self.changes.iter().rev().take_while(|change| change.version > version);
        let here = |object: &ObjectRef| namespace.is_none_or(|namespace| object.namespace == namespace);
        let mut of_kind = newer.filter(|change| change.object.resource == resource && here(&change.object));
        of_kind.any(|change| labels.is_none_or(|labels| matches(labels, &change.labels)))
    }

    /// The objects of a kind in a namespace.
    pub(super) fn of(&self, resource: Resource, namespace: &str) -> impl Iterator<Item = (&ObjectRef, &Value)> {
        self.objects.iter().filter(move |(object, _)| object.resource == resource && object.namespace == namespace)
    }

    pub(super) fn list(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        labels: Option<&str>,
        limit: Option<u32>,
    ) -> Value {
        let wanted = self.objects.iter().filter(|(object, value)| {
            object.resource == resource
                && namespace.is_none_or(|namespace| object.namespace == namespace)
                && labels
                    .is_none_or(|labels| matches(labels, value.pointer("/metadata/labels").unwrap_or(&Value::Null)))
        });
        let mut items: Vec<Value> = wanted.map(|(_, value)| value.clone()).collect();
        if resource == Resource::Namespaces {
            let names: BTreeSet<&str> = self.objects.keys().map(|object| object.namespace.as_str()).collect();
            items = names.into_iter().map(|name| json!({"metadata": {"name": name}})).collect();
        }
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let token = if items.len() > limit { "the rest" } else { "" };
        items.truncate(limit);
        let mut list = json!({
            "apiVersion": resource.api_version(),
            "kind": format!("{}List", resource.kind()),
            "metadata": {"resourceVersion": self.version.to_string(), "continue": token},
        });
        // `json!` would copy them once more.
        if let Some(list) = list.as_object_mut() {
            list.insert("items".to_owned(), Value::Array(items));
        }
        list
    }

    pub(super) fn get(&self, object: &ObjectRef) -> Result<Value, Refusal> {
        self.objects.get(object).cloned().ok_or_else(|| not_found(object))
    }

    pub(super) fn create(
        &mut self,
        object: &ObjectRef,
        mut body: Value,
        dry_run: bool,
        epoch: Timestamp,
        now: Duration,
    ) -> Result<Value, Refusal> {
        if self.objects.contains_key(object) {
            return Err((Failure::Conflict, format!("{} \"{}\" already exists", object.resource, object.name)));
        }
        self.born(&mut body, object, epoch, now);
        if dry_run {
            return Ok(body);
        }
        Ok(self.put(object, body, now))
    }

    pub(super) fn patch(
        &mut self,
        object: &ObjectRef,
        patch: &Value,
        dry_run: bool,
        now: Duration,
    ) -> Result<Value, Refusal> {
        let before = self.get(object)?;
        let invalid = |message: String| (Failure::Invalid, message);
        let patch: json_patch::Patch =
            serde_json::from_value(patch.clone()).map_err(|error| invalid(error.to_string()))?;
        let mut after = before.clone();
        json_patch::patch(&mut after, &patch)
            .map_err(|error| invalid(format!("the patch cannot be applied: {error}")))?;
        unchanged(object, &before, &after)?;
        if dry_run {
            return Ok(after);
        }
        Ok(self.put(object, after, now))
    }

    /// Merges fields into an object, or creates it. Who owns which field is not simulated: there are no conflicts of
    /// owners, and a field that is not applied any more stays.
    pub(super) fn server_side_apply(
        &mut self,
        object: &ObjectRef,
        body: Value,
        dry_run: bool,
        epoch: Timestamp,
        now: Duration,
    ) -> Result<Value, Refusal> {
        let Some(before) = self.objects.get(object) else { return self.create(object, body, dry_run, epoch, now) };
        let mut after = before.clone();
        merge(&mut after, body);
        default(&mut after, object.resource);
        unchanged(object, before, &after)?;
        Ok(if dry_run { after } else { self.put(object, after, now) })
    }

    pub(super) fn delete(
        &mut self,
        object: &ObjectRef,
        uid: &str,
        dry_run: bool,
        now: Duration,
    ) -> Result<Value, Refusal> {
        let value = self.get(object)?;
        if text(&value, "/metadata/uid") != Some(uid) {
            let message = format!("the UID in the precondition ({uid}) is not that of {}", object.name);
            return Err((Failure::Conflict, message));
        }
        if !dry_run {
            self.remove(object, now);
        }
        Ok(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    /// The kinds of an API version, as discovery lists them.
    pub(super) fn kinds(&self, api_version: &str) -> Result<Value, Refusal> {
        let here = |resource: &Resource| resource.api_version() == api_version && self.serves(*resource);
        let kind = |resource: Resource| json!({"name": resource.plural(), "kind": resource.kind(), "namespaced": resource != Resource::Namespaces});
        let kinds: Vec<Value> = Resource::ALL.into_iter().filter(here).map(kind).collect();
        if kinds.is_empty() {
            return Err((Failure::NotFound, "the server could not find the requested resource".to_owned()));
        }
        Ok(json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": kinds}))
    }

    /// Stores a manifest; one that is there is replaced.
    pub(super) fn apply(&mut self, resource: Resource, manifest: Value, epoch: Timestamp, now: Duration) {
        let mut manifest = decoded(manifest);
        let name = text(&manifest, "/metadata/name").unwrap_or_default().to_owned();
        let namespace = text(&manifest, "/metadata/namespace").unwrap_or("default").to_owned();
        let object = ObjectRef::new(resource, namespace, name);
        match self.objects.get(&object).and_then(|before| before.get("metadata")).cloned() {
            None => self.born(&mut manifest, &object, epoch, now),
            Some(metadata) => {
                for key in ["uid", "creationTimestamp", "generation", "resourceVersion", "namespace"] {
                    set(&mut manifest, "metadata", key, metadata.get(key).cloned().unwrap_or_default());
                }
                default(&mut manifest, resource);
            }
        }
        self.put(&object, manifest, now);
    }

    fn born(&mut self, value: &mut Value, object: &ObjectRef, epoch: Timestamp, now: Duration) {
        let serial = self.serial();
        let created = stamp(epoch, now);
        for (key, of) in [
            ("namespace", object.namespace.clone().into()),
            ("uid", format!("00000000-0000-0000-0000-{serial:012}").into()),
            ("creationTimestamp", created.into()),
            ("generation", 1.into()),
        ] {
            set(value, "metadata", key, of);
        }
        default(value, object.resource);
        if object.resource == Resource::Services && value.pointer("/spec/clusterIP").is_none() {
            set(value, "spec", "clusterIP", format!("10.96.{}.{}", serial / 250 % 250, serial % 250 + 1).into());
        }
    }
}

/// Fills in what the API server fills in, as far as anybody here reads it.
fn default(value: &mut Value, resource: Resource) {
    if resource == Resource::Deployments && value.pointer("/spec/replicas").is_none_or(Value::is_null) {
        set(value, "spec", "replicas", 1.into());
    }
    if resource == Resource::Services {
        for port in value.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                let number = port.get("port").cloned().unwrap_or_default();
                port.entry("targetPort").or_insert(number);
                port.entry("protocol").or_insert("TCP".into());
            }
        }
    }
}

/// Refuses a write that is conditional on another version, or touches what never changes.
fn unchanged(object: &ObjectRef, before: &Value, after: &Value) -> Result<(), Refusal> {
    if text(after, "/metadata/resourceVersion") != text(before, "/metadata/resourceVersion") {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply your changes to the latest version and try again",
            object.resource, object.name,
        );
        return Err((Failure::Conflict, message));
    }
    if object.resource == Resource::Deployments && before.pointer("/spec/selector") != after.pointer("/spec/selector") {
        let message = format!("Deployment.apps \"{}\" is invalid: spec.selector: field is immutable", object.name);
        return Err((Failure::Invalid, message));
    }
    Ok(())
}

/// Merges mappings key by key; a selector, as everything else, is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into.as_object_mut(), from) {
        (Some(into), Value::Object(from)) => {
            for (key, value) in from {
                let kept = into.entry(key.as_str()).or_insert(Value::Null);
                if key == "selector" { *kept = value } else { merge(kept, value) }
            }
        }
        (_, from) => *into = from,
    }
}

fn is_gateway_route(resource: Resource) -> bool {
    matches!(resource, Resource::HttpRoutes | Resource::GrpcRoutes)
}

fn not_found(object: &ObjectRef) -> Refusal {
    (Failure::NotFound, format!("{} \"{}\" not found", object.resource, object.name))
}

/// Whether labels satisfy a selector of equalities and sets: `a=b,c in (d,e)`.
fn matches(selector: &str, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let mut is_set = false;
    let ends_term = |character: char| {
        is_set = character == '(' || (is_set && character != ')');
        character == ',' && !is_set
    };
    let holds = |term: &str| {
        if let Some((key, values)) = term.split_once(" in (") {
            return values.trim_end_matches(')').split(',').any(|value| label(key) == Some(value));
        }
        let (key, value) = term.split_once('=').unwrap_or((term, ""));
        label(key) == Some(value.trim_start_matches('='))
    };
    selector.split(ends_term).filter(|term| !term.is_empty()).all(holds)
}

/// Sets a key of a mapping inside an object, and makes the mapping if it is not there.
pub(super) fn set(value: &mut Value, section: &str, key: &str, to: Value) {
    if let Some(object) = value.as_object_mut() {
        let section = object.entry(section).or_insert_with(|| Map::new().into());
        if let Some(section) = section.as_object_mut() {
            section.insert(key.to_owned(), to);
        }
    }
}

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn number(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// A moment as Kubernetes writes it.
pub(super) fn stamp(epoch: Timestamp, at: Duration) -> String {
    (epoch + at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
