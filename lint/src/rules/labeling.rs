//! Defects of the pod templates' labels that make everything that selects by them look wrong.
//! Not a rule: each of them is reported by one, and the others keep silent where it is the cause.

use crate::model::{Member, SetView, has_placeholder};
use crate::set::{Color, Workload, color_named, same_namespace, selects};

/// Whether what the Services select is only the echo of a defect of the templates' labels.
pub(super) fn is_echo(set: SetView<'_>) -> bool {
    carries_wrong_color(set) || misses_own_template(set) || indistinguishable(set).is_some()
}

/// Whether a workload is named for one color and carries the other in its labels.
fn carries_wrong_color(set: SetView<'_>) -> bool {
    set.workloads().any(|(color, member)| wrong_color(set, color, member).is_some())
}

/// The label by which a workload that is named for one color carries the other: one that tells the colors apart, or by
/// which a Service chooses one.
pub(super) fn wrong_color<'m>(
    set: SetView<'m>,
    color: Color,
    member: Member<'m, Workload>,
) -> Option<(&'m String, &'m String)> {
    if color_named(&member.facts.name) != Some(color) {
        return None;
    }
    let chosen = |key: &String| set.services().any(|service| service.facts.selector.contains_key(key));
    member.facts.labels.iter().find(|(key, value)| {
        let of_label = if set.set.color_labels.contains(key) { color_named(value) } else { value.parse().ok() };
        of_label == Some(color.other()) && (set.set.color_labels.contains(key) || chosen(key))
    })
}

/// Whether a workload does not select its own pods: the API server refuses that.
fn misses_own_template(set: SetView<'_>) -> bool {
    set.workloads().any(|(_, member)| {
        let (selector, labels) = (&member.facts.selector, &member.facts.labels);
        !selector.is_empty() && !selects(selector, labels) && !has_placeholder(selector) && !has_placeholder(labels)
    })
}

/// The color that no selector can select without the other one; the idle one where that holds for both.
pub(super) fn indistinguishable(set: SetView<'_>) -> Option<Color> {
    let (blue, green) = set.both()?;
    let one_namespace = same_namespace(blue.facts.namespace.as_deref(), green.facts.namespace.as_deref());
    let templated = has_placeholder(&blue.facts.labels) || has_placeholder(&green.facts.labels);
    let one_object = blue.object.id == green.object.id;
    if !one_namespace || templated || one_object || carries_wrong_color(set) || misses_own_template(set) {
        return None;
    }
    let within = |color: Color| {
        let (own, other) = if color == Color::Blue { (blue, green) } else { (green, blue) };
        own.facts.labels.iter().all(|(key, value)| other.facts.labels.get(key) == Some(value))
    };
    let idle = set.active().map_or(Color::Green, Color::other);
    [idle, idle.other()].into_iter().find(|color| within(*color))
}

/// Whether a workload is a canary, or one side of an A/B test, which is to share its Service with another one.
pub(super) fn is_canary(member: Member<'_, Workload>) -> bool {
    names_canary(&member.facts.name) || member.facts.labels.values().any(|value| names_canary(value))
}

/// Whether a text says that it is about a canary or an A/B test.
pub(super) fn names_canary(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "canary" | "ab"))
}
