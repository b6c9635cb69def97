//! The real thing: requests to an API server, connected to as kubectl connects.
//! The only file that names `kube::Client`; must not know what a release is.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the one place that talks to Kubernetes and reads the clock"
)]

mod asking;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{TryStreamExt, pin_mut};
use http::Method;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::WatchEvent;
use kube::{Client, Config};
use miette::Diagnostic;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{Cluster, ClusterError, Failure, ObjectRef, Request, Resource, api_root, watch_words};
use crate::observed::TOOL;
use crate::report::ErrorReport;

/// How often a read is sent before its failure is believed.
const READ_ATTEMPTS: u32 = 3;
const READ_PAUSE: Duration = Duration::from_millis(200);
/// For how long a read that fails is sent again.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// Receives a line for each request.
pub type Log = Box<dyn Fn(String)>;

/// How to connect.
#[derive(Default)]
pub struct ConnectOptions {
    /// The kubeconfig file; without it `KUBECONFIG`, `~/.kube/config`, and then the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context; without it the current one.
    pub context: Option<String>,
    /// The user to impersonate.
    pub impersonate: Option<String>,
    /// How long one request may take.
    pub request_timeout: Option<Duration>,
    /// Receives a line for each request.
    pub log: Option<Log>,
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConnectError {
    /// No kubeconfig was found, and this is no pod.
    #[error("there is no kubeconfig: {reason}")]
    #[diagnostic(
        code(bluegreen::no_kubeconfig),
        help("name one with --kubeconfig FILE or KUBECONFIG, or write ~/.kube/config")
    )]
    NoKubeconfig {
        /// What was tried.
        reason: String,
    },
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig {file} cannot be used: {reason}")]
    #[diagnostic(code(bluegreen::bad_kubeconfig), help("try it: kubectl config view"))]
    BadKubeconfig {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The kubeconfig has no such context.
    #[error("the kubeconfig {file} has no context {context}")]
    #[diagnostic(code(bluegreen::no_such_context), help("{help}"))]
    NoContext {
        /// The file.
        file: String,
        /// The context that was asked for.
        context: String,
        /// The contexts that are there.
        help: String,
    },
}

impl ConnectError {
    /// The error for programs.
    #[must_use]
    pub fn report(&self) -> ErrorReport {
        let code = Diagnostic::code(self).map(|code| code.to_string()).unwrap_or_default();
        ErrorReport { code, message: self.to_string(), help: Diagnostic::help(self).map(|help| help.to_string()) }
    }
}

/// An API server.
pub struct LiveCluster {
    client: Client,
    url: String,
    namespace: String,
    request_timeout: Option<Duration>,
    log: Option<Log>,
    requests: Cell<usize>,
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
    pub async fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        let mut config = config(&options).await?;
        // Retries are decided request by request: a write is never sent twice unasked.
        config.default_retry = false;
        if let Some(user) = &options.impersonate {
            config.auth_info.impersonate = Some(user.clone());
        }
        let (url, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
        let bad =
            |error: kube::Error| ConnectError::BadKubeconfig { file: file_name(&options), reason: root_cause(&error) };
        let client = Client::try_from(config).map_err(bad)?;
        Ok(Self::new(client, url, namespace, options.request_timeout, options.log))
    }

    fn new(
        client: Client,
        url: String,
        namespace: String,
        request_timeout: Option<Duration>,
        log: Option<Log>,
    ) -> Self {
        Self { client, url, namespace, request_timeout, log, requests: Cell::new(0) }
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
                (failure, status.message.clone())
            }
            kube::Error::SerdeError(error) => (Failure::Unavailable, format!("the answer is not JSON: {error}")),
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

    /// Sends a request once.
    async fn once(&self, request: &Request) -> Result<Value, ClusterError> {
        if let Request::Ask(ask) = request {
            return Box::pin(self.ask(ask)).await;
        }
        let words = request.to_string();
        let http = http_request(request).map_err(|error| ClusterError {
            request: words.clone(),
            failure: Failure::Invalid,
            message: error.to_string(),
        })?;
        let (method, path, started) = (http.method().clone(), http.uri().to_string(), Instant::now());
        self.requests.set(self.requests.get() + 1);
        let work = self.client.request::<Value>(http);
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
        if let Some(log) = &self.log {
            let status = result.as_ref().map_or_else(|error| format!("{:?}", error.failure), |_| "ok".to_owned());
            log(format!("{method} {path} {status} in {:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
        }
        result
    }
}

impl Cluster for LiveCluster {
    async fn send(&self, request: &Request) -> Result<Value, ClusterError> {
        let (mut attempt, started) = (1, Instant::now());
        loop {
            match Box::pin(self.once(request)).await {
                Err(error) if !request.writes() && attempt < READ_ATTEMPTS && self.may_be_over(&error, started) => {
                    sleep(READ_PAUSE * attempt).await;
                    attempt += 1;
                }
                result => return result,
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
            let events = self.client.request_events::<Value>(http).await?;
            pin_mut!(events);
            while let Some(event) = events.try_next().await? {
                if !matches!(event, WatchEvent::Bookmark(_)) {
                    break;
                }
            }
            Ok::<(), kube::Error>(())
        };
        match timeout(within, Box::pin(watch)).await {
            Ok(Err(error)) => {
                let error = self.error(&words, &error);
                // A watch that ended says nothing about the objects: the caller reads again.
                if matches!(error.failure, Failure::Forbidden | Failure::Unauthorized | Failure::Lost) {
                    Err(error)
                } else {
                    Ok(())
                }
            }
            Ok(Ok(())) | Err(_) => Ok(()),
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
        Request::List { resource, namespace, labels } => {
            let query = labels.as_deref().map(|labels| format!("?{}", form_urlencoded(&[("labelSelector", labels)])));
            (
                Method::GET,
                format!("{}{}", resource.path(namespace.as_deref()), query.unwrap_or_default()),
                in_json,
                Vec::new(),
            )
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

fn file_name(options: &ConnectOptions) -> String {
    let named = options.kubeconfig.as_ref().map(|path| path.display().to_string());
    named.or_else(|| std::env::var("KUBECONFIG").ok()).unwrap_or_else(|| "~/.kube/config".to_owned())
}

/// The contexts of the kubeconfig; none when it cannot be read.
#[must_use]
pub fn contexts(kubeconfig: Option<&Path>) -> Vec<String> {
    let kubeconfig = kubeconfig.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    kubeconfig
        .map(|kubeconfig| kubeconfig.contexts.into_iter().map(|context| context.name).collect())
        .unwrap_or_default()
}

async fn config(options: &ConnectOptions) -> Result<Config, ConnectError> {
    let file = || file_name(options);
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        Err(error @ (KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath)) if options.kubeconfig.is_none() => {
            return Config::incluster().map_err(|_| ConnectError::NoKubeconfig { reason: error.to_string() });
        }
        Err(error) => return Err(ConnectError::BadKubeconfig { file: file(), reason: error.to_string() }),
    };
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    if let Some(context) = options.context.as_ref().filter(|context| !known.contains(context)) {
        let help =
            if known.is_empty() { "it has no contexts".to_owned() } else { format!("it has: {}", known.join(", ")) };
        return Err(ConnectError::NoContext { file: file(), context: context.clone(), help });
    }
    let choice = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &choice).await;
    config.map_err(|error| match error {
        KubeconfigError::CurrentContextNotSet if known.is_empty() => {
            ConnectError::NoKubeconfig { reason: format!("{} has no contexts", file()) }
        }
        error => ConnectError::BadKubeconfig { file: file(), reason: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::AnyObject;
    use kube::client::Body;
    use serde_json::json;

    type Handle = tower_test::mock::Handle<http::Request<Body>, http::Response<Body>>;

    fn cluster() -> (LiveCluster, Handle) {
        let (service, handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
        let client = Client::new(service, "default");
        (LiveCluster::new(client, "https://test".to_owned(), "default".to_owned(), None, None), handle)
    }

    async fn answer(handle: &mut Handle, code: u16, body: Value) -> (Method, String, String) {
        let (request, send) = handle.next_request().await.unwrap();
        let content = request.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let seen = (request.method().clone(), request.uri().to_string(), content.unwrap_or_default());
        let body = Body::from(body.to_string().into_bytes());
        send.send_response(http::Response::builder().status(code).body(body).unwrap());
        seen
    }

    fn status(code: u16) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": format!("no {code}"), "reason": ""})
    }

    fn patch(dry_run: bool) -> Request {
        Request::Patch { object: ObjectRef::new(Resource::Services, "n", "s"), patch: json!([]), dry_run }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_sent_once_and_reads_again() {
        let (cluster, mut handle) = cluster();
        let (result, seen) = tokio::join!(async { cluster.send(&patch(false)).await }, async {
            answer(&mut handle, 503, status(503)).await
        },);
        assert_eq!(result.unwrap_err().failure, Failure::Unavailable);
        assert_eq!(seen.0, Method::PATCH);
        assert_eq!(seen.1, "/api/v1/namespaces/n/services/s?fieldManager=kubectl-bluegreen");
        assert_eq!(seen.2, "application/json-patch+json");
        assert_eq!(cluster.requests(), 1);

        let list = Request::List {
            resource: Resource::Deployments,
            namespace: Some("n".to_owned()),
            labels: Some("a=b,c in (d)".to_owned()),
        };
        let (result, seen) = tokio::join!(async { cluster.send(&list).await }, async {
            answer(&mut handle, 503, status(503)).await;
            answer(&mut handle, 200, json!({"items": []})).await
        });
        assert_eq!(result.unwrap(), json!({"items": []}));
        assert_eq!(seen.1, "/apis/apps/v1/namespaces/n/deployments?labelSelector=a%3Db%2Cc%20in%20%28d%29");
        assert_eq!(cluster.requests(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn applies_and_deletes_say_what_they_mean() {
        let object = AnyObject {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            plural: "deployments".to_owned(),
            namespace: Some("n".to_owned()),
            name: "a".to_owned(),
        };
        let (cluster, mut handle) = cluster();
        let apply = Request::Apply { object, body: json!({}), force: false, dry_run: true };
        let delete = Request::Delete {
            object: ObjectRef::new(Resource::Deployments, "n", "a"),
            uid: "u".to_owned(),
            dry_run: false,
        };
        let kinds = Request::Kinds { api_version: "v1".to_owned() };
        for (request, expected) in [
            (
                apply,
                "PATCH /apis/apps/v1/namespaces/n/deployments/a?fieldManager=kubectl-bluegreen&dryRun=All&force=false",
            ),
            (delete, "DELETE /apis/apps/v1/namespaces/n/deployments/a"),
            (kinds, "GET /api/v1"),
        ] {
            let (result, seen) = tokio::join!(async { cluster.send(&request).await }, async {
                answer(&mut handle, 200, json!({})).await
            });
            assert_eq!((result.unwrap(), format!("{} {}", seen.0, seen.1)), (json!({}), expected.to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_told_apart() {
        for (code, failure) in [
            (401, Failure::Unauthorized),
            (403, Failure::Forbidden),
            (404, Failure::NotFound),
            (409, Failure::Conflict),
            (422, Failure::Invalid),
            (429, Failure::Unavailable),
            (500, Failure::Unavailable),
        ] {
            let (cluster, mut handle) = cluster();
            let dry = patch(true);
            let (result, seen) = tokio::join!(async { cluster.send(&patch(false)).await }, async {
                answer(&mut handle, code, status(code)).await
            });
            let error = result.unwrap_err();
            assert_eq!((error.failure, error.message.as_str()), (failure, format!("no {code}").as_str()));
            assert!(error.to_string().contains("patch service/s -n n"), "{error}");
            assert!(!seen.1.contains("dryRun") && !dry.writes());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_over_a_cut_connection_is_sent_again() {
        let (cluster, mut handle) = cluster();
        let get = Request::Get(ObjectRef::new(Resource::Services, "n", "s"));
        let (result, ()) = tokio::join!(async { cluster.send(&get).await }, async {
            let (_, send) = handle.next_request().await.unwrap();
            send.send_error(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            answer(&mut handle, 200, json!({"kind": "Service"})).await;
        });
        assert_eq!(result.unwrap(), json!({"kind": "Service"}));
        let (result, ()) = tokio::join!(async { cluster.send(&patch(false)).await }, async {
            let (_, send) = handle.next_request().await.unwrap();
            send.send_error(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        });
        let error = result.unwrap_err();
        assert_eq!(error.failure, Failure::Lost);
        assert_eq!(error.message, "the connection ended before the answer (https://test)");
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_in_time_is_lost() {
        let (mut cluster, _handle) = cluster();
        cluster.request_timeout = Some(Duration::from_secs(3));
        let error = cluster.send(&patch(false)).await.unwrap_err();
        assert_eq!(error.failure, Failure::Lost);
        assert!(error.message.contains("no answer within 3 s"), "{error}");
    }
}
