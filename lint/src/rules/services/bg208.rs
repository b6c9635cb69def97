//! A color Service does not offer the ports that the active Service offers.
//!
//! ## Why
//!
//! Tests before the switch go through another door than users do: they pass, and the port that users need may not answer.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   ports:
//!   - {name: http, port: 8080, targetPort: http}   # 80 on the active Service
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Service
//! metadata: {name: shop-green}
//! spec:
//!   ports:
//!   - {name: http, port: 80, targetPort: http}
//! ```
//!
//! ## Configuration
//!
//! None. More ports on the color Service, and other names, are no difference.

use crate::finding::{Findings, Severity};
use crate::manifest::is_placeholder;
use crate::model::Member;
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::rules::ports::{declared, target};
use crate::set::{Color, Service, Workload, selects};
use crate::yaml::NodeRef;

/// `service-ports-differ`
pub(crate) static RULE: Rule = Rule {
    code: "BG208",
    name: "service-ports-differ",
    severity: Severity::Warning,
    source: include_str!("bg208.rs"),
    check: Check::Set(check),
};

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some(active) = set.active_service() else { return };
    if is_echo(set) {
        return;
    }
    for color in Color::ALL {
        let (Some(own), Some(workload)) = (set.color_service(color), set.workload(color)) else { continue };
        if !selects(&own.facts.selector, &workload.facts.labels) {
            continue;
        }
        let differing = ports(active).find_map(|port| Some((port, difference(port, own, workload)?)));
        let Some((port, (place, what))) = differing else { continue };
        let message = format!("the Service {} {what}", own.facts.name);
        let finding = findings.report(place, message);
        finding.help("offer the same ports on the color Services, so that tests go where users will go");
        let shown = port.get("port").unwrap_or(port);
        finding.related(active.object.at(shown), format!("{} offers this", active.facts.name));
    }
}

fn ports(service: Member<'_, Service>) -> impl Iterator<Item = NodeRef<'_>> {
    service.object.root().at(&["spec", "ports"]).into_iter().flat_map(NodeRef::items)
}

/// How a color Service misses a port of the active one.
fn difference<'m>(
    port: NodeRef<'m>,
    own: Member<'m, Service>,
    workload: Member<'m, Workload>,
) -> Option<(crate::manifest::Place, String)> {
    let number = |port: NodeRef<'_>| port.get("port").and_then(NodeRef::as_int);
    let name = |port: NodeRef<'m>| port.get("name").and_then(NodeRef::as_str);
    let (_, wanted, protocol) = target(port)?;
    let offered = number(port)?;
    let same = ports(own).find(|candidate| {
        number(*candidate) == Some(offered) && target(*candidate).is_some_and(|(_, _, of)| of == protocol)
    });
    let Some(same) = same else {
        let unreadable = ports(own).any(|candidate| number(candidate).is_none());
        let renumbered = ports(own).find(|candidate| name(*candidate) == name(port) || ports(own).count() == 1);
        let place = match renumbered.and_then(|candidate| candidate.get("port")) {
            Some(node) => own.object.at(node),
            None => own.object.root().get("spec").map(|spec| own.object.at_key(spec, "ports"))?,
        };
        return (!unreadable).then(|| (place, format!("does not offer port {offered}, as the active Service does")));
    };
    let (node, has, _) = target(same)?;
    let known = declared(workload.object);
    let resolved = |wanted: &str| known.iter().position(|port| port.is(wanted, &protocol));
    // A target that the pods do not declare is reported as such.
    let undeclared = resolved(&has).is_none() || resolved(&wanted).is_none();
    let unjudged = is_placeholder(&has) || is_placeholder(&wanted) || has == wanted;
    let by_number = known.is_empty() && has.parse::<u16>().is_ok() && wanted.parse::<u16>().is_ok();
    let differs = !unjudged && if undeclared { by_number } else { resolved(&has) != resolved(&wanted) };
    differs.then(|| {
        (own.object.at(node), format!("sends port {offered} to {has}, and the active Service sends it to {wanted}"))
    })
}
