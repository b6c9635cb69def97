//! Asks what runs in the cluster: logs, pods through a forwarded port, Prometheus.
//! A part of `live`: judges no answer, and knows no smoke test and no release.

#![expect(clippy::disallowed_types, reason = "a part of the one place that talks to Kubernetes")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::client::ConfigExt;
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, copy_bidirectional};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::{LiveCluster, form_urlencoded, root_cause};
use crate::cluster::ask::{Answer, Ask, Call, Source};
use crate::cluster::{ClusterError, Failure, ObjectRef, Resource};

/// How long a forwarded port may stay silent until it counts as connected: a refusal takes some milliseconds.
const CONNECTED_AFTER: Duration = Duration::from_millis(500);
/// How long to wait for the reason why a forwarded port was closed.
const REASON_WITHIN: Duration = Duration::from_millis(300);
/// How long the API server may take to forward a port.
const FORWARD_WITHIN: Duration = Duration::from_secs(10);
/// How long a query of the metrics may take, where `--request-timeout` does not say less.
const QUERY_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes.
const BODY_MAX: usize = 1 << 20;

impl LiveCluster {
    /// Sends a question once.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Value, ClusterError> {
        let started = Instant::now();
        self.requests.set(self.requests.get() + 1);
        let answer = match ask {
            Ask::Log { pod, container, previous, lines } => self.log_of(pod, container, *previous, *lines).await,
            Ask::Probe { pod, port, call, within } => self.probe(pod, *port, call, *within).await,
            Ask::Query { source, query } => self.query(source, query).await,
        };
        let mut result = answer.map_err(|error| self.error(&ask.to_string(), &error));
        if let (Err(error), Ask::Query { source: Source::Url(_), .. }) = (&mut result, ask) {
            // It was not the API server that was asked.
            error.message = error.message.replace(&format!(" ({})", self.url), "");
        }
        if let Some(log) = &self.log {
            let status = result.as_ref().map_or_else(|error| format!("{:?}", error.failure), |_| "ok".to_owned());
            log(format!("{ask} {status} in {:.1} ms", started.elapsed().as_secs_f64() * 1000.0));
        }
        let limit = self.request_timeout.unwrap_or(FORWARD_WITHIN);
        result.map_err(|error| match error.failure {
            Failure::Lost if started.elapsed() >= limit => {
                ClusterError { message: format!("no answer within {} s", limit.as_secs_f64()), ..error }
            }
            _ => error,
        })
    }

    async fn log_of(&self, pod: &ObjectRef, container: &str, previous: bool, lines: u32) -> Result<Value, kube::Error> {
        let (previous, lines) = (previous.to_string(), lines.to_string());
        let query = form_urlencoded(&[("container", container), ("previous", &previous), ("tailLines", &lines)]);
        let path = format!("{}/{}/log?{query}", Resource::Pods.path(Some(&pod.namespace)), pod.name);
        let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
        self.client().request_text(request).await.map(Value::String)
    }

    async fn query(&self, source: &Source, query: &str) -> Result<Value, kube::Error> {
        let within = self.request_timeout.unwrap_or(QUERY_WITHIN).min(QUERY_WITHIN);
        let late = |_| kube::Error::Service(format!("no answer within {} s", within.as_secs_f64()).into());
        timeout(within, self.query_once(source, query)).await.map_err(late)?
    }

    async fn query_once(&self, source: &Source, query: &str) -> Result<Value, kube::Error> {
        let query = form_urlencoded(&[("query", query)]);
        let get = |path: String| http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError);
        match source {
            Source::Service { namespace, name, port } => {
                let services = Resource::Services.path(Some(namespace));
                self.client().request(get(format!("{services}/{name}:{port}/proxy/api/v1/query?{query}"))?).await
            }
            Source::Url(url) => {
                let url = url
                    .trim_end_matches('/')
                    .parse::<http::Uri>()
                    .map_err(|error| kube::Error::HttpError(error.into()))?;
                let mut config = Config::new(url);
                config.default_retry = false;
                let client = Client::try_from(config)?;
                client.request(get(format!("/api/v1/query?{query}"))?).await
            }
        }
    }

    /// Forwards a port of a pod; answers with the stream and with what will say why it ended.
    async fn forward(
        &self,
        pod: &ObjectRef,
        port: u16,
    ) -> Result<(DuplexStream, impl Future<Output = Option<String>>), kube::Error> {
        let pods: Api<Pod> = Api::namespaced(self.client(), &pod.namespace);
        let ports = [port];
        let limit = self.request_timeout.unwrap_or(FORWARD_WITHIN);
        let late = |_| kube::Error::Service("the API server does not forward the port in time".into());
        let mut forwarder = timeout(limit, pods.portforward(&pod.name, &ports)).await.map_err(late)??;
        let none = || kube::Error::Service("the API server forwards no port".into());
        let reason = forwarder.take_error(port).ok_or_else(none)?;
        Ok((forwarder.take_stream(port).ok_or_else(none)?, reason))
    }

    async fn probe(&self, pod: &ObjectRef, port: u16, call: &Call, within: Duration) -> Result<Value, kube::Error> {
        if let Call::Command { argv, env } = call {
            return Ok(json!(
                timeout(within, self.command(pod, port, argv, env)).await.unwrap_or_else(|_| late(within))
            ));
        }
        let (stream, reason) = self.forward(pod, port).await?;
        let started = Instant::now();
        let work = async {
            match call {
                Call::Http { method, path, headers, tls: true } => {
                    let stream = encrypted(stream, headers).await?;
                    http(stream, port, method, path, headers).await
                }
                Call::Http { method, path, headers, tls: false } => http(stream, port, method, path, headers).await,
                Call::Connect | Call::Command { .. } => connected(stream).await,
            }
        };
        let mut answer = match timeout(within, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let reason = timeout(REASON_WITHIN, reason).await.ok().flatten();
                Answer { error: Some(reason.as_deref().map_or(error, plain_reason)), ..Answer::default() }
            }
            Err(_) => late(within),
        };
        answer.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if matches!(call, Call::Connect) {
            answer.millis = 0;
        }
        Ok(json!(answer))
    }

    /// Runs a command on this machine while a port of it leads to the pod.
    async fn command(&self, pod: &ObjectRef, port: u16, argv: &[String], env: &BTreeMap<String, String>) -> Answer {
        let failed = |error: String| Answer { error: Some(error), ..Answer::default() };
        let listener = match TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await {
            Ok(listener) => listener,
            Err(error) => return failed(format!("no port of this machine is free: {error}")),
        };
        let Ok(address) = listener.local_addr() else { return failed("no port of this machine is free".to_owned()) };
        let Some((program, arguments)) = argv.split_first() else { return failed("there is no command".to_owned()) };
        let scheme = env.get("BLUEGREEN_SCHEME").map_or("http", String::as_str);
        let started = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .envs(env)
            .env("BLUEGREEN_ADDRESS", address.to_string())
            .env("BLUEGREEN_URL", format!("{scheme}://{address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) => return failed(format!("{program} cannot be run: {error}")),
        };
        let serve = async {
            let mut connections = FuturesUnordered::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((mut local, _)) = accepted {
                            connections.push(async move {
                                if let Ok((mut remote, _)) = self.forward(pod, port).await {
                                    let _ = copy_bidirectional(&mut local, &mut remote).await;
                                }
                            });
                        }
                    }
                    Some(()) = connections.next() => {}
                }
            }
        };
        let output = tokio::select! {
            output = child.wait_with_output() => output,
            () = serve => return failed("the port was closed".to_owned()),
        };
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match output {
            Err(error) => failed(format!("{program}: {error}")),
            Ok(output) => {
                let body = [output.stdout, output.stderr].concat();
                let status = output.status.code().and_then(|code| u16::try_from(code).ok()).unwrap_or(u16::MAX);
                Answer { status, body: String::from_utf8_lossy(&body).into_owned(), millis, ..Answer::default() }
            }
        }
    }
}

fn late(within: Duration) -> Answer {
    Answer { error: Some(format!("no answer within {} s", within.as_secs_f64())), ..Answer::default() }
}

/// The part of the kubelet's words that helps.
fn plain_reason(words: &str) -> String {
    let words = words.trim();
    if words.contains("connection refused") { "connection refused".to_owned() } else { words.to_owned() }
}

/// A port that is not refused at once is open.
async fn connected(mut stream: DuplexStream) -> Result<Answer, String> {
    let mut first = [0; 1];
    match timeout(CONNECTED_AFTER, stream.read(&mut first)).await {
        Ok(Ok(0)) => Err("the connection was closed".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) | Err(_) => Ok(Answer::default()),
    }
}

/// TLS without looking at the certificate, as the kubelet's probes do it: a pod's name is in none.
async fn encrypted<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    headers: &BTreeMap<String, String>,
) -> Result<tokio_rustls::client::TlsStream<S>, String> {
    let mut config = Config::new(http::Uri::from_static("https://pod"));
    config.accept_invalid_certs = true;
    let config = config.rustls_client_config().map_err(|error| root_cause(&error))?;
    let host = host(headers).unwrap_or("localhost").split(':').next().unwrap_or("localhost").to_owned();
    let host = host.try_into().map_err(|_| "the Host header is no name".to_owned())?;
    TlsConnector::from(Arc::new(config)).connect(host, stream).await.map_err(|error| format!("TLS: {error}"))
}

fn host(headers: &BTreeMap<String, String>) -> Option<&str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case("host")).map(|(_, value)| value.as_str())
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    port: u16,
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> Result<Answer, String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| words(&error))?;
    let mut request = http::Request::builder().method(method).uri(path);
    if host(headers).is_none() {
        request = request.header(http::header::HOST, format!("localhost:{port}"));
    }
    for (key, value) in headers {
        request = request.header(key, value);
    }
    let request = request.header("user-agent", crate::observed::TOOL).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| words(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| words(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
        // What is longer than anybody compares is cut off, and the status still counts.
        let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        Ok(Answer { status, body, ..Answer::default() })
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    // A server that closes the connection roughly has answered all the same.
    let (mut open, mut broken) = (true, None);
    loop {
        tokio::select! {
            answer = &mut exchange => return answer.map_err(|error: String| broken.unwrap_or(error)),
            ended = &mut connection, if open => {
                open = false;
                broken = ended.err().map(|error| words(&error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    /// A certificate that nobody has signed, for a name that nobody asks for; nothing where there is no `openssl`.
    fn acceptor() -> Option<TlsAcceptor> {
        let arguments =
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout - -subj /CN=nobody.test";
        let output = std::process::Command::new("openssl").args(arguments.split(' ')).output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            eprintln!("skipped: there is no `openssl` here");
            return None;
        };
        let certificate = CertificateDer::from_pem_slice(&output.stdout).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&output.stdout).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Some(TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap())))
    }

    #[tokio::test]
    async fn tls_is_spoken_with_any_certificate_and_headers_are_sent() {
        let Some(acceptor) = acceptor() else { return };
        let (client, server) = tokio::io::duplex(64 * 1024);
        let serve = async {
            let mut stream = acceptor.accept(server).await.unwrap();
            let mut request = String::new();
            while !request.contains("\r\n\r\n") {
                let mut bytes = [0; 1024];
                let count = stream.read(&mut bytes).await.unwrap();
                request.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 4\r\n\r\nwell").await.unwrap();
            request
        };
        let headers =
            BTreeMap::from([("Host".to_owned(), "shop.test".to_owned()), ("x-test".to_owned(), "a".to_owned())]);
        let ask = async {
            let stream = encrypted(client, &headers).await.unwrap();
            http(stream, 8443, "PUT", "/x?y=1", &headers).await.unwrap()
        };
        let (request, answer) = tokio::join!(serve, ask);
        assert_eq!((answer.status, answer.body.as_str()), (202, "well"));
        assert!(request.starts_with("PUT /x?y=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Host: shop.test\r\n") || request.contains("host: shop.test\r\n"), "{request}");
        assert!(request.contains("x-test: a\r\n"), "{request}");
    }

    #[tokio::test]
    async fn what_speaks_no_tls_is_said_so() {
        let (client, mut server) = tokio::io::duplex(64 * 1024);
        let serve = async {
            let mut bytes = [0; 1024];
            let _ = server.read(&mut bytes).await;
            server.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        };
        let (error, ()) = tokio::join!(async { encrypted(client, &BTreeMap::new()).await.err() }, serve);
        assert!(error.unwrap().starts_with("TLS: "));
    }
}
