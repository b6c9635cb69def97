//! The one door to Kubernetes: requests as values, and the trait that sends them.
//! Must not know what a release is; `live` and `simulated` are leaves behind it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub mod ask;
pub mod live;
mod resource;
pub mod simulated;

use resource::api_root;
pub use resource::{AnyObject, ObjectRef, Resource};

/// A question about what we may do, of the group `authorization.k8s.io/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Everything that is allowed in a namespace, as rules.
    Rules,
    /// One verb on one resource.
    Access,
}

impl Review {
    /// The kind as it is written in manifests.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Rules => "SelfSubjectRulesReview",
            Self::Access => "SelfSubjectAccessReview",
        }
    }

    /// The path of the collection.
    #[must_use]
    pub fn path(self) -> String {
        format!("/apis/authorization.k8s.io/v1/{}s", self.kind().to_ascii_lowercase())
    }

    /// The body with a `spec`.
    #[must_use]
    pub fn body(self, spec: &Value) -> Value {
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": self.kind(), "spec": spec})
    }
}

/// One request to the API server, as a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Reads all objects of a resource; the answer is the list object with its `metadata.resourceVersion`.
    List {
        /// What to list.
        resource: Resource,
        /// The namespace, or all of them.
        namespace: Option<String>,
        /// A label selector such as `app=shop`, in the API's own syntax.
        labels: Option<String>,
        /// A version that the answer must not be older than. Without one it is what is true now, for which a server may
        /// first have to wait until its cache has caught up.
        since: Option<String>,
        /// How many objects at most.
        limit: Option<u32>,
    },
    /// Asks what we may do; the answer is the review with its `status`. Stores nothing.
    Review {
        /// Which review.
        review: Review,
        /// Its `spec`.
        spec: Value,
    },
    /// Asks which kinds an API version has; the answer is an `APIResourceList`.
    Kinds {
        /// For example `apps/v1`.
        api_version: String,
    },
    /// Asks what runs in the cluster.
    Ask(ask::Ask),
    /// Reads one object.
    Get(ObjectRef),
    /// Reads one object of any kind.
    Read(AnyObject),
    /// Creates an object; answers 409 when the name is taken.
    Create {
        /// The name of the new object, as in its body.
        object: ObjectRef,
        /// The whole object.
        body: Value,
        /// Asks the server to check everything and to store nothing.
        dry_run: bool,
    },
    /// Changes an object by a JSON Patch (RFC 6902). A patch that replaces `/metadata/resourceVersion` is conditional:
    /// the server answers 409 when the object is not at that version any more.
    Patch {
        /// The object to change.
        object: ObjectRef,
        /// The operations, an array.
        patch: Value,
        /// Asks the server to check everything and to store nothing.
        dry_run: bool,
    },
    /// Server-side apply: the object is to have these fields, and they are ours from now on. Creates what is not there.
    /// A body with a `resourceVersion` is conditional. The server answers 409 when it no longer holds, and when a field
    /// with another value is somebody else's.
    Apply {
        /// The object.
        object: AnyObject,
        /// The fields.
        body: Value,
        /// Takes fields that are somebody else's.
        force: bool,
        /// Asks the server to check everything and to store nothing.
        dry_run: bool,
    },
    /// Deletes an object, and in the background what it owns; answers 409 when it is another one of that name.
    Delete {
        /// The object.
        object: ObjectRef,
        /// Which object of that name is meant.
        uid: String,
        /// Asks the server to check everything and to store nothing.
        dry_run: bool,
    },
}

impl Request {
    /// The request for all objects of a resource as they are now, in a namespace or in all of them.
    #[must_use]
    pub fn list(resource: Resource, namespace: Option<&str>) -> Self {
        Self::List { resource, namespace: namespace.map(str::to_owned), labels: None, since: None, limit: None }
    }

    /// The same of the objects that a label selector selects.
    #[must_use]
    pub fn labelled(resource: Resource, namespace: Option<&str>, labels: String) -> Self {
        Self::List { resource, namespace: namespace.map(str::to_owned), labels: Some(labels), since: None, limit: None }
    }

    /// Whether the request would change something in the cluster.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Self::List { .. } | Self::Get(_) | Self::Read(_) | Self::Review { .. } | Self::Kinds { .. } => false,
            Self::Ask(ask) => !ask.is_read(),
            Self::Create { dry_run, .. }
            | Self::Patch { dry_run, .. }
            | Self::Apply { dry_run, .. }
            | Self::Delete { dry_run, .. } => !dry_run,
        }
    }

    /// What it reads or writes, if that is a resource that the commands know.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        match self {
            Self::List { resource, .. } => Some(*resource),
            Self::Read(object) | Self::Apply { object, .. } => object.resource(),
            Self::Review { .. } | Self::Kinds { .. } | Self::Ask(_) => None,
            _ => self.object().map(|object| object.resource),
        }
    }

    /// The one object of a known kind that it reads or writes.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectRef> {
        match self {
            Self::Get(object)
            | Self::Create { object, .. }
            | Self::Patch { object, .. }
            | Self::Delete { object, .. } => Some(object),
            _ => None,
        }
    }

    /// The verb as RBAC names it.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Get(_) | Self::Read(_) | Self::Kinds { .. } => "get",
            Self::Create { .. } | Self::Review { .. } => "create",
            Self::Ask(ask) => ask.verb(),
            Self::Patch { .. } | Self::Apply { .. } => "patch",
            Self::Delete { .. } => "delete",
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Ask(ask) = self {
            return ask.fmt(f);
        }
        f.write_str(if let Self::Apply { .. } = self { "apply" } else { self.verb() })?;
        match self {
            Self::Ask(_) => Ok(()),
            Self::List { resource, namespace, labels, .. } => {
                write!(f, " {resource}")?;
                match namespace {
                    Some(namespace) => write!(f, " -n {namespace}")?,
                    None => write!(f, " -A")?,
                }
                labels.iter().try_for_each(|labels| write!(f, " -l {labels}"))
            }
            Self::Review { review, .. } => write!(f, " {}", review.kind().to_ascii_lowercase()),
            Self::Kinds { api_version } => write!(f, " the kinds of {api_version}"),
            Self::Get(object)
            | Self::Create { object, .. }
            | Self::Patch { object, .. }
            | Self::Delete { object, .. } => write!(f, " {object} -n {}", object.namespace),
            Self::Read(object) | Self::Apply { object, .. } => {
                write!(f, " {object}")?;
                object.namespace.iter().try_for_each(|namespace| write!(f, " -n {namespace}"))
            }
        }
    }
}

/// A watch in words, as `Request`'s `Display` writes requests.
fn watch_words(resource: Resource, namespace: Option<&str>) -> String {
    Request::list(resource, namespace).to_string().replacen("list", "watch", 1)
}

/// A list as the cluster answered it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "List<T>", bound = "T: Deserialize<'de>")]
pub struct Listed<T> {
    /// The objects.
    pub items: Vec<T>,
    /// The version from which a watch goes on.
    pub resource_version: String,
    /// Whether there are more objects than were asked for.
    pub has_more: bool,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: Vec::new(), resource_version: String::new(), has_more: false }
    }
}

/// A list as it is written: a server may say `null` where there is nothing in it.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

impl<T> From<List<T>> for Listed<T> {
    fn from(List { metadata, items }: List<T>) -> Self {
        Self {
            items: items.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            has_more: metadata.continue_.is_some_and(|token| !token.is_empty()),
        }
    }
}

/// Why a request failed, in the classes that a command can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The object, or the namespace, is not there (404).
    NotFound,
    /// The condition of the write no longer holds, or the name is taken (409).
    Conflict,
    /// Not allowed (403).
    Forbidden,
    /// Not known who is asking (401).
    Unauthorized,
    /// The server refuses the content (400, 422).
    Invalid,
    /// The server cannot answer now (429, 5xx).
    Unavailable,
    /// The connection failed or ended before the answer: a write may or may not have happened.
    Lost,
}

/// A request that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{request}: {message}")]
pub struct ClusterError {
    /// The request in words, as `Request`'s `Display` writes it.
    pub request: String,
    /// The class of the failure.
    pub failure: Failure,
    /// The server's own words, or the transport's.
    pub message: String,
}

impl ClusterError {
    /// Whether the failure may be over in a moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.failure, Failure::Unavailable | Failure::Lost)
    }
}

/// The door to Kubernetes, or to something that behaves like it.
///
/// Commands run on one thread, so futures need not be `Send`. All waiting goes through `tokio::time`: with the clock of
/// the runtime paused, a simulated cluster plays hours in milliseconds.
#[expect(async_fn_in_trait, reason = "commands run on one thread and are generic over the cluster")]
pub trait Cluster {
    /// Sends one request and answers with the object or list that the server sent.
    ///
    /// Reads may be repeated after a passing failure. Writes are sent exactly once.
    async fn send(&self, request: &Request) -> Result<Value, ClusterError>;

    /// Sends the request for a list, and answers with its objects. Their `managedFields` may be missing, except of Services.
    async fn list<T: DeserializeOwned>(&self, request: &Request) -> Result<Listed<T>, ClusterError> {
        let broken = |error: serde_json::Error| ClusterError {
            request: request.to_string(),
            failure: Failure::Unavailable,
            message: format!("the answer is not understood: {error}"),
        };
        serde_json::from_value(self.send(request).await?).map_err(broken)
    }

    /// Returns as soon as an object of the resource in the namespace, or in any without one, has changed after
    /// `resource_version`, as named by a list, or `within` has passed.
    ///
    /// # Errors
    /// When there is no watch any more: not allowed, dropped, or the version is too old (410). What is true now is for
    /// the caller to read again, after a pause.
    async fn changed(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        labels: Option<&str>,
        resource_version: &str,
        within: Duration,
    ) -> Result<(), ClusterError>;

    /// The current time by this machine's clock (or the simulation's).
    fn now(&self) -> Timestamp;

    /// How many requests were sent so far.
    fn requests(&self) -> usize;
}
