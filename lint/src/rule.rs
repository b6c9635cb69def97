//! What a rule is: a code, a name, a severity, documentation and a check.
//! The rules themselves are in `rules/`.

use crate::finding::{Findings, Severity};
use crate::manifest::Object;
use crate::model::{Model, SetView};
use crate::rules::differences::Difference;
use crate::suppress::Suppression;
use crate::yaml::Problem;

/// How a rule looks at the input.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// At one problem of the text of a source, given by its index.
    Text(fn(usize, &Problem, &mut Findings<'_>)),
    /// At nothing itself: it reports what the API server would say of an object under the rule's code.
    Server,
    /// At one object.
    Object(fn(&Object, &mut Findings<'_>)),
    /// At one release set whose members could all be read.
    Set(fn(SetView<'_>, &mut Findings<'_>)),
    /// At what differs between the colors of one such set.
    Differences(fn(SetView<'_>, &[Difference<'_>], &mut Findings<'_>)),
    /// At everything.
    Model(fn(&Model, &mut Findings<'_>)),
    /// At one suppression, after all findings are known.
    Suppression(fn(&Suppression, &mut Findings<'_>)),
}

/// A rule of the linter.
#[derive(Debug)]
pub struct Rule {
    /// `BG` and three digits; a code never changes its meaning.
    pub code: &'static str,
    /// A name in kebab case that names the defect.
    pub name: &'static str,
    /// How bad a finding is, unless the rule says otherwise for a case.
    pub severity: Severity,
    /// The text of the rule's own file, whose doc comment is the documentation.
    pub source: &'static str,
    /// The check.
    pub check: Check,
}

/// The groups of rules by the first digit of their codes.
pub const GROUPS: [(char, &str); 10] = [
    ('0', "api"),
    ('1', "labels"),
    ('2', "services"),
    ('3', "probes"),
    ('4', "resources"),
    ('5', "rollout"),
    ('6', "drift"),
    ('7', "traffic"),
    ('8', "scaling"),
    ('9', "meta"),
];

impl Rule {
    /// The group that the rule belongs to, by the first digit of its code.
    #[must_use]
    pub fn group(&self) -> &'static str {
        let digit = self.code.chars().nth(2);
        GROUPS.iter().find(|(first, _)| Some(*first) == digit).map_or("meta", |(_, name)| name)
    }

    /// The documentation in Markdown: the doc comment (`//!`) of the rule's file.
    #[must_use]
    pub fn documentation(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        lines.flat_map(|line| [line.strip_prefix(' ').unwrap_or(line), "\n"]).collect()
    }

    /// The first line of the documentation: what the rule catches, in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        self.documentation().lines().next().unwrap_or_default().to_owned()
    }

    /// Whether the rule is meant by a code, a name, a group, or the start of a code such as `BG2`.
    #[must_use]
    pub fn is(&self, selector: &str) -> bool {
        let selector = selector.trim();
        let prefix =
            selector.len() >= 3 && self.code.get(..selector.len()).is_some_and(|c| c.eq_ignore_ascii_case(selector));
        prefix || self.name == selector || self.group() == selector
    }
}
