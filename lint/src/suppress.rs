//! Findings that somebody accepts: by a comment beside them, or in the configuration.
//! Must not know what a finding is about.

use std::sync::Arc;

use jiff::civil::Date;

use crate::config::{Accepted, Config, find};
use crate::finding::Finding;
use crate::manifest::{Object, Place};
use crate::model::Model;
use crate::rule::{Check, Rule};
use crate::source::Source;
use crate::yaml::Span;

/// What a comment for the linter begins with, after its `#`.
pub const MARK: &str = "bluegreen-lint:";

/// How a comment is to be written.
const FORM: &str = "write `# bluegreen-lint: ignore[BG602] the reason`";

/// A finding that is to be accepted, and what became of that.
#[derive(Debug)]
pub struct Suppression {
    /// Where somebody says so.
    pub place: Place,
    /// What is wrong with how it is said, and how it should be.
    pub mistakes: Vec<(String, String)>,
    /// The last day on which it held, if that is past.
    pub expired: Option<Date>,
    /// The rules that it names, as they are written, without those that do not exist.
    pub rules: Vec<Named>,
    scope: Scope,
}

/// A rule or group that is named, and whether something of it was suppressed.
#[derive(Debug)]
pub struct Named {
    /// As it is written.
    pub selector: String,
    /// Whether it has suppressed a finding.
    pub used: bool,
    /// Whether it could have: its rules ran, and saw all that they compare.
    pub judged: bool,
}

#[derive(Debug)]
enum Scope {
    /// Some bytes of a source: a line, or an object.
    Bytes(usize, Vec<Span>),
    /// What an item of a configuration file is about, with the index of that source.
    Accepted(usize, Arc<Accepted>),
}

/// The suppressions in the comments of the sources and in the configuration.
pub(crate) fn all(sources: &[Source], config: &Config, model: &Model) -> Vec<Suppression> {
    let mut all: Vec<Suppression> = Vec::new();
    let mut objects: Vec<Vec<&Object>> = vec![Vec::new(); sources.len()];
    for object in model.objects() {
        if let Some(of_source) = objects.get_mut(object.source) {
            of_source.push(object);
        }
    }
    for (at, comments) in &model.manifests.comments {
        let (Some(source), Some(objects)) = (sources.get(*at), objects.get(*at)) else { continue };
        all.extend(comments.iter().filter_map(|comment| in_place(*at, source, *comment, objects)));
    }
    for layer in &config.layers {
        all.extend(layer.suppress.iter().map(|accepted| configured(layer.source, accepted, config.today)));
    }
    for suppression in &mut all {
        suppression.judge(sources, config, model);
    }
    all
}

/// Reads a comment, if it is one for the linter.
fn in_place(at: usize, source: &Source, comment: Span, objects: &[&Object]) -> Option<Suppression> {
    let text = source.text.get(comment.range())?.trim_start_matches('#').trim();
    let said = text.strip_prefix(MARK)?.trim();
    let mut mistakes = Vec::new();
    let list = said.strip_prefix("ignore").and_then(|rest| rest.trim_start().strip_prefix('[')?.split_once(']'));
    let (rules, reason) = list.unwrap_or_default();
    if list.is_none() {
        mistakes.push((format!("`{said}` says nothing that the linter knows"), FORM.to_owned()));
    } else if rules.trim().is_empty() {
        mistakes.push(("it names no rule".to_owned(), FORM.to_owned()));
    }
    let has_reason = reason.contains(char::is_alphanumeric);
    if list.is_some() && !has_reason {
        mistakes.push(("it gives no reason".to_owned(), "say after the brackets why this is accepted".to_owned()));
    }
    let selectors = rules.split(',').map(str::trim).filter(|rule| !rule.is_empty());
    let rules = known(selectors, &mut mistakes);
    let (line, object) = (source.position(comment.start).line, enclosing(objects, comment));
    let (start, content) = source.line(line);
    let mut spans = vec![Span::new(start, start + content.len())];
    if content.trim_start().starts_with('#') {
        let below = next_content(source, line);
        let (start, content) = source.line(below);
        spans.push(Span::new(start, start + content.len()));
        let begins = |object: &&&Object| source.position(object.root().span().start).line == below;
        spans.extend(objects.iter().find(begins).map(|object| object.root().span()));
    }
    let place =
        Place { source: at, span: comment, path: String::new(), object: object.map(|object| object.id.clone()) };
    Some(Suppression { place, mistakes, expired: None, rules, scope: Scope::Bytes(at, spans) })
}

/// The object that a comment is in.
fn enclosing<'o>(objects: &[&'o Object], comment: Span) -> Option<&'o Object> {
    let inside = |object: &&&Object| {
        let span = object.root().span();
        span.start <= comment.start && comment.end <= span.end
    };
    objects.iter().find(inside).copied()
}

/// The first line after this one that says something.
fn next_content(source: &Source, line: usize) -> usize {
    let last = source.position(source.text.len()).line;
    let says_something = |line: &usize| {
        let text = source.line(*line).1.trim();
        !(text.is_empty() || text.starts_with('#') || text == "---")
    };
    (line + 1..=last).find(says_something).unwrap_or(line)
}

fn configured(at: usize, accepted: &Arc<Accepted>, today: Option<Date>) -> Suppression {
    let mut mistakes = Vec::new();
    let rules = known(std::iter::once(accepted.known.rule.as_str()), &mut mistakes);
    if accepted.known.reason.trim().is_empty() {
        mistakes.push(("it gives no reason".to_owned(), "say in `reason` why this is accepted".to_owned()));
    }
    let expired = accepted.expires.filter(|day| today.is_some_and(|today| *day < today));
    let place = Place { source: at, span: accepted.span, path: String::new(), object: None };
    Suppression { place, mistakes, expired, rules, scope: Scope::Accepted(at, Arc::clone(accepted)) }
}

/// The rules that exist; the others are mistakes.
fn known<'s>(selectors: impl Iterator<Item = &'s str>, mistakes: &mut Vec<(String, String)>) -> Vec<Named> {
    let mut named = Vec::new();
    for selector in selectors {
        match find(selector) {
            Ok(_) => named.push(Named { selector: selector.to_owned(), used: false, judged: false }),
            Err(unknown) => mistakes.push((unknown.to_string(), unknown.help)),
        }
    }
    named
}

impl Suppression {
    /// Whether it suppresses a finding; remembers that it was of use.
    pub(crate) fn takes(&mut self, finding: &Finding, sources: &[Source]) -> bool {
        // What is said about suppressions cannot be suppressed by one.
        let about_itself = matches!(finding.rule.check, Check::Suppression(_));
        if about_itself || self.expired.is_some() || !self.covers(finding, sources) {
            return false;
        }
        let mut takes = false;
        for named in self.rules.iter_mut().filter(|named| finding.rule.is(&named.selector)) {
            named.used = true;
            takes = true;
        }
        takes
    }

    fn covers(&self, finding: &Finding, sources: &[Source]) -> bool {
        let mut places = std::iter::once(&finding.place).chain(finding.related.iter().map(|related| &related.place));
        match &self.scope {
            Scope::Bytes(source, spans) => places.any(|place| {
                let touches = |span: &Span| place.span.start <= span.end && span.start <= place.span.end;
                place.source == *source && spans.iter().any(touches)
            }),
            Scope::Accepted(config, accepted) => places.any(|place| {
                let above = sources.get(place.source).and_then(|source| source.config.as_ref());
                let here = above.is_some_and(|above| above.source == *config && accepted.is_about_file(&above.path));
                let object = place.object.as_ref();
                let named = object.is_some_and(|id| accepted.is_about(&id.kind, &id.name));
                here && (named || accepted.known.object.is_none())
            }),
        }
    }

    /// Finds out whether it could be of use in this run at all.
    fn judge(&mut self, sources: &[Source], config: &Config, model: &Model) {
        let here: Vec<usize> = match &self.scope {
            Scope::Bytes(source, _) => vec![*source],
            Scope::Accepted(config, accepted) => {
                let about = |at: &usize| {
                    let above = sources.get(*at).and_then(|source| source.config.as_ref());
                    let mut objects = model.objects().iter().filter(|object| object.source == *at);
                    above.is_some_and(|above| above.source == *config && accepted.is_about_file(&above.path))
                        && objects.any(|object| accepted.is_about(&object.id.kind, &object.id.name))
                };
                (0..sources.len()).filter(about).collect()
            }
        };
        let unreadable = model.manifests.unreadable();
        let whole = |at: &usize| {
            let named_file = sources.get(*at).is_some_and(|source| source.explicit && source.path.is_some());
            let in_set = |set: crate::model::SetView<'_>| {
                set.both().is_some() && set.workloads().any(|(_, member)| member.object.source == *at)
            };
            unreadable.is_empty() && (!named_file || model.sets().any(in_set))
        };
        for named in &mut self.rules {
            let rules = find(&named.selector).unwrap_or_default();
            let runs = |rule: &&&Rule| {
                here.iter().any(|at| {
                    let reported = config.severity(rule, rule.severity, sources.get(*at)).is_some();
                    let compares = matches!(rule.check, Check::Set(_) | Check::Differences(_) | Check::Model(_));
                    reported && !unreadable.contains(at) && (!compares || whole(at))
                })
            };
            named.judged = rules.iter().any(|rule| runs(&rule));
        }
    }
}

/// Takes out the suppressed findings; answers how many there were.
pub(crate) fn apply(findings: &mut Vec<Finding>, suppressions: &mut [Suppression], sources: &[Source]) -> usize {
    let before = findings.len();
    findings.retain(|finding| {
        // Each of them is asked, so that none counts as unused beside another one.
        let takes = suppressions.iter_mut().map(|suppression| suppression.takes(finding, sources));
        !takes.fold(false, |any, takes| any | takes)
    });
    before - findings.len()
}
