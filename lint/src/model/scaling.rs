//! What changes the number or the size of a workload's pods: HPAs, VPAs, and KEDA's `ScaledObject`s.
//! Must not judge; it only says what they point at.

use crate::manifest::Object;
use crate::yaml::NodeRef;

/// What scales a workload.
#[derive(Clone, Copy, Debug)]
pub struct Scaler<'m> {
    /// The object.
    pub object: &'m Object,
    /// The value that names the workload.
    pub target: NodeRef<'m>,
    /// The workload's name.
    pub name: &'m str,
    /// The workload's kind.
    pub kind: &'m str,
}

impl<'m> Scaler<'m> {
    /// What an object scales; nothing where that is not to be known.
    #[must_use]
    pub fn of(object: &'m Object) -> Option<Self> {
        let key = reference(object)?;
        let reference = object.root().at(&["spec", key])?;
        let target = reference.get("name")?;
        let kind = reference.get("kind").and_then(NodeRef::as_str);
        // KEDA takes a Deployment where nothing is said.
        let kind = kind.or_else(|| object.is("keda.sh", "ScaledObject").then_some("Deployment"))?;
        Some(Self { object, target, name: target.as_str()?, kind })
    }

    /// The value that says the workload's kind.
    #[must_use]
    pub fn kind_node(self) -> Option<NodeRef<'m>> {
        self.object.root().at(&["spec", reference(self.object)?, "kind"])
    }

    /// Whether it decides how many pods there are; a VPA decides how large they are.
    #[must_use]
    pub fn counts_pods(self) -> bool {
        !self.object.is("autoscaling.k8s.io", "VerticalPodAutoscaler")
    }
}

/// Whether an object scales something, whether or not it says what.
#[must_use]
pub fn is_scaler(object: &Object) -> bool {
    reference(object).is_some()
}

/// The field that names what an object scales.
fn reference(object: &Object) -> Option<&'static str> {
    match (object.group(), object.id.kind.as_str()) {
        ("autoscaling", "HorizontalPodAutoscaler") | ("keda.sh", "ScaledObject") => Some("scaleTargetRef"),
        ("autoscaling.k8s.io", "VerticalPodAutoscaler") => Some("targetRef"),
        _ => None,
    }
}
