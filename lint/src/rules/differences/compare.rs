//! Compares the pod templates of blue and green, as far as they are not meant to differ.
//! Must not say what a difference means, or how it is told.

use std::collections::BTreeSet;

use super::{Area, Difference, Side};
use crate::manifest::{Object, is_placeholder};
use crate::model::SetView;
use crate::quantity;
use crate::rules::meaning::{is_default, is_role, is_version, is_version_key, neutral};
use crate::rules::pairing::{pairs, shown};
use crate::rules::ports;
use crate::set::Color;
use crate::yaml::{NodeRef, Value};

/// The differences of a set's pod templates that nobody meant; none where a color is missing.
pub(crate) fn of(set: SetView<'_>) -> Vec<Difference<'_>> {
    let Some((blue, green)) = set.both() else { return Vec::new() };
    if blue.object.id == green.object.id {
        return Vec::new();
    }
    let Some((b, g)) = blue.object.template().zip(green.object.template()) else { return Vec::new() };
    let mut comparison =
        Comparison { set, blue: blue.object, green: green.object, container: None, variable: None, found: Vec::new() };
    comparison.values(&Path { keys: Vec::new(), area: Area::Other, depth: 0 }, b, g);
    comparison.found
}

/// Where in the template the comparison is.
#[derive(Clone)]
struct Path {
    keys: Vec<String>,
    area: Area,
    /// How many of the keys lead to what both colors have.
    depth: usize,
}

impl Path {
    fn key(&self) -> &str {
        self.keys.iter().rev().find(|key| !key.starts_with('[')).map_or("", String::as_str)
    }

    fn is(&self, keys: &[&str]) -> bool {
        self.keys.iter().map(String::as_str).eq(keys.iter().copied())
    }

    fn child(&self, key: &str) -> Self {
        let mut keys = self.keys.clone();
        keys.push(key.to_owned());
        Self { keys, ..*self }
    }

    /// The same path, of which only so many keys lead to what both colors have.
    fn after(&self, depth: usize) -> Self {
        Self { depth, ..self.clone() }
    }

    /// The field as it is written for people.
    fn field(&self) -> String {
        let keys = self.keys.iter().enumerate();
        keys.map(|(at, key)| if at == 0 || key.starts_with('[') { key.clone() } else { format!(".{key}") }).collect()
    }
}

/// A container on both sides.
#[derive(Clone, Copy)]
struct Container<'m> {
    blue: NodeRef<'m>,
    green: NodeRef<'m>,
    init: bool,
}

struct Comparison<'m> {
    set: SetView<'m>,
    blue: &'m Object,
    green: &'m Object,
    container: Option<Container<'m>>,
    variable: Option<(NodeRef<'m>, NodeRef<'m>)>,
    found: Vec<Difference<'m>>,
}

impl<'m> Comparison<'m> {
    fn report(
        &mut self,
        path: &Path,
        blue: (Option<NodeRef<'m>>, NodeRef<'m>),
        green: (Option<NodeRef<'m>>, NodeRef<'m>),
    ) {
        let templated = |node: Option<NodeRef<'m>>| node.is_some_and(has_placeholder);
        if templated(blue.0) || templated(green.0) || self.is_allowed(path) {
            return;
        }
        let inside = self.container.map(|container| (container.green, container.init));
        self.found.push(Difference {
            area: path.area,
            field: path.field(),
            container: inside,
            blue: Side {
                object: self.blue,
                node: blue.0,
                parent: blue.1,
                variable: self.variable.map(|(blue, _)| blue),
            },
            green: Side {
                object: self.green,
                node: green.0,
                parent: green.1,
                variable: self.variable.map(|(_, green)| green),
            },
            missing: path.keys.get(path.depth..).unwrap_or_default().to_vec(),
        });
    }

    /// Whether the configuration lets it differ.
    fn is_allowed(&self, path: &Path) -> bool {
        let Some(meant) = self.set.meant_to_differ() else { return false };
        let mut keys = path.keys.iter().map(String::as_str);
        match (keys.next(), keys.next(), keys.next()) {
            (Some("metadata"), Some("labels"), Some(key)) => meant.label(key),
            (Some("metadata"), Some("annotations"), Some(key)) => meant.annotation(key),
            (Some("env"), Some(item), _) => meant.variable(item.trim_matches(['[', ']'])),
            _ => false,
        }
    }

    /// Compares two values that are both there.
    fn values(&mut self, path: &Path, blue: NodeRef<'m>, green: NodeRef<'m>) {
        match (blue.value(), green.value()) {
            (Value::Map(_), Value::Map(_)) => self.mappings(path, blue, green),
            (Value::Seq(_), Value::Seq(_)) => self.lists(path, blue, green),
            _ if self.is_same(path, blue, green) => {}
            _ => self.report(path, (Some(blue), blue), (Some(green), green)),
        }
    }

    fn mappings(&mut self, path: &Path, blue: NodeRef<'m>, green: NodeRef<'m>) {
        let mut keys: Vec<&str> = blue.entries().map(|(entry, _)| &*entry.key).collect();
        keys.extend(green.entries().map(|(entry, _)| &*entry.key).filter(|key| blue.entry(key).is_none()));
        let (mut only_blue, mut only_green) = (Vec::new(), Vec::new());
        for key in keys {
            let both = (blue.get(key), green.get(key));
            if both.0.zip(both.1).is_some_and(|(b, g)| b.is_same_as(g)) || self.is_meant(path, key) {
                continue;
            }
            match both {
                (Some(b), Some(g)) => self.values(&self.entered(path, key), b, g),
                (Some(b), None) if !is_default(key, b) => only_blue.push((key, b)),
                (None, Some(g)) if !is_default(key, g) => only_green.push((key, g)),
                _ => {}
            }
        }
        drop_misspelt(&mut only_blue, &mut only_green);
        if is_union(path) && !only_blue.is_empty() && !only_green.is_empty() {
            let (b, g) = (only_blue.first().map(|(_, b)| *b), only_green.first().map(|(_, g)| *g));
            self.report(path, (b, blue), (g, green));
            return;
        }
        for (key, node) in only_blue {
            self.one_sided(&self.entered(path, key), path.keys.len(), Color::Blue, node, (blue, green));
        }
        for (key, node) in only_green {
            self.one_sided(&self.entered(path, key), path.keys.len(), Color::Green, node, (green, blue));
        }
    }

    /// Something that only one color has. Resources are told quantity by quantity.
    ///
    /// `depth` is how many keys of the path lead to what both have: its own and the other color's.
    fn one_sided(
        &mut self,
        path: &Path,
        depth: usize,
        color: Color,
        node: NodeRef<'m>,
        both: (NodeRef<'m>, NodeRef<'m>),
    ) {
        if path.is(&["metadata", "annotations"]) || path.is(&["metadata", "labels"]) {
            for (entry, value) in
                node.entries().filter(|(entry, _)| !self.is_meant(path, &entry.key)).collect::<Vec<_>>()
            {
                self.one_sided(&path.child(&entry.key), depth, color, value, both);
            }
            return;
        }
        if matches!(path.area, Area::Env | Area::Ports) && matches!(node.value(), Value::Seq(_)) {
            node.items().for_each(|item| self.one_sided(&path.child(&label(item)), depth, color, item, both));
            return;
        }
        if path.area == Area::Resources && matches!(node.value(), Value::Map(_)) {
            for (entry, value) in node.entries().filter(|(_, value)| !value.is_null()) {
                self.one_sided(&path.child(&entry.key), depth, color, value, both);
            }
            return;
        }
        if self.is_limit(path, color, node) {
            return;
        }
        match color {
            Color::Blue => self.report(&path.after(depth), (Some(node), both.0), (None, both.1)),
            Color::Green => self.report(&path.after(depth), (None, both.1), (Some(node), both.0)),
        }
    }

    /// The path of a key, with the area that begins there.
    fn entered(&self, path: &Path, key: &str) -> Path {
        let mut child = path.child(key);
        if self.container.is_some() && path.keys.is_empty() {
            child.area = match key {
                "ports" => Area::Ports,
                "livenessProbe" | "readinessProbe" | "startupProbe" => Area::Probe,
                "resources" => Area::Resources,
                "env" | "envFrom" => Area::Env,
                _ => Area::Other,
            };
        }
        if path.key() == "env" && key == "value" {
            child.area = Area::EnvValue;
        }
        child
    }

    fn lists(&mut self, path: &Path, blue: NodeRef<'m>, green: NodeRef<'m>) {
        let (blues, greens): (Vec<_>, Vec<_>) = (blue.items().collect(), green.items().collect());
        let is_scalar = |node: &NodeRef<'m>| !matches!(node.value(), Value::Map(_) | Value::Seq(_));
        if blues.iter().chain(&greens).all(is_scalar) {
            self.scalar_lists(path, (blue, &blues), (green, &greens));
            return;
        }
        let paired = pairs(path.key(), &blues, &greens);
        let is_container = path.is(&["spec", "containers"]) || path.is(&["spec", "initContainers"]);
        for (b, g) in paired.both.into_iter().filter(|(b, g)| !b.is_same_as(*g)) {
            if is_container {
                self.container = Some(Container { blue: b, green: g, init: path.key() == "initContainers" });
                self.values(&Path { keys: Vec::new(), area: Area::Other, depth: 0 }, b, g);
                self.container = None;
            } else {
                self.variable = (path.key() == "env").then_some((b, g));
                self.values(&path.child(&label(b)), b, g);
                self.variable = None;
            }
        }
        for b in paired.only_blue {
            self.report(&path.child(&label(b)).after(path.keys.len()), (Some(b), blue), (None, green));
        }
        for g in paired.only_green {
            self.report(&path.child(&label(g)).after(path.keys.len()), (None, blue), (Some(g), green));
        }
    }

    /// Lists of plain values: one difference, at the item if it is only one.
    fn scalar_lists(&mut self, path: &Path, blue: (NodeRef<'m>, &[NodeRef<'m>]), green: (NodeRef<'m>, &[NodeRef<'m>])) {
        let ordered = matches!(path.key(), "command" | "args");
        let text = |node: &NodeRef<'m>, color| neutral(&quantity::text(*node).unwrap_or_else(|| shown(*node)), color);
        if !ordered {
            let all = |items: &[NodeRef<'m>], color| -> BTreeSet<String> {
                items.iter().map(|item| text(item, color)).collect()
            };
            if all(blue.1, Color::Blue) != all(green.1, Color::Green) {
                self.report(path, (Some(blue.0), blue.0), (Some(green.0), green.0));
            }
            return;
        }
        let differing: Vec<_> = blue.1.iter().zip(green.1).filter(|(b, g)| !self.is_same(path, **b, **g)).collect();
        match differing.as_slice() {
            [] if blue.1.len() == green.1.len() => {}
            [(b, g)] if blue.1.len() == green.1.len() => self.report(path, (Some(**b), **b), (Some(**g), **g)),
            _ => self.report(path, (Some(blue.0), blue.0), (Some(green.0), green.0)),
        }
    }

    /// Whether two plain values mean the same.
    fn is_same(&self, path: &Path, blue: NodeRef<'m>, green: NodeRef<'m>) -> bool {
        let text = |node: NodeRef<'m>| quantity::text(node).or_else(|| node.as_bool().map(|value| value.to_string()));
        let (Some(b), Some(g)) = (text(blue), text(green)) else { return blue.is_null() && green.is_null() };
        if b == g || neutral(&b, Color::Blue) == neutral(&g, Color::Green) || is_placeholder(&b) || is_placeholder(&g) {
            return true;
        }
        let is_quantity = path.area == Area::Resources || matches!(path.key(), "sizeLimit" | "divisor" | "storage");
        if is_quantity && quantity::are_equal(Some(&b), Some(&g)) {
            return true;
        }
        // What chooses the own pods by their labels, such as for anti-affinity, differs as these do.
        let chooses = |color: Color, value: &String| {
            self.set.workload(color).is_some_and(|member| member.facts.labels.get(path.key()) == Some(value))
        };
        if path.keys.iter().any(|key| key == "matchLabels") && chooses(Color::Blue, &b) && chooses(Color::Green, &g) {
            return true;
        }
        let is_metadata = matches!(path.keys.get(1).map(String::as_str), Some("labels" | "annotations"));
        if is_metadata && is_role(&b) && is_role(&g) {
            return true;
        }
        if (is_metadata || path.area == Area::EnvValue) && is_version(&b) && is_version(&g) {
            return true;
        }
        let Some(container) = self.container else { return false };
        if path.area == Area::Probe && path.key() == "port" {
            return port_number(container.blue, &b) == port_number(container.green, &g);
        }
        without_tag(container.blue, &b) == without_tag(container.green, &g)
    }

    /// Whether a field is meant to differ, or another rule speaks of it.
    fn is_meant(&self, path: &Path, key: &str) -> bool {
        if self.container.is_some() && path.keys.is_empty() {
            return matches!(key, "image" | "name");
        }
        match path.keys.first().map(String::as_str) {
            Some("metadata") if path.keys.len() == 1 => !matches!(key, "labels" | "annotations"),
            Some("metadata") if path.key() == "labels" => self.is_meant_label(key),
            Some("metadata") => is_version_key(key),
            Some("spec") if path.keys.len() == 1 => key == "serviceAccount",
            _ => false,
        }
    }

    /// Labels that tell the colors or versions apart, and those whose difference a Service's miss is about.
    fn is_meant_label(&self, key: &str) -> bool {
        let selected = self.set.services().any(|service| service.facts.selector.contains_key(key));
        let own = self.set.workloads().any(|(_, member)| {
            member.facts.selector.get(key).is_some_and(|value| member.facts.labels.get(key) != Some(value))
        });
        let colored = self.set.workloads().any(|(_, member)| {
            member.facts.labels.get(key).is_some_and(|value| crate::set::color_named(value).is_some())
        });
        is_version_key(key) || selected || own || colored || self.set.set.color_labels.iter().any(|label| label == key)
    }

    /// Whether a request of one color is what the API server takes from the other one's limit.
    fn is_limit(&self, path: &Path, color: Color, value: NodeRef<'m>) -> bool {
        let [resources, requests, resource] = path.keys.as_slice() else { return false };
        let Some(container) = self.container.filter(|_| resources == "resources" && requests == "requests") else {
            return false;
        };
        let other = if color == Color::Blue { container.green } else { container.blue };
        let limit = other.at(&["resources", "limits", resource]).and_then(quantity::text);
        quantity::are_equal(limit.as_deref(), quantity::text(value).as_deref())
    }
}

/// Of fields that exclude each other only one is there: a change of kind is one difference.
fn is_union(path: &Path) -> bool {
    path.area == Area::Probe
        || path.area == Area::Env
        || matches!(path.key(), "volumes" | "sources" | "postStart" | "preStop" | "valueFrom")
}

/// Takes out fields that one color has under a misspelt name: that is a defect of its own.
fn drop_misspelt<'m>(blue: &mut Vec<(&'m str, NodeRef<'m>)>, green: &mut Vec<(&'m str, NodeRef<'m>)>) {
    let near = |key: &str, others: &[&str]| others.iter().any(|other| strsim::damerau_levenshtein(key, other) <= 2);
    let (blues, greens): (Vec<&str>, Vec<&str>) =
        (blue.iter().map(|(key, _)| *key).collect(), green.iter().map(|(key, _)| *key).collect());
    blue.retain(|(key, _)| !near(key, &greens));
    green.retain(|(key, _)| !near(key, &blues));
}

/// How an item of a list is called in a path.
fn label(item: NodeRef<'_>) -> String {
    let text = |key: &str| item.get(key).and_then(quantity::text);
    let keys = ["name", "mountPath", "devicePath", "key", "ip", "topologyKey", "containerPort", "conditionType"];
    keys.iter().find_map(|key| text(key)).map_or_else(|| "[]".to_owned(), |name| format!("[{name}]"))
}

fn has_placeholder(node: NodeRef<'_>) -> bool {
    match node.value() {
        Value::Str(text) => is_placeholder(text),
        _ => node.entries().any(|(_, value)| has_placeholder(value)) || node.items().any(has_placeholder),
    }
}

/// A port as a number, where the container declares what its name means.
fn port_number(container: NodeRef<'_>, port: &str) -> String {
    let ports = ports::of_container(container);
    let named = ports.iter().find(|declared| declared.name.as_deref() == Some(port));
    named
        .and_then(|declared| declared.node.get("containerPort"))
        .and_then(quantity::text)
        .unwrap_or_else(|| port.to_owned())
}

/// A text without the tag of the container's image, such as a version that is also an argument.
fn without_tag(container: NodeRef<'_>, text: &str) -> String {
    let image = container.get("image").and_then(NodeRef::as_str).unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let tag = name.split('@').next().and_then(|name| name.split_once(':')).map_or("", |(_, tag)| tag);
    if tag.len() < 2 { text.to_owned() } else { text.replace(tag, "*") }
}
