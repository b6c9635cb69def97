//! Texts to objects, several files at a time; what is no object by itself is set aside.
//! Must not keep more of an object than somebody will look at.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Aside, Identity, Manifests, Object, normal};
use crate::parallel;
use crate::source::{Role, Source};
use crate::suppress::MARK;
use crate::yaml::{self, Document, NodeRef, Problem, Span, Value};

/// Reads the objects of all sources.
#[must_use]
pub fn read(sources: &[Source]) -> Manifests {
    read_each(sources, |_| ()).0
}

/// Reads the objects of all sources, several files at a time, and has a look at each object while it is whole: where no
/// rule compares it with others, only what names it is kept.
pub(crate) fn read_each<T: Send>(sources: &[Source], look: impl Fn(&Object) -> T + Sync) -> (Manifests, Vec<T>) {
    let kustomizations = sources.iter().filter(|source| is_kustomization(&source.name));
    let patches: HashSet<PathBuf> = kustomizations
        .flat_map(|source| {
            let documents = yaml::parse(&source.text).documents;
            documents.iter().flat_map(|document| patch_paths(&source.name, document.root())).collect::<Vec<_>>()
        })
        .collect();
    let read = |index: usize, source: &Source| match source.role {
        Role::Manifest if is_kustomization(&source.name) || patches.contains(&normal(Path::new(&source.name))) => {
            Manifests { aside: vec![(index, Aside::Kustomize)], ..Manifests::default() }.with_looks(&look)
        }
        Role::Manifest => read_one(index, source).with_looks(&look),
        Role::Config => Manifests::default().with_looks(&look),
    };
    let (mut all, mut looks) = (Manifests::default(), Vec::new());
    for (manifests, seen) in parallel::map(sources, 1, read) {
        all.objects.extend(manifests.objects);
        all.problems.extend(manifests.problems);
        all.comments.extend(manifests.comments);
        all.aside.extend(manifests.aside);
        all.foreign += manifests.foreign;
        looks.extend(seen);
    }
    (all, looks)
}

impl Manifests {
    fn with_looks<T>(mut self, look: &impl Fn(&Object) -> T) -> (Self, Vec<T>) {
        let looks = self.objects.iter().map(look).collect();
        for object in self.objects.iter_mut().filter(|object| !is_compared(object)) {
            let whole = Arc::clone(&object.document);
            let name = whole.node(object.node).copied(|path| match path {
                [key] => matches!(*key, "apiVersion" | "kind" | "metadata"),
                ["metadata", key] => matches!(*key, "name" | "namespace" | "labels"),
                _ => true,
            });
            object.node = name.root().id();
            object.document = Arc::new(name);
        }
        (self, looks)
    }
}

/// Whether a rule may look at it beside other objects.
fn is_compared(object: &Object) -> bool {
    let group = object.group();
    match group {
        "" => !matches!(object.id.kind.as_str(), "ConfigMap" | "Secret" | "Event"),
        "apps" | "batch" | "extensions" | "autoscaling" | "policy" | "keda.sh" | "autoscaling.k8s.io" => true,
        _ => {
            let route = ["networking.k8s.io", "istio.io", "traefik.io", "traefik.containo.us", "openshift.io"];
            object.template_path().is_some()
                || group == "split.smi-spec.io"
                || route.iter().any(|end| group.ends_with(end))
        }
    }
}

fn read_one(index: usize, source: &Source) -> Manifests {
    let text = source.text.once();
    let mut manifests = Manifests::default();
    let mut others = Vec::new();
    let mut problems = yaml::parse_each(&text, |document| {
        let document = Arc::new(document);
        let root = document.root();
        if !collect((index, source), &document, root, &mut manifests) {
            others.push((root.span(), matches!(root.value(), Value::Map(_))));
        }
    });
    if text.contains(MARK) {
        manifests.comments.push((index, yaml::comments(&text)));
    }
    run_together(&text, &manifests.objects, &mut problems);
    for problem in problems {
        if matches!(problem, Problem::Syntax { span, .. } if is_template(source, span)) {
            manifests.aside.push((index, Aside::Template));
        } else {
            manifests.problems.push((index, problem));
        }
    }
    let found = !manifests.objects.is_empty();
    for (span, is_mapping) in others {
        manifests.foreign += 1;
        if !is_mapping && (source.explicit || found) {
            let message = "a Kubernetes object is a mapping with apiVersion and kind; this is not a mapping".to_owned();
            manifests.problems.push((index, Problem::Syntax { span, message }));
        }
    }
    manifests
}

/// Finds objects that are one document because there is no `---` between them: that is one mistake, not one for each key.
fn run_together(text: &str, objects: &[Object], problems: &mut Vec<Problem>) {
    let twice: HashMap<Span, Span> = problems
        .iter()
        .filter_map(|problem| match problem {
            Problem::DuplicateKey { first, second, .. } => Some((*second, *first)),
            _ => None,
        })
        .collect();
    if twice.is_empty() {
        return;
    }
    let begins_line = |span: Span| text.get(..span.start).is_some_and(|before| before.ends_with('\n'));
    for root in objects.iter().map(Object::root).filter(|root| !root.is_flow()) {
        // From the last one, which counts, to the first one.
        let earlier = |key: &str| {
            let second = twice.get_key_value(&root.key_span(key));
            std::iter::successors(second, |(_, first)| twice.get_key_value(*first))
                .map(|(second, first)| (*first, *second))
        };
        let (versions, kinds): (Vec<_>, Vec<_>) = (earlier("apiVersion").collect(), earlier("kind").collect());
        if versions.is_empty() || versions.len() != kinds.len() || !kinds.iter().all(|(_, second)| begins_line(*second))
        {
            continue;
        }
        let own: HashSet<Span> = root
            .entries()
            .flat_map(|(entry, _)| earlier(&entry.key).collect::<Vec<_>>())
            .map(|(_, second)| second)
            .collect();
        problems.retain(|problem| !matches!(problem, Problem::DuplicateKey { second, .. } if own.contains(second)));
        let both = versions.into_iter().zip(kinds);
        problems.extend(both.map(|(version, kind)| Problem::RunTogether {
            first: version.0.min(kind.0),
            second: version.1.min(kind.1),
        }));
    }
}

/// Takes the objects of one document; answers whether it was Kubernetes' at all.
fn collect(source: (usize, &Source), document: &Arc<Document>, root: NodeRef<'_>, manifests: &mut Manifests) -> bool {
    let text = |key: &str| root.get(key).and_then(NodeRef::as_str);
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else { return false };
    if api_version.starts_with("kustomize.config.k8s.io/") {
        manifests.aside.push((source.0, Aside::Kustomize));
        return true;
    }
    if let Some(items) = root.get("items").filter(|_| kind.ends_with("List")) {
        for item in items.items() {
            collect(source, document, item, manifests);
        }
        return true;
    }
    let metadata = |key: &str| root.at(&["metadata", key]).and_then(NodeRef::as_str).map(str::to_owned);
    let object = Object {
        source: source.0,
        text: source.1.text.clone(),
        id: Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: metadata("namespace").filter(|namespace| !namespace.is_empty()),
            name: metadata("name").unwrap_or_default(),
        },
        document: Arc::clone(document),
        node: root.id(),
    };
    // What another program made is whole; so is what is asked about by its name, unless it says something that a patch would say.
    let is_whole = source.1.is_made() || (source.1.explicit && is_without_spec(&object));
    if !is_whole && is_patch(&object) {
        manifests.aside.push((source.0, Aside::Kustomize));
    } else {
        manifests.objects.push(object);
    }
    true
}

/// Whether an object is a partial one: it names a workload and leaves out what no workload can be without. What it says of
/// containers must be by their names, without which nobody could merge it.
fn is_patch(object: &Object) -> bool {
    let directive = |node: NodeRef<'_>| node.entry("$patch").is_some();
    if directive(object.root()) || object.root().get("spec").is_some_and(directive) {
        return true;
    }
    let selects = matches!(object.id.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet");
    if !selects || object.group() != "apps" {
        return false;
    }
    let has_selector = object.root().at(&["spec", "selector"]).is_some();
    let has_labels = object.root().at(&["spec", "template", "metadata", "labels"]).is_some();
    let is_of_named = |container: NodeRef<'_>| container.get("name").is_some() && container.get("image").is_none();
    !object.id.name.is_empty() && !has_selector && !has_labels && object.containers().all(is_of_named)
}

fn is_without_spec(object: &Object) -> bool {
    object.root().get("spec").is_none_or(|spec| spec.entries().next().is_none())
}

fn is_kustomization(name: &str) -> bool {
    let file = Path::new(name).file_name().and_then(|file| file.to_str()).unwrap_or_default();
    matches!(file, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// The files that a kustomization merges into other objects.
fn patch_paths(kustomization: &str, root: NodeRef<'_>) -> Vec<PathBuf> {
    let directory = Path::new(kustomization).parent().unwrap_or(Path::new(""));
    let items = ["patches", "patchesStrategicMerge", "patchesJson6902"];
    let items = items.iter().filter_map(|key| root.get(key)).flat_map(NodeRef::items);
    let paths = items.filter_map(|item| item.as_str().or_else(|| item.get("path").and_then(NodeRef::as_str)));
    paths.filter(|path| !path.contains('\n')).map(|path| normal(&directory.join(path))).collect()
}

/// Whether a text that is not YAML is a template: there is a directive near the place where the parser stopped, or a
/// line of its own for one.
fn is_template(source: &Source, span: Span) -> bool {
    let mark = |line: &str| line.contains("{{") || line.contains("{%");
    let line = source.position(span.start).line;
    let near = (line.saturating_sub(1)..=line).any(|line| mark(source.line(line).1));
    near || source.text.lines().map(str::trim_start).any(|line| line.starts_with("{{") || line.starts_with("{%"))
}
