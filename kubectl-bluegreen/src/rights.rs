//! What the commands need to be allowed, and what the API server says is allowed.
//! The one list of rights, for the `permissions` check and for `rbac`; asks nobody itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::{Request, Resource};
use crate::routes::Routes;

/// A verb on a resource, of all objects or of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The verb as RBAC names it.
    pub verb: &'static str,
    /// The resource.
    pub resource: Resource,
    /// What of it, such as `log` of `pods/log`; the object itself without one.
    pub sub: Option<&'static str>,
    /// The object; all of them without one.
    pub name: Option<String>,
}

impl Right {
    /// A right on one object, or on all of them.
    #[must_use]
    pub fn new(verb: &'static str, resource: Resource, name: Option<&str>) -> Self {
        Self { verb, resource, sub: None, name: name.map(str::to_owned) }
    }

    /// A right on a part of all objects, such as `pods/portforward`.
    #[must_use]
    pub fn on(verb: &'static str, resource: Resource, sub: &'static str) -> Self {
        Self { verb, resource, sub: Some(sub), name: None }
    }

    /// The right that a request takes; nothing where it is of no kind that the commands know.
    #[must_use]
    pub fn of(request: &Request) -> Option<Self> {
        let named = match request {
            Request::Apply { object, .. } => Some(object.name.as_str()),
            other => other.object().filter(|_| other.verb() != "create").map(|object| object.name.as_str()),
        };
        Some(Self::new(request.verb(), request.resource()?, named))
    }

    /// The resource as RBAC names it.
    fn path(&self) -> String {
        path(self.resource, self.sub)
    }

    /// The `spec` of a `SelfSubjectAccessReview` that asks for it.
    #[must_use]
    pub fn review(&self, namespace: &str) -> Value {
        let (group, resource) = (self.resource.group(), self.resource.plural());
        let mut attributes = json!({"namespace": namespace, "verb": self.verb, "group": group, "resource": resource});
        let more = [("name", self.name.as_deref()), ("subresource", self.sub)];
        for (key, value) in more {
            if let (Some(value), Some(attributes)) = (value, attributes.as_object_mut()) {
                attributes.insert(key.to_owned(), value.into());
            }
        }
        json!({"resourceAttributes": attributes})
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.path())?;
        self.name.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

fn path(resource: Resource, sub: Option<&str>) -> String {
    sub.map_or_else(|| resource.plural().to_owned(), |sub| format!("{}/{sub}", resource.plural()))
}

/// What a right is for. A command has several uses, and takes the rights of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To see the set.
    Look,
    /// To keep two people from moving one set at once.
    Lock,
    /// To move the selector of the active Service.
    Move,
    /// To split traffic by routes.
    Split,
    /// To size a color.
    Size,
    /// To ask the pods.
    Ask,
    /// To ask a Prometheus in the cluster.
    Analyse,
    /// To give a color a version.
    Release,
    /// To make a set.
    Make,
}

/// What has rights of its own, and what it uses them for: the commands, and metrics from inside the cluster.
pub const USES: &[(&str, &[Use])] = &[
    ("status", &[Use::Look]),
    ("check", &[Use::Look]),
    ("diff", &[Use::Look]),
    ("history", &[Use::Look]),
    ("switch", &[Use::Look, Use::Lock, Use::Move, Use::Split, Use::Size]),
    ("rollback", &[Use::Look, Use::Lock, Use::Move, Use::Split, Use::Size]),
    ("cleanup", &[Use::Look, Use::Lock, Use::Size]),
    ("smoke", &[Use::Look, Use::Ask]),
    ("deploy", &[Use::Look, Use::Lock, Use::Move, Use::Split, Use::Size, Use::Ask, Use::Release]),
    ("init", &[Use::Look, Use::Lock, Use::Move, Use::Size, Use::Make]),
    ("analysis", &[Use::Analyse]),
];

/// What the Role is for unless something else is asked for. `init` creates and deletes workloads, which no other command
/// does, so whoever only moves traffic should not have it; and who may ask through the API server's proxy may ask any
/// Service of the namespace anything.
pub const USUAL: &[&str] = &["status", "check", "diff", "history", "switch", "rollback", "cleanup", "smoke", "deploy"];

/// One line of the Role: what for, on what, which verbs, and why in words.
pub type Needed = (Use, Resource, Option<&'static str>, &'static [&'static str], &'static str);

/// What the commands need in the namespace of a set.
///
/// Reading routes and `HorizontalPodAutoscalers` is optional, and for `deploy` NetworkPolicies and PodDisruptionBudgets:
/// without it they are unknown, and the commands say so. Without `get` on Deployments a move only reads everything twice. Which
/// of the two verbs on `pods/portforward` a server checks depends on its version. Manifests of other kinds, for `init -f`,
/// need `get`, `create` and `patch` on these kinds, too.
pub const NEEDED: &[Needed] = &[
    (Use::Look, Resource::Services, None, &["list", "watch"], "find the set"),
    (Use::Lock, Resource::Services, None, &["get"], "see that the selector stays"),
    (Use::Move, Resource::Services, None, &["get", "patch"], "move the selector, keep the journal"),
    (Use::Make, Resource::Services, None, &["create"], "init: make the Services of a set"),
    (Use::Look, Resource::Deployments, None, &["list", "watch"], "find the colors"),
    (Use::Lock, Resource::Deployments, None, &["get"], "see at once that they are as they were"),
    (Use::Size, Resource::Deployments, None, &["patch"], "scale them, give them a version"),
    (
        Use::Make,
        Resource::Deployments,
        None,
        &["get", "create", "delete"],
        "init: copy a Deployment, apply one, delete the old one",
    ),
    (Use::Look, Resource::Pods, None, &["list", "watch"], "see which pods are ready"),
    (Use::Look, Resource::EndpointSlices, None, &["list", "watch"], "see where traffic goes"),
    (Use::Look, Resource::Leases, None, &["list", "watch"], "see who moves the set"),
    (Use::Lock, Resource::Leases, None, &["get", "create", "patch"], "keep two people from moving it at once"),
    (Use::Look, Resource::Ingresses, None, &["list"], "see which routes lead to a color"),
    (Use::Split, Resource::Ingresses, None, &["create", "patch", "delete"], "canaries of ingress-nginx"),
    (Use::Look, Resource::HttpRoutes, None, &["list"], "see them where the Gateway API is used"),
    (Use::Split, Resource::HttpRoutes, None, &["watch", "patch"], "split traffic"),
    (Use::Look, Resource::GrpcRoutes, None, &["list"], "the same"),
    (Use::Split, Resource::GrpcRoutes, None, &["watch", "patch"], "split traffic"),
    (Use::Look, Resource::IngressRoutes, None, &["list"], "see them where Traefik is used"),
    (Use::Split, Resource::IngressRoutes, None, &["patch"], "split traffic"),
    (Use::Look, Resource::TraefikServices, None, &["list"], "the same"),
    (Use::Split, Resource::TraefikServices, None, &["patch"], "split traffic"),
    (Use::Look, Resource::VirtualServices, None, &["list"], "see them where Istio is used"),
    (Use::Split, Resource::VirtualServices, None, &["patch"], "split traffic"),
    (Use::Look, Resource::HorizontalPodAutoscalers, None, &["list"], "see who else scales a color"),
    (Use::Size, Resource::HorizontalPodAutoscalers, None, &["patch"], "set the floor of the idle one"),
    (Use::Make, Resource::HorizontalPodAutoscalers, None, &["patch"], "init: let the autoscaler follow to the copy"),
    (
        Use::Make,
        Resource::PersistentVolumeClaims,
        None,
        &["get"],
        "init: see whether two Deployments could share a volume",
    ),
    (Use::Release, Resource::NetworkPolicies, None, &["list"], "see which labels of the pods they go by"),
    (
        Use::Make,
        Resource::NetworkPolicies,
        None,
        &["list"],
        "init: see whether the network would treat the copies alike",
    ),
    (Use::Release, Resource::PodDisruptionBudgets, None, &["list"], "the same"),
    (Use::Make, Resource::PodDisruptionBudgets, None, &["list"], "init: see what would not protect the copies"),
    (Use::Size, Resource::Events, None, &["list"], "explain why a color does not become ready"),
    (Use::Size, Resource::Pods, Some("log"), &["get"], "show the last words of a container that crashes"),
    (Use::Ask, Resource::Pods, Some("portforward"), &["get", "create"], "smoke tests"),
    (Use::Analyse, Resource::Services, Some("proxy"), &["get"], "ask a Prometheus in this namespace"),
];

/// One rule of the Role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The group of the API.
    pub group: &'static str,
    /// The resource, with its part: `pods/log`.
    pub resource: String,
    /// The verbs.
    pub verbs: Vec<&'static str>,
    /// What they are for.
    pub purposes: Vec<&'static str>,
}

/// The rules of the least Role for what is asked for, one for each resource.
#[must_use]
pub fn least(asked: &[String]) -> Vec<Grant> {
    let uses: Vec<Use> =
        USES.iter().filter(|(what, _)| asked.iter().any(|a| a == what)).flat_map(|(_, uses)| *uses).copied().collect();
    let mut grants: Vec<Grant> = Vec::new();
    for (_, resource, sub, verbs, purpose) in NEEDED.iter().filter(|(use_, ..)| uses.contains(use_)) {
        let called = path(*resource, *sub);
        let at = grants.iter().position(|grant| grant.resource == called && grant.group == resource.group());
        let mut grant = at.map_or_else(
            || Grant { group: resource.group(), resource: called, verbs: Vec::new(), purposes: Vec::new() },
            |at| grants.remove(at),
        );
        let new: Vec<&str> = verbs.iter().filter(|verb| !grant.verbs.contains(verb)).copied().collect();
        if !new.is_empty() {
            grant.verbs.extend(new);
            grant.purposes.push(purpose);
        }
        grants.insert(at.unwrap_or(grants.len()), grant);
    }
    grants
}

/// The line that gives somebody these rights.
#[must_use]
pub fn way_out(namespace: &str, denied: &[&Right]) -> String {
    let any = |is_it: fn(&Right) -> bool| denied.iter().any(|right| is_it(right));
    let makes = |right: &Right| {
        let workload = matches!(right.resource, Resource::Deployments | Resource::Services);
        workload && matches!(right.verb, "create" | "delete")
    };
    let what = match (any(|right| right.sub == Some("proxy")), any(makes)) {
        (true, _) => " --for deploy,analysis",
        (_, true) => " --for init",
        _ => "",
    };
    ask_an_admin(what, namespace)
}

/// The line that an admin runs, with more options of `rbac` or none.
#[must_use]
pub fn ask_an_admin(options: &str, namespace: &str) -> String {
    format!(
        "ask an admin for this, for a service account with --serviceaccount NAME: kubectl bluegreen rbac{options} -n {namespace} | \
         kubectl apply -f -"
    )
}

/// What every command that writes needs: the Lease, and the Service that its success is seen by.
#[must_use]
pub fn of_the_lock(lease: &str) -> Vec<Right> {
    vec![
        Right::new("get", Resource::Leases, Some(lease)),
        Right::new("create", Resource::Leases, None),
        Right::new("patch", Resource::Leases, Some(lease)),
    ]
}

/// The writes of a move of traffic, and the read of the Service that proves them: without it a move could not be seen
/// through once it has begun.
#[must_use]
pub fn of_a_move(service: &str, lease: &str) -> Vec<Right> {
    let service = ["get", "patch"].map(|verb| Right::new(verb, Resource::Services, Some(service)));
    service.into_iter().chain(of_the_lock(lease)).collect()
}

/// The writes of a split by the routes that name the active Service.
#[must_use]
pub fn of_a_split(routes: &Routes, namespace: &str, service: &str) -> Vec<Right> {
    let ours = routes.to(namespace, service).map(|(route, _)| route).filter(|route| route.namespace == namespace);
    let writes = ours.flat_map(|route| {
        let of_route = NEEDED.iter().filter(|(of, resource, ..)| *of == Use::Split && *resource == route.resource);
        let verbs = of_route.flat_map(|(.., verbs, _)| *verbs).filter(|verb| **verb != "watch");
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
    /// `*` is everything, its parts included; `*/log` is that part of everything.
    fn has_resource(&self, right: &Right) -> bool {
        let (path, any) = (right.path(), right.sub.map(|sub| format!("*/{sub}")));
        self.resources.iter().any(|has| has == "*" || *has == path || Some(has) == any.as_ref())
    }

    fn allows(&self, right: &Right) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|item| item == "*" || item == wanted);
        let named = self.resource_names.is_empty()
            || right.name.as_ref().is_some_and(|name| self.resource_names.iter().any(|allowed| allowed == name));
        // A new object's name is not known to the authorizer: a rule with names never allows `create`.
        let creates = right.verb == "create" && !self.resource_names.is_empty();
        has(&self.verbs, right.verb)
            && has(&self.api_groups, right.resource.group())
            && self.has_resource(right)
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
    fn a_role_has_one_rule_for_each_resource_and_no_more_than_is_asked_for() {
        let of = |asked: &[&str]| least(&asked.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        let writes = |grants: &[Grant]| -> Vec<String> {
            let verbs = |grant: &Grant| -> Vec<String> {
                let writes = grant.verbs.iter().filter(|verb| !["get", "list", "watch"].contains(verb));
                writes.map(|verb| format!("{verb} {}", grant.resource)).collect()
            };
            grants.iter().flat_map(verbs).collect()
        };
        assert_eq!(writes(&of(&["status", "history"])), Vec::<String>::new());
        assert_eq!(
            writes(&of(&["cleanup"])),
            ["patch deployments", "create leases", "patch leases", "patch horizontalpodautoscalers"]
        );
        let all = of(USES.iter().map(|(what, _)| *what).collect::<Vec<_>>().as_slice());
        for (at, grant) in all.iter().enumerate() {
            let twice = all.iter().skip(at + 1).any(|g| (g.group, &g.resource) == (grant.group, &grant.resource));
            assert!(!twice && !grant.verbs.is_empty(), "{grant:?}");
        }
        assert!(USUAL.iter().all(|usual| USES.iter().any(|(what, _)| what == usual)));
    }

    #[test]
    fn rules_are_read_as_the_authorizer_reads_them() {
        let review = |incomplete: bool| {
            json!({"status": {"incomplete": incomplete, "resourceRules": [
                {"verbs": ["patch"], "apiGroups": [""], "resources": ["services"], "resourceNames": ["shop"]},
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["leases"]},
                {"verbs": ["create"], "apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a"]},
                {"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "*/proxy"]},
            ]}})
        };
        let rights = Rights::of(&review(false));
        let allows = |verb, resource, name| rights.allows(&Right::new(verb, resource, name));
        assert_eq!(allows("patch", Resource::Services, Some("shop")), Some(true));
        assert_eq!(allows("patch", Resource::Services, Some("other")), Some(false));
        assert_eq!(allows("patch", Resource::Services, None), Some(false));
        assert_eq!(allows("create", Resource::Leases, None), Some(true));
        assert_eq!(allows("create", Resource::Deployments, Some("a")), Some(false));

        assert_eq!(rights.allows(&Right::on("get", Resource::Pods, "log")), Some(false));
        assert_eq!(rights.allows(&Right::on("get", Resource::Services, "proxy")), Some(true));

        let mut rights = Rights::of(&review(true));
        let other = Right::new("patch", Resource::Services, Some("other"));
        assert_eq!(rights.allows(&other), None);
        rights.answer(other.clone(), &json!({"status": {"allowed": false}}));
        assert_eq!(rights.allows(&other), Some(false));
    }
}
