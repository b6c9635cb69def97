//! What a terminal shows of a few commands, as pictures for the README.
//! Draws nothing itself: the commands print, and `anstyle-svg` draws.

use anstyle_svg::{Term, WIN10_CONSOLE};

use crate::Problem;
use crate::session::{example, run};

/// The pictures: their names, and the command lines before them and of them.
const CAPTURES: [(&str, &[&str]); 3] = [
    ("status", &["kubectl bluegreen switch green --yes", "kubectl bluegreen status"]),
    ("switch", &["kubectl bluegreen switch green --yes"]),
    ("lint", &["bluegreen-lint testdata/lint/bg203-switch-selects-nothing/bad-a.yaml"]),
];
/// How wide a terminal is in which the linter draws.
const COLUMNS: usize = 92;

/// What can hardly be read on black, in a picture that a page has made smaller: dimmed text, red and magenta.
const READABLE: [(&str, &str); 3] = [("opacity: 0.4", "opacity: 0.7"), ("#C50F1F", "#F1707A"), ("#881798", "#D670D6")];

/// Every picture by its path in the repository.
///
/// # Errors
/// When a command does not run, or the clock cannot be made.
pub fn pictures() -> Result<Vec<(String, String)>, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.map_err(|error| Problem(error.to_string()))?;
    let picture = async |lines: &[&str]| {
        let cluster = example(std::iter::empty()).await?;
        let mut shown = String::new();
        for line in lines {
            let (printed, _) = Box::pin(run(&cluster, line, COLUMNS)).await?;
            shown = format!("$ {line}\n{}\n", printed.trim_end());
        }
        let picture = Term::new().palette(WIN10_CONSOLE).render_svg(&shown);
        Ok(READABLE.iter().fold(picture, |picture, (dark, bright)| picture.replace(dark, bright)))
    };
    let picture =
        |(name, lines): (&str, &[&str])| Ok((format!("docs/images/{name}.svg"), runtime.block_on(picture(lines))?));
    CAPTURES.into_iter().map(picture).collect()
}
