//! Where the pod templates of blue and green differ, field by field, as far as they are not meant to differ.
//! Not a rule: it finds the differences, and the rules of the group say what each of them means.

use std::collections::BTreeSet;

use crate::edit::New;
use crate::finding::{Applicability, Edit, Finding, Findings};
use crate::manifest::{Object, Place, is_placeholder};
use crate::model::SetView;
use crate::quantity;
use crate::rules::meaning::{is_default, is_role, is_version, is_version_key, neutral};
use crate::rules::pairing::{pairs, shown};
use crate::set::Color;
use crate::yaml::{NodeRef, Value};

/// What part of a pod template a difference is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The ports of a container.
    Ports,
    /// A probe.
    Probe,
    /// Requests and limits.
    Resources,
    /// The environment: a variable that is there or not, or its source.
    Env,
    /// The value of a variable.
    EnvValue,
    /// Anything else.
    Other,
}

/// One color's side of a difference.
#[derive(Clone, Copy)]
pub(super) struct Side<'m> {
    object: &'m Object,
    /// What is there; nothing where only the other color has it.
    pub(super) node: Option<NodeRef<'m>>,
    parent: NodeRef<'m>,
    /// The environment variable that it is in.
    variable: Option<NodeRef<'m>>,
}

impl<'m> Side<'m> {
    /// The value, or the key of what it would be in.
    fn place(&self) -> Place {
        let named = |item: NodeRef<'m>| item.get("name").filter(|name| name.as_str().is_some());
        if let Some(name) = self.variable.and_then(named) {
            return self.object.at(name);
        }
        let Some(node) = self.node else {
            // An item of a list is known by its name.
            let item = named(self.parent).filter(|_| self.object.is_item(self.parent));
            return item.map_or_else(|| self.object.at_own_key(self.parent), |name| self.object.at(name));
        };
        match node.value() {
            Value::Map(_) | Value::Seq(_) => match named(node) {
                Some(name) => self.object.at(name),
                None => self.object.at_own_key(node),
            },
            _ => self.object.at(node),
        }
    }

    fn shown(&self) -> String {
        self.node.map_or_else(|| "nothing".to_owned(), shown)
    }
}

/// One difference, at the deepest field that holds all of it.
pub struct Difference<'m> {
    pub(super) area: Area,
    /// The field within its container or pod, such as `livenessProbe.periodSeconds`.
    pub(super) field: String,
    /// The container that it is in, and whether that is an init container.
    pub(super) container: Option<(NodeRef<'m>, bool)>,
    pub(super) blue: Side<'m>,
    pub(super) green: Side<'m>,
    /// The keys that lead from what both have to what only one has.
    missing: Vec<String>,
}

impl<'m> Difference<'m> {
    /// Reports it on the idle color, where there is one, with the other color's place and both values.
    pub(super) fn report<'f>(
        &self,
        set: SetView<'m>,
        findings: &'f mut Findings<'_>,
        what: Option<String>,
    ) -> &'f mut Finding {
        let of = self.container.map_or_else(
            || "the pods".to_owned(),
            |(container, _)| format!("container {}", super::containers::called(container)),
        );
        let what = what.unwrap_or_else(|| self.field.clone());
        let message = match (self.blue.node, self.green.node) {
            (Some(node), None) => format!("{what} of {of} is on blue only{}", self.says(node)),
            (None, Some(node)) => format!("{what} of {of} is on green only{}", self.says(node)),
            _ => format!("{what} of {of} differs: {} on blue, {} on green", self.blue.shown(), self.green.shown()),
        };
        let idle = set.active().map_or(Color::Green, Color::other);
        let color = match (self.blue.node, self.green.node) {
            (Some(_), None) => Color::Blue,
            (None, Some(_)) => Color::Green,
            _ => idle,
        };
        let (own, other) = match color {
            Color::Blue => (&self.blue, &self.green),
            Color::Green => (&self.green, &self.blue),
        };
        let has = if other.node.is_some() { "has this" } else { "does not have it here" };
        let finding = findings.report(own.place(), message);
        finding
            .help(self.help())
            .related(other.place(), format!("{} {has}", color.other()))
            .fix(Applicability::Unsafe, self.copy(color, own, other))
    }

    /// Gives the other color what only this one has, where that is a variable, a port, or a part of a probe or resources.
    fn copy(&self, color: Color, own: &Side<'m>, other: &Side<'m>) -> Option<Edit> {
        let node = own.node.filter(|_| other.node.is_none() && self.area != Area::Other)?;
        let keys: Vec<&str> = self.missing.iter().map(String::as_str).collect();
        other.object.add(other.parent, &keys, New::Copy(node, Some(color)), Some(own.parent))
    }

    /// What only one color has; of a variable the value, since its name is said already.
    fn says(&self, node: NodeRef<'_>) -> String {
        let is_variable = self.area == Area::Env && self.field.starts_with("env[");
        let value = node.get("value").or_else(|| node.get("valueFrom"));
        match value.filter(|_| is_variable) {
            None if is_variable && node.get("name").is_some() => String::new(),
            value => format!(": {}", shown(value.unwrap_or(node))),
        }
    }

    /// What to do; for long texts, what of them differs.
    fn help(&self) -> String {
        let text = |side: &Side<'m>| side.node.and_then(NodeRef::as_str);
        let long = text(&self.blue).zip(text(&self.green)).filter(|(b, g)| b.len().max(g.len()) > 60);
        let advice = if self.blue.node.is_some() && self.green.node.is_some() {
            "make them equal"
        } else {
            "give it to both colors, or to neither"
        };
        long.map_or_else(
            || advice.to_owned(),
            |(b, g)| format!("{advice}; from blue to green: {}", changed_parts(b, g)),
        )
    }
}

/// What changes from one text to another, with some words around it.
fn changed_parts(blue: &str, green: &str) -> String {
    let diff = similar::TextDiff::from_words(blue, green);
    let mut parts = String::new();
    for group in diff.grouped_ops(4) {
        if !parts.is_empty() {
            parts.push_str(" … ");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value();
            match change.tag() {
                similar::ChangeTag::Equal => parts.push_str(text),
                similar::ChangeTag::Delete => parts.extend(["[-", text, "-]"]),
                similar::ChangeTag::Insert => parts.extend(["[+", text, "+]"]),
            }
        }
    }
    let parts = parts.split_whitespace().collect::<Vec<_>>().join(" ").replace("-] [-", " ").replace("+] [+", " ");
    match parts.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", parts.get(..end).unwrap_or_default()),
        None => parts,
    }
}

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
    let ports = super::ports::of_container(container);
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
