//! Which item of a list of blue is which of green: by the keys by which the API server merges such lists.
//! Not a rule.

use std::collections::{HashMap, VecDeque};

use crate::quantity;
use crate::rules::meaning::neutral;
use crate::set::Color;
use crate::yaml::{NodeRef, Value};

/// The items of two lists side by side.
pub(super) struct Pairs<'m> {
    pub(super) both: Vec<(NodeRef<'m>, NodeRef<'m>)>,
    pub(super) only_blue: Vec<NodeRef<'m>>,
    pub(super) only_green: Vec<NodeRef<'m>>,
}

/// The keys to tell the items of a list apart by, the best first.
fn merge_keys(list: &str) -> &'static [&'static [&'static str]] {
    match list {
        "ports" => &[&["name", "containerPort", "protocol"], &["containerPort", "protocol"], &["name"]],
        "volumeMounts" => &[&["mountPath"], &["name"]],
        "volumeDevices" => &[&["devicePath"]],
        "hostAliases" => &[&["ip"]],
        "readinessGates" => &[&["conditionType"]],
        "items" => &[&["key"]],
        "topologySpreadConstraints" => &[&["topologyKey", "whenUnsatisfiable"], &["topologyKey"]],
        "matchExpressions" | "tolerations" => &[&["key", "operator", "effect"], &["key"]],
        _ => &[&["name"]],
    }
}

/// Pairs the items of two lists of mappings.
pub(super) fn pairs<'m>(list: &str, blues: &[NodeRef<'m>], greens: &[NodeRef<'m>]) -> Pairs<'m> {
    let mut pairs = Pairs { both: Vec::new(), only_blue: blues.to_vec(), only_green: greens.to_vec() };
    for keys in merge_keys(list) {
        pairs.take(|item, _| identity(item, keys));
        pairs.take(|item, color| identity(item, keys).map(|text| neutral(&text, color)));
    }
    pairs.take(|item, color| Some(neutral(&item.to_json().to_string(), color)));
    let keyed = pairs.only_blue.iter().chain(&pairs.only_green).all(|item| identity(*item, &["name"]).is_some());
    let single = pairs.only_blue.len() == 1 && pairs.only_green.len() == 1;
    // One container each is the same one under two names; items without names are told apart by their places.
    if (single && list == "containers") || (!keyed && pairs.only_blue.len() == pairs.only_green.len()) {
        pairs.both.extend(pairs.only_blue.drain(..).zip(pairs.only_green.drain(..)));
    }
    pairs
}

impl<'m> Pairs<'m> {
    fn take(&mut self, identity: impl Fn(NodeRef<'m>, Color) -> Option<String>) {
        if self.only_blue.is_empty() || self.only_green.is_empty() {
            return;
        }
        let mut greens: Vec<_> =
            self.only_green.drain(..).map(|green| (identity(green, Color::Green), Some(green))).collect();
        let mut by_identity: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (at, (identity, _)) in greens.iter_mut().enumerate() {
            if let Some(identity) = identity.take() {
                by_identity.entry(identity).or_default().push_back(at);
            }
        }
        for blue in std::mem::take(&mut self.only_blue) {
            let same = identity(blue, Color::Blue).and_then(|own| by_identity.get_mut(&own)?.pop_front());
            match same.and_then(|at| greens.get_mut(at)?.1.take()) {
                Some(green) => self.both.push((blue, green)),
                None => self.only_blue.push(blue),
            }
        }
        self.only_green = greens.into_iter().filter_map(|(_, green)| green).collect();
    }
}

/// The values of the keys together; nothing when the first of them is absent.
fn identity(item: NodeRef<'_>, keys: &[&str]) -> Option<String> {
    let text =
        |key: &str| item.get(key).and_then(quantity::text).or_else(|| (key == "protocol").then(|| "TCP".to_owned()));
    text(keys.first()?)?;
    Some(keys.iter().map(|key| text(key).unwrap_or_default()).collect::<Vec<_>>().join(" "))
}

/// A value as it is shown in a message: on one line, and not too long.
pub(super) fn shown(node: NodeRef<'_>) -> String {
    let text = match node.value() {
        Value::Str(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Str(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        _ => node.to_json().to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
