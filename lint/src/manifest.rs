//! YAML trees to Kubernetes objects: identity, the place of a field, and what is set aside (kustomize patches, templates).
//! Must not judge an object; that is what rules are for.

mod read;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

pub use read::read;
pub(crate) use read::read_each;

use crate::source::Text;
use crate::yaml::{Document, NodeId, NodeRef, Problem, Span};

/// What an object is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// For example `apps/v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// As written; nothing means that whoever applies it decides.
    pub namespace: Option<String>,
    /// As written, or empty.
    pub name: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, if self.name.is_empty() { "without a name" } else { &self.name })
    }
}

/// A place that a finding points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The index of the source.
    pub source: usize,
    /// The bytes there.
    pub span: Span,
    /// The field as the API server writes it, or empty.
    pub path: String,
    /// The object, if the place is in one.
    pub object: Option<Identity>,
}

/// A Kubernetes object with the tree that it was written as.
#[derive(Clone, Debug)]
pub struct Object {
    /// The index of its source.
    pub source: usize,
    /// What it is called.
    pub id: Identity,
    pub(crate) text: Text,
    document: Arc<Document>,
    node: NodeId,
}

impl Object {
    /// The object's own mapping.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_> {
        self.document.node(self.node)
    }

    /// The document that it is in, which may hold others, too.
    pub(crate) fn document(&self) -> NodeRef<'_> {
        self.document.root()
    }

    /// The same object as one of another apiVersion.
    pub(crate) fn of_version(&self, api_version: &str) -> Self {
        Self { id: Identity { api_version: api_version.to_owned(), ..self.id.clone() }, ..self.clone() }
    }

    /// The API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.id.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is this kind of this group, in whatever version.
    #[must_use]
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.id.kind == kind && self.group() == group
    }

    /// Whether it is a Service of the core group.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.is("", "Service")
    }

    /// The keys that lead to the pod template, for a kind that has one.
    #[must_use]
    pub fn template_path(&self) -> Option<&'static [&'static str]> {
        match (self.group(), self.id.kind.as_str()) {
            ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job")
            | ("argoproj.io", "Rollout")
            | ("", "ReplicationController") => Some(&["spec", "template"]),
            ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
            ("", "Pod") => Some(&[]),
            _ => None,
        }
    }

    /// The pod template (for a Pod: itself).
    #[must_use]
    pub fn template(&self) -> Option<NodeRef<'_>> {
        self.root().at(self.template_path()?)
    }

    /// The containers of the pod template without any that start it: `spec.containers`.
    pub fn containers(&self) -> impl Iterator<Item = NodeRef<'_>> {
        self.template().and_then(|template| template.at(&["spec", "containers"])).into_iter().flat_map(NodeRef::items)
    }

    /// The place of a value.
    #[must_use]
    pub fn at(&self, node: NodeRef<'_>) -> Place {
        let path = path_to(self.root(), node.id()).unwrap_or_default();
        self.place(node.span(), path)
    }

    /// The place of a key in one of the object's mappings; where the key is absent, the mapping's own key.
    #[must_use]
    pub fn at_key(&self, mapping: NodeRef<'_>, key: &str) -> Place {
        if mapping.entry(key).is_none() {
            return self.at_own_key(mapping);
        }
        let path = path_to(self.root(), mapping.id()).unwrap_or_default();
        self.place(mapping.key_span(key), join(&path, key))
    }

    /// The place of the key that a value belongs to; for an item of a list the start of the item.
    #[must_use]
    pub fn at_own_key(&self, node: NodeRef<'_>) -> Place {
        let path = path_to(self.root(), node.id()).unwrap_or_default();
        let span = key_of(self.root(), node.id())
            .unwrap_or_else(|| node.entries().next().map_or_else(|| node.span(), |(first, _)| first.key_span));
        self.place(span, path)
    }

    /// Whether a value is an item of a list, and has no key of its own.
    #[must_use]
    pub fn is_item(&self, node: NodeRef<'_>) -> bool {
        node.id() != self.node && key_of(self.root(), node.id()).is_none()
    }

    /// The place of the object's name, or of whatever there is instead.
    #[must_use]
    pub fn at_name(&self) -> Place {
        match self.root().at(&["metadata", "name"]) {
            Some(name) => self.at(name),
            None => self.at_key(self.root(), "kind"),
        }
    }

    /// Where the object's name stands, or whatever there is instead.
    #[must_use]
    pub(crate) fn name_span(&self) -> Span {
        let name = self.root().at(&["metadata", "name"]);
        name.map_or_else(|| self.root().key_span("kind"), NodeRef::span)
    }

    fn place(&self, span: Span, path: String) -> Place {
        Place { source: self.source, span, path, object: Some(self.id.clone()) }
    }
}

/// A key as part of a field path, in the way of the API server: `a.b`, and `a[x.y/z]` for a key of a free-form map.
fn join(path: &str, key: &str) -> String {
    let simple = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    match (path.is_empty(), simple) {
        (_, false) => format!("{path}[{key}]"),
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
    }
}

fn path_to(from: NodeRef<'_>, to: NodeId) -> Option<String> {
    /// What leads from one value to the next.
    enum Step<'d> {
        Key(&'d str),
        Item(usize),
    }
    /// Finds the steps, the last one first.
    fn search<'d>(node: NodeRef<'d>, to: NodeId, steps: &mut Vec<Step<'d>>) -> bool {
        if node.id() == to {
            return true;
        }
        let through = |step: Step<'d>, value: NodeRef<'d>, steps: &mut Vec<Step<'d>>| {
            let found = search(value, to, steps);
            if found {
                steps.push(step);
            }
            found
        };
        node.entries().any(|(entry, value)| through(Step::Key(&entry.key), value, steps))
            || node.items().enumerate().any(|(at, item)| through(Step::Item(at), item, steps))
    }
    let mut steps = Vec::new();
    let found = search(from, to, &mut steps);
    let path = || {
        steps.iter().rev().fold(String::new(), |path, step| match step {
            Step::Key(key) => join(&path, key),
            Step::Item(at) => format!("{path}[{at}]"),
        })
    };
    found.then(path)
}

fn key_of(from: NodeRef<'_>, to: NodeId) -> Option<Span> {
    from.entries()
        .find_map(|(entry, value)| if value.id() == to { Some(entry.key_span) } else { key_of(value, to) })
        .or_else(|| from.items().find_map(|item| key_of(item, to)))
}

/// The string values of a mapping, such as labels or a selector. Other values are left out.
#[must_use]
pub fn labels(mapping: Option<NodeRef<'_>>) -> BTreeMap<String, String> {
    let entries = mapping.into_iter().flat_map(NodeRef::entries);
    entries.filter_map(|(entry, value)| Some((entry.key.to_string(), value.as_str()?.to_owned()))).collect()
}

/// Whether a text still has a placeholder that somebody's tool will fill in: `${X}`, `$(X)`, `$X`, `{{ x }}`, `#{x}`.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    // Nearly no text has one, and every text is asked: one look tells.
    if !text.bytes().any(|byte| matches!(byte, b'$' | b'{' | b'#')) {
        return false;
    }
    ["${", "$(", "{{", "#{"].iter().any(|mark| text.contains(mark))
        || text.strip_prefix('$').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// Why something is not linted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A kustomization, or a partial object that a kustomization merges into another one.
    Kustomize,
    /// A template that is no YAML before it is rendered.
    Template,
}

/// Everything that the sources hold.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The objects in the order of the sources.
    pub objects: Vec<Object>,
    /// What was wrong with the texts, by the index of the source.
    pub problems: Vec<(usize, Problem)>,
    /// The comments that are for the linter, by the index of the source.
    pub comments: Vec<(usize, Vec<Span>)>,
    /// What is set aside, by the index of the source.
    pub aside: Vec<(usize, Aside)>,
    /// How many documents were read that are no Kubernetes objects.
    pub foreign: usize,
}

impl Manifests {
    /// The sources that have a document which could not be read.
    #[must_use]
    pub fn unreadable(&self) -> HashSet<usize> {
        let broken = self.problems.iter().filter(|(_, problem)| !matches!(problem, Problem::DuplicateKey { .. }));
        broken.map(|(source, _)| *source).chain(self.aside.iter().map(|(source, _)| *source)).collect()
    }
}

/// A path without `.` and `..`, as far as that can be said without looking.
pub(crate) fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
        normal
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn read_one(name: &str, text: &str) -> Manifests {
        read(&[Source::new(name, text)])
    }

    fn names(manifests: &Manifests) -> Vec<String> {
        manifests.objects.iter().map(|object| object.id.to_string()).collect()
    }

    #[test]
    fn lists_and_json_give_their_objects() {
        let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "b", "namespace": "n"},
             "spec": {"selector": {"matchLabels": {"app": "b"}}}}]}"#;
        let manifests = read_one("x.json", text);
        assert_eq!(names(&manifests), ["Service a", "Deployment b"]);
        assert_eq!(manifests.objects[1].id.namespace.as_deref(), Some("n"));
    }

    #[test]
    fn places_have_the_path_of_the_field() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selector:\n    example.com/slot: blue\n  ports:\n  - port: 80\n";
        let manifests = read_one("x.yaml", text);
        let object = &manifests.objects[0];
        let spec = object.root().get("spec").unwrap();
        let selector = spec.get("selector").unwrap();
        let slot = object.at(selector.get("example.com/slot").unwrap());
        assert_eq!((slot.path.as_str(), &text[slot.span.range()]), ("spec.selector[example.com/slot]", "blue"));
        let port = spec.get("ports").unwrap().items().next().unwrap();
        assert_eq!(object.at(port.get("port").unwrap()).path, "spec.ports[0].port");
        let missing = object.at_key(port, "name");
        assert_eq!((missing.path.as_str(), &text[missing.span.range()]), ("spec.ports[0]", "port"));
        assert_eq!(&text[object.at_own_key(selector).span.range()], "selector");
        assert_eq!(&text[object.at_name().span.range()], "a");
    }

    #[test]
    fn patches_are_set_aside() {
        let sources = [
            Source::new(
                "k/base/deploy.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {}}\n",
            ),
            Source::new("k/over/kustomization.yaml", "resources: [../base]\npatches:\n- path: ./size.yaml\n"),
            Source::new("k/over/size.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"),
            Source::new(
                "k/other.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3}\n",
            ),
        ];
        let manifests = read(&sources);
        assert_eq!(names(&manifests), ["Deployment a"]);
        assert_eq!(manifests.aside, [(1, Aside::Kustomize), (2, Aside::Kustomize), (3, Aside::Kustomize)]);
    }

    #[test]
    fn templates_are_set_aside_and_broken_yaml_is_not() {
        let helm = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n  {{- if .Values.x }}\n  a: b\n  {{- end }}\n";
        let manifests = read_one("t.yaml", helm);
        assert_eq!((manifests.problems.len(), manifests.aside.first()), (0, Some(&(0, Aside::Template))));
        let broken = read_one("b.yaml", "a: b: c\n");
        assert_eq!((broken.problems.len(), broken.aside.len()), (1, 0));
    }

    #[test]
    fn other_yaml_is_counted_and_left_alone() {
        let manifests = read_one("compose.yaml", "services: {web: {image: x}}\n");
        assert_eq!((manifests.foreign, manifests.problems.len()), (1, 0));
        assert_eq!(read_one("list.yaml", "- a\n").problems.len(), 1);
        let mut found = Source::new("list.yaml", "- a\n");
        found.explicit = false;
        assert_eq!(read(&[found]).problems.len(), 0);
    }

    #[test]
    fn placeholders_are_seen() {
        for text in ["${IMAGE}", "shop:$(TAG)", "{{ image }}", "$TAG", "#{x}#"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["blue", "a$b", "100$", "$1", "x:v1"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
