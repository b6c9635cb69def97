//! The real thing: requests to an API server, connected to as kubectl connects.
//! The only file that names `kube::Client`; must not know what a release is.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the one place that talks to Kubernetes and reads the clock"
)]

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::{TryStreamExt, pin_mut};
use http::Method;
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::core::{Status, WatchEvent};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::{Cluster, ClusterError, Failure, Listed, ObjectRef, Request, Resource, api_root, watch_words};
use crate::observed::TOOL;
use crate::plain::plain;

mod asking;
mod connect;
mod credentials;
mod kubeconfig;
mod lean;
mod proxy;
#[cfg(test)]
mod tests;

pub use connect::{ConnectError, ConnectOptions, Log, contexts};
use connect::{Connection, connect};
use lean::lean;

/// How much is kept of the words of a server, a proxy or a webhook, in characters.
const MAX_MESSAGE: usize = 4096;
/// How often a read is sent before its failure is believed.
const READ_ATTEMPTS: u32 = 3;
const READ_PAUSE: Duration = Duration::from_millis(200);
/// For how long a read that fails is sent again, and the most that a server may ask to be given before the next request.
const READ_PATIENCE: Duration = Duration::from_secs(5);
/// The most that it may ask where a Lease is renewed, which does not wait for anybody.
const LEASE_PATIENCE: Duration = Duration::from_secs(1);
/// How many of the requests that are sent all at once have a connection of their own: to open one costs more time and
/// memory than to wait for the answer before.
const LANES: usize = 4;

/// An API server.
pub struct LiveCluster {
    client: RefCell<Client>,
    /// How to connect anew, where the credentials are got from somewhere and may have been replaced there.
    renewable: Option<ConnectOptions>,
    url: String,
    namespace: String,
    request_timeout: Option<Duration>,
    log: Option<Log>,
    requests: Cell<usize>,
    lanes: Semaphore,
    /// How often the credentials were renewed, and whose turn it is to do that.
    logins: Cell<usize>,
    turn: Mutex<()>,
}

impl std::fmt::Debug for LiveCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveCluster")
            .field("url", &self.url)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl LiveCluster {
    /// Reads the kubeconfig and makes a client of it. Sends nothing yet.
    pub async fn connect(mut options: ConnectOptions) -> Result<Self, ConnectError> {
        let Connection { client, url, namespace, renewable } = connect(&options).await?;
        let (log, request_timeout) = (options.log.take(), options.request_timeout);
        let cluster = Self::new(client, url, namespace, request_timeout, log);
        Ok(Self { renewable: renewable.then_some(options), ..cluster })
    }

    /// Gets the credentials again from where they come: an exec plugin, a file. Answers whether there are others than those
    /// of the login of this number. Requests that fail together log in once; and nothing leads to another cluster, even
    /// where somebody has chosen another context meanwhile.
    async fn log_in_again(&self, failed: usize) -> bool {
        let Some(options) = &self.renewable else { return false };
        let _turn = self.turn.lock().await;
        if self.logins.get() != failed {
            return true;
        }
        let Ok(renewed) = connect(options).await else { return false };
        if renewed.url != self.url {
            return false;
        }
        self.client.replace(renewed.client);
        self.logins.set(failed + 1);
        true
    }

    fn new(
        client: Client,
        url: String,
        namespace: String,
        request_timeout: Option<Duration>,
        log: Option<Log>,
    ) -> Self {
        let (client, requests, logins) = (RefCell::new(client), Cell::new(0), Cell::new(0));
        Self {
            client,
            lanes: Semaphore::new(LANES),
            renewable: None,
            logins,
            turn: Mutex::new(()),
            url,
            namespace,
            request_timeout,
            log,
            requests,
        }
    }

    fn client(&self) -> Client {
        self.client.borrow().clone()
    }

    /// The namespace of the kubeconfig's context.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    fn error(&self, request: &str, error: &kube::Error) -> ClusterError {
        let (failure, message) = match error {
            kube::Error::Api(status) => {
                let failure = match status.code {
                    404 => Failure::NotFound,
                    409 => Failure::Conflict,
                    403 => Failure::Forbidden,
                    401 => Failure::Unauthorized,
                    400..=499 if status.code != 429 => Failure::Invalid,
                    _ => Failure::Unavailable,
                };
                (failure, plain(&status.message, MAX_MESSAGE))
            }
            kube::Error::SerdeError(error) => (Failure::Unavailable, format!("the answer is not understood: {error}")),
            kube::Error::Auth(error) => (Failure::Unauthorized, root_cause(error)),
            error => (Failure::Lost, format!("{} ({})", root_cause(error), self.url)),
        };
        ClusterError { request: request.to_owned(), failure, message }
    }

    /// Whether a read may be sent again: a busy server or a cut connection, but no silence, which has cost enough time.
    fn may_be_over(&self, error: &ClusterError, since: Instant) -> bool {
        let patience = self.request_timeout.unwrap_or(READ_PATIENCE).min(READ_PATIENCE);
        error.is_passing() && since.elapsed() < patience
    }

    /// Sends a request, a read up to three times, and lets `read` have the text of the answer.
    async fn send_and(&self, request: &Request, read: &mut Reading<'_>) -> Result<Value, ClusterError> {
        let (mut attempt, started) = (1, Instant::now());
        let mut known = false;
        loop {
            let login = self.logins.get();
            match Box::pin(self.once(request, read)).await {
                Err(error)
                    if error.failure == Failure::Unauthorized && !known && Box::pin(self.log_in_again(login)).await =>
                {
                    // A login may take a minute: whether a write is still right then is for those to say who planned it.
                    if request.writes() {
                        return Err(ClusterError { failure: Failure::Unavailable, ..error });
                    }
                    known = true;
                }
                Err(error) if !request.writes() && attempt < READ_ATTEMPTS && self.may_be_over(&error, started) => {
                    sleep(READ_PAUSE * attempt).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Sends a request once.
    async fn once(&self, request: &Request, read: &mut Reading<'_>) -> Result<Value, ClusterError> {
        if let Request::Ask(ask) = request {
            return Box::pin(self.ask(ask)).await;
        }
        let words = request.to_string();
        let http = http_request(request).map_err(|error| ClusterError {
            request: words.clone(),
            failure: Failure::Invalid,
            message: error.to_string(),
        })?;
        // A lane that is not there is no reason not to ask; to wait for one costs nothing of the time for the answer.
        let lane = if is_bulk(request) { self.lanes.acquire().await.ok() } else { None };
        let (method, path, started) = (http.method().clone(), http.uri().to_string(), Instant::now());
        self.requests.set(self.requests.get() + 1);
        let again = Cell::new(Duration::ZERO);
        let work = exchange(self.client(), http, read, &again);
        let result = match self.request_timeout {
            None => work.await.map_err(|error| self.error(&words, &error)),
            Some(limit) => timeout(limit, work).await.map_or_else(
                |_| {
                    Err(ClusterError {
                        request: words.clone(),
                        failure: Failure::Lost,
                        message: format!("no answer within {} s ({})", limit.as_secs_f64(), self.url),
                    })
                },
                |result| result.map_err(|error| self.error(&words, &error)),
            ),
        };
        drop(lane);
        if let Some(log) = &self.log {
            let status = result.as_ref().map_or_else(|error| format!("{:?}", error.failure), |_| "ok".to_owned());
            log(format!("{method} {path} {status} in {:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
        }
        if result.is_err() {
            let is_lease = request.object().is_some_and(|object| object.resource == Resource::Leases);
            sleep(again.get().min(if is_lease { LEASE_PATIENCE } else { READ_PATIENCE })).await;
        }
        result
    }
}

/// Whether a request is one of those that a command sends all at once. The Lease must wait for none of them.
fn is_bulk(request: &Request) -> bool {
    matches!(request, Request::List { .. } | Request::Kinds { .. } | Request::Review { .. })
}

/// Reads the text of an answer: makes the value that is answered with, or keeps what it has read. Not generic, so that the code
/// around it is there once.
type Reading<'r> = dyn FnMut(&str) -> serde_json::Result<Value> + 'r;

/// Sends a request and reads the answer, and from one that is busy for how long it wants to be left alone.
async fn exchange(
    client: Client,
    request: http::Request<Vec<u8>>,
    read: &mut Reading<'_>,
    again: &Cell<Duration>,
) -> kube::Result<Value> {
    let response = client.send(request.map(Body::from)).await?;
    let code = response.status();
    let seconds = response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    again.set(Duration::from_secs(seconds.unwrap_or_default()));
    let bytes = response.into_body().collect().await?.to_bytes();
    if !code.is_client_error() && !code.is_server_error() {
        let text = std::str::from_utf8(&bytes).map_err(serde::de::Error::custom);
        return text.and_then(read).map_err(kube::Error::SerdeError);
    }
    // Whoever stands between may answer in words of its own.
    let said = || Status::failure(String::from_utf8_lossy(&bytes).trim(), "").with_code(code.as_u16());
    Err(kube::Error::Api(serde_json::from_slice(&bytes).unwrap_or_else(|_| said().boxed())))
}

impl Cluster for LiveCluster {
    async fn send(&self, request: &Request) -> Result<Value, ClusterError> {
        self.send_and(request, &mut |text| serde_json::from_str(text)).await
    }

    async fn list<T: DeserializeOwned>(&self, request: &Request) -> Result<Listed<T>, ClusterError> {
        // Checks look at the `managedFields` of Services.
        let is_lean = request.resource() != Some(Resource::Services);
        let mut listed = Listed::default();
        let mut read = |text: &str| {
            listed = if is_lean { serde_json::from_str(&lean(text)?)? } else { serde_json::from_str(text)? };
            Ok(Value::Null)
        };
        self.send_and(request, &mut read).await?;
        Ok(listed)
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
        let login = self.logins.get();
        let seconds = within.as_secs().max(1).to_string();
        let query = [("watch", "1"), ("resourceVersion", resource_version), ("timeoutSeconds", seconds.as_str())];
        let query: Vec<_> = query.into_iter().chain(labels.map(|labels| ("labelSelector", labels))).collect();
        let path = format!("{}?{}", resource.path(namespace), form_urlencoded(&query));
        let http = http::Request::get(&path).body(Vec::new()).map_err(|error| ClusterError {
            request: words.clone(),
            failure: Failure::Invalid,
            message: error.to_string(),
        })?;
        self.requests.set(self.requests.get() + 1);
        if let Some(log) = &self.log {
            log(format!("GET {path}"));
        }
        let watch = async {
            let client = self.client();
            let events = client.request_events::<Value>(http).await?;
            pin_mut!(events);
            while let Some(event) = events.try_next().await? {
                match event {
                    WatchEvent::Bookmark(_) => {}
                    WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
                    _ => return Ok(true),
                }
            }
            Ok::<bool, kube::Error>(false)
        };
        let ended = || ClusterError {
            request: words.clone(),
            failure: Failure::Lost,
            message: format!("the watch ended early ({})", self.url),
        };
        match timeout(within, Box::pin(watch)).await {
            Ok(Ok(true)) | Err(_) => Ok(()),
            Ok(Ok(false)) => Err(ended()),
            Ok(Err(error)) => {
                let error = self.error(&words, &error);
                if error.failure == Failure::Unauthorized && Box::pin(self.log_in_again(login)).await {
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn requests(&self) -> usize {
        self.requests.get()
    }
}

fn http_request(request: &Request) -> Result<http::Request<Vec<u8>>, http::Error> {
    let object = |object: &ObjectRef| format!("{}/{}", object.resource.path(Some(&object.namespace)), object.name);
    let write = |dry_run: bool| format!("fieldManager={TOOL}{}", if dry_run { "&dryRun=All" } else { "" });
    let in_json = "application/json";
    let (method, path, content, body) = match request {
        Request::List { resource, namespace, labels, since, limit } => {
            let labels = labels.as_deref().map(|labels| ("labelSelector", labels));
            let since = since.as_deref().map(|version| ("resourceVersion", version));
            let not_older = since.map(|_| ("resourceVersionMatch", "NotOlderThan"));
            let limit = limit.map(|limit| limit.to_string());
            let limit = limit.as_deref().map(|limit| ("limit", limit));
            let query: Vec<(&str, &str)> = labels.into_iter().chain(since).chain(not_older).chain(limit).collect();
            let query = if query.is_empty() { String::new() } else { format!("?{}", form_urlencoded(&query)) };
            (Method::GET, format!("{}{query}", resource.path(namespace.as_deref())), in_json, Vec::new())
        }
        Request::Ask(_) => (Method::GET, String::new(), in_json, Vec::new()),
        Request::Kinds { api_version } => (Method::GET, api_root(api_version), in_json, Vec::new()),
        Request::Get(of) => (Method::GET, object(of), in_json, Vec::new()),
        Request::Read(of) => (Method::GET, of.path(), in_json, Vec::new()),
        Request::Review { review, spec } => {
            (Method::POST, review.path(), in_json, review.body(spec).to_string().into_bytes())
        }
        Request::Create { object, body, dry_run } => {
            let path = format!("{}?{}", object.resource.path(Some(&object.namespace)), write(*dry_run));
            (Method::POST, path, in_json, body.to_string().into_bytes())
        }
        Request::Patch { object: of, patch, dry_run } => {
            let path = format!("{}?{}", object(of), write(*dry_run));
            (Method::PATCH, path, "application/json-patch+json", patch.to_string().into_bytes())
        }
        Request::Apply { object, body, force, dry_run } => {
            let path = format!("{}?{}&force={force}", object.path(), write(*dry_run));
            (Method::PATCH, path, "application/apply-patch+yaml", body.to_string().into_bytes())
        }
        Request::Delete { object: of, uid, dry_run } => {
            let mut options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions",
                "propagationPolicy": "Background", "preconditions": {"uid": uid},
            });
            if let Some(options) = options.as_object_mut().filter(|_| *dry_run) {
                options.insert("dryRun".to_owned(), json!(["All"]));
            }
            (Method::DELETE, object(of), in_json, options.to_string().into_bytes())
        }
    };
    http::Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, content).body(body)
}

/// Names and values of a query, percent-encoded.
fn form_urlencoded(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// The innermost reason, which is the one that helps.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the connection ended before the answer".to_owned()
        }
        _ => cause.to_string(),
    }
}
