//! A Kubernetes in memory, on the virtual clock of a paused runtime: good enough to play releases, faults included.
//! Knows nothing of release sets; it answers requests as the real thing does.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{AnyObject, Cluster, ClusterError, Failure, ObjectRef, Request, Resource, Review, watch_words};

mod asking;
mod controllers;
mod decoding;
mod gateways;
mod kubelet;
mod shares;
mod slices;
mod store;
#[cfg(test)]
mod tests;
mod users;

pub use kubelet::Behaviour;
use store::{Refusal, State, Task};
pub use users::Users;

/// How long a request takes.
const LATENCY: Duration = Duration::from_millis(2);
/// How long a watch sleeps at most before it looks again: another task may write meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A thing that goes wrong with one request.
pub enum Fault {
    /// The server refuses it.
    Refuse(Failure),
    /// The connection ends before the server has it.
    LoseBefore,
    /// The server does it, and the answer is lost.
    LoseAfter,
    /// It takes that much longer.
    Delay(Duration),
    /// A watch tells of a change that was known already; another request goes well.
    Again,
    /// Somebody else writes first.
    OtherWriter(Box<dyn FnOnce(&SimulatedCluster)>),
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refuse(failure) => write!(f, "Refuse({failure:?})"),
            Self::LoseBefore => f.write_str("LoseBefore"),
            Self::LoseAfter => f.write_str("LoseAfter"),
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::Again => f.write_str("Again"),
            Self::OtherWriter(_) => f.write_str("OtherWriter"),
        }
    }
}

/// A Kubernetes in memory.
///
/// All waiting goes through `tokio::time`, so it belongs on a current-thread runtime whose clock is paused: then hours
/// pass in milliseconds.
#[derive(Debug)]
pub struct SimulatedCluster {
    epoch: Timestamp,
    start: Instant,
    state: RefCell<State>,
    requests: Cell<usize>,
    faults: RefCell<Vec<(usize, Fault)>>,
    /// Faults of the first request whose words begin so.
    waiting: RefCell<Vec<(String, Fault)>>,
    users: RefCell<Option<Users>>,
    log: RefCell<Vec<String>>,
    forbidden: RefCell<Vec<(String, String)>>,
}

impl SimulatedCluster {
    /// An empty cluster whose clock says `epoch` now.
    #[must_use]
    pub fn new(epoch: Timestamp) -> Self {
        Self {
            epoch,
            start: Instant::now(),
            state: RefCell::default(),
            requests: Cell::new(0),
            faults: RefCell::default(),
            waiting: RefCell::default(),
            users: RefCell::default(),
            log: RefCell::default(),
            forbidden: RefCell::default(),
        }
    }

    /// An independent copy that goes on from this moment, with no requests counted and no faults to come.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = RefCell::new(self.state.borrow().clone());
        Self { state, start: self.start, ..Self::new(self.epoch) }
    }

    /// Loads a manifest, as `kubectl apply` would; a kind that is not simulated is left out.
    pub fn apply(&self, manifest: Value) {
        let kind = manifest.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(resource) = Resource::ALL.into_iter().find(|resource| resource.kind() == kind) {
            let now = self.elapsed();
            self.state.borrow_mut().apply(resource, manifest, self.epoch, now);
        }
    }

    /// Says how the pods behave whose image contains a text. The latest word counts, for pods that start after it.
    pub fn behave(&self, image_part: &str, behaviour: Behaviour) {
        self.play();
        self.state.borrow_mut().behaviours.push((image_part.to_owned(), behaviour));
    }

    /// Lets a Gateway take no route from now on that changes.
    pub fn close_gateway(&self, name: &str) {
        self.state.borrow_mut().closed_gateways.insert(name.to_owned());
    }

    /// Lets something go wrong with a request, counted from 1.
    pub fn inject(&self, request: usize, fault: Fault) {
        self.faults.borrow_mut().push((request, fault));
    }

    /// Lets something go wrong with the next request whose words begin so: `patch service/shop`.
    pub fn inject_into(&self, words: &str, fault: Fault) {
        self.waiting.borrow_mut().push((words.to_owned(), fault));
    }

    /// Lets the containers of all pods of an image restart once, and be ready again at once.
    pub fn restart_pods(&self, image_part: &str) {
        self.play();
        let (now, mut state) = (self.elapsed(), self.state.borrow_mut());
        kubelet::restart(&mut state, image_part, now);
    }

    /// Gives a Service users, and the cluster a Prometheus that counts their requests.
    pub fn give_users(&self, service: ObjectRef) {
        *self.users.borrow_mut() = Some(Users::new(service, self.elapsed()));
    }

    /// The users and what became of their requests so far.
    #[must_use]
    pub fn users(&self) -> Option<Users> {
        self.play();
        self.users.borrow().clone()
    }

    /// Forbids a verb on a resource from now on: `("patch", "services")`.
    pub fn forbid(&self, verb: &str, resource: &str) {
        self.forbidden.borrow_mut().push((verb.to_owned(), resource.to_owned()));
    }

    /// Forbids a verb on a resource for all namespaces together; in each of them it stays allowed.
    pub fn forbid_everywhere(&self, verb: &str, resource: &str) {
        self.forbid(&format!("{verb} -A"), resource);
    }

    fn is_forbidden(&self, verb: &str, resource: &str) -> bool {
        self.forbidden.borrow().iter().any(|(v, r)| v == verb && r == resource)
    }

    /// As a cluster with several authorizers: what is allowed by rules is known, the rest must be asked for.
    fn review(&self, review: Review, spec: &Value) -> Value {
        let mut answer = review.body(spec);
        let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let status = match review {
            Review::Access => {
                let of = |key: &str| text(&format!("/resourceAttributes/{key}"));
                let resource = match of("subresource") {
                    "" => of("resource").to_owned(),
                    sub => format!("{}/{sub}", of("resource")),
                };
                json!({"allowed": !self.is_forbidden(of("verb"), &resource)})
            }
            Review::Rules if self.forbidden.borrow().is_empty() => {
                let all = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
                json!({"incomplete": true, "resourceRules": all, "nonResourceRules": []})
            }
            Review::Rules => json!({"incomplete": true, "resourceRules": [], "nonResourceRules": []}),
        };
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("status".to_owned(), status);
        }
        answer
    }

    /// The requests so far, in words.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// An object as it is now.
    #[must_use]
    pub fn object(&self, object: &ObjectRef) -> Option<Value> {
        self.play();
        self.state.borrow().objects.get(object).cloned()
    }

    /// Changes an object as somebody else would; answers whether it is there.
    pub fn edit(&self, object: &ObjectRef, change: impl FnOnce(&mut Value)) -> bool {
        self.play();
        let (now, mut state) = (self.elapsed(), self.state.borrow_mut());
        let Some(mut value) = state.objects.get(object).cloned() else { return false };
        change(&mut value);
        state.put(object, value, now);
        true
    }

    /// Deletes an object as somebody else would.
    pub fn delete(&self, object: &ObjectRef) {
        let (now, mut state) = (self.elapsed(), self.state.borrow_mut());
        state.remove(object, now);
    }

    /// Lets time pass until nothing is left to happen, but no longer than `max`.
    pub async fn settle(&self, max: Duration) {
        let deadline = self.elapsed() + max;
        loop {
            self.play();
            let next = self.state.borrow().next_due();
            match next {
                Some(due) if due <= deadline => {
                    sleep(due.saturating_sub(self.elapsed()) + Duration::from_millis(1)).await;
                }
                _ => return,
            }
        }
    }

    /// Counts a request, and answers what goes wrong with it.
    fn count(&self, words: String) -> Option<Fault> {
        self.requests.set(self.requests.get() + 1);
        let (number, mut faults) = (self.requests.get(), self.faults.borrow_mut());
        let at = faults.iter().position(|(request, _)| *request == number);
        let fault = at.map(|at| faults.remove(at).1).or_else(|| {
            let mut waiting = self.waiting.borrow_mut();
            let at = waiting.iter().position(|(begin, _)| words.starts_with(begin.as_str()))?;
            Some(waiting.remove(at).1)
        });
        self.log.borrow_mut().push(words);
        fault
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Lets the controllers do what is due by now.
    fn play(&self) {
        let now = self.elapsed();
        let epoch = self.epoch;
        let mut state = self.state.borrow_mut();
        let mut users = self.users.borrow_mut();
        while let Some((at, task)) = state.take_due(now) {
            if let Some(users) = users.as_mut() {
                users.send(&state, at);
            }
            match task {
                Task::Deployment(object) => controllers::deployment(&mut state, &object, epoch, at),
                Task::PodRuns(object) => kubelet::run(&mut state, &object, epoch, at),
                Task::PodReady(object) => kubelet::become_ready(&mut state, &object, epoch, at),
                Task::PodGone(object) => state.remove(&object, at),
                Task::Route(object) => gateways::update(&mut state, &object, epoch, at),
                Task::Slices(namespace, service) => slices::update(&mut state, &namespace, &service, at),
            }
        }
        if let Some(users) = users.as_mut() {
            users.send(&state, now);
        }
    }

    fn handle(&self, request: &Request) -> Result<Value, ClusterError> {
        self.play();
        let asked = if let Request::Ask(ask) = request { ask.resource() } else { "" };
        let resource = request.resource().map_or(asked, Resource::plural);
        let everywhere = matches!(request, Request::List { namespace: None, .. })
            && self.is_forbidden(&format!("{} -A", request.verb()), resource);
        if everywhere || self.is_forbidden(request.verb(), resource) {
            let message = format!("{resource} is forbidden: the simulation does not allow {}", request.verb());
            return Err(ClusterError { request: request.to_string(), failure: Failure::Forbidden, message });
        }
        let (now, mut state) = (self.elapsed(), self.state.borrow_mut());
        // The first object of a kind brings its CRD along.
        let brings_crd = matches!(request, Request::Create { .. });
        if request.resource().is_some_and(|resource| !brings_crd && !state.serves(resource)) {
            let message = "the server could not find the requested resource".to_owned();
            return Err(ClusterError { request: request.to_string(), failure: Failure::NotFound, message });
        }
        let result = match request {
            Request::List { resource, namespace, labels, limit, .. } => {
                Ok(state.list(*resource, namespace.as_deref(), labels.as_deref(), *limit))
            }
            Request::Kinds { api_version } => state.kinds(api_version),
            Request::Ask(ask) => asking::answer(&state, self.users.borrow().as_ref(), ask, now),
            Request::Get(object) => state.get(object),
            Request::Read(object) => known(object).and_then(|object| state.get(&object)),
            Request::Review { review, spec } => Ok(self.review(*review, spec)),
            Request::Create { object, body, dry_run } => state.create(object, body.clone(), *dry_run, self.epoch, now),
            Request::Patch { object, patch, dry_run } => state.patch(object, patch, *dry_run, now),
            Request::Apply { object, body, dry_run, .. } => known(object)
                .and_then(|object| state.server_side_apply(&object, body.clone(), *dry_run, self.epoch, now)),
            Request::Delete { object, uid, dry_run } => state.delete(object, uid, *dry_run, now),
        };
        result.map_err(|(failure, message)| ClusterError { request: request.to_string(), failure, message })
    }
}

/// The object, if it is of a kind that is simulated.
fn known(object: &AnyObject) -> Result<ObjectRef, Refusal> {
    let resource = object.resource();
    let unknown = || (Failure::NotFound, "the server could not find the requested resource".to_owned());
    let resource = resource.ok_or_else(unknown)?;
    Ok(ObjectRef::new(resource, object.namespace.clone().unwrap_or_default(), &object.name))
}

impl Cluster for SimulatedCluster {
    async fn send(&self, request: &Request) -> Result<Value, ClusterError> {
        let fault = self.count(request.to_string());
        sleep(LATENCY).await;
        let failed = |failure: Failure, message: &str| {
            Err(ClusterError { request: request.to_string(), failure, message: message.to_owned() })
        };
        match fault {
            None | Some(Fault::Again) => self.handle(request),
            Some(Fault::Refuse(failure)) => failed(failure, "refused by the simulation"),
            Some(Fault::LoseBefore) => failed(Failure::Lost, "connection reset before the request arrived"),
            Some(Fault::LoseAfter) => {
                let _ = self.handle(request);
                failed(Failure::Lost, "connection reset before the answer arrived")
            }
            Some(Fault::Delay(time)) => {
                sleep(time).await;
                self.handle(request)
            }
            Some(Fault::OtherWriter(write)) => {
                write(self);
                self.handle(request)
            }
        }
    }

    async fn changed(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        labels: Option<&str>,
        resource_version: &str,
        within: Duration,
    ) -> Result<(), ClusterError> {
        let words = watch_words(resource, namespace);
        let deadline = self.elapsed() + within;
        let failed = |failure: Failure, message: &str| {
            Err(ClusterError { request: words.clone(), failure, message: message.to_owned() })
        };
        match self.count(words.clone()) {
            None => {}
            Some(Fault::Again) => return Ok(()),
            Some(Fault::Refuse(failure)) => return failed(failure, "refused by the simulation"),
            Some(Fault::LoseBefore | Fault::LoseAfter) => return failed(Failure::Lost, "the watch was dropped"),
            Some(Fault::Delay(time)) => sleep(time.min(within)).await,
            Some(Fault::OtherWriter(write)) => write(self),
        }
        if self.is_forbidden("watch", resource.plural()) {
            return failed(Failure::Forbidden, "the simulation does not allow watch");
        }
        let version: u64 = resource_version.parse().unwrap_or_default();
        loop {
            self.play();
            if self.state.borrow().has_changed(resource, namespace, labels, version) {
                return Ok(());
            }
            let now = self.elapsed();
            if now >= deadline {
                return Ok(());
            }
            let due = self.state.borrow().next_due().unwrap_or(deadline).saturating_sub(now);
            sleep(due.clamp(Duration::from_millis(1), LOOK_AGAIN).min(deadline.saturating_sub(now))).await;
        }
    }

    fn now(&self) -> Timestamp {
        self.epoch + self.elapsed()
    }

    fn requests(&self) -> usize {
        self.requests.get()
    }
}
