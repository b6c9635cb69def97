//! Why a selector misses: the template that comes nearest, label by label.
//! Not a rule; shared by the rules that report a Service which selects nothing.

use crate::finding::{Applicability, Edit, Findings};
use crate::manifest::Place;
use crate::model::Member;
use crate::set::{Labels, Service, Workload};

/// The nearest miss of a selector.
pub(super) struct Miss {
    /// The label in the selector that misses, or the selector.
    place: Place,
    /// What is missing or differs.
    pub(super) explanation: String,
    /// The way out.
    help: String,
    /// The label on the template that would have matched.
    related: Vec<(Place, String)>,
    /// The correction, where only one can be meant.
    pub(super) edit: Option<Edit>,
}

impl Miss {
    /// Reports it.
    pub(super) fn report(self, findings: &mut Findings<'_>, message: String) {
        let finding = findings.report(self.place, message);
        finding.help(self.help).fix(Applicability::Safe, self.edit);
        for (place, message) in self.related {
            finding.related(place, message);
        }
    }
}

/// Explains why a Service selects none of the templates, by the one that it comes nearest to.
pub(super) fn nearest<'m>(service: Member<'m, Service>, templates: impl Iterator<Item = Member<'m, Workload>>) -> Miss {
    let selector = &service.facts.selector;
    let root = service.object.root();
    let whole =
        || root.get("spec").map_or_else(|| service.object.at_name(), |spec| service.object.at_key(spec, "selector"));
    let matching = |labels: &Labels| selector.iter().filter(|(key, value)| labels.get(*key) == Some(value)).count();
    let close = |labels: &Labels| selector.keys().filter(|key| labels.contains_key(*key)).count();
    let distance = |labels: &Labels| -> usize {
        let values =
            selector.iter().filter_map(|(key, value)| Some(strsim::damerau_levenshtein(labels.get(key)?, value)));
        values.sum()
    };
    // The right value under another key.
    let renamed = |labels: &Labels| {
        let free = |value: &String| labels.iter().any(|(key, has)| has == value && !selector.contains_key(key));
        selector.iter().filter(|(key, value)| !labels.contains_key(*key) && free(value)).count()
    };
    let nearness =
        |labels: &Labels| (matching(labels), close(labels), renamed(labels), std::cmp::Reverse(distance(labels)));
    let best = templates.max_by_key(|template| nearness(&template.facts.labels));
    let missing = best.into_iter().flat_map(|template| {
        selector
            .iter()
            .filter(move |(key, value)| template.facts.labels.get(*key) != Some(*value))
            .map(move |label| (template, label))
    });
    let missing: Vec<_> = missing.collect();
    let Some((template, (key, value))) = missing.first().copied() else {
        let explanation = "it has no selector".to_owned();
        let help = "give it a selector".to_owned();
        return Miss { place: whole(), explanation, help, related: Vec::new(), edit: None };
    };
    let only = missing.len() == 1;
    let place = root.at(&["spec", "selector", key]).map_or_else(whole, |node| service.object.at(node));
    let of = &template.facts.name;
    let label = |key: &str| {
        let labels = template.object.template()?.at(&["metadata", "labels"])?;
        Some((template.object.at(labels.get(key)?), format!("{of} has this label")))
    };
    let explanation = explain(template, &missing);
    if let Some(has) = template.facts.labels.get(key) {
        let is_far = strsim::damerau_levenshtein(has, value) > has.len().max(value.len()) / 2;
        let help = if is_far {
            format!("make it `{key}: {has}`, or give {of} the label `{key}: {value}`")
        } else {
            format!("did you mean `{key}: {has}`?")
        };
        let node = root.at(&["spec", "selector", key]);
        let edit = node.filter(|_| only && is_typo(value, has)).and_then(|node| service.object.rewrite(node, has));
        return Miss { place, explanation, help, related: label(key).into_iter().collect(), edit };
    }
    let near = template.facts.labels.keys().find(|candidate| strsim::damerau_levenshtein(candidate, key) <= 2);
    let edit = near.filter(|near| only && is_typo(key, near) && template.facts.labels.get(*near) == Some(value));
    let edit = edit.and_then(|near| service.object.rename(root.at(&["spec", "selector"])?, key, near));
    let meant = near.or_else(|| template.facts.labels.iter().find(|(_, has)| *has == value).map(|(key, _)| key));
    let help = match meant {
        Some(meant) => format!("did you mean the label `{meant}`?"),
        None => format!("add `{key}: {value}` to the pod template of {of}, or take it out of the selector"),
    };
    Miss { place, explanation, help, related: meant.and_then(|meant| label(meant)).into_iter().collect(), edit }
}

/// Whether one word is the other one misspelt, rather than another word; a color is never another color misspelt.
fn is_typo(wrong: &str, right: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(wrong) == digits(right) && strsim::damerau_levenshtein(wrong, right) <= right.len().min(6) / 3
}

/// Label by label, what a selector asks for and a template does not have.
fn explain(template: Member<'_, Workload>, missing: &[(Member<'_, Workload>, (&String, &String))]) -> String {
    let of = &template.facts.name;
    let explain = |(_, (key, value)): &(_, (&String, &String))| match template.facts.labels.get(*key) {
        Some(has) => format!("`{key}: {value}` is not on {of}, which has `{key}: {has}`"),
        None => format!("{of} has no label `{key}`"),
    };
    missing.iter().map(explain).collect::<Vec<_>>().join(", and ")
}
