//! Applies the fixes of findings to the texts, in rounds until nothing changes, and shows them as a diff.
//! Must not know what a fix is about; files are written by the caller.
//!
//! ```
//! use bluegreen_lint::{config::Config, finding::Applicability, fix, source::Source};
//!
//! let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selektor: {color: blue}}\n";
//! let mut sources = [Source::new("service.yaml", service)];
//! fix::apply(&mut sources, &Config::default(), Some(Applicability::Unsafe));
//! assert!(sources[0].text.contains("selector: {color: blue}"));
//! ```

use std::collections::{BTreeMap, HashSet};

use crate::config::Config;
use crate::diff;
use crate::finding::{Applicability, Edit, Finding, Severity};
use crate::lint;
use crate::report::{Report, place_in_words};
use crate::source::{Source, Text};
use crate::yaml::{self, Problem};

/// Fixes that undo each other would go on for ever. Real ones need as many rounds as there are items to add to one list.
const MAX_ROUNDS: usize = 200;

/// Texts after their fixes.
#[derive(Debug)]
pub struct Fixed {
    /// What is found in the texts as they are now.
    pub report: Report,
    /// The text that each changed source had, by its index.
    pub before: BTreeMap<usize, Text>,
    /// The worst that was found before.
    pub worst_before: Option<Severity>,
    /// What was fixed: its place at that moment, and what was wrong.
    pub done: Vec<String>,
}

/// Lints the sources and applies the fixes that are wanted: none, the safe ones, or the unsafe ones as well.
pub fn apply(sources: &mut [Source], config: &Config, wanted: Option<Applicability>) -> Fixed {
    let mut worst_before = None;
    let (mut before, mut done, mut given_up) = (BTreeMap::new(), Vec::new(), HashSet::new());
    for _ in 0..MAX_ROUNDS {
        let report = lint(sources, config);
        if before.is_empty() {
            worst_before = report.worst();
        }
        let is_wanted = |finding: &&Finding| {
            finding.fix.as_ref().is_some_and(|fix| {
                wanted >= Some(fix.applicability) && fix.edits.iter().all(|edit| !given_up.contains(&edit.source))
            })
        };
        let chosen = without_overlaps(report.findings.iter().filter(is_wanted));
        let mut edits: BTreeMap<usize, Vec<&Edit>> = BTreeMap::new();
        for edit in chosen.iter().filter_map(|finding| finding.fix.as_ref()).flat_map(|fix| &fix.edits) {
            edits.entry(edit.source).or_default().push(edit);
        }
        let changed: BTreeMap<usize, String> =
            edits.into_iter().filter_map(|(at, edits)| Some((at, edited(&sources.get(at)?.text, edits)?))).collect();
        let broken = changed.iter().filter(|(at, text)| {
            sources.get(**at).is_none_or(|source| problems(text) > problems(&source.text) || **text == *source.text)
        });
        let broken: HashSet<usize> = broken.map(|(at, _)| *at).collect();
        if changed.is_empty() {
            return Fixed { report, before, worst_before, done };
        }
        if !broken.is_empty() {
            // Better to leave a file as it is than to break it.
            given_up.extend(broken);
            continue;
        }
        let said = |finding: &&Finding| {
            let place = place_in_words(&finding.place, sources);
            format!("{place}: {} {}", finding.rule.code, finding.message)
        };
        done.extend(chosen.iter().map(said));
        for (at, text) in changed {
            if let Some(source) = sources.get_mut(at) {
                let old = std::mem::replace(&mut source.text, text.into());
                before.entry(at).or_insert(old);
            }
        }
    }
    Fixed { report: lint(sources, config), before, worst_before, done }
}

fn problems(text: &str) -> usize {
    yaml::parse(text).problems.iter().filter(|problem| matches!(problem, Problem::Syntax { .. })).count()
}

/// As many findings as have fixes that do not touch one another; the others have their turn in the next round.
fn without_overlaps<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<&'f Finding> {
    let mut taken: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut chosen = Vec::new();
    for finding in findings {
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
        let is_free = |edit: &Edit| {
            let mut earlier = taken.get(&edit.source).into_iter().flat_map(|taken| taken.range(..=edit.span.end));
            earlier.next_back().is_none_or(|(_, end)| *end < edit.span.start)
        };
        if edits.clone().all(is_free) {
            edits.for_each(|edit| {
                taken.entry(edit.source).or_default().insert(edit.span.start, edit.span.end);
            });
            chosen.push(finding);
        }
    }
    chosen
}

/// A text after some edits; nothing where they overlap or cut a character.
fn edited(text: &str, mut edits: Vec<&Edit>) -> Option<String> {
    edits.sort_by_key(|edit| edit.span);
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        new.push_str(text.get(at..edit.span.start)?);
        new.push_str(&edit.replacement);
        at = edit.span.end;
    }
    new.push_str(text.get(at..)?);
    Some(new)
}

/// What the fixes change, as a unified diff of the files by their names.
#[must_use]
pub fn diff(fixed: &Fixed, sources: &[Source]) -> String {
    let mut all = String::new();
    for (at, before) in &fixed.before {
        let Some(source) = sources.get(*at) else { continue };
        all.push_str(&diff::unified(before, &source.text, &source.name, &source.name));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Span;

    fn edit(start: usize, end: usize, replacement: &str) -> Edit {
        Edit { source: 0, span: Span::new(start, end), replacement: replacement.to_owned() }
    }

    #[test]
    fn edits_replace_their_bytes_and_no_others() {
        let (first, second, insert) = (edit(1, 3, "X"), edit(4, 5, ""), edit(6, 6, "YY"));
        assert_eq!(edited("abcdefg", vec![&second, &insert, &first]).as_deref(), Some("aXdfYYg"));
        assert_eq!(edited("abc", vec![&edit(0, 2, ""), &edit(1, 3, "")]), None);
        assert_eq!(edited("ä", vec![&edit(1, 2, "")]), None);
        assert_eq!(edited("a", vec![&edit(1, 9, "")]), None);
    }
}
