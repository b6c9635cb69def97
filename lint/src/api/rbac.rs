//! Validates roles and their bindings.
//! Must not ask whether a role or subject is there.

use super::names;
use super::sink::{Sink, is_empty, items, text};
use crate::yaml::NodeRef;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Validates a Role.
pub(super) fn role<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    items(root, "rules").for_each(|rule| self::rule(rule, true, sink));
}

/// Validates a `ClusterRole`.
pub(super) fn cluster_role<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    items(root, "rules").for_each(|rule| self::rule(rule, false, sink));
    let Some(aggregation) = root.get("aggregationRule") else { return };
    if is_empty(aggregation, "clusterRoleSelectors") {
        sink.missing(aggregation, "clusterRoleSelectors", "at least one selector is needed");
    }
    items(aggregation, "clusterRoleSelectors").for_each(|own| super::selector::selector(own, sink));
}

fn rule<'o>(rule: NodeRef<'o>, is_namespaced: bool, sink: &mut Sink<'o>) {
    if is_empty(rule, "verbs") {
        sink.missing(rule, "verbs", "at least one verb is needed");
    }
    let about_objects = ["apiGroups", "resources", "resourceNames"].iter().any(|key| !is_empty(rule, key));
    if !is_empty(rule, "nonResourceURLs") {
        if is_namespaced && let Some(urls) = rule.get("nonResourceURLs") {
            sink.invalid(urls, "a Role is about the objects of a namespace, not about URLs", "use a ClusterRole");
        }
        if about_objects && let Some(urls) = rule.get("nonResourceURLs") {
            sink.invalid(urls, "a rule is about URLs or about objects, not both", "make two rules of it");
        }
        return;
    }
    for (key, reason) in [
        ("apiGroups", "at least one group is needed, `\"\"` for the core group"),
        ("resources", "at least one resource is needed"),
    ] {
        if is_empty(rule, key) {
            sink.missing(rule, key, reason);
        }
    }
}

/// Validates a `RoleBinding`.
pub(super) fn role_binding<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    binding(root, &["Role", "ClusterRole"], false, sink);
}

/// Validates a `ClusterRoleBinding`.
pub(super) fn cluster_role_binding<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    binding(root, &["ClusterRole"], true, sink);
}

fn binding<'o>(root: NodeRef<'o>, kinds: &[&str], needs_namespace: bool, sink: &mut Sink<'o>) {
    if let Some(role) = root.get("roleRef") {
        sink.one_of(role, "apiGroup", &[GROUP]);
        match role.get("kind") {
            Some(kind) => sink.among(kind, kinds),
            None => sink.missing(role, "kind", "the kind of the role is needed"),
        }
        sink.required_name(role, "name", "the name of the role is needed", names::path_segment);
    } else {
        sink.missing(root, "roleRef", "the role is needed");
        sink.at_path(|path| format!("{path}.kind"));
    }
    items(root, "subjects").for_each(|subject| self::subject(subject, needs_namespace, sink));
}

fn subject<'o>(subject: NodeRef<'o>, needs_namespace: bool, sink: &mut Sink<'o>) {
    let is_named = sink.required_text(subject, "name", "the name is needed");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if is_named {
                sink.name(subject, "name", names::dns_subdomain);
            }
            if let Some(group) = subject.get("apiGroup").filter(|group| group.as_str() != Some("")) {
                sink.among(group, &[""]);
            }
            if needs_namespace {
                sink.required_text(subject, "namespace", "a service account is in a namespace");
            }
        }
        "User" | "Group" => sink.one_of(subject, "apiGroup", &[GROUP]),
        _ => match subject.get("kind") {
            Some(kind) => sink.among(kind, &["ServiceAccount", "User", "Group"]),
            None => sink.missing(subject, "kind", "`ServiceAccount`, `User` or `Group` is needed"),
        },
    }
}
