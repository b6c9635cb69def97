//! What `.bluegreen.yaml` says about releases: smoke tests. The doc comments are the schema's descriptions.
//! Data only: `kubectl bluegreen` makes tests of it, and the linter looks at none of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A smoke test: one of `path`, `tcp` and `command`, and what is expected of the answer. It is asked of every pod of
/// the idle color before any user is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SmokeTest {
    /// What it is called; without it, what it does.
    pub name: Option<String>,
    /// An HTTP request for this path, such as `/health?deep=1`.
    pub path: Option<String>,
    /// A TCP connection to this port, by number or name.
    pub tcp: Option<Port>,
    /// A command on the machine that deploys: the program and its arguments. It finds `BLUEGREEN_URL`,
    /// `BLUEGREEN_ADDRESS`, `BLUEGREEN_COLOR`, `BLUEGREEN_POD`, `BLUEGREEN_NAMESPACE`, `BLUEGREEN_SET` and
    /// `BLUEGREEN_VERSION` in its environment, and passes by ending with 0.
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,
    /// The port of the pod, by number or name; without it, the one that the active Service sends to.
    pub port: Option<Port>,
    /// The method; `GET` unless said otherwise.
    pub method: Option<String>,
    /// Headers of the request; `Host` may be one of them.
    pub headers: BTreeMap<String, String>,
    /// Whether the request goes over TLS. The certificate is not verified, as with the kubelet's own probes.
    pub tls: bool,
    /// The statuses that are good, such as `200` or `[200, 204]`; 200 to 399 unless said otherwise.
    pub status: Option<Statuses>,
    /// A text that the body must contain.
    pub contains: Option<String>,
    /// Values that the JSON body must have, by JSON pointers such as `/checks/db`.
    pub json: BTreeMap<String, Value>,
    /// The answer must come faster than this, such as `500ms`.
    pub below: Option<String>,
    /// How long to wait for the answer, such as `10s`; 10 s unless said otherwise, and for commands 60 s.
    pub timeout: Option<String>,
    /// How often each pod is asked; once unless said otherwise.
    #[schemars(range(min = 1, max = 1000))]
    pub repeat: Option<u32>,
    /// How many of these may fail; none unless said otherwise.
    pub may_fail: Option<u32>,
}

/// A port, by number or name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Port {
    /// Its number.
    Number(u16),
    /// The name that a container gives it.
    Name(String),
}

/// One status, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Statuses {
    /// One.
    One(u16),
    /// Several.
    Several(Vec<u16>),
}

/// What is watched while a new version has users and a step soaks. Restarts and readiness of the new pods always are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Analysis {
    /// Where the metrics are.
    pub prometheus: Prometheus,
    /// How many requests a color must have had before its numbers count; 20 unless said otherwise.
    pub min_requests: Option<u32>,
    /// What is looked at.
    pub checks: Vec<MetricCheck>,
}

/// One Prometheus: its `url`, or its `service`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Prometheus {
    /// An address that the machine that deploys can reach, such as `https://prometheus.example.com`.
    pub url: Option<String>,
    /// A Service in the cluster, which is asked through the API server.
    pub service: Option<ServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    /// The namespace of the Service.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its port, by number or name.
    pub port: Port,
}

/// A metric: one of `errorRate`, `latency` and `query`, and its limits: `max`, `timesOld`, or both.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricCheck {
    /// What it is called.
    pub name: Option<String>,
    /// The share of requests that are answered with 5xx, from 0 to 1, by the metrics that these servers or routers have.
    pub error_rate: Option<Convention>,
    /// A quantile of the time to an answer, in seconds, by the metrics that these servers or routers have.
    pub latency: Option<Convention>,
    /// Which quantile; 0.99 unless said otherwise.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub quantile: Option<f64>,
    /// A `PromQL` query of one number. `$namespace`, `$color`, `$deployment`, `$service`, `$pods` (a pattern) and
    /// `$window` stand for the color that is looked at.
    pub query: Option<String>,
    /// It must not be more than this.
    pub max: Option<f64>,
    /// It must not be more than this many times what the color that served before has at the same time.
    pub times_old: Option<f64>,
}

/// Who counts requests, and how the series are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// The pods themselves: `http_requests_total`, or the HTTP server metrics of `OpenTelemetry`.
    Http,
    /// Traefik, by the color's Service.
    Traefik,
    /// The NGINX ingress controller, by the color's Service.
    Nginx,
    /// Istio, by the color's Deployment.
    Istio,
    /// Envoy, by clusters named after the namespace and the color's Service.
    Envoy,
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}
