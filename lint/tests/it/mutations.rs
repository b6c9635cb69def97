//! Every single fault that the rules promise to catch, planted into good sets one by one: the rule's code is reported on
//! the object and at the line where the fault is, and nothing else is.

use bluegreen_lint::manifest::Place;

use super::sets::{CONVENTIONS, Convention, Extra, Role, Set};

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
    plant: Box<dyn Fn(&mut Set)>,
}

/// A list of faults in the making.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, code: &'static str, role: Role, line: impl Into<String>, plant: impl Fn(&mut Set) + 'static) {
        self.with(&[], code, role, line, plant);
    }

    fn with(
        &mut self,
        needs: &'static [Extra],
        code: &'static str,
        role: Role,
        line: impl Into<String>,
        plant: impl Fn(&mut Set) + 'static,
    ) {
        self.0.push(Fault { code, role, line: line.into(), needs, plant: Box::new(plant) });
    }
}

const CONTAINER: &str = "/spec/template/spec/containers/0";
const LABELS: &str = "/spec/template/metadata/labels";

fn remove(value: &mut serde_json::Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).unwrap_or_else(|| panic!("{key}"));
}

/// What is wrong with the findings of a set with one fault in it.
fn judge(fault: &Fault, bad: &Set) -> Option<String> {
    let text = bad.text();
    let object = bad.name(fault.role);
    let findings = Set::findings(&text);
    let all: Vec<_> = findings.iter().map(|of| (of.rule.code, of.message.as_str(), of.place.path.as_str())).collect();
    let told = || format!("{} {object} {}: {all:?}", fault.code, fault.line);
    let [finding] = findings.as_slice() else { return Some(told()) };
    // Of two places that differ, either may be the wrong one: both are told.
    let related = finding.related.iter().map(|related| &related.place);
    let mut places = std::iter::once(&finding.place).chain(related);
    let here = |place: &Place| {
        let start = text[..place.span.start].rfind('\n').map_or(0, |at| at + 1);
        let on_line = text[start..].lines().next().unwrap().contains(&fault.line);
        place.object.as_ref().is_some_and(|id| id.name == object) && on_line
    };
    (finding.rule.code != fault.code || !places.any(here)).then(told)
}

/// How many faults were planted into the sets of a convention, and what was wrong with the findings.
fn play(convention: &'static Convention) -> (usize, Vec<String>) {
    let (mut count, mut missed) = (0, Vec::new());
    let plain = Set::new(convention, &[]);
    let mut faults = Faults::default();
    for group in [labels::faults, services::faults, pods::faults, drift::faults, traffic::faults, scaling::faults] {
        group(&plain, &mut faults);
    }
    for fault in &faults.0 {
        let is_scaled = fault.needs.contains(&Extra::Hpa);
        // An HPA has a say in what replicas and requests mean: with it only what is about it.
        let all = Extra::ALL.into_iter().filter(|extra| *extra != Extra::Hpa || is_scaled).collect::<Vec<_>>();
        for extras in [fault.needs.to_vec(), all] {
            let mut bad = Set::new(convention, &extras);
            (fault.plant)(&mut bad);
            let what = judge(fault, &bad);
            missed.extend(what.map(|what| format!("{}, with {extras:?}: {what}", convention.name)));
            count += 1;
        }
    }
    (count, missed)
}

#[test]
fn every_fault_is_found_where_it_is() {
    let played: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = CONVENTIONS.iter().map(|convention| scope.spawn(|| play(convention))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count: usize = played.iter().map(|(count, _)| count).sum();
    let missed: Vec<String> = played.into_iter().flat_map(|(_, missed)| missed).collect();
    assert!(missed.is_empty(), "{} of {count}; each is to give one finding:\n{}", missed.len(), missed.join("\n"));
    assert!(count > 2500, "{count}");
}
