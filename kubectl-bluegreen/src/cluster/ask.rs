//! Questions that are answered by what runs in the cluster, not by its objects: a pod's log, a pod's answer, a metric.
//! Values only; `live` and `simulated` send them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ObjectRef;

/// A question; how its answer looks is said at each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The last lines that a container wrote; the answer is a text.
    Log {
        /// The pod.
        pod: ObjectRef,
        /// The container.
        container: String,
        /// Of the run before this one.
        previous: bool,
        /// How many lines.
        lines: u32,
    },
    /// Something that is sent to a port of a pod through the API server; the answer is an `Answer`.
    Probe {
        /// The pod.
        pod: ObjectRef,
        /// The port of the pod.
        port: u16,
        /// What is sent.
        call: Call,
        /// How long it may take.
        within: Duration,
    },
    /// A `PromQL` query for what is true now; the answer is what Prometheus answers.
    Query {
        /// Which Prometheus.
        source: Source,
        /// The query.
        query: String,
    },
}

/// What is sent to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A connection, and nothing over it.
    Connect,
    /// An HTTP request.
    Http {
        /// The method.
        method: String,
        /// The path, with its query.
        path: String,
        /// Headers; `Host` among them.
        headers: BTreeMap<String, String>,
        /// Whether it goes over TLS. As with the kubelet's own probes, the certificate is not verified.
        tls: bool,
    },
    /// A command on this machine that does its own requests: the port is forwarded to one of this machine while it runs.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// What is added to its environment; `BLUEGREEN_URL` and `BLUEGREEN_ADDRESS` come with the forwarded port.
        env: BTreeMap<String, String>,
    },
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Why there was none: the connection was refused, it took too long.
    pub error: Option<String>,
    /// The status of an HTTP answer, or the exit code of a command.
    pub status: u16,
    /// The body, or what a command printed.
    pub body: String,
    /// How long it took, in milliseconds, from the open connection on.
    pub millis: u64,
    /// Whether nothing was asked because this is a rehearsal.
    pub skipped: bool,
}

/// Where a Prometheus is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At an address that this machine can reach.
    Url(String),
    /// Behind a Service, through the API server's proxy.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port, by number or name.
        port: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Service { namespace, name, .. } => write!(f, "service/{name} -n {namespace}"),
        }
    }
}

impl Ask {
    /// What RBAC calls it.
    #[must_use]
    pub fn resource(&self) -> &'static str {
        match self {
            Self::Log { .. } => "pods/log",
            Self::Probe { .. } => "pods/portforward",
            Self::Query { .. } => "services/proxy",
        }
    }

    /// The verb as RBAC names it.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Log { .. } | Self::Query { .. } => "get",
            Self::Probe { .. } => "create",
        }
    }

    /// Whether it may be sent twice: what a probe sends may have an effect in the pod.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !matches!(self, Self::Probe { .. })
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log { pod, container, .. } => write!(f, "get the log of {container} in {pod} -n {}", pod.namespace),
            Self::Probe { pod, port, call, .. } => match call {
                Call::Connect => write!(f, "connect to port {port} of {pod} -n {}", pod.namespace),
                Call::Http { method, path, .. } => {
                    write!(f, "{method} {path} from port {port} of {pod} -n {}", pod.namespace)
                }
                Call::Command { argv, .. } => {
                    write!(f, "run {} with port {port} of {pod}", argv.first().map_or("nothing", String::as_str))
                }
            },
            Self::Query { source, .. } => write!(f, "query {source}"),
        }
    }
}
