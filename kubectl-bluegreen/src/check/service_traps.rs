//! Refuses an active Service whose selector leads nowhere, and warns of settings that make a switch do less than it says.
//! Judges the Service's own fields only.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ServiceSpec;

use super::{Check, Question, Verdict};
use crate::observed::{SetView, name};
use crate::release::Color;

pub(super) const CHECK: Check = Check {
    id: "service-traps",
    refuses: "the active Service is an `ExternalName`; warns of other settings that keep traffic from following",
    run,
};

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, .. } = *question;
    let Some(service) = set.active_service() else { return Verdict::skip("there is no active Service") };
    let Some(spec) = &service.spec else { return Verdict::skip("the active Service has no spec") };
    let called = name(&service.metadata);
    if spec.type_.as_deref() == Some("ExternalName") {
        let message = format!("service/{called} is an ExternalName: its selector moves nothing");
        return Verdict::fail(message, "make it a ClusterIP Service first");
    }
    let traps = traps(set, spec, target);
    if traps.is_empty() {
        return Verdict::pass(format!("service/{called} has no setting that keeps traffic behind"));
    }
    Verdict::warn(format!("service/{called}: {}", traps.join("; ")), "know what stays, or change the Service first")
}

fn traps(set: &SetView<'_>, spec: &ServiceSpec, target: Color) -> Vec<String> {
    let mut traps = Vec::new();
    if spec.publish_not_ready_addresses == Some(true) {
        traps.push("publishNotReadyAddresses sends traffic to pods that are not ready".to_owned());
    }
    if spec.cluster_ip.as_deref() == Some("None") {
        traps.push("it is headless: clients keep the addresses that they resolved".to_owned());
    }
    if spec.session_affinity.as_deref() == Some("ClientIP") {
        traps.push("session affinity: clients change their pod all at once".to_owned());
    }
    for (field, policy) in [
        ("internalTrafficPolicy", &spec.internal_traffic_policy),
        ("externalTrafficPolicy", &spec.external_traffic_policy),
    ] {
        let missed = missed_nodes(set, target);
        if policy.as_deref() == Some("Local") && !missed.is_empty() {
            let missed: Vec<&str> = missed.into_iter().collect();
            traps.push(format!("{field}: Local, and {target} has no pod on {}", missed.join(", ")));
        }
    }
    traps
}

/// The nodes on which a pod serves now and none of the target would.
fn missed_nodes<'o>(set: &SetView<'o>, target: Color) -> BTreeSet<&'o str> {
    let nodes = |color: Color| -> BTreeSet<&'o str> {
        set.ready_pods(color).filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref()).collect()
    };
    let serving = set.active().map(nodes).unwrap_or_default();
    serving.difference(&nodes(target)).copied().collect()
}
