//! No router at all: the active selector widened to both colors, and so many pods of the color that its share comes out.
//! Scales the idle color only; which pods there are, and whether they are ready, is for the executor's waits.

use super::{Ask, Means, Refusal, Router, Stage, by_endpoints};
use crate::observed::name;
use crate::plan::{Action, Step, scale};
use crate::prepare::{floor_of, is_floor_lowered, own_floor, set_floor};
use crate::release::Active;
use crate::weights::percent;

pub(super) const ROUTER: Router = Router {
    id: "replicas",
    covers: "new connections to the active Service, by the number of pods behind it",
    means: Means::Both,
    routes: |_| Vec::new(),
    share: by_endpoints,
    plan,
};

/// By how many points the real share may miss the one that was asked for.
const TOLERANCE_POINTS: u64 = 3;

fn plan(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    if ask.share == 0 { Ok(put_back(ask)) } else { give(ask) }
}

/// The steps to a share: first so many pods, then the selector.
fn give(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    let Ask { set, color, share, before, .. } = *ask;
    let base = color.other();
    let cannot = |reason: String| {
        Refusal::new(
            format!("the active Service cannot select both colors: {reason}"),
            "give both pod templates a label that no other pods have",
        )
    };
    let both = set.widened().map_err(cannot)?;
    let serving = u64::try_from(set.ready_pods(base).count()).unwrap_or_default();
    let pods = nearest(serving, share).map_err(|message| {
        Refusal::new(message, "ask for one of these, add pods to both colors, or use a route that can split")
    })?;
    let mut stage = Stage { before: before.clone(), ..Stage::default() };
    stage.before.color = Some(color);
    let wanted = i32::try_from(pods).unwrap_or(i32::MAX);
    if let Some(autoscaler) = set.autoscaler_of(color) {
        stage.notes.push(format!(
            "hpa/{} may add pods to {color} under load: its share grows with them",
            name(&autoscaler.metadata)
        ));
        let most = autoscaler.spec.as_ref().map_or(i32::MAX, |spec| spec.max_replicas);
        if wanted > most {
            let called = name(&autoscaler.metadata);
            return Err(Refusal::new(
                format!("{share} % need {wanted} pods of {color}, and hpa/{called} allows {most}"),
                format!("raise maxReplicas of hpa/{called}, or ask for less"),
            ));
        }
        if floor_of(autoscaler) != wanted {
            stage.before.autoscaler = Some(name(&autoscaler.metadata).to_owned());
            stage.steps.push(set_floor(set, autoscaler, wanted));
        }
    }
    if let Some(autoscaler) = set.autoscaler_of(base) {
        stage.notes.push(format!("hpa/{} scales {base}: the share follows its size", name(&autoscaler.metadata)));
    }
    if set.observed.autoscalers.is_none() {
        stage.notes.push("autoscalers are unknown: reading them is not allowed; one would change the share".to_owned());
    }
    if set.desired(color) != wanted {
        stage.before.replicas = stage.before.replicas.or(Some(set.desired(color)));
        stage.steps.extend(scale(set, color, wanted));
    }
    let is_wide = set.set.active == Some(Active::Both);
    let ready = set.ready_pods(color).count();
    stage.gives = Some(percent(pods, serving + pods));
    let exactly = exact(pods, serving);
    let (noun, verb) = if pods == 1 { ("pod", "is") } else { ("pods", "are") };
    stage.notes.push(format!("{pods} of {} pods {verb} of {color} then: {exactly} % in fact", serving + pods));
    if !stage.steps.is_empty() || u64::try_from(ready).unwrap_or_default() != pods {
        stage.sizes = true;
        let title = format!("wait until {pods} {noun} of {color} {verb} ready");
        stage.steps.push(Step::new("rollout", title, Action::AwaitRollout(color)));
        if !is_wide {
            let to = "check again, then let the active Service select both colors";
            stage.then = Some(to.to_owned());
            return Ok(stage);
        }
    }
    if !is_wide {
        stage.before.selector = Some(set.own_selector());
        stage.selector = Some(both.clone());
    }
    if !is_wide || !stage.steps.is_empty() {
        let service = set.active_service().map_or("", |service| name(&service.metadata));
        let title = format!("wait until exactly the ready pods of both colors are the endpoints of service/{service}");
        stage.steps.push(Step::new("endpoints", title, Action::AwaitBoth(both)));
    }
    Ok(stage)
}

/// The steps back: the autoscaler's own floor, and the size of the color where it does not serve now. A color that serves
/// keeps the pods that it has: no floor of it is lowered before a cleanup.
fn put_back(ask: &Ask<'_>) -> Stage {
    let Ask { set, color, stays, before, .. } = *ask;
    let mut stage = Stage { before: before.clone(), ..Stage::default() };
    let is_due = before.autoscaler.is_some() && (stays != color || is_floor_lowered(set, color));
    let floor = own_floor(set, color).filter(|_| is_due);
    stage.steps.extend(floor);
    if let Some(replicas) = before.replicas.filter(|replicas| stays != color && *replicas != set.desired(color)) {
        stage.steps.extend(scale(set, color, replicas));
    }
    stage
}

/// So many pods beside the serving ones that the share comes out, never more than serve.
///
/// # Errors
/// That no number of pods comes near enough, and what the nearest shares are.
fn nearest(serving: u64, share: u8) -> Result<u64, String> {
    let share = u64::from(share);
    // In points times pods, so that nothing is rounded.
    let miss = |pods: u64| (share * (serving + pods)).abs_diff(100 * pods);
    let reachable = |pods: &u64| miss(*pods) <= TOLERANCE_POINTS * (serving + pods);
    // The difference in points is a fraction: compared crosswise.
    let nearer = |a: &u64, b: &u64| (miss(*a) * (serving + b)).cmp(&(miss(*b) * (serving + a)));
    let mut all: Vec<u64> = (1..=serving).collect();
    if let Some(best) = all.iter().copied().filter(reachable).min_by(nearer) {
        return Ok(best);
    }
    all.sort_by(nearer);
    let mut names: Vec<u64> = all.into_iter().take(2).collect();
    names.sort_unstable();
    let words = |pods: &u64| {
        let plural = if *pods == 1 { "pod" } else { "pods" };
        format!("{} % ({pods} {plural})", exact(*pods, serving))
    };
    let names: Vec<String> = names.iter().map(words).collect();
    if names.is_empty() {
        return Err("no pod of the color that serves is ready".to_owned());
    }
    Err(format!("beside {serving} ready pods, {share} % cannot be reached: the nearest are {}", names.join(" and ")))
}

/// A share with one decimal where it needs one.
fn exact(pods: u64, serving: u64) -> String {
    let tenths = (pods * 2000 / (pods + serving)).div_ceil(2);
    if tenths.is_multiple_of(10) {
        percent(pods, pods + serving).to_string()
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_share_is_reached_within_three_points_or_the_nearest_are_named() {
        assert_eq!(nearest(3, 25), Ok(1));
        assert_eq!(nearest(3, 28), Ok(1));
        assert_eq!(nearest(3, 50), Ok(3));
        assert_eq!(nearest(9, 10), Ok(1));
        assert_eq!(nearest(20, 33), Ok(10));
        for (serving, share, named) in [
            (3, 10, "25 % (1 pod) and 40 % (2 pods)"),
            (3, 29, "25 % (1 pod) and 40 % (2 pods)"),
            (3, 60, "40 % (2 pods) and 50 % (3 pods)"),
            (1, 10, "50 % (1 pod)"),
            (2, 20, "33.3 % (1 pod) and 50 % (2 pods)"),
            (0, 50, "no pod"),
        ] {
            let refused = nearest(serving, share).unwrap_err();
            assert!(refused.contains(named), "{serving}, {share} %: {refused}");
        }
    }
}
