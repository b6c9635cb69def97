//! Where routes send the users of a Service: to itself, and to another Service that has a share of them.
//! Reads routes as their controllers do; knows no release and no color.

use serde_json::Value;

use super::store::{State, text};
use crate::cluster::{ObjectRef, Resource};

/// Services with their shares of the users, from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shares {
    /// By Service.
    pub(super) services: Vec<(String, f64)>,
    /// Whether nobody is answered while one of them has no endpoint.
    pub(super) fails_whole: bool,
}

/// The shares of those users that are sent to a Service by the first route that names it; all of them where none does.
pub(super) fn of(state: &State, service: &ObjectRef) -> Shares {
    let kinds = [
        Resource::HttpRoutes,
        Resource::GrpcRoutes,
        Resource::TraefikServices,
        Resource::IngressRoutes,
        Resource::VirtualServices,
    ];
    let routes = kinds.into_iter().flat_map(|kind| state.of(kind, &service.namespace));
    let lists = routes.flat_map(|(route, object)| lists(route.resource, object));
    let weighted = lists.map(weights).find(|list| list.iter().any(|(name, _)| *name == service.name));
    let list = weighted.or_else(|| canary(state, service)).unwrap_or_else(|| vec![(service.name.clone(), 1.0)]);
    let all: f64 = list.iter().map(|(_, weight)| weight).sum();
    let services = list.into_iter().filter(|(_, weight)| *weight > 0.0).map(|(name, weight)| (name, weight / all));
    let is_traefik = [Resource::TraefikServices, Resource::IngressRoutes];
    let fails_whole = is_traefik.into_iter().any(|kind| state.of(kind, &service.namespace).next().is_some());
    Shares { services: services.collect(), fails_whole }
}

/// The weighted lists of a route.
fn lists(kind: Resource, route: &Value) -> Vec<&Value> {
    let (outer, inner) = match kind {
        Resource::HttpRoutes | Resource::GrpcRoutes => ("/spec/rules", "backendRefs"),
        Resource::IngressRoutes => ("/spec/routes", "services"),
        Resource::VirtualServices => ("/spec/http", "route"),
        _ => return route.pointer("/spec/weighted/services").into_iter().collect(),
    };
    route.pointer(outer).and_then(Value::as_array).into_iter().flatten().filter_map(|item| item.get(inner)).collect()
}

fn weights(list: &Value) -> Vec<(String, f64)> {
    let entry = |entry: &Value| {
        let host = text(entry, "/destination/host").and_then(|host| host.split('.').next());
        let weight = entry.get("weight").and_then(Value::as_f64).unwrap_or(1.0);
        Some((text(entry, "/name").or(host)?.to_owned(), weight))
    };
    list.as_array().into_iter().flatten().filter_map(entry).collect()
}

/// The Service of a canary Ingress beside the one that names the Service.
fn canary(state: &State, service: &ObjectRef) -> Option<Vec<(String, f64)>> {
    let annotation = |ingress: &Value, key: &str| {
        text(ingress, &format!("/metadata/annotations/nginx.ingress.kubernetes.io~1{key}")).map(str::to_owned)
    };
    let canaries = state.of(Resource::Ingresses, &service.namespace);
    let mut canaries = canaries.filter(|(_, ingress)| annotation(ingress, "canary").as_deref() == Some("true"));
    canaries.find_map(|(_, ingress)| {
        let weight: f64 = annotation(ingress, "canary-weight")?.parse().ok()?;
        let name = text(ingress, "/spec/rules/0/http/paths/0/backend/service/name")?.to_owned();
        Some(vec![(service.name.clone(), 100.0 - weight), (name, weight)])
    })
}
