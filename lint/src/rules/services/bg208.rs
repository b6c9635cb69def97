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
use crate::manifest::{Place, is_placeholder};
use crate::model::{Member, SetView};
use crate::rule::{Check, Rule};
use crate::rules::labeling::is_echo;
use crate::rules::ports::{declared, is_asked_in_vain, target};
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

const HELP: &str = "offer the same ports on the color Services, so that tests go where users will go";

/// How a color Service misses a port of the active one.
struct Difference<'m> {
    /// The color Service.
    own: Member<'m, Service>,
    /// Where it says something else.
    place: Place,
    /// What it does instead.
    what: String,
    /// What the active Service says.
    active: NodeRef<'m>,
}

fn check(set: SetView<'_>, findings: &mut Findings<'_>) {
    let Some(active) = set.active_service() else { return };
    // A route that asks the active Service for a port in vain says which of the Services is wrong.
    if is_echo(set) || is_asked_in_vain(set.model, active) {
        return;
    }
    let differences: Vec<Difference<'_>> = Color::ALL
        .into_iter()
        .filter_map(|color| {
            let (own, workload) = set.color_service(color).zip(set.workload(color))?;
            let is_own = selects(&own.facts.selector, &workload.facts.labels);
            ports(active).filter(|_| is_own).find_map(|port| difference(port, own, workload))
        })
        .collect();
    let shown = |of: &Difference<'_>| active.object.at(of.active);
    if let [blue, green] = differences.as_slice()
        && blue.active.id() == green.active.id()
        && blue.what == green.what
    {
        let names = [blue, green].map(|of| of.own.facts.name.as_str()).join(" and ");
        let finding = findings.report(shown(blue), format!("both color Services, {names}, are {}", blue.what));
        finding.help(HELP);
        for of in [blue, green] {
            finding.related(of.place.clone(), format!("{} has this", of.own.facts.name));
        }
        return;
    }
    for of in &differences {
        let finding = findings.report(of.place.clone(), format!("the Service {} is {}", of.own.facts.name, of.what));
        finding.help(HELP).related(shown(of), format!("{} has this", active.facts.name));
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
) -> Option<Difference<'m>> {
    let number = |port: NodeRef<'_>| port.get("port").and_then(NodeRef::as_int);
    let name = |port: NodeRef<'m>| port.get("name").and_then(NodeRef::as_str);
    let (at_active, wanted, protocol) = target(port)?;
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
        let what = format!("without port {offered}, which the active Service offers");
        let active = port.get("port").unwrap_or(port);
        return (!unreadable).then_some(Difference { own, place, what, active });
    };
    let (node, has, _) = target(same)?;
    let known = declared(workload.object);
    let resolved = |wanted: &str| known.iter().position(|port| port.is(wanted, &protocol));
    // A target that the pods do not declare is reported as such.
    let undeclared = resolved(&has).is_none() || resolved(&wanted).is_none();
    let unjudged = is_placeholder(&has) || is_placeholder(&wanted) || has == wanted;
    let by_number = known.is_empty() && has.parse::<u16>().is_ok() && wanted.parse::<u16>().is_ok();
    let differs = !unjudged && if undeclared { by_number } else { resolved(&has) != resolved(&wanted) };
    let what = format!("with port {offered} sent to {has}, where the active Service sends it to {wanted}");
    differs.then(|| Difference { own, place: own.object.at(node), what, active: at_active })
}
