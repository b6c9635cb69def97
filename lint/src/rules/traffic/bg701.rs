//! An Ingress or route names a Service port that is not there, or a Service by a name that is one edit away from one that is.
//!
//! ## Why
//!
//! Users get an error page, and the API server accepts it all: it checks no reference of a route.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Ingress
//! metadata: {name: shop}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop, port: {number: 8080}}}   # the Service offers 80
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Ingress
//! metadata: {name: shop}
//! spec:
//!   rules:
//!   - host: www.example.com
//!     http:
//!       paths:
//!       - path: /
//!         pathType: Prefix
//!         backend: {service: {name: shop, port: {number: 80}}}
//! ```
//!
//! ## Configuration
//!
//! None. A Service that is nothing like one of a release set is not judged: it may be elsewhere. Understood are
//! Ingress, the routes of the Gateway API, Istio's `VirtualService`, Traefik's `IngressRoute`, SMI's `TrafficSplit` and
//! `OpenShift`'s Route.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::finding::{Findings, Severity};
use crate::manifest::{Object, is_placeholder};
use crate::model::routing::{Backend, Routing};
use crate::model::{Member, Model};
use crate::rule::{Check, Rule};
use crate::rules::ports::{offered, offers, text};
use crate::set::{Service, same_namespace};
use crate::yaml::NodeRef;

/// `backend-missing`
pub(crate) static RULE: Rule = Rule {
    code: "BG701",
    name: "backend-missing",
    severity: Severity::Error,
    source: include_str!("bg701.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    let near = OnceCell::new();
    // What several rules of routes ask for is one defect.
    let mut ports: BTreeMap<(usize, String), Vec<(&Object, NodeRef<'_>)>> = BTreeMap::new();
    for object in model.objects() {
        let backends = Routing::of(object).into_iter().flat_map(|routing| routing.rules).flat_map(|rule| rule.backends);
        for backend in backends.filter(|backend| !is_placeholder(backend.service)) {
            let namespace = backend.namespace.or(object.id.namespace.as_deref());
            let named: Vec<_> = model.services_named(backend.service, namespace).collect();
            if let Some((key, node)) = missing_port(model, backend, &named) {
                ports.entry(key).or_default().push((object, node));
            }
            if named.is_empty() && !model.has_unjudged_service() {
                let near = near.get_or_init(|| model.near_services()).to(backend.service);
                let near = near.into_iter().filter(|at| model.set_with_service(*at).is_some());
                let near = near.filter_map(|at| model.service(at));
                let near = near.filter(|of| same_namespace(of.facts.namespace.as_deref(), namespace));
                service(object, backend, &near.collect::<Vec<_>>(), findings);
            }
        }
    }
    for ((at, wanted), asked) in ports {
        let (Some(service), Some(((object, node), others))) = (model.service(at), asked.split_first()) else {
            continue;
        };
        let name = &service.facts.name;
        let message = format!("{} sends to port {wanted} of the Service {name}, which does not offer it", object.id);
        let finding = findings.report(object.at(*node), message);
        finding.help(format!("offered there: {}", offered(service.object)));
        if let Some(spec) = service.object.root().get("spec") {
            finding.related(service.object.at_key(spec, "ports"), format!("the ports of {name}"));
        }
        for (object, node) in others {
            finding.related(object.at(*node), "asked for here as well");
        }
    }
}

/// The port of a backend that none of the Services of its name offers, with the Service and the port.
fn missing_port<'m>(
    model: &Model,
    of: Backend<'m>,
    named: &[Member<'_, Service>],
) -> Option<((usize, String), NodeRef<'m>)> {
    let node = of.port?;
    let wanted = text(node).filter(|wanted| !is_placeholder(wanted))?;
    let judged = named.iter().any(|service| model.set_with_service(service.at).is_some());
    let missing = named.iter().all(|service| offers(service.object, &wanted) == Some(false));
    let service = named.first().filter(|_| judged && missing)?;
    Some(((service.at, wanted), node))
}

/// A Service that is not there, while one of nearly that name is.
fn service(object: &Object, of: Backend<'_>, near: &[Member<'_, Service>], findings: &mut Findings<'_>) {
    if near.is_empty() {
        return;
    }
    let message = format!("{} sends to the Service {}, which is not there", object.id, of.service);
    let finding = findings.report(object.at(of.name), message);
    let names: Vec<String> = near.iter().map(|service| format!("`{}`", service.facts.name)).collect();
    finding.help(format!("did you mean {}?", names.join(" or ")));
    for service in near {
        finding.related(service.object.at_name(), "this one is there");
    }
}
