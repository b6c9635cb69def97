//! Every single fault that the rules promise to catch, planted into good sets one by one: the rule's code is reported on
//! the object and at the line where the fault is, and nothing else is.

use bluegreen_lint::finding::Severity;
use bluegreen_lint::manifest::{Identity, Place};
use bluegreen_lint::rules;

use super::sets::{self, CONVENTIONS, Convention, Extra, Role, Set};

mod drift;
mod labels;
mod pods;
mod scaling;
mod services;
mod traffic;

/// A fault: what reports it, the object that is wrong, a text on the line, what stands beside the set, and the change.
pub(crate) struct Fault {
    code: &'static str,
    role: Role,
    line: String,
    needs: &'static [Extra],
    is_info: bool,
    plant: Box<dyn Fn(&mut Set)>,
}

impl Fault {
    /// Marks it as one that is merely worth knowing, though others of its rule are worse.
    fn as_info(&mut self) {
        self.is_info = true;
    }
}

/// A list of faults in the making.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    fn add(
        &mut self,
        code: &'static str,
        role: Role,
        line: impl Into<String>,
        plant: impl Fn(&mut Set) + 'static,
    ) -> &mut Fault {
        self.with(&[], code, role, line, plant)
    }

    fn with(
        &mut self,
        needs: &'static [Extra],
        code: &'static str,
        role: Role,
        line: impl Into<String>,
        plant: impl Fn(&mut Set) + 'static,
    ) -> &mut Fault {
        self.0.push_mut(Fault { code, role, line: line.into(), needs, is_info: false, plant: Box::new(plant) })
    }
}

const CONTAINER: &str = "/spec/template/spec/containers/0";
const LABELS: &str = "/spec/template/metadata/labels";

fn remove(value: &mut serde_json::Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).unwrap_or_else(|| panic!("{key}"));
}

/// What is wrong with the findings of a set with one fault in it.
fn judge(fault: &Fault, bad: &Set) -> Option<String> {
    let sources = bad.sources();
    let wrong = &bad.at(fault.role)["metadata"];
    let is_info = rules::ALL.iter().any(|rule| rule.code == fault.code && rule.severity == Severity::Info);
    let is_info = is_info || fault.is_info;
    let mut findings = sets::findings(&sources, is_info);
    // What one color lacks is a difference as well, which is worse than what is merely worth knowing.
    findings.retain(|finding| !is_info || finding.rule.group() != "drift" || finding.rule.code == fault.code);
    let all: Vec<_> = findings.iter().map(|of| (of.rule.code, of.message.as_str(), of.place.path.as_str())).collect();
    let told = || format!("{} {} {}: {all:?}", fault.code, wrong["name"], fault.line);
    let [finding] = findings.as_slice() else { return Some(told()) };
    // Of two places that differ, either may be the wrong one: both are told.
    let related = finding.related.iter().map(|related| &related.place);
    let mut places = std::iter::once(&finding.place).chain(related);
    let here = |place: &Place| {
        let text = &sources[place.source].text;
        let start = text[..place.span.start].rfind('\n').map_or(0, |at| at + 1);
        let on_line = text[start..].lines().next().unwrap().contains(&fault.line);
        let is_it = |id: &Identity| wrong["name"] == *id.name && wrong["namespace"].as_str() == id.namespace.as_deref();
        place.object.as_ref().is_some_and(is_it) && on_line
    };
    (finding.rule.code != fault.code || !places.any(here)).then(told)
}

/// How many faults were planted into the sets of a convention, and what was wrong with the findings.
fn play(at: usize, convention: &'static Convention) -> (usize, Vec<String>) {
    let mut missed = Vec::new();
    let plain = Set::new(convention, &[]);
    let mut faults = Faults::default();
    for group in [labels::faults, services::faults, pods::faults, drift::faults, traffic::faults, scaling::faults] {
        group(&plain, &mut faults);
    }
    for (nth, fault) in faults.0.iter().enumerate() {
        let is_scaled = fault.needs.contains(&Extra::Hpa);
        // An HPA has a say in what replicas and requests mean: with it only what is about it.
        let all = Extra::ALL.into_iter().filter(|extra| *extra != Extra::Hpa || is_scaled).collect::<Vec<_>>();
        // With little or much beside the set, by turns: the next convention has it the other way round.
        let extras = if (nth + at).is_multiple_of(2) { fault.needs.to_vec() } else { all };
        let mut bad = Set::new(convention, &extras);
        (fault.plant)(&mut bad);
        let what = judge(fault, &bad);
        missed.extend(what.map(|what| format!("{}, with {extras:?}: {what}", convention.name)));
    }
    (faults.0.len(), missed)
}

#[test]
fn every_fault_is_found_where_it_is() {
    let played: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            CONVENTIONS.iter().enumerate().map(|(at, convention)| scope.spawn(move || play(at, convention))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count: usize = played.iter().map(|(count, _)| count).sum();
    let missed: Vec<String> = played.into_iter().flat_map(|(_, missed)| missed).collect();
    assert!(missed.is_empty(), "{} of {count}; each is to give one finding:\n{}", missed.len(), missed.join("\n"));
    assert!(count > 3700, "{count}");
}
