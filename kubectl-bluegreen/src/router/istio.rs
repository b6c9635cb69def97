//! Istio: weights in the `http` routes of VirtualServices that name the active Service's host.
//! Leaves subsets to whoever made them: a split by a DestinationRule is not one between two Services.

use serde_json::Value;

use super::weighted::{of_shape, weighted, weighted_routes, weighted_share};
use super::{Ask, Means, Refusal, Router, Stage, ends};
use crate::cluster::Resource;
use crate::weights::{Named, Shape, inside, list};

pub(super) const ROUTER: Router = Router {
    id: "istio",
    covers: "what enters through Istio's gateways or mesh, by the VirtualServices that name the active Service",
    means: Means::ColorService,
    routes: |set| weighted_routes(set, &SHAPE),
    share: |set, color| weighted_share(set, color, &SHAPE),
    plan,
};

const SHAPE: Shape = Shape {
    resources: &[Resource::VirtualServices],
    lists: |route| inside(route, "/spec/http", "route"),
    service: host,
    rename,
    port: "/destination/port/number",
    sum: Some(100),
};

/// The host of a destination as a Service: `shop`, `shop.web` or `shop.web.svc.cluster.local`.
fn host(destination: &Value) -> Option<Named<'_>> {
    let mut parts = destination.pointer("/destination/host")?.as_str()?.split('.');
    Some((parts.next()?, parts.next()))
}

/// Lets a destination name another Service in the same way.
fn rename(destination: &mut Value, service: &str) {
    let Some(host) = destination.pointer_mut("/destination/host") else { return };
    let rest = host.as_str().and_then(|host| host.split_once('.')).map(|(_, rest)| format!(".{rest}"));
    *host = format!("{service}{}", rest.unwrap_or_default()).into();
}

fn plan(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    let ends = ends(ask.set, ask.color, ask.before);
    let mut routes = of_shape(ask.set, &SHAPE).filter(|_| ask.share > 0);
    let by_subsets = routes.find(|route| {
        let lists = ends.map(|ends| SHAPE.lists_to(route, ends)).unwrap_or_default();
        let mut entries = lists.iter().flat_map(|pointer| list(&route.object, pointer));
        entries.any(|entry| entry.pointer("/destination/subset").is_some())
    });
    if let Some(route) = by_subsets {
        return Err(Refusal::new(
            format!("{route} splits the traffic by subsets itself"),
            "move it there, or let it name the Services of the set without subsets",
        ));
    }
    weighted(ask, &SHAPE, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::weights::Ends;

    /// A sum of 100 rounds what each entry of the active Service gets: that is no change of somebody else's, and whatever is
    /// made of a list sums up to 100 again.
    #[test]
    fn rounded_weights_are_no_change() {
        let entry = |(service, port, weight): (&str, u64, u64)| json!({"destination": {"host": service, "port": {"number": port}}, "weight": weight});
        let list = |entries: &[(&str, u64, u64)]| entries.iter().copied().map(entry).collect::<Vec<_>>();
        let ends = Ends { namespace: "web", active: "shop", color: "shop-green" };
        let recorded = list(&[("shop", 80, 50), ("shop", 81, 50)]);
        let original = |weights: [u64; 4]| {
            let [a, b, of_a, of_b] = weights;
            let now = list(&[("shop", 80, a), ("shop", 81, b), ("shop-green", 80, of_a), ("shop-green", 81, of_b)]);
            SHAPE.original(&now, &recorded, ends)
        };
        assert_eq!(original([43, 42, 8, 7]), recorded);
        assert_eq!(original([0, 0, 50, 50]), recorded);
        assert_eq!(original([85, 0, 8, 7]), list(&[("shop", 80, 100), ("shop", 81, 0)]));
        assert_eq!(original([60, 20, 10, 10]), list(&[("shop", 80, 75), ("shop", 81, 25)]));
        // Nothing limits what somebody writes by hand.
        assert_eq!(original([1 << 60, 0, 1 << 60, 0]), list(&[("shop", 80, 100), ("shop", 81, 0)]));
    }
}
