//! How teams call things and lay them out: every good set is made in each of these ways.

use bluegreen_lint::source::Source;
use serde_json::Value;

/// How a team calls things.
#[derive(Clone, Copy)]
pub(crate) struct Convention {
    pub(crate) name: &'static str,
    pub(super) workload: fn(&str) -> String,
    pub(super) service: fn(Option<&str>) -> String,
    /// The label key that tells the colors apart, and its value.
    pub(super) key: &'static str,
    pub(super) value: fn(&str) -> String,
    pub(super) shared: &'static [(&'static str, &'static str)],
    pub(super) active: &'static str,
    pub(super) namespace: Option<&'static str>,
    pub(super) by_number: bool,
    /// Whether there is a second container, and one that runs before both.
    pub(crate) sidecar: bool,
    /// The workloads' kind: a Deployment, a `StatefulSet` or a Rollout.
    pub(crate) kind: &'static str,
    /// Whether every object has the labels that charts give, which no selector asks for.
    pub(super) chart: bool,
    /// Another set in the same run.
    pub(super) neighbor: Option<&'static Convention>,
    /// A second Service that users reach, such as one for another protocol.
    pub(crate) second: Option<&'static str>,
    pub(super) layout: Layout,
}

/// How objects are written into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One file, a document each.
    Stream,
    /// A file each, in one directory.
    Files,
    /// A directory for each color, and the rest beside them.
    Directories,
    /// What a chart renders: each document with the template that it is from.
    Chart,
}

impl Convention {
    pub(crate) fn shared(&self) -> &'static [(&'static str, &'static str)] {
        self.shared
    }

    pub(crate) fn namespace(&self) -> Option<&'static str> {
        self.namespace
    }

    /// The API version of the workloads.
    pub(crate) fn api_version(&self) -> &'static str {
        if self.kind == "Rollout" { "argoproj.io/v1alpha1" } else { "apps/v1" }
    }
}

impl Layout {
    /// The objects as files: one value a line, so that a line says which value is meant.
    pub(super) fn write(self, objects: &[Value]) -> Vec<Source> {
        let pretty = |object: &Value| serde_json::to_string_pretty(object).unwrap();
        let path = |at: usize, object: &Value| {
            let (kind, name) = (object["kind"].as_str().unwrap().to_lowercase(), object["metadata"]["name"].as_str());
            let name = name.unwrap();
            let color = ["blue", "green"].into_iter().find(|color| name.contains(color));
            match (self, color) {
                (Self::Directories, Some(color)) => format!("k8s/{color}/{kind}-{at}.yaml"),
                _ => format!("k8s/{kind}-{name}-{at}.yaml"),
            }
        };
        match self {
            Self::Stream => {
                let objects: Vec<String> = objects.iter().map(pretty).collect();
                vec![Source::new("set.yaml", format!("---\n{}\n", objects.join("\n---\n")))]
            }
            Self::Chart => {
                let of = |object: &Value| format!("---\n# Source: app/templates/all.yaml\n{}\n", pretty(object));
                vec![Source::new("<stdin>", objects.iter().map(of).collect::<String>())]
            }
            Self::Files | Self::Directories => {
                let file = |(at, object)| Source::new(path(at, object), format!("{}\n", pretty(object)));
                objects.iter().enumerate().map(file).collect()
            }
        }
    }
}

fn plain(color: &str) -> String {
    color.to_owned()
}

const PLAIN: Convention = Convention {
    name: "suffix",
    workload: |color| format!("shop-{color}"),
    service: |color| color.map_or("shop".to_owned(), |color| format!("shop-{color}")),
    key: "color",
    value: plain,
    shared: &[("app", "shop")],
    active: "blue",
    namespace: None,
    by_number: false,
    sidecar: false,
    kind: "Deployment",
    chart: false,
    neighbor: None,
    second: None,
    layout: Layout::Stream,
};

pub(crate) const CONVENTIONS: [Convention; 16] = [
    PLAIN,
    Convention {
        name: "prefix",
        workload: |color| format!("{color}-till"),
        service: |color| color.map_or("till-active".to_owned(), |color| format!("till-{color}")),
        key: "version",
        shared: &[("app.kubernetes.io/name", "till"), ("app.kubernetes.io/part-of", "store")],
        active: "green",
        namespace: Some("store"),
        ..PLAIN
    },
    Convention {
        name: "one label",
        workload: |color| format!("api-gateway-{color}"),
        service: |color| {
            color.map_or("api-gateway-service-active".to_owned(), |color| format!("api-gateway-{color}-service"))
        },
        key: "deployment",
        shared: &[],
        by_number: true,
        ..PLAIN
    },
    Convention {
        name: "infix, with a sidecar",
        workload: |color| format!("web-{color}-deployment"),
        service: |color| color.map_or("web-svc".to_owned(), |color| format!("web-{color}-svc")),
        key: "example.com/track",
        shared: &[("app", "web"), ("team", "front")],
        active: "green",
        namespace: Some("web"),
        sidecar: true,
        ..PLAIN
    },
    Convention {
        name: "color in the app's name",
        workload: |color| format!("pay-{color}"),
        service: |color| color.map_or("pay".to_owned(), |color| format!("pay-{color}")),
        key: "app",
        value: |color| format!("pay-{color}"),
        shared: &[("tier", "backend")],
        by_number: true,
        ..PLAIN
    },
    Convention {
        name: "environments",
        workload: |color| format!("orders-api-{color}"),
        service: |color| color.map_or("orders-api-live".to_owned(), |color| format!("orders-api-{color}-preview")),
        key: "environment",
        shared: &[("app", "orders-api"), ("component", "api")],
        active: "green",
        namespace: Some("orders"),
        sidecar: true,
        ..PLAIN
    },
    Convention {
        name: "stateful sets",
        workload: |color| format!("ledger-{color}"),
        service: |color| color.map_or("ledger".to_owned(), |color| format!("ledger-{color}")),
        key: "slot",
        shared: &[("app.kubernetes.io/name", "ledger")],
        namespace: Some("data"),
        kind: "StatefulSet",
        ..PLAIN
    },
    Convention {
        name: "rollouts",
        workload: |color| format!("cart-rollout-{color}"),
        service: |color| color.map_or("cart-service".to_owned(), |color| format!("cart-service-{color}")),
        shared: &[("app", "cart")],
        active: "green",
        kind: "Rollout",
        ..PLAIN
    },
    Convention {
        name: "instances in production",
        workload: |color| format!("billing-prod-{color}"),
        service: |color| color.map_or("billing-prod".to_owned(), |color| format!("billing-prod-{color}")),
        key: "app.kubernetes.io/instance",
        value: |color| format!("billing-{color}"),
        shared: &[("app.kubernetes.io/name", "billing")],
        namespace: Some("prod"),
        layout: Layout::Files,
        ..PLAIN
    },
    Convention {
        name: "a chart",
        workload: |color| format!("rel-web-{color}"),
        service: |color| color.map_or("rel-web".to_owned(), |color| format!("rel-web-{color}")),
        key: "app.kubernetes.io/component",
        shared: &[("app.kubernetes.io/name", "web"), ("app.kubernetes.io/instance", "rel")],
        active: "green",
        sidecar: true,
        chart: true,
        layout: Layout::Chart,
        ..PLAIN
    },
    Convention {
        name: "a directory for each color",
        workload: |color| format!("search-{color}"),
        service: |color| color.map_or("search".to_owned(), |color| format!("search-{color}")),
        key: "track",
        shared: &[("app", "search")],
        namespace: Some("search"),
        by_number: true,
        layout: Layout::Directories,
        ..PLAIN
    },
    Convention {
        name: "capitals",
        workload: |color| format!("{color}-portal"),
        service: |color| color.map_or("portal".to_owned(), |color| format!("{color}-portal")),
        key: "Environment",
        value: |color| color[..1].to_uppercase() + &color[1..],
        shared: &[("run", "portal")],
        active: "green",
        ..PLAIN
    },
    Convention {
        name: "a neighbor with the same labels",
        workload: |color| format!("mail-out-{color}"),
        service: |color| color.map_or("mail-out".to_owned(), |color| format!("mail-out-{color}")),
        shared: &[("app", "mail"), ("part", "out")],
        neighbor: Some(&Convention {
            workload: |color| format!("mail-in-{color}"),
            service: |color| color.map_or("mail-in".to_owned(), |color| format!("mail-in-{color}")),
            shared: &[("app", "mail"), ("part", "in")],
            ..PLAIN
        }),
        ..PLAIN
    },
    Convention {
        name: "the same in another namespace",
        namespace: Some("production"),
        active: "green",
        neighbor: Some(&Convention { namespace: Some("testing"), ..PLAIN }),
        ..PLAIN
    },
    Convention {
        name: "two Services for users",
        workload: |color| format!("quote-{color}"),
        service: |color| color.map_or("quote".to_owned(), |color| format!("quote-{color}")),
        shared: &[("app", "quote")],
        second: Some("quote-grpc"),
        ..PLAIN
    },
    Convention {
        name: "a version before the color",
        workload: |color| format!("api-v2-{color}-dc1"),
        service: |color| color.map_or("api-v2-lb".to_owned(), |color| format!("api-v2-{color}-lb")),
        key: "version",
        value: |color| format!("v2-{color}"),
        shared: &[("app", "api"), ("tier", "front")],
        by_number: true,
        sidecar: true,
        ..PLAIN
    },
];
