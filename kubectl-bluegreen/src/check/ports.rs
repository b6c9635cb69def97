//! Refuses when a port of the active Service leads nowhere on the target's pods.
//! A number needs no declaration on a pod, so only names can fail.

use k8s_openapi::api::core::v1::{PodSpec, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Check, Question, Verdict};
use crate::observed::{lasting_containers, name, port_called};

pub(super) const CHECK: Check =
    Check { id: "ports", refuses: "a targetPort of the active Service is not declared by the target's pods", run };

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, .. } = *question;
    let (Some(service), Some(deployment)) = (set.active_service(), set.deployment(target)) else {
        return Verdict::skip("there is no active Service or no Deployment to look at");
    };
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let all: Vec<&ServicePort> = ports(service).collect();
    for port in &all {
        let Some(IntOrString::String(wanted)) = &port.target_port else { continue };
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        if pod.is_none_or(|pod| port_called(pod, wanted, protocol).is_none()) {
            let known = pod.map(named).unwrap_or_default();
            let known = if known.is_empty() { "no named port".to_owned() } else { known.join(", ") };
            return Verdict::fail(
                format!(
                    "targetPort {wanted} of service/{} leads nowhere: {} declares {known}",
                    name(&service.metadata),
                    name(&deployment.metadata)
                ),
                format!("declare a container port named {wanted} in deployment/{}", name(&deployment.metadata)),
            );
        }
    }
    let count = all.len();
    Verdict::pass(format!("{count} {} the pods", if count == 1 { "port reaches" } else { "ports reach" }))
}

fn ports(service: &Service) -> impl Iterator<Item = &ServicePort> {
    service.spec.iter().flat_map(|spec| spec.ports.iter().flatten())
}

/// The names of the ports that a pod declares.
fn named(pod: &PodSpec) -> Vec<&str> {
    let ports = lasting_containers(pod).flat_map(|container| container.ports.iter().flatten());
    ports.filter_map(|port| port.name.as_deref()).collect()
}
