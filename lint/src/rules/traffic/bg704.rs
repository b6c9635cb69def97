//! A `NetworkPolicy` lets traffic reach one color only.
//!
//! ## Why
//!
//! A policy that names one color isolates or opens the pods of that color and not of the other. After the switch, users
//! meet other rules than those under which the new version was tested: refused where they were let in, or the other way
//! round.
//!
//! ## Bad
//!
//! ```yaml
//! kind: NetworkPolicy
//! metadata: {name: shop-blue}
//! spec:
//!   podSelector: {matchLabels: {app: shop, color: blue}}
//!   ingress:
//!   - from: [{podSelector: {matchLabels: {app: front}}}]
//! ---
//! kind: Service
//! metadata: {name: shop}
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: NetworkPolicy
//! metadata: {name: shop}
//! spec:
//!   podSelector: {matchLabels: {app: shop}}
//!   ingress:
//!   - from: [{podSelector: {matchLabels: {app: front}}}]
//! ---
//! kind: Service
//! metadata: {name: shop}
//! ```
//!
//! ## Configuration
//!
//! None. Silent where another policy lets traffic reach the other color, and for policies that let nothing in.

use std::collections::HashSet;

use crate::finding::{Findings, Severity};
use crate::manifest::{Object, Place};
use crate::model::{Member, Model, SetView};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::rules::selecting::{selected, selected_in};
use crate::set::{Color, Workload, same_namespace};
use crate::yaml::NodeRef;

/// `network-policy-misses-color`
pub(crate) static RULE: Rule = Rule {
    code: "BG704",
    name: "network-policy-misses-color",
    severity: Severity::Warning,
    source: include_str!("bg704.rs"),
    check: Check::Model(check),
};

/// A selector of a policy, and the workloads whose pods it lets traffic reach.
struct Reach<'m> {
    object: &'m Object,
    place: Place,
    reached: Vec<Member<'m, Workload>>,
}

fn check(model: &Model, findings: &mut Findings<'_>) {
    let policies: Vec<&Object> =
        model.objects().iter().filter(|object| object.is("networking.k8s.io", "NetworkPolicy")).collect();
    let into: Vec<Reach<'_>> = policies.iter().filter_map(|policy| ingress(model, policy)).collect();
    let out: Vec<Reach<'_>> = policies.iter().flat_map(|policy| egress(model, policy)).collect();
    for reaches in [into, out] {
        let all: HashSet<usize> = reaches.iter().flat_map(|reach| &reach.reached).map(|member| member.at).collect();
        for reach in reaches {
            let Some((color, missed)) = reach.reached.iter().find_map(|member| missed(model, *member, &all)) else {
                continue;
            };
            let message = format!("{} lets traffic reach {color} only", reach.object.id);
            let finding = findings.report(reach.place, message);
            finding.help(format!("select both colors, or write one for {} as well", missed.facts.name));
            finding.related(missed.object.at_name(), "not reached by this");
        }
    }
}

/// The other color's workload, where no policy lets traffic reach it.
fn missed<'m>(
    model: &'m Model,
    member: Member<'_, Workload>,
    all: &HashSet<usize>,
) -> Option<(Color, Member<'m, Workload>)> {
    let set: SetView<'m> = model.set_with_workload(member.at)?;
    let (color, _) = set.workloads().find(|(_, own)| own.at == member.at)?;
    let other = set.workload(color.other())?;
    // Where the labels or namespaces of the colors are wrong, that is told, and what selects by them is not.
    let one_namespace = same_namespace(member.facts.namespace.as_deref(), other.facts.namespace.as_deref());
    if is_echo(set) || !one_namespace {
        return None;
    }
    (!all.contains(&other.at) && other.object.id != member.object.id).then_some((color, other))
}

/// The pods that a policy lets something into.
fn ingress<'m>(model: &'m Model, policy: &'m Object) -> Option<Reach<'m>> {
    let spec = policy.root().get("spec")?;
    let mut types = spec.get("policyTypes").into_iter().flat_map(NodeRef::items);
    let is_meant = spec.get("policyTypes").is_none() || types.any(|of| of.as_str() == Some("Ingress"));
    let lets_in = spec.get("ingress").into_iter().flat_map(NodeRef::items).next().is_some();
    let selector = spec.get("podSelector").filter(|_| is_meant && lets_in)?;
    let reached = selected(model, policy, selector)?;
    Some(Reach { object: policy, place: policy.at_key(spec, "podSelector"), reached })
}

/// The pods that a policy lets others reach.
fn egress<'m>(model: &'m Model, policy: &'m Object) -> Vec<Reach<'m>> {
    let rules = policy.root().at(&["spec", "egress"]).into_iter().flat_map(NodeRef::items);
    let peers = rules.flat_map(|rule| rule.get("to").into_iter().flat_map(NodeRef::items));
    let reach = |peer: NodeRef<'m>| {
        let selector = peer.get("podSelector")?;
        let namespace = policy.id.namespace.as_deref().filter(|_| peer.get("namespaceSelector").is_none());
        let reached = selected_in(model, namespace, selector)?;
        Some(Reach { object: policy, place: policy.at_key(peer, "podSelector"), reached })
    };
    peers.filter_map(reach).collect()
}
