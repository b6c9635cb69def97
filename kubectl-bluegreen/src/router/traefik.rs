//! Traefik: weights in its weighted services, and in its routes that name the active Service themselves.
//! Never adds an entry of weight 0; Traefik says nothing about an object, so nothing is waited for but time.

use super::weighted::{weighted, weighted_routes, weighted_share};
use super::{Ask, Means, Refusal, Router, Stage, ends};
use crate::cluster::Resource;
use crate::weights::{Shape, inside, reference, rename_reference};

pub(super) const ROUTER: Router = Router {
    id: "traefik",
    covers: "what enters through Traefik, by the TraefikServices and IngressRoutes that name the active Service",
    means: Means::ColorService,
    routes: |set| weighted_routes(set, &SHAPE),
    share: |set, color| weighted_share(set, color, &SHAPE),
    plan,
};

const SHAPE: Shape = Shape {
    resources: &[Resource::TraefikServices, Resource::IngressRoutes],
    lists: |route| {
        let weighted = route.pointer("/spec/weighted/services").map(|_| "/spec/weighted/services".to_owned());
        weighted.into_iter().chain(inside(route, "/spec/routes", "services")).collect()
    },
    service: reference,
    rename: rename_reference,
    port: "/port",
    sum: None,
};

fn plan(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    let Ask { set, color, share, before, .. } = *ask;
    let service = set.color_service(color);
    let ready = service.map_or(0, |service| set.endpoints(service).count());
    if let Some(ends) = ends(set, color, before).filter(|_| share > 0 && ready == 0) {
        let refusal = Refusal::new(
            format!("service/{} has no ready endpoint", ends.color),
            "Traefik answers 404 for everything while one weighted Service has none: let its pods become ready first",
        );
        return Err(Refusal { for_want_of_pods: true, ..refusal });
    }
    let mut stage = weighted(ask, &SHAPE, false)?;
    if share > 0 {
        stage.notes.push(format!(
            "should all pods of {color} become unready, Traefik answers 404 to everybody, not only to that share"
        ));
    }
    Ok(stage)
}
