//! What the API server would say of an object after decoding it, kind by kind, for one Kubernetes version.
//! Must not know how a rule is reported; each defect carries the code of its rule.

mod affinity;
mod container;
mod environment;
mod jobs;
mod lifecycle;
mod metadata;
mod mounts;
mod names;
mod network;
mod pod_spec;
mod ports;
mod probe;
mod projected;
mod resources;
mod scheduling;
mod security;
mod selector;
mod sink;
mod volumes;
mod workloads;

pub(crate) use sink::Defect;
use sink::Sink;

use crate::manifest::Object;
use crate::version::Version;

/// What the server finds wrong with an object of a kind that runs pods; nothing for other kinds.
#[must_use]
pub(crate) fn validate(object: &Object, version: Version) -> Vec<Defect> {
    let mut sink = Sink::new(object, version);
    let id = &object.id;
    let name = match id.kind.as_str() {
        // The controller adds a suffix to the names of the Jobs and of the pods.
        "CronJob" => |name: &str| names::shorter_subdomain(name, 52),
        "StatefulSet" => names::dns_label,
        "Job" | "Deployment" | "ReplicaSet" | "DaemonSet" | "Pod" => names::dns_subdomain,
        _ => return Vec::new(),
    };
    metadata::of_object(object.root(), name, &mut sink);
    if (id.api_version.as_str(), id.kind.as_str()) == ("v1", "Pod") {
        workloads::pod(object.root(), &mut sink);
        return sink.into_defects();
    }
    if id.kind == "Job" {
        jobs::name(object.root(), &mut sink);
    }
    let check = match (id.api_version.as_str(), id.kind.as_str()) {
        ("apps/v1", "Deployment") => workloads::deployment,
        ("apps/v1", "ReplicaSet") => workloads::replica_set,
        ("apps/v1", "StatefulSet") => workloads::stateful_set,
        ("apps/v1", "DaemonSet") => workloads::daemon_set,
        ("batch/v1", "Job") => jobs::job,
        ("batch/v1", "CronJob") => jobs::cron_job,
        _ => return Vec::new(),
    };
    match object.root().get("spec") {
        Some(spec) => check(spec, &mut sink),
        None => sink.missing(object.root(), "spec", "the object says nothing without it"),
    }
    sink.into_defects()
}
