//! What the commands need to be allowed, and what the API server says is allowed.
//! The one list of rights, for the `permissions` check and for `rbac`; asks nobody itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::Resource;
use crate::routes::Routes;

/// A verb on a resource, of all objects or of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The verb as RBAC names it.
    pub verb: &'static str,
    /// The resource.
    pub resource: Resource,
    /// The object; all of them without one.
    pub name: Option<String>,
}

impl Right {
    /// A right on one object, or on all of them.
    #[must_use]
    pub fn new(verb: &'static str, resource: Resource, name: Option<&str>) -> Self {
        Self { verb, resource, name: name.map(str::to_owned) }
    }

    /// The `spec` of a `SelfSubjectAccessReview` that asks for it.
    #[must_use]
    pub fn review(&self, namespace: &str) -> Value {
        let (group, resource) = (self.resource.group(), self.resource.plural());
        let mut attributes = json!({"namespace": namespace, "verb": self.verb, "group": group, "resource": resource});
        if let (Some(name), Some(attributes)) = (&self.name, attributes.as_object_mut()) {
            attributes.insert("name".to_owned(), name.as_str().into());
        }
        json!({"resourceAttributes": attributes})
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        self.name.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

/// What the commands need in the namespace of a set: the resource, the verbs, and what they are for.
///
/// Reading routes and `HorizontalPodAutoscalers` is optional: without it they are unknown, and the commands say so.
pub const NEEDED: &[(Resource, &[&str], &str)] = &[
    (Resource::Services, &["get", "list", "watch", "patch"], "find the set; move the selector, keep the journal"),
    (Resource::Deployments, &["list", "watch", "patch"], "find the colors; scale them"),
    (Resource::Pods, &["list", "watch"], "see which pods are ready"),
    (Resource::EndpointSlices, &["list", "watch"], "see where traffic goes"),
    (Resource::Leases, &["get", "list", "watch", "create", "patch"], "keep two people from moving one set at once"),
    (
        Resource::Ingresses,
        &["list", "create", "patch", "delete"],
        "see which routes lead to a color; canaries of ingress-nginx",
    ),
    (Resource::HttpRoutes, &["list", "watch", "patch"], "the same, and split traffic, where the Gateway API is used"),
    (Resource::GrpcRoutes, &["list", "watch", "patch"], "the same"),
    (Resource::IngressRoutes, &["list", "patch"], "the same, where Traefik is used"),
    (Resource::TraefikServices, &["list", "patch"], "the same"),
    (Resource::VirtualServices, &["list", "patch"], "the same, where Istio is used"),
    (
        Resource::HorizontalPodAutoscalers,
        &["list", "patch"],
        "see who else scales a color; set the floor of the idle one",
    ),
    (Resource::Events, &["list"], "explain why a color does not become ready"),
];

/// What asking the pods needs, as RBAC names it. Which of the two verbs a server checks for a forwarded port depends on
/// its version.
pub const ASKED: &[(&str, &[&str], &str)] = &[
    ("pods/log", &["get"], "show the last words of a container that crashes"),
    ("pods/portforward", &["get", "create"], "smoke tests"),
];

/// What `init` needs besides. It creates and deletes workloads, which no other command does, so whoever only moves traffic
/// should not have it; manifests of other kinds, for `init -f`, need `get`, `create` and `patch` on these kinds, too.
pub const NEEDED_BY_INIT: &[(Resource, &[&str], &str)] = &[
    (Resource::Services, &["create"], "init: make the Services of a set"),
    (Resource::Deployments, &["get", "create", "delete"], "init: copy a Deployment, apply one, delete the old one"),
    (Resource::HorizontalPodAutoscalers, &["patch"], "init: let the autoscaler follow to the copy"),
    (Resource::PersistentVolumeClaims, &["get"], "init: see whether two Deployments could share a volume"),
    (Resource::NetworkPolicies, &["list"], "init: see whether the network would treat the copies alike"),
    (Resource::PodDisruptionBudgets, &["list"], "init: see what would not protect the copies"),
];

/// The writes of a move of traffic, and the read of the Service that proves them: without it a move could not be seen
/// through once it has begun.
#[must_use]
pub fn of_a_move(service: &str, lease: &str) -> Vec<Right> {
    vec![
        Right::new("get", Resource::Services, Some(service)),
        Right::new("patch", Resource::Services, Some(service)),
        Right::new("get", Resource::Leases, Some(lease)),
        Right::new("create", Resource::Leases, None),
        Right::new("patch", Resource::Leases, Some(lease)),
    ]
}

/// The writes of a split by the routes that name the active Service.
#[must_use]
pub fn of_a_split(routes: &Routes, namespace: &str, service: &str) -> Vec<Right> {
    let ours = routes.to(namespace, service).map(|(route, _)| route).filter(|route| route.namespace == namespace);
    let writes = ours.flat_map(|route| {
        let verbs = NEEDED.iter().filter(|(resource, ..)| *resource == route.resource).flat_map(|(_, verbs, _)| *verbs);
        let verbs = verbs.filter(|verb| ["create", "patch", "delete"].contains(verb));
        verbs.map(|verb| Right::new(verb, route.resource, Some(&*route.name).filter(|_| *verb != "create")))
    });
    writes.collect()
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

impl Rule {
    fn allows(&self, right: &Right) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
        let named = self.resource_names.is_empty()
            || right.name.as_ref().is_some_and(|name| self.resource_names.iter().any(|allowed| allowed == name));
        // A new object's name is not known to the authorizer: a rule with names never allows `create`.
        let creates = right.verb == "create" && !self.resource_names.is_empty();
        has(&self.verbs, right.verb)
            && has(&self.api_groups, right.resource.group())
            && has(&self.resources, right.resource.plural())
            && named
            && !creates
    }
}

/// What the API server said about what we may do in a namespace.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    rules: Vec<Rule>,
    incomplete: bool,
    answers: BTreeMap<Right, bool>,
}

impl Rights {
    /// Reads the answer to a `SelfSubjectRulesReview`.
    #[must_use]
    pub fn of(review: &Value) -> Self {
        let status = review.get("status");
        let rules = status.and_then(|status| status.get("resourceRules")).cloned().unwrap_or_default();
        let incomplete = status.and_then(|status| status.get("incomplete")).and_then(Value::as_bool);
        Self {
            rules: serde_json::from_value(rules).unwrap_or_default(),
            incomplete: incomplete.unwrap_or(true),
            answers: BTreeMap::new(),
        }
    }

    /// Keeps the answer to a `SelfSubjectAccessReview`.
    pub fn answer(&mut self, right: Right, review: &Value) {
        if let Some(allowed) = review.pointer("/status/allowed").and_then(Value::as_bool) {
            self.answers.insert(right, allowed);
        }
    }

    /// Whether something is allowed; nothing when it is not known.
    #[must_use]
    pub fn allows(&self, right: &Right) -> Option<bool> {
        if self.rules.iter().any(|rule| rule.allows(right)) {
            return Some(true);
        }
        self.answers.get(right).copied().or((!self.incomplete).then_some(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_the_authorizer_reads_them() {
        let review = |incomplete: bool| {
            json!({"status": {"incomplete": incomplete, "resourceRules": [
                {"verbs": ["patch"], "apiGroups": [""], "resources": ["services"], "resourceNames": ["shop"]},
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["leases"]},
                {"verbs": ["create"], "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a"]},
            ]}})
        };
        let rights = Rights::of(&review(false));
        let allows = |verb, resource, name| rights.allows(&Right::new(verb, resource, name));
        assert_eq!(allows("patch", Resource::Services, Some("shop")), Some(true));
        assert_eq!(allows("patch", Resource::Services, Some("other")), Some(false));
        assert_eq!(allows("patch", Resource::Services, None), Some(false));
        assert_eq!(allows("create", Resource::Leases, None), Some(true));
        assert_eq!(allows("create", Resource::Deployments, Some("a")), Some(false));

        let mut rights = Rights::of(&review(true));
        let other = Right::new("patch", Resource::Services, Some("other"));
        assert_eq!(rights.allows(&other), None);
        rights.answer(other.clone(), &json!({"status": {"allowed": false}}));
        assert_eq!(rights.allows(&other), Some(false));
    }
}
