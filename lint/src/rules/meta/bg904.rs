//! A placeholder or an unrendered template kept rules from judging an object.
//!
//! ## Why
//!
//! What somebody's tool fills in later is not checked: the file is as good as not linted.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: "${COLOR}"}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop}
//! spec:
//!   selector: {app: shop, color: blue}
//! ```
//!
//! ## Configuration
//!
//! None. Render the files first and lint the result, such as `helm template … | bluegreen-lint -`.

use crate::finding::{Findings, Severity};
use crate::manifest::{Aside, Object, Place, is_placeholder};
use crate::model::Model;
use crate::rule::{Check, Rule};
use crate::yaml::{NodeRef, Span, Value};
use std::collections::BTreeSet;

/// `unresolved-template`
pub(crate) static RULE: Rule = Rule {
    code: "BG904",
    name: "unresolved-template",
    severity: Severity::Info,
    source: include_str!("bg904.rs"),
    check: Check::Model(check),
};

fn check(model: &Model, findings: &mut Findings<'_>) {
    for object in model.objects().iter().filter(|object| is_judged(object)) {
        let root = object.root();
        let metadata = ["name", "namespace", "labels"].iter().filter_map(|key| root.at(&["metadata", key]));
        let Some(node) = metadata.chain(root.get("spec")).find_map(placeholder) else { continue };
        let message = format!("{} still has the placeholder {}", object.id, node.as_str().unwrap_or_default());
        findings.report(object.at(node), message).help("render it first, and lint the result");
    }
    let templates = model.manifests.aside.iter().filter(|(_, aside)| *aside == Aside::Template);
    for source in templates.map(|(source, _)| *source).collect::<BTreeSet<_>>() {
        let place = Place { source, span: Span::new(0, 0), path: String::new(), object: None };
        let message = "this is a template, and no YAML before it is rendered";
        findings.report(place, message).help("render it first, such as with `helm template`, and lint the result");
    }
}

/// Whether rules judge such objects; other kinds have placeholders of their own, such as the parameters of a pipeline.
fn is_judged(object: &Object) -> bool {
    let group = object.group();
    let is_rollout = group == "argoproj.io" && object.id.kind == "Rollout";
    is_rollout
        || matches!(group, "" | "apps" | "batch" | "autoscaling" | "policy")
        || group.ends_with("networking.k8s.io")
}

/// The first placeholder; what a container is told may have some that Kubernetes itself fills in.
fn placeholder(node: NodeRef<'_>) -> Option<NodeRef<'_>> {
    if let Value::Str(text) = node.value() {
        return is_placeholder(text).then_some(node);
    }
    let own = ["command", "args", "env", "annotations"];
    let entries = node.entries().filter(|(entry, _)| !own.contains(&&*entry.key)).map(|(_, value)| value);
    entries.chain(node.items()).find_map(placeholder)
}
