//! The page of the safety checks, made from their list and from what their files say of themselves.
//! Knows no single check.

use std::fmt::Write as _;
use std::path::Path;

use kubectl_bluegreen::check;

use crate::Problem;
use crate::tree::{PLUGIN, sources};

/// `docs/checks.md`.
///
/// # Errors
/// When the file of a check is not there.
pub fn page(root: &Path) -> Result<String, Problem> {
    let files = sources(root, PLUGIN)?;
    let mut text = String::from(
        "# Checks\n\nBefore traffic moves, these questions are asked of the live objects, in this order. `check`, `switch` \
         and `status -o json` use the same names. A check that fails ends a move with exit status 3 before \
         traffic moves; one that warns is shown in the plan. `--accept NAME` lets a failed one pass, and the journal keeps that.\n\n\
         | check | refuses when |\n|---|---|\n",
    );
    for check in check::ALL {
        let _ = writeln!(text, "| [`{0}`](#{0}) | {1} |", check.id, check.refuses.replace('|', "\\|"));
    }
    for check in check::ALL {
        let path = format!("check/{}.rs", check.id.replace('-', "_"));
        let file = files.iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| Problem(format!("the check {} has no file {path}", check.id)))?;
        let _ = write!(text, "\n## {}\n\n{}\n", check.id, file.documentation());
    }
    Ok(text)
}
