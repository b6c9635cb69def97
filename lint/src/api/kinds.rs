//! Asks whether a Kubernetes version serves a kind: unknown ones (BG008), and apiVersions that are gone (BG009).
//! Must not look into the object.

use super::schema::{Schema, life_of_kind};
use super::sink::{Defect, nearest};
use crate::edit::New;
use crate::finding::{Applicability, Edit, Fix};
use crate::manifest::Object;
use crate::version::Version;

/// What is known of an object's kind.
pub(super) enum Kind {
    /// It is served.
    Served,
    /// It is of a group that Kubernetes itself does not have.
    Foreign,
    /// It is not served.
    Refused(Box<Defect>),
}

/// The apiVersions that were gone before the oldest version known here, with the kinds that people wrote, the version
/// that ended them, and what took their place. From the deprecation guide of Kubernetes.
const REMOVED: [(&str, &[&str], &str, &str); 33] = [
    ("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], "1.16", "apps/v1"),
    ("extensions/v1beta1", &["NetworkPolicy"], "1.16", "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["Ingress"], "1.22", "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["PodSecurityPolicy"], "1.16", ""),
    ("apps/v1beta1", &["Deployment", "StatefulSet", "ControllerRevision"], "1.16", "apps/v1"),
    (
        "apps/v1beta2",
        &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision"],
        "1.16",
        "apps/v1",
    ),
    ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], "1.22", "networking.k8s.io/v1"),
    ("batch/v1beta1", &["CronJob"], "1.25", "batch/v1"),
    ("batch/v2alpha1", &["CronJob"], "1.21", "batch/v1"),
    ("autoscaling/v2beta1", &["HorizontalPodAutoscaler"], "1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", &["HorizontalPodAutoscaler"], "1.26", "autoscaling/v2"),
    ("policy/v1beta1", &["PodDisruptionBudget"], "1.25", "policy/v1"),
    ("policy/v1beta1", &["PodSecurityPolicy"], "1.25", ""),
    ("policy/v1beta1", &["Eviction"], "1.25", "policy/v1"),
    ("rbac.authorization.k8s.io/v1alpha1", &RBAC, "1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", &RBAC, "1.22", "rbac.authorization.k8s.io/v1"),
    ("discovery.k8s.io/v1beta1", &["EndpointSlice"], "1.25", "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", &["Event"], "1.25", "events.k8s.io/v1"),
    ("node.k8s.io/v1alpha1", &["RuntimeClass"], "1.22", "node.k8s.io/v1"),
    ("node.k8s.io/v1beta1", &["RuntimeClass"], "1.25", "node.k8s.io/v1"),
    ("scheduling.k8s.io/v1alpha1", &["PriorityClass"], "1.17", "scheduling.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", &["PriorityClass"], "1.22", "scheduling.k8s.io/v1"),
    (
        "storage.k8s.io/v1beta1",
        &["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"],
        "1.22",
        "storage.k8s.io/v1",
    ),
    ("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], "1.27", "storage.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", &WEBHOOKS, "1.22", "admissionregistration.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", &["CustomResourceDefinition"], "1.22", "apiextensions.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", &["APIService"], "1.22", "apiregistration.k8s.io/v1"),
    ("authentication.k8s.io/v1beta1", &["TokenReview"], "1.22", "authentication.k8s.io/v1"),
    ("authorization.k8s.io/v1beta1", &REVIEWS, "1.22", "authorization.k8s.io/v1"),
    ("certificates.k8s.io/v1beta1", &["CertificateSigningRequest"], "1.22", "certificates.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", &["Lease"], "1.22", "coordination.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", &FLOWS, "1.26", "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", &FLOWS, "1.29", "flowcontrol.apiserver.k8s.io/v1"),
];
const RBAC: [&str; 4] = ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
const WEBHOOKS: [&str; 2] = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];
const REVIEWS: [&str; 4] =
    ["LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"];
const FLOWS: [&str; 2] = ["FlowSchema", "PriorityLevelConfiguration"];

/// Asks whether a version serves the kind of an object.
pub(super) fn check(object: &Object, version: Version) -> Kind {
    let schema = Schema::of(version);
    let (api_version, kind) = (object.id.api_version.as_str(), object.id.kind.as_str());
    if serves(schema, api_version, kind) {
        return Kind::Served;
    }
    if is_foreign(object, version) {
        return Kind::Foreign;
    }
    Kind::Refused(Box::new(removed(object, version).unwrap_or_else(|| unknown(object, version))))
}

/// Whether a kind is of a group that Kubernetes itself does not have.
pub(super) fn is_foreign(object: &Object, version: Version) -> bool {
    let is_of_it = |known: &String| group_of(known) == object.group();
    let is_built_in = object.group() == "extensions" || Schema::of(version).served.keys().any(is_of_it);
    // A kubeconfig is a file of its own kind, which nobody sends to a server.
    !is_built_in || (object.id.api_version.as_str(), object.id.kind.as_str()) == ("v1", "Config")
}

/// Whether a version serves the kind of an object.
pub(super) fn is_served(object: &Object, version: Version) -> bool {
    serves(Schema::of(version), &object.id.api_version, &object.id.kind)
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn serves(schema: &Schema, api_version: &str, kind: &str) -> bool {
    schema.served.get(api_version).is_some_and(|kinds| kinds.iter().any(|known| known == kind))
}

/// An apiVersion that was served once.
fn removed(object: &Object, version: Version) -> Option<Defect> {
    let (api_version, kind) = (object.id.api_version.as_str(), object.id.kind.as_str());
    let known = REMOVED.iter().find(|(removed, kinds, ..)| *removed == api_version && kinds.contains(&kind));
    let (since, replacement) = if let Some((_, _, since, replacement)) = known {
        ((*since).to_owned(), Some(*replacement).filter(|text| !text.is_empty()))
    } else {
        let last = life_of_kind(api_version, kind)?.last;
        let since = Version::all().find(|next| *next > last && *next <= version)?.to_string();
        (since, other_versions(version, object.group(), kind).next())
    };
    let place = object.at(object.root().get("apiVersion")?);
    let message = format!("`{api_version}` is gone since Kubernetes {since}: there is no {kind} in it any more");
    let help = match replacement {
        Some(replacement) => format!("use `{replacement}`, and see whether its fields are the same"),
        None => format!("there is no {kind} any more; remove it"),
    };
    let is_plain = place.span.end - place.span.start == api_version.len();
    let edits = replacement.filter(|_| is_plain).and_then(|text| {
        let edit = Edit { source: place.source, span: place.span, replacement: text.to_owned() };
        Some(std::iter::once(edit).chain(conversion(object, text, version)?).collect())
    });
    // Defaults may be others there, so somebody should look at it.
    let fix = edits.map(|edits| Fix { applicability: Applicability::Unsafe, edits });
    Some(Defect { code: "BG009", place, message, help, fix })
}

/// What has to be changed beside the apiVersion; nothing where that is more than is known here.
fn conversion(object: &Object, api_version: &str, version: Version) -> Option<Vec<Edit>> {
    match super::validate(&object.of_version(api_version), version).as_slice() {
        [] => Some(Vec::new()),
        // Before `apps/v1` the selector was that of the template's labels unless it was set.
        [defect] if defect.code == "BG006" && defect.place.path == "spec.selector" => {
            let labels = object.root().at(&["spec", "template", "metadata", "labels"])?;
            let keys = ["selector", "matchLabels"];
            object.add(object.root().get("spec")?, &keys, New::Copy(labels, None), None).map(|edit| vec![edit])
        }
        _ => None,
    }
}

/// The apiVersions of a group in which a kind is served, the stable ones first.
fn other_versions(version: Version, group: &str, kind: &str) -> impl Iterator<Item = &'static str> {
    let served = Schema::of(version)
        .served
        .iter()
        .filter(move |(api_version, kinds)| group_of(api_version) == group && kinds.iter().any(|known| known == kind));
    let mut found: Vec<&str> = served.map(|(api_version, _)| api_version.as_str()).collect();
    found.sort_by_key(|api_version| (api_version.contains("alpha"), api_version.contains("beta")));
    found.into_iter()
}

fn unknown(object: &Object, version: Version) -> Defect {
    let (api_version, kind) = (object.id.api_version.as_str(), object.id.kind.as_str());
    let schema = Schema::of(version);
    let place = object.root().get("kind").map_or_else(|| object.at_name(), |kind| object.at(kind));
    let message = format!("Kubernetes {version} has no {kind} in `{api_version}`");
    let later = life_of_kind(api_version, kind).map(|life| life.first).filter(|first| *first > version);
    let others = schema.served.iter().filter(|(_, kinds)| kinds.iter().any(|known| known == kind));
    let mut others: Vec<&str> = others.map(|(api_version, _)| api_version.as_str()).collect();
    others.sort_by_key(|other| (group_of(other) != object.group(), other.contains("alpha"), other.contains("beta")));
    let in_version = schema.served.get(api_version).into_iter().flatten().map(String::as_str);
    let everywhere = schema.served.values().flatten().map(String::as_str);
    let near = nearest(kind, in_version).or_else(|| nearest(kind, everywhere));
    let help = match (later, others.first(), near) {
        (Some(later), ..) => format!("it came with Kubernetes {later}"),
        (None, Some(other), _) => format!("{kind} is in `{other}`"),
        (None, None, Some(near)) => format!("did you mean {near}?"),
        (None, None, None) => "correct `kind` and `apiVersion`".to_owned(),
    };
    Defect { code: "BG008", place, message, help, fix: None }
}
