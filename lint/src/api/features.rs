//! Fields that a server has and forgets: until their feature is on by default it drops them before it validates.
//! Must not know what the fields mean.

use crate::version::Version;

/// The field by its definition, and the first version that keeps it. From the feature gates of Kubernetes.
const KEPT_SINCE: [(&str, &str, u8); 15] = [
    ("EndpointHints", "forNodes", 34),
    ("Container", "resizePolicy", 33),
    ("JobSpec", "managedBy", 32),
    ("JobSpec", "successPolicy", 31),
    ("PersistentVolumeClaimSpec", "volumeAttributesClassName", 34),
    ("PersistentVolumeSpec", "volumeAttributesClassName", 34),
    ("PodAffinityTerm", "matchLabelKeys", 31),
    ("PodAffinityTerm", "mismatchLabelKeys", 31),
    ("PodSecurityContext", "supplementalGroupsPolicy", 33),
    ("PodSpec", "hostnameOverride", 35),
    ("PodSpec", "resourceClaims", 34),
    ("ResourceRequirements", "claims", 34),
    ("RollingUpdateStatefulSetStrategy", "maxUnavailable", 35),
    ("SecurityContext", "procMount", 33),
    ("VolumeMount", "recursiveReadOnly", 31),
];

/// Whether a version forgets a field of a definition.
pub(super) fn is_forgotten(definition: &str, field: &str, version: Version) -> bool {
    let owner = definition.rsplit('.').next().unwrap_or(definition);
    KEPT_SINCE.iter().any(|(of, name, since)| *name == field && *of == owner && version.minor() < *since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::schema::Schema;

    #[test]
    fn each_field_is_one_of_its_definition() {
        let newest = Schema::of(Version::NEWEST);
        for (of, name, since) in KEPT_SINCE {
            let group = ["core", "apps", "batch", "discovery"]
                .into_iter()
                .find_map(|group| newest.named(&format!("io.k8s.api.{group}.v1.{of}")));
            assert!(group.unwrap().properties.as_ref().unwrap().contains_key(name), "{of} {name}");
            let versions =
                Version::all().filter(|version| is_forgotten(&format!("io.k8s.api.core.v1.{of}"), name, *version));
            assert_eq!(versions.count(), usize::from(since - Version::OLDEST.minor()));
        }
    }
}
