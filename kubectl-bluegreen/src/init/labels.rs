//! Which labels the copies of a Deployment must have other values of, so that nobody takes them for the old pods.
//! Pure; evaluates label selectors as Kubernetes does.

use serde_json::Value;

use super::strings;
use crate::observed::Labels;
use bluegreen_lint::set::selects;

/// Keys that are made for telling instances of an application apart, the best first.
const FAVOURITES: [&str; 5] = ["app.kubernetes.io/instance", "app", "k8s-app", "app.kubernetes.io/name", "name"];
/// What is added to a label's value.
const SUFFIX: &str = "-bluegreen";
/// How long a label's value may be.
const MAX_VALUE: usize = 63;
/// The label that tells the colors apart, and what it is called where that name is taken.
const COLOR_LABELS: [&str; 2] = ["color", "kubectl-bluegreen.dev/color"];

/// Somebody's selector that may lose the pods when a label changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Watcher {
    /// Whose it is: `networkpolicy/shop`.
    pub object: String,
    /// Whether traffic is lost when it selects the old pods and not the new ones.
    pub carries_traffic: bool,
    /// The `LabelSelector`.
    pub selector: Value,
}

/// How the labels of the copies differ from those of the old pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relabeling {
    /// The other values.
    pub labels: Labels,
    /// The label that tells the colors apart.
    pub color_label: String,
}

impl Relabeling {
    /// Chooses as few labels as can be: neither the old Deployment's selector nor, if it can be helped, the Service's
    /// selects the copies, and as few others as possible lose them. Nothing when the selector cannot be evaded.
    #[must_use]
    pub fn choose(selector: &Value, template: &Labels, service: &Labels, watchers: &[Watcher]) -> Option<Self> {
        let color_label = COLOR_LABELS.into_iter().find(|key| !template.contains_key(*key))?.to_owned();
        let candidate = |key: &String, value: &String| {
            let relabeling =
                Self { labels: [(key.clone(), other_value(value))].into(), color_label: color_label.clone() };
            let labels = relabeling.apply(template);
            if matches(selector, &labels) {
                return None;
            }
            let lost = watchers.iter().filter(|watcher| watcher.loses(template, &labels));
            let cost: usize = lost.map(|watcher| if watcher.carries_traffic { 100 } else { 10 }).sum();
            let favourite = FAVOURITES.iter().position(|known| known == key).unwrap_or(FAVOURITES.len());
            Some(((cost, usize::from(selects(service, &labels)), favourite, key.clone()), relabeling))
        };
        let candidates = template.iter().filter_map(|(key, value)| candidate(key, value));
        candidates.min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, relabeling)| relabeling)
    }

    /// Labels with the other values in their places.
    #[must_use]
    pub fn apply(&self, labels: &Labels) -> Labels {
        let exchange = |(key, value): (&String, &String)| (key.clone(), self.labels.get(key).unwrap_or(value).clone());
        labels.iter().map(exchange).collect()
    }

    /// Labels with the other values and the color.
    #[must_use]
    pub fn with_color(&self, labels: &Labels, color: &str) -> Labels {
        let mut labels = self.apply(labels);
        labels.insert(self.color_label.clone(), color.to_owned());
        labels
    }
}

impl Watcher {
    /// Whether it selects the old pods and would not select the new ones, or the other way round.
    #[must_use]
    pub fn loses(&self, old: &Labels, new: &Labels) -> bool {
        matches(&self.selector, old) != matches(&self.selector, new)
    }
}

/// Another value that is as readable, and no longer than a label's value may be.
fn other_value(value: &str) -> String {
    let kept: String = value.chars().take(MAX_VALUE - SUFFIX.len()).collect();
    format!("{}{SUFFIX}", kept.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()))
}

/// Whether a `LabelSelector` selects labels; an empty one selects everything.
#[must_use]
pub fn matches(selector: &Value, labels: &Labels) -> bool {
    let by_label = strings(selector.get("matchLabels")).iter().all(|(key, value)| labels.get(key) == Some(value));
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    by_label && expressions.into_iter().all(|expression| satisfies(expression, labels))
}

fn satisfies(expression: &Value, labels: &Labels) -> bool {
    let text = |key: &str| expression.get(key).and_then(Value::as_str).unwrap_or_default();
    let value = labels.get(text("key"));
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let listed = value.is_some_and(|value| values.into_iter().any(|one| one.as_str() == Some(value)));
    match text("operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_words;
    use super::*;
    use serde_json::json;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn selectors_are_evaluated_as_the_server_does() {
        let pod = labels(&[("app", "shop"), ("tier", "web")]);
        for (selector, expected) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "shop"}}), true),
            (json!({"matchLabels": {"app": "cart"}}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["cart", "shop"]}]}), true),
            (json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["shop"]}]}), false),
            (json!({"matchExpressions": [{"key": "color", "operator": "NotIn", "values": ["x"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), false),
            (json!({"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}), false),
        ] {
            assert_eq!(matches(&selector, &pod), expected, "{selector}");
        }
    }

    #[test]
    fn the_label_that_costs_least_is_changed() {
        let pod = labels(&[("app", "shop"), ("tier", "web"), ("release", "r1")]);
        let choose = |selector: &Value, service: &[(&str, &str)], watchers: &[Watcher]| {
            let chosen = Relabeling::choose(selector, &pod, &labels(service), watchers);
            chosen.map(|relabeling| in_words(&relabeling.labels))
        };
        let all = json!({"matchLabels": {"app": "shop", "tier": "web"}});
        assert_eq!(choose(&all, &[("app", "shop")], &[]).as_deref(), Some("app=shop-bluegreen"));
        // The Service's own label first: then no traffic comes to the copies before it moves.
        assert_eq!(choose(&all, &[("tier", "web")], &[]).as_deref(), Some("tier=web-bluegreen"));
        // A policy that would lose the pods weighs more than anything else.
        let policy = Watcher {
            object: "networkpolicy/shop".to_owned(),
            carries_traffic: true,
            selector: json!({"matchLabels": {"app": "shop"}}),
        };
        assert_eq!(choose(&all, &[("app", "shop")], &[policy]).as_deref(), Some("tier=web-bluegreen"));
        // What the selector does not ask for does not evade it.
        let one = json!({"matchLabels": {"tier": "web"}});
        assert_eq!(choose(&one, &[("app", "shop")], &[]).as_deref(), Some("tier=web-bluegreen"));
        assert_eq!(choose(&json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}), &[], &[]), None);
    }

    #[test]
    fn a_name_that_is_taken_is_not_used_and_long_values_stay_valid() {
        let long = format!("{}.x", "a".repeat(52));
        let pod = labels(&[("app", &long), ("color", "of the wall")]);
        let selector = json!({"matchLabels": {"app": long}});
        let relabeling = Relabeling::choose(&selector, &pod, &pod, &[]).unwrap();
        assert_eq!(relabeling.color_label, "kubectl-bluegreen.dev/color");
        assert_eq!(relabeling.labels["app"], format!("{}-bluegreen", "a".repeat(52)));
        assert_eq!(relabeling.with_color(&pod, "blue")["kubectl-bluegreen.dev/color"], "blue");
    }
}
