//! The active Service's selector: all of the traffic to one color, with nothing else to write.
//! Knows no shares; moving the selector itself is for `traffic`.

use super::{Ask, Means, Refusal, Router, Stage, by_endpoints};

pub(super) const ROUTER: Router = Router {
    id: "service",
    covers: "everything that comes to the active Service: all of it or nothing",
    means: Means::Selector,
    routes: |_| Vec::new(),
    share: by_endpoints,
    plan,
};

fn plan(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    if ask.share == 0 {
        return Ok(Stage { before: ask.before.clone(), ..Stage::default() });
    }
    Err(Refusal::new(
        "a selector gives a color all of the traffic or none of it",
        "leave --router out, or name one that can split",
    ))
}
