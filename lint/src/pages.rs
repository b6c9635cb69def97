//! What can be read about the rules: the list of all, a rule's page, a group's, and the files made from them.
//! Text only; which rules there are is said in `rules`.

use std::fmt::Write as _;

use crate::config;
use crate::finding::Severity;
use crate::report::json;
use crate::rule::{GROUPS, Rule};
use crate::rules;

/// The first line of what is generated; Markdown does not show it.
const NOTICE: &str = "<!-- Generated from the code: cargo run -p bluegreen-lint --example generate -->\n\n";

/// What the rules of a group are about.
pub(crate) fn topic(group: &str) -> &'static str {
    match group {
        "api" => "what the API server would refuse",
        "labels" => "what tells the colors apart",
        "services" => "what the Services select",
        "probes" => "how a pod says that it serves",
        "resources" => "what the pods ask for",
        "rollout" => "how pods come and go",
        "drift" => "blue against green",
        "traffic" => "what leads to the Services",
        "scaling" => "how many pods there are",
        _ => "about the linter itself",
    }
}

/// What to show for some rules: the page of one, or the list of several.
#[must_use]
pub fn explain(rules: &[&Rule]) -> String {
    if let [rule] = rules {
        return page(rule);
    }
    let mut text = String::new();
    for (_, group) in GROUPS {
        let of_group: Vec<&Rule> = rules.iter().copied().filter(|rule| rule.group() == group).collect();
        if !of_group.is_empty() {
            let _ = write!(text, "# {group}: {}\n\n{}\n", topic(group), lines(&of_group));
        }
    }
    text.push_str("Each has a page: --explain with its code or name.\n");
    text
}

/// A rule's page, in Markdown.
#[must_use]
pub fn page(rule: &Rule) -> String {
    let (code, name, severity, group) = (rule.code, rule.name, rule.severity, rule.group());
    let pedantic = if is_default(rule) { "" } else { ", reported with `--pedantic`" };
    format!("# {code} {name}\n\nSeverity: {severity}{pedantic}. Group: {group}.\n\n{}", rule.documentation())
}

/// Whether a rule is reported without asking for it.
fn is_default(rule: &Rule) -> bool {
    rule.severity > Severity::Info
}

/// All rules, one a line.
#[must_use]
pub fn list() -> String {
    lines(rules::ALL)
}

fn lines(rules: &[&Rule]) -> String {
    let mut text = String::new();
    let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    for rule in rules {
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
            "default": is_default(rule),
            "summary": rule.summary(),
        })
    };
    let rules: Vec<_> = rules::ALL.iter().map(rule).collect();
    serde_json::to_string_pretty(&rules).map(|text| text + "\n").unwrap_or_default()
}

/// Every file that is made from the code: its path in the repository, and its text.
#[must_use]
pub fn generated() -> Vec<(String, String)> {
    let page = |rule: &&Rule| (format!("docs/rules/{}", file_name(rule)), format!("{NOTICE}{}", page(rule)));
    let pretty = |schema| serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n";
    let mut files: Vec<(String, String)> = rules::ALL.iter().map(page).collect();
    files.push(("docs/rules/README.md".to_owned(), format!("{NOTICE}{}", index())));
    files.push(("schemas/lint-report.schema.json".to_owned(), pretty(json::schema())));
    files.push(("schemas/config.schema.json".to_owned(), pretty(config::file::schema())));
    files
}

fn file_name(rule: &Rule) -> String {
    format!("{}-{}.md", rule.code, rule.name)
}

/// The index of the pages.
fn index() -> String {
    let mut text = String::from(
        "# Rules\n\nAn error breaks a switch or loses traffic, or the API server refuses it; a warning makes a switch \
         risky; an info is reported with `--pedantic`.\n",
    );
    for (_, group) in GROUPS {
        let rules: Vec<_> = rules::ALL.iter().filter(|rule| rule.group() == group).collect();
        if rules.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {group}: {}\n\n| rule | severity | |\n|---|---|---|\n", topic(group));
        for rule in rules {
            let (code, name, severity) = (rule.code, rule.name, rule.severity);
            let summary = rule.summary().replace('|', "\\|");
            let _ = writeln!(text, "| [{code} {name}]({}) | {severity} | {summary} |", file_name(rule));
        }
    }
    text
}
