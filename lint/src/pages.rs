//! What can be read about the rules: the list of all, a rule's page, a group's page.
//! Text only; which rules there are is said in `rules`.

use std::fmt::Write as _;

use crate::rule::Rule;
use crate::rules;

/// A rule's page, in Markdown.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let (code, name, severity, group) = (rule.code, rule.name, rule.severity, rule.group());
    format!("# {code} {name}\n\nSeverity: {severity}. Group: {group}.\n\n{}", rule.documentation())
}

/// All rules, one a line.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    let width = rules::ALL.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    for rule in rules::ALL {
        let _ = writeln!(text, "{}  {:<width$}  {:<7}  {}", rule.code, rule.name, rule.severity, rule.summary());
    }
    text
}

/// All rules as JSON.
#[must_use]
pub fn list_json() -> String {
    let rule = |rule: &&Rule| {
        serde_json::json!({
            "code": rule.code,
            "name": rule.name,
            "group": rule.group(),
            "severity": rule.severity,
            "summary": rule.summary(),
        })
    };
    let rules: Vec<_> = rules::ALL.iter().map(rule).collect();
    serde_json::to_string_pretty(&rules).map(|text| text + "\n").unwrap_or_default()
}
