//! What there is in Kubernetes: kinds that the commands know, single objects, and the paths where the API serves them.
//! Names only; sends nothing, and holds no object.

use std::fmt;

use serde::{Serialize, Serializer};

/// A kind of object that the commands read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `apps/v1` Deployments.
    Deployments,
    /// `v1` Services.
    Services,
    /// `v1` Pods.
    Pods,
    /// `discovery.k8s.io/v1` EndpointSlices.
    EndpointSlices,
    /// `autoscaling/v2` HorizontalPodAutoscalers.
    HorizontalPodAutoscalers,
    /// `networking.k8s.io/v1` Ingresses.
    Ingresses,
    /// `coordination.k8s.io/v1` Leases.
    Leases,
    /// `gateway.networking.k8s.io/v1` `HTTPRoutes`.
    HttpRoutes,
    /// `gateway.networking.k8s.io/v1` `GRPCRoutes`.
    GrpcRoutes,
    /// `traefik.io/v1alpha1` `IngressRoutes`.
    IngressRoutes,
    /// `traefik.io/v1alpha1` `TraefikServices`.
    TraefikServices,
    /// `networking.istio.io/v1beta1` `VirtualServices`: the version that every Istio serves.
    VirtualServices,
    /// `v1` Namespaces, which are in none themselves.
    Namespaces,
    /// `v1` PersistentVolumeClaims.
    PersistentVolumeClaims,
    /// `networking.k8s.io/v1` NetworkPolicies.
    NetworkPolicies,
    /// `policy/v1` PodDisruptionBudgets.
    PodDisruptionBudgets,
    /// `v1` Events.
    Events,
}

impl Resource {
    /// Every resource, in the order of their declaration.
    pub const ALL: [Self; 17] = [
        Self::Deployments,
        Self::Services,
        Self::Pods,
        Self::EndpointSlices,
        Self::HorizontalPodAutoscalers,
        Self::Ingresses,
        Self::Leases,
        Self::HttpRoutes,
        Self::GrpcRoutes,
        Self::IngressRoutes,
        Self::TraefikServices,
        Self::VirtualServices,
        Self::Namespaces,
        Self::PersistentVolumeClaims,
        Self::NetworkPolicies,
        Self::PodDisruptionBudgets,
        Self::Events,
    ];

    /// The API group, empty for the core group.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::Services | Self::Pods | Self::Namespaces | Self::PersistentVolumeClaims | Self::Events => "",
            Self::Deployments => "apps",
            Self::EndpointSlices => "discovery.k8s.io",
            Self::HorizontalPodAutoscalers => "autoscaling",
            Self::Ingresses | Self::NetworkPolicies => "networking.k8s.io",
            Self::PodDisruptionBudgets => "policy",
            Self::Leases => "coordination.k8s.io",
            Self::HttpRoutes | Self::GrpcRoutes => "gateway.networking.k8s.io",
            Self::IngressRoutes | Self::TraefikServices => "traefik.io",
            Self::VirtualServices => "networking.istio.io",
        }
    }

    /// The API version inside the group.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::HorizontalPodAutoscalers => "v2",
            Self::IngressRoutes | Self::TraefikServices => "v1alpha1",
            Self::VirtualServices => "v1beta1",
            _ => "v1",
        }
    }

    /// The name in URLs and RBAC rules.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::Services => "services",
            Self::Pods => "pods",
            Self::EndpointSlices => "endpointslices",
            Self::HorizontalPodAutoscalers => "horizontalpodautoscalers",
            Self::Ingresses => "ingresses",
            Self::Leases => "leases",
            Self::HttpRoutes => "httproutes",
            Self::GrpcRoutes => "grpcroutes",
            Self::IngressRoutes => "ingressroutes",
            Self::TraefikServices => "traefikservices",
            Self::VirtualServices => "virtualservices",
            Self::Namespaces => "namespaces",
            Self::PersistentVolumeClaims => "persistentvolumeclaims",
            Self::NetworkPolicies => "networkpolicies",
            Self::PodDisruptionBudgets => "poddisruptionbudgets",
            Self::Events => "events",
        }
    }

    /// The kind as it is written in manifests.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployments => "Deployment",
            Self::Services => "Service",
            Self::Pods => "Pod",
            Self::EndpointSlices => "EndpointSlice",
            Self::HorizontalPodAutoscalers => "HorizontalPodAutoscaler",
            Self::Ingresses => "Ingress",
            Self::Leases => "Lease",
            Self::HttpRoutes => "HTTPRoute",
            Self::GrpcRoutes => "GRPCRoute",
            Self::IngressRoutes => "IngressRoute",
            Self::TraefikServices => "TraefikService",
            Self::VirtualServices => "VirtualService",
            Self::Namespaces => "Namespace",
            Self::PersistentVolumeClaims => "PersistentVolumeClaim",
            Self::NetworkPolicies => "NetworkPolicy",
            Self::PodDisruptionBudgets => "PodDisruptionBudget",
            Self::Events => "Event",
        }
    }

    /// The `apiVersion` as it is written in manifests.
    #[must_use]
    pub fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    /// The path of the collection, with or without a namespace: `/apis/apps/v1/namespaces/shop/deployments`.
    #[must_use]
    pub fn path(self, namespace: Option<&str>) -> String {
        collection(&self.api_version(), self.plural(), namespace)
    }
}

/// The path under which an API version is served.
pub(super) fn api_root(api_version: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{api_version}")
}

fn collection(api_version: &str, plural: &str, namespace: Option<&str>) -> String {
    let root = api_root(api_version);
    match namespace {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{plural}"),
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.kind())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural())
    }
}

/// Names one namespaced object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// What kind of object it is.
    pub resource: Resource,
    /// The namespace that it is in.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object.
    pub fn new(resource: Resource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { resource, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource.kind().to_ascii_lowercase(), self.name)
    }
}

/// Names one object of any kind that the server has, built in or defined by somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyObject {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// The name of the kind in URLs, as the server says it: `deployments`.
    pub plural: String,
    /// The namespace; nothing for a kind that is in none.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl AnyObject {
    /// The path of the object.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", collection(&self.api_version, &self.plural, self.namespace.as_deref()), self.name)
    }

    /// The resource, if it is one that the commands know.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        let is = |resource: &Resource| resource.kind() == self.kind && resource.api_version() == self.api_version;
        Resource::ALL.into_iter().find(is)
    }
}

impl fmt::Display for AnyObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.to_ascii_lowercase(), self.name)
    }
}
