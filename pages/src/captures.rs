//! What a terminal shows of a few commands, as pictures for the README: dark or light, as the page around them.
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

/// The same on a light page: a light terminal, in colors that can be read on it.
const LIGHT: &str = "    @media (prefers-color-scheme: light) {
      .fg { fill: #1F2328 }
      .bg { fill: #F6F8FA; stroke: #D1D9E0 }
      .fg-bright-blue { fill: #0550AE }
      .fg-bright-green, .fg-green { fill: #116329 }
      .fg-cyan { fill: #0A6B8F }
      .fg-magenta { fill: #6E3FC0 }
      .fg-red { fill: #B3261E }
      .fg-yellow { fill: #7A5B00 }
    }
";

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
        let picture = READABLE.iter().fold(picture, |picture, (dark, bright)| picture.replace(dark, bright));
        Ok(picture.replacen("  </style>", &format!("{LIGHT}  </style>"), 1))
    };
    let picture =
        |(name, lines): (&str, &[&str])| Ok((format!("docs/images/{name}.svg"), runtime.block_on(picture(lines))?));
    CAPTURES.into_iter().map(picture).collect()
}
