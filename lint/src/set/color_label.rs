//! Which label tells the colors of a set apart.
//! Compares the templates and asks the Services; no key has a meaning of its own.

use std::cmp::Reverse;

use super::reading::{are_counterparts, color_of};
use super::{Color, Facts, Labels, ReleaseSet};

/// The label keys that carry the color, the one that matters most first.
pub(super) fn infer(facts: &Facts, set: &ReleaseSet) -> Vec<String> {
    let labels = |color: Color| set.workloads.get(color).and_then(|at| facts.workloads.get(at)).map(|w| &w.labels);
    let own_selector =
        |color: Color| set.workloads.get(color).and_then(|at| facts.workloads.get(at)).map(|w| &w.selector);
    let service = |at: Option<usize>| at.and_then(|at| facts.services.get(at)).map(|service| &service.selector);
    let active = service(set.active_service);
    let color_services: Vec<&Labels> = Color::ALL.iter().filter_map(|c| service(*set.color_services.get(*c))).collect();

    let empty = Labels::new();
    let (blue, green) = (labels(Color::Blue), labels(Color::Green));
    let (blue_labels, green_labels) = (blue.unwrap_or(&empty), green.unwrap_or(&empty));
    let mut keys: Vec<(&String, i32)> = Vec::new();
    for key in blue_labels.keys().chain(green_labels.keys().filter(|key| !blue_labels.contains_key(*key))) {
        let values = (blue_labels.get(key), green_labels.get(key));
        let strength = match values {
            (Some(b), Some(g)) if b == g => 0,
            (Some(b), Some(g)) => match are_counterparts(b, g) {
                Some(_) if is_exact(b) && is_exact(g) => 40,
                Some(_) => 30,
                None => 5,
            },
            (Some(value), None) | (None, Some(value)) if blue.is_none() || green.is_none() => {
                if is_exact(value) {
                    40
                } else {
                    25 * i32::from(color_of(value).is_some())
                }
            }
            _ => 0,
        };
        if strength > 0 {
            keys.push((key, strength));
        }
    }
    if keys.is_empty() {
        // No label differs: what the Services and templates call a color is what was meant to.
        let selectors =
            || active.into_iter().chain(color_services.iter().copied()).chain([blue_labels, green_labels]).flatten();
        let named = selectors().find(|(_, value)| is_exact(value));
        let named = named.or_else(|| selectors().find(|(_, value)| color_of(value).is_some()));
        return named.map(|(key, _)| key.clone()).into_iter().collect();
    }
    let used = |selector: Option<&Labels>, key: &String| selector.is_some_and(|selector| selector.contains_key(key));
    let weight = |key: &String, strength: i32| {
        let own = Color::ALL.iter().any(|color| used(own_selector(*color), key));
        let by_color_service = color_services.iter().any(|selector| selector.contains_key(key));
        strength + 100 * i32::from(used(active, key)) + 50 * i32::from(by_color_service) + 20 * i32::from(own)
    };
    keys.sort_by_key(|&(key, strength)| (Reverse(weight(key, strength)), key));
    // After the first, only labels that name the colors themselves are exchanged with it: a version is not a color.
    let first = keys.first().map(|(key, _)| (*key).clone());
    let others = keys.iter().skip(1).filter(|(_, strength)| *strength >= 25).map(|(key, _)| (*key).clone());
    first.into_iter().chain(others).collect()
}

fn is_exact(value: &str) -> bool {
    value.parse::<Color>().is_ok()
}
