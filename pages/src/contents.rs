//! The table of contents of the site: written by hand, all but the pages of the rules.
//! What is not in it has no page on the site.

use std::fmt::Write as _;
use std::path::Path;

use crate::Problem;

/// The line below which the rules stand.
const RULES: &str = "- [Rules](rules/README.md)";
/// How a line begins that stands for a rule.
const RULE: &str = "  - [BG";

/// `docs/SUMMARY.md` with a line for each rule that has a page among `paths`.
///
/// # Errors
/// When it cannot be read, or has no line for the rules.
pub fn page<'p>(root: &Path, paths: impl Iterator<Item = &'p str>) -> Result<String, Problem> {
    #[expect(clippy::disallowed_methods, reason = "the page is written by hand, all but the rules")]
    let text = std::fs::read_to_string(root.join("docs/SUMMARY.md")).map_err(|error| Problem(error.to_string()))?;
    let line_of = |path: &str| {
        let path = path.strip_prefix("docs/rules/BG")?;
        Some(format!("{RULE}{}](rules/BG{path})\n", path.trim_end_matches(".md").replacen('-', " ", 1)))
    };
    let rules: String = paths.filter_map(line_of).collect();
    let mut page = String::new();
    let mut is_there = false;
    for line in text.lines().filter(|line| !line.starts_with(RULE)) {
        let _ = writeln!(page, "{line}");
        if line == RULES {
            is_there = true;
            page.push_str(&rules);
        }
    }
    if is_there { Ok(page) } else { Err(Problem(format!("docs/SUMMARY.md has no line `{RULES}`"))) }
}
