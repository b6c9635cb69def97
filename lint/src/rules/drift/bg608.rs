//! Both colors mount a volume that only one node, or one pod, can mount.
//!
//! ## Why
//!
//! The pods of the new version wait for the volume for as long as the old ones run: they never become ready, and there is
//! nothing to switch to.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     spec:
//!       volumes:
//!       - name: data
//!         persistentVolumeClaim: {claimName: shop-data}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       volumes:
//!       - name: data
//!         persistentVolumeClaim: {claimName: shop-data}
//! ---
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: {name: shop-data}
//! spec:
//!   accessModes: [ReadWriteOnce]
//!   resources:
//!     requests: {storage: 1Gi}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     spec:
//!       volumes:
//!       - name: data
//!         persistentVolumeClaim: {claimName: shop-data}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       volumes:
//!       - name: data
//!         persistentVolumeClaim: {claimName: shop-data}
//! ---
//! apiVersion: v1
//! kind: PersistentVolumeClaim
//! metadata: {name: shop-data}
//! spec:
//!   accessModes: [ReadWriteMany]
//!   resources:
//!     requests: {storage: 1Gi}
//! ```
//!
//! ## Configuration
//!
//! None. A claim that is not among the files is not judged.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::set::{Color, same_namespace};
use crate::yaml::NodeRef;

/// `exclusive-volume-shared`
pub(crate) static RULE: Rule = Rule {
    code: "BG608",
    name: "exclusive-volume-shared",
    severity: Severity::Error,
    source: include_str!("bg608.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some((blue, green)) = set.both() else { return };
    let one_namespace = same_namespace(blue.facts.namespace.as_deref(), green.facts.namespace.as_deref());
    if !one_namespace || blue.object.id == green.object.id {
        return;
    }
    let idle = set.active().map_or(Color::Green, Color::other);
    let (own, other) = if idle == Color::Blue { (blue, green) } else { (green, blue) };
    for claim in claims(own.object) {
        let name = claim.as_str();
        let Some(shared) = claims(other.object).find(|shared| shared.as_str() == name) else { continue };
        let defined = set.model.objects().iter().find(|object| {
            object.is("", "PersistentVolumeClaim")
                && Some(object.id.name.as_str()) == name
                && same_namespace(object.id.namespace.as_deref(), own.facts.namespace.as_deref())
        });
        let Some(mode) = defined.and_then(exclusive_mode) else { continue };
        let message = format!(
            "{} and {} both mount the claim {}, which is {mode}",
            blue.facts.name,
            green.facts.name,
            name.unwrap_or_default()
        );
        let finding = findings.report(own.object.at(claim), message);
        finding.help("give each color a claim of its own, or make it ReadWriteMany");
        finding.related(other.object.at(shared), format!("{} mounts it, too", idle.other()));
    }
}

fn claims(object: &Object) -> impl Iterator<Item = NodeRef<'_>> {
    let volumes = object.template().and_then(|template| template.at(&["spec", "volumes"]));
    let volumes = volumes.into_iter().flat_map(NodeRef::items);
    volumes.filter_map(|volume| volume.at(&["persistentVolumeClaim", "claimName"]))
}

/// The access mode of a claim that only one node or pod can mount.
fn exclusive_mode(claim: &Object) -> Option<&str> {
    let modes = claim.root().at(&["spec", "accessModes"]).into_iter().flat_map(NodeRef::items);
    let modes: Vec<&str> = modes.filter_map(NodeRef::as_str).collect();
    let exclusive = modes.iter().all(|mode| matches!(*mode, "ReadWriteOnce" | "ReadWriteOncePod"));
    modes.first().copied().filter(|_| exclusive)
}
