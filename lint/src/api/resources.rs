//! Validates requests, limits and resource claims of containers and pods.
//! Must not ask whether the amounts are wise; rules of the `resources` group do.

use super::names;
use super::pod_spec::Pod;
use super::sink::{Sink, items, owner_of, text};
use crate::quantity;
use crate::yaml::{Entry, NodeRef};

/// One billionth is the smallest amount that a quantity can have.
pub(super) const ONE: i128 = 1_000_000_000;

/// Validates `resources` of a container.
pub(super) fn of_container<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(resources) = container.get("resources") else { return };
    amounts(resources, container_resource, sink);
    claims(pod, resources, sink);
}

/// Validates `resources` of a pod, which Kubernetes knows since 1.34.
pub(super) fn of_pod<'o>(pod: &Pod<'o>, sink: &mut Sink<'o>) {
    let Some(resources) = pod.spec.get("resources").filter(|_| sink.since(34)) else { return };
    if let Some(claims) = resources.get("claims") {
        sink.invalid(claims, "claims belong to containers", "move them to the `resources` of a container");
    }
    amounts(resources, pod_resource, sink);
    for (list, is_whole_list) in [("requests", true), ("limits", false)] {
        let amounts = resources.get(list).into_iter().flat_map(NodeRef::entries);
        for (entry, node) in amounts.filter(|(entry, _)| is_whole_list || entry.key.starts_with("hugepages-")) {
            enough_for_all(pod, list, &entry.key, node, sink);
        }
    }
    let limits = resources.get("limits").into_iter().flat_map(NodeRef::entries);
    for (entry, limit) in limits {
        for (index, container) in items(pod.spec, "containers").enumerate() {
            let own = container.at(&["resources", "limits"]).and_then(|limits| limits.entry(&entry.key));
            let Some((_, own)) = own.filter(|(_, own)| amount(*own) > amount(limit)) else { continue };
            sink.invalid(own, "more than the limit of the pod as a whole", "lower it, or raise the limit of the pod");
            let path = sink.path_of(resources);
            sink.at_path(|_| format!("{path}.containers[{index}][{}].limits", entry.key));
        }
    }
}

/// What all containers that run side by side ask for must fit into what the pod as a whole does.
fn enough_for_all<'o>(pod: &Pod<'o>, list: &str, name: &str, node: NodeRef<'o>, sink: &mut Sink<'o>) {
    let of = |container: NodeRef<'o>| {
        let own = |list: &str| {
            let list = container.at(&["resources", list])?;
            amount(list.entry(name)?.1)
        };
        // A pod's containers request what they are limited to, unless they say otherwise; in a template nothing is filled in.
        own(list).or_else(|| own("limits").filter(|_| !pod.is_template)).unwrap_or_default()
    };
    let (mut beside, mut most) = (0_i128, 0_i128);
    for container in items(pod.spec, "initContainers") {
        if text(container, "restartPolicy") == "Always" {
            beside = beside.saturating_add(of(container));
            most = most.max(beside);
        } else {
            most = most.max(beside.saturating_add(of(container)));
        }
    }
    let all = items(pod.spec, "containers").map(of).fold(beside, i128::saturating_add).max(most);
    if amount(node).is_some_and(|whole| whole < all) {
        sink.invalid(
            node,
            format!("the containers together have more {name} in their {list}"),
            "raise it, or lower theirs",
        );
        sink.at_path(|path| in_brackets(path, name));
    }
}

/// Validates `overhead`.
pub(super) fn overhead<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(overhead) = spec.get("overhead") else { return };
    for (entry, amount) in overhead.entries() {
        let before = sink.count();
        one_amount(overhead, entry, amount, container_resource, sink);
        sink.at_paths_since(before, |path| path.replace(".overhead[", ".overhead.limits["));
    }
}

type KnownResource = fn(&str) -> Option<String>;

fn amounts<'o>(resources: NodeRef<'o>, known: KnownResource, sink: &mut Sink<'o>) {
    let (limits, requests) = (resources.get("limits"), resources.get("requests"));
    for list in [limits, requests].into_iter().flatten() {
        for (entry, amount) in list.entries() {
            one_amount(list, entry, amount, known, sink);
        }
    }
    for (entry, request) in requests.into_iter().flat_map(NodeRef::entries) {
        let limit = limits.and_then(|limits| limits.entry(&entry.key)).map(|(_, limit)| limit);
        against_limit(&entry.key, request, limit, sink);
    }
    huge_pages(resources, sink);
}

fn one_amount<'o>(list: NodeRef<'o>, entry: &'o Entry, amount: NodeRef<'o>, known: KnownResource, sink: &mut Sink<'o>) {
    if let Some(reason) = known(&entry.key) {
        sink.bad_key(list, &entry.key, reason);
        sink.at_path(|path| in_brackets(path, &entry.key));
    }
    let before = sink.count();
    let Some(value) = self::amount(amount) else { return };
    if value < 0 {
        sink.invalid(amount, "it must be 0 or more", "set an amount that is not negative");
    } else if is_extended(&entry.key) && !is_whole(amount) {
        sink.invalid(amount, "this resource is counted in whole numbers", "set a whole number");
    }
    if let Some(size) = entry.key.strip_prefix("hugepages-") {
        let page = quantity::parse(size).filter(|page| *page > 0 && page % ONE == 0);
        if page.is_none() {
            sink.invalid(amount, format!("`{size}` is no size of a page"), "write one such as `hugepages-2Mi`");
        } else if page.is_some_and(|page| value > 0 && value % page != 0) {
            sink.invalid(
                amount,
                format!("it must be a multiple of the page size {size}"),
                format!("set a multiple of {size}"),
            );
        }
    }
    sink.at_paths_since(before, |path| in_brackets(path, &entry.key));
}

fn against_limit<'o>(name: &str, request: NodeRef<'o>, limit: Option<NodeRef<'o>>, sink: &mut Sink<'o>) {
    let Some(requested) = amount(request) else { return };
    let path = |path: &str| {
        path.rfind(".requests")
            .map_or_else(|| path.to_owned(), |end| path.get(..end + ".requests".len()).unwrap_or(path).to_owned())
    };
    match limit {
        Some(limit) => {
            let Some(limited) = amount(limit) else { return };
            let shown = quantity::text(limit).unwrap_or_else(|| "0".to_owned());
            if may_not_overcommit(name) && requested != limited {
                sink.invalid(
                    request,
                    format!("for {name} the request must equal the limit, which is {shown}"),
                    "make both the same",
                );
                sink.at_path(path);
            } else if requested > limited {
                sink.invalid(
                    request,
                    format!("more than the limit, which is {shown}"),
                    "lower the request or raise the limit",
                );
                sink.at_path(path);
            }
        }
        None if may_not_overcommit(name) => {
            sink.invalid(
                request,
                format!("{name} needs a limit, too"),
                format!("set the same amount of {name} in `limits`"),
            );
            sink.at_path(|path| {
                path.rfind(".requests")
                    .and_then(|end| path.get(..end))
                    .map_or_else(String::new, |path| format!("{path}.limits"))
            });
        }
        None => {}
    }
}

fn huge_pages<'o>(resources: NodeRef<'o>, sink: &mut Sink<'o>) {
    let lists = || ["limits", "requests"].into_iter().filter_map(|key| resources.get(key)).flat_map(NodeRef::entries);
    let huge = lists().any(|(entry, _)| entry.key.starts_with("hugepages-"));
    let backed = lists().any(|(entry, _)| matches!(&*entry.key, "cpu" | "memory"));
    if huge && !backed {
        sink.huge_pages_alone(resources);
    }
}

/// An amount in billionths; nothing at all counts as 0.
pub(super) fn amount(node: NodeRef<'_>) -> Option<i128> {
    if node.is_null() { Some(0) } else { quantity::text(node).as_deref().and_then(quantity::parse) }
}

/// Validates an amount that must be more than nothing.
pub(super) fn more_than_zero<'o>(node: NodeRef<'o>, sink: &mut Sink<'o>) {
    if amount(node).is_some_and(|amount| amount <= 0) {
        sink.invalid(node, "it must be more than 0", "set the size, such as 1Gi");
    }
}

/// The server writes the name of a resource in brackets, also where it needs none.
pub(super) fn in_brackets(path: &str, name: &str) -> String {
    path.strip_suffix(name)
        .and_then(|list| list.strip_suffix('.'))
        .map_or_else(|| path.to_owned(), |list| format!("{list}[{name}]"))
}

/// Whether the request must equal the limit.
pub(super) fn may_not_overcommit(name: &str) -> bool {
    name.starts_with("hugepages-") || is_extended(name)
}

/// Whether an amount is a whole number to the server, which counts thousandths in 64 bits: more than fits into them wraps
/// around, unless a power of ten follows the digits.
pub(super) fn is_whole(node: NodeRef<'_>) -> bool {
    const RANGE: i128 = 1 << 64;
    let Some(value) = amount(node) else { return true };
    let written = quantity::text(node).unwrap_or_default();
    let has_power = !written.ends_with('i') && written.contains(['k', 'M', 'G', 'T', 'P', 'E', 'e']);
    let wrapped = (value / ONE * 1000).rem_euclid(RANGE);
    let counted = if wrapped >= RANGE / 2 { wrapped - RANGE } else { wrapped };
    value % ONE == 0 && (has_power || counted % 1000 == 0)
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether Kubernetes knows the resource by its name only.
pub(super) fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::qualified_name(&format!("requests.{name}")).is_none()
}

/// The name of a resource that a container can ask for.
pub(super) fn container_resource(name: &str) -> Option<String> {
    if let Some(reason) = names::qualified_name(name) {
        return Some(reason);
    }
    let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    if !name.contains('/') && !standard {
        return Some("a resource without a prefix is `cpu`, `memory`, `ephemeral-storage` or `hugepages-…`".to_owned());
    }
    (!is_native(name) && !is_extended(name)).then(|| "this is no name of an extended resource".to_owned())
}

fn pod_resource(name: &str) -> Option<String> {
    let known = matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    (!known).then(|| "a pod as a whole has `cpu`, `memory` and `hugepages-…` only".to_owned())
}

fn claims<'o>(pod: &Pod<'o>, resources: NodeRef<'o>, sink: &mut Sink<'o>) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for claim in items(resources, "claims") {
        let (name, request) = (text(claim, "name"), text(claim, "request"));
        if sink.required_text(claim, "name", "the name of a claim of the pod is needed") {
            let known = items(pod.spec, "resourceClaims").any(|known| text(known, "name") == name);
            if !known && let Some(node) = claim.get("name") {
                sink.invalid(node, "the pod has no claim with this name", "add it to `resourceClaims` of the pod");
                sink.at_path(owner_of);
            }
        } else {
            sink.at_path(owner_of);
        }
        sink.name(claim, "request", names::dns_label);
        // Without a request it is the whole claim.
        let is_same = |(other, part): &(&str, &str)| {
            *other == name && (*part == request || part.is_empty() || request.is_empty())
        };
        if !name.is_empty()
            && seen.iter().any(is_same)
            && let Some(node) = claim.get("name")
        {
            sink.duplicate(node);
            sink.at_path(owner_of);
        }
        seen.push((name, request));
    }
}

/// Validates `resourceClaims` of a pod.
pub(super) fn pod_claims<'o>(spec: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.unique(items(spec, "resourceClaims"), "name");
    for claim in items(spec, "resourceClaims") {
        sink.required_name(claim, "name", "a claim needs a name", names::dns_label);
        let before = sink.count();
        let kinds = ["resourceClaimName", "resourceClaimTemplateName"];
        if sink.exactly_one(claim, &kinds).is_none() {
            sink.none_set(claim, &kinds);
        } else {
            sink.at_paths_since(before, owner_of);
            for key in kinds {
                sink.name_if_set(claim, key, names::dns_subdomain);
            }
        }
    }
}
