//! The series that servers and routers have of their requests, and the built-in queries of them.
//! Names and labels only; what stands for a color is filled in by the analysis.

use bluegreen_lint::config::release::Convention;

/// The series of a convention: its counters with the label of the status, and its histograms with their unit.
///
/// Where the names are from: OpenTelemetry's semantic conventions for HTTP metrics, as Prometheus writes them, and the
/// defaults of Prometheus' own client libraries; Traefik's "Service metrics"; "Istio Standard Metrics"; of ingress-nginx
/// and Envoy it is said at each.
pub(super) struct Series {
    /// Names of counters with the selector of the color, and the selector of errors.
    counters: &'static [(&'static str, &'static str, &'static str)],
    /// Names of histograms with the selector of the color, and how many of their units make a second.
    histograms: &'static [(&'static str, &'static str, f64)],
}

const BY_POD: &str = "namespace=\"$namespace\",pod=~\"$pods\"";
const BY_WORKLOAD: &str =
    "reporter=\"destination\",destination_workload_namespace=\"$namespace\",destination_workload=\"$deployment\"";
/// A Service is called after namespace, name and port as the route says it; `shop-green` is not `shop` on port `green`. Where
/// a route of the Gateway API leads to it, its protocol is in the name as well (traefik/traefik 3.6,
/// `pkg/provider/kubernetes/gateway/httproute.go`, `grpcroute.go` and `crd/kubernetes_http.go`). The only Service of a rule
/// of an IngressRoute is called after the rule: it is known by its own name while there are two, as during a share.
const OF_TRAEFIK: &str =
    "service=~\"$namespace-$service-(($ports)@.*|(http-($ports)|($ports)-grpc)@kubernetesgateway)\"";

/// A request to a canary is counted for the Service of the main Ingress, `canary` being the upstream that answered:
/// namespace, Service and port; of all others it is empty (kubernetes/ingress-nginx, `rootfs/etc/nginx/lua/monitor.lua`,
/// `lua/balancer.lua` and `internal/ingress/metric/collectors/socket.go`; the label is there since 1.0.2, pull request 7696).
/// Labels that the scrape sets as well come as `exported_…`: `namespace` and `service` where Prometheus finds the
/// controller by its Service, `namespace` where it finds it by its pods, none where it was told to honor labels.
const OF_NGINX_BY_SERVICE: &str = "exported_namespace=\"$namespace\",exported_service=\"$active\",canary=~\"$canary\"";
const OF_NGINX_BY_POD: &str = "exported_namespace=\"$namespace\",service=\"$active\",canary=~\"$canary\"";
const OF_NGINX_ITSELF: &str = "namespace=\"$namespace\",service=\"$active\",canary=~\"$canary\"";

/// Who configures Envoy names its clusters: after the namespace and the Service, in either order and with anything between
/// them that is in no name, such as `web_shop-green_80` (projectcontour/contour, `internal/envoy/cluster.go`). Envoy Gateway
/// names them after the rule of a route unless told otherwise, and one such cluster serves both colors (envoyproxy/gateway,
/// issues 6742 and 7008): of those nothing can be said. The names of the counters and their label are of Envoy's "Cluster
/// manager statistics" and `source/common/config/well_known_names.cc`.
const OF_ENVOY: &str = "envoy_cluster_name=~\"(.*[^a-z0-9-])?$service([^a-z0-9-].*)?\",\
    envoy_cluster_name=~\"(.*[^a-z0-9-])?$namespace([^a-z0-9-].*)?\",\
    envoy_cluster_name!~\"[a-z]+route/.*\"";

const NGINX_REQUESTS: &str = "nginx_ingress_controller_requests";
const NGINX_TIMES: &str = "nginx_ingress_controller_request_duration_seconds_bucket";
const FIVE_HUNDREDS: &str = "status=~\"5..\"";

impl Series {
    pub(super) fn of(convention: Convention) -> Self {
        match convention {
            Convention::Http => Self {
                counters: &[
                    ("http_requests_total", BY_POD, "code=~\"5..|5xx\""),
                    ("http_requests_total", BY_POD, "status=~\"5..|5xx\""),
                    ("http_server_request_duration_seconds_count", BY_POD, "http_response_status_code=~\"5..\""),
                    ("http_request_duration_seconds_count", BY_POD, "code=~\"5..|5xx\""),
                ],
                histograms: &[
                    ("http_request_duration_seconds_bucket", BY_POD, 1.0),
                    ("http_server_request_duration_seconds_bucket", BY_POD, 1.0),
                ],
            },
            Convention::Traefik => Self {
                counters: &[("traefik_service_requests_total", OF_TRAEFIK, "code=~\"5..\"")],
                histograms: &[("traefik_service_request_duration_seconds_bucket", OF_TRAEFIK, 1.0)],
            },
            Convention::Nginx => Self {
                counters: &[
                    (NGINX_REQUESTS, OF_NGINX_BY_SERVICE, FIVE_HUNDREDS),
                    (NGINX_REQUESTS, OF_NGINX_BY_POD, FIVE_HUNDREDS),
                    (NGINX_REQUESTS, OF_NGINX_ITSELF, FIVE_HUNDREDS),
                ],
                histograms: &[
                    (NGINX_TIMES, OF_NGINX_BY_SERVICE, 1.0),
                    (NGINX_TIMES, OF_NGINX_BY_POD, 1.0),
                    (NGINX_TIMES, OF_NGINX_ITSELF, 1.0),
                ],
            },
            Convention::Istio => Self {
                counters: &[("istio_requests_total", BY_WORKLOAD, "response_code=~\"5..\"")],
                histograms: &[("istio_request_duration_milliseconds_bucket", BY_WORKLOAD, 1000.0)],
            },
            Convention::Envoy => Self {
                counters: &[("envoy_cluster_upstream_rq_xx", OF_ENVOY, "envoy_response_code_class=\"5\"")],
                histograms: &[("envoy_cluster_upstream_rq_time_bucket", OF_ENVOY, 1000.0)],
            },
        }
    }

    pub(super) fn requests(&self) -> String {
        // Requests whose status the label does not say cannot be told to be good.
        let one = |(series, of, bad): &(&str, &str, &str)| {
            let label = bad.split(['=', '!']).next().unwrap_or_default();
            format!("sum(increase({series}{{{of},{label}!=\"\"}}[$window]))")
        };
        self.counters.iter().map(one).collect::<Vec<_>>().join(" or ")
    }

    pub(super) fn errors(&self) -> String {
        let one = |(series, of, bad): &(&str, &str, &str)| format!("sum(increase({series}{{{of},{bad}}}[$window]))");
        self.counters.iter().map(one).collect::<Vec<_>>().join(" or ")
    }

    pub(super) fn latency(&self, quantile: f64) -> String {
        let one = |(series, of, unit): &(&str, &str, f64)| {
            format!("histogram_quantile({quantile}, sum by (le) (rate({series}{{{of}}}[$window]))) / {unit}")
        };
        self.histograms.iter().map(one).collect::<Vec<_>>().join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use bluegreen_lint::config::release::MetricCheck;

    use super::super::{MIN_REQUESTS, Names, metric};
    use super::*;

    fn names(service: &str) -> Names {
        Names {
            namespace: "web".to_owned(),
            service: service.to_owned(),
            active: "shop".to_owned(),
            ports: vec!["80".to_owned(), "web-http".to_owned()],
            ..Names::default()
        }
    }

    fn requests(of: Convention, names: &Names) -> String {
        let check = MetricCheck { error_rate: Some(of), max: Some(0.1), ..MetricCheck::default() };
        let (errors, requests) = metric(&check, MIN_REQUESTS).unwrap().queries(names, 30);
        assert!(!errors.contains('$'), "{errors}");
        requests.unwrap()
    }

    /// By the labels that each router's documentation shows: a Service's numbers are not those of one that is called alike.
    #[test]
    fn a_service_is_not_taken_for_one_with_a_longer_name() {
        let traefik = requests(Convention::Traefik, &names("shop"));
        let ports = "(80|web-http)";
        let of_shop = format!(r#"service=~"web-shop-({ports}@.*|(http-{ports}|{ports}-grpc)@kubernetesgateway)""#);
        assert!(traefik.contains(&of_shop), "{traefik}");
        let envoy = requests(Convention::Envoy, &names("shop"));
        assert!(envoy.contains(r#"envoy_cluster_name=~"(.*[^a-z0-9-])?shop([^a-z0-9-].*)?",envoy_cluster_name=~"#));
        // One rule of a route that is called as the Service is serves both colors.
        assert!(envoy.contains(r#",envoy_cluster_name!~"[a-z]+route/.*""#), "{envoy}");
    }

    /// All requests are counted for the active Service, those to a canary under the upstream that it leads to.
    #[test]
    fn a_canary_of_nginx_is_known_by_its_upstream() {
        let idle = requests(Convention::Nginx, &names("shop-green"));
        for labels in [
            "exported_namespace=\"web\",exported_service",
            "exported_namespace=\"web\",service",
            "{namespace=\"web\",service",
        ] {
            assert!(idle.contains(&format!(r#"{labels}="shop",canary=~"web-shop-green-[a-z0-9-]+","#)), "{idle}");
        }
        let active = requests(Convention::Nginx, &names("shop"));
        assert!(active.contains(r#"exported_service="shop",canary=~"","#), "{active}");
    }
}
