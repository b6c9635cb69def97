//! What the API server would say of an object, kind by kind, for one Kubernetes version: can it be decoded, and is it valid?
//! Must not know how a rule is reported; each defect carries the code of its rule.

mod affinity;
mod autoscaler;
mod classes;
mod configuration;
mod container;
mod decode;
mod disruption;
mod endpoints;
mod environment;
mod features;
mod formats;
mod in_text;
mod ingress;
mod jobs;
mod kinds;
mod lifecycle;
mod metadata;
mod mounts;
mod names;
mod network;
mod network_policy;
mod old_metrics;
mod persistent_volume;
mod pod_annotations;
mod pod_spec;
mod ports;
mod probe;
mod projected;
mod quota;
mod rbac;
mod resources;
mod scheduling;
mod schema;
mod security;
mod selector;
mod service;
mod sink;
mod volumes;
mod workloads;

pub(crate) use sink::Defect;

use kinds::Kind;
use metadata::Naming;
use schema::Schema;
use sink::Sink;

use crate::manifest::{Identity, Object};
use crate::version::Version;
use crate::yaml::NodeRef;

/// Whether the fields of an object's kind are known; not so those of a custom resource.
#[must_use]
pub(crate) fn knows(object: &Object, version: Version) -> bool {
    let Identity { api_version, kind, .. } = &object.id;
    !kinds::is_foreign(object, version)
        && (Schema::of(version).definition(api_version, kind).is_some() || !kinds::is_served(object, version))
}

/// What the server finds wrong with an object.
#[must_use]
pub(crate) fn validate(object: &Object, version: Version) -> Vec<Defect> {
    match kinds::check(object, version) {
        Kind::Foreign => return Vec::new(),
        Kind::Refused(defect) => return vec![*defect],
        Kind::Served => {}
    }
    let id = &object.id;
    let Some(definition) = Schema::of(version).definition(&id.api_version, &id.kind) else { return Vec::new() };
    let decoded = decode::decode(object, version, definition);
    let mut sink = Sink::new(object, version);
    let (naming, check) = rules_of(&id.api_version, &id.kind, version);
    let generation_is_kept = !matches!(
        (object.group(), &*id.kind),
        ("apps" | "batch" | "policy" | "networking.k8s.io" | "discovery.k8s.io" | "scheduling.k8s.io", _)
            | ("", "Pod" | "PodTemplate" | "ReplicationController")
    );
    metadata::of_object(object.root(), Naming { generation_is_kept, ..naming }, &mut sink);
    match check {
        Check::Spec(check, needed) => {
            if let Some(spec) = object.root().get("spec") {
                check(spec, &mut sink);
            } else {
                sink.missing(object.root(), "spec", "the object says nothing without it");
                sink.at_path(|path| format!("{path}.{needed}"));
            }
        }
        Check::Root(check) => check(object.root(), &mut sink),
        Check::Metadata => {}
    }
    // One mistake is one finding: what follows from a field that cannot be read is not reported, too.
    let valid = sink.into_defects().into_iter().filter(|defect| !decoded.is_unclear(&defect.place));
    let valid: Vec<Defect> = valid.collect();
    decoded.defects.into_iter().chain(valid).collect()
}

/// How a kind is validated beyond its fields and metadata.
enum Check<'o> {
    /// By its `spec`, which must be there: the server names this field of it when it is not.
    Spec(fn(NodeRef<'o>, &mut Sink<'o>), &'static str),
    /// As a whole.
    Root(fn(NodeRef<'o>, &mut Sink<'o>)),
    /// Not at all.
    Metadata,
}

/// How objects of a kind are named, and how they are validated.
fn rules_of<'o>(api_version: &str, kind: &str, version: Version) -> (Naming, Check<'o>) {
    use Check::{Metadata, Root, Spec};
    let subdomain = Naming::same(names::dns_subdomain);
    let segment = Naming::same(names::path_segment);
    let clusterwide = Naming { is_namespaced: false, ..subdomain };
    let containers = "template.spec.containers";
    match (api_version, kind) {
        ("apps/v1", "Deployment") => (subdomain, Spec(workloads::deployment, containers)),
        ("apps/v1", "ReplicaSet") => (subdomain, Spec(workloads::replica_set, containers)),
        ("apps/v1", "DaemonSet") => (subdomain, Spec(workloads::daemon_set, containers)),
        // The name of each pod is made of it.
        ("apps/v1", "StatefulSet") => {
            (Naming { name: names::dns_label, ..subdomain }, Spec(workloads::stateful_set, containers))
        }
        ("v1", "ReplicationController") => (subdomain, Spec(workloads::replication_controller, "template")),
        ("v1", "PodTemplate") => (subdomain, Root(workloads::pod_template)),
        ("batch/v1", "Job") => (subdomain, Root(jobs::job_object)),
        // The controller adds a suffix to the names of the Jobs.
        ("batch/v1", "CronJob") => {
            let name = |name: &str| names::shorter_subdomain(name, 52);
            (Naming { name, ..subdomain }, Spec(jobs::cron_job, "schedule"))
        }
        ("v1", "Pod") => (subdomain, Root(workloads::pod)),
        ("v1", "Service") if version.minor() < 36 => (Naming::same(names::dns_1035_label), Root(service::service)),
        ("v1", "Service") => (Naming::same(names::dns_label), Root(service::service)),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => (subdomain, Spec(autoscaler::v2, "maxReplicas")),
        ("autoscaling/v1", "HorizontalPodAutoscaler") => (subdomain, Root(autoscaler::v1)),
        ("policy/v1", "PodDisruptionBudget") => {
            (Naming { finalizers_have_prefix: false, ..segment }, Root(disruption::budget))
        }
        ("networking.k8s.io/v1", "Ingress") => (subdomain, Root(ingress::ingress)),
        ("networking.k8s.io/v1", "NetworkPolicy") => (subdomain, Root(network_policy::policy)),
        ("v1", "ConfigMap") => (subdomain, Root(configuration::config_map)),
        ("v1", "Secret") => (subdomain, Root(configuration::secret)),
        ("v1", "Namespace") => {
            (Naming { is_namespaced: false, ..Naming::same(names::dns_label) }, Root(metadata::namespace))
        }
        ("v1", "PersistentVolumeClaim") => (subdomain, Root(configuration::claim)),
        ("v1", "PersistentVolume") => (clusterwide, Root(persistent_volume::volume)),
        ("v1", "ResourceQuota") => (subdomain, Root(quota::quota)),
        ("v1", "LimitRange") => (Naming { name_is_needed: false, ..subdomain }, Root(quota::limit_range)),
        ("v1", "Endpoints") => (subdomain, Root(endpoints::endpoints)),
        ("discovery.k8s.io/v1", "EndpointSlice") => (subdomain, Root(endpoints::slice)),
        ("storage.k8s.io/v1", "StorageClass") => (clusterwide, Root(classes::storage)),
        ("scheduling.k8s.io/v1", "PriorityClass") => (clusterwide, Root(classes::priority)),
        ("networking.k8s.io/v1", "IngressClass") => (clusterwide, Root(classes::ingress)),
        ("rbac.authorization.k8s.io/v1", "Role") => (segment, Root(rbac::role)),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => {
            (Naming { is_namespaced: false, ..segment }, Root(rbac::cluster_role))
        }
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => (segment, Root(rbac::role_binding)),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            (Naming { is_namespaced: false, ..segment }, Root(rbac::cluster_role_binding))
        }
        _ => (subdomain, Metadata),
    }
}
