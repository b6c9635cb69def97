//! Colors and weights of what people read, and text that fits a terminal.
//! Paints only; a stream that is no terminal takes the paint off again.

use std::fmt::Display;

use clap::builder::styling::{AnsiColor, Color as Ansi, Style};

use crate::place::Place;
use crate::release::Color;

const GOOD: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const GONE: Style = AnsiColor::Red.on_default();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// No text is broken into lines that are shorter.
const NARROW: usize = 20;
/// Where the message of a check begins.
pub const MESSAGE: usize = 23;

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// What is as it should be.
pub fn good(text: impl Display) -> String {
    paint(GOOD, text)
}

/// What is worth a look.
pub fn warn(text: impl Display) -> String {
    paint(WARN, text)
}

/// What is wrong.
pub fn bad(text: impl Display) -> String {
    paint(BAD, text)
}

/// What is to be seen first.
pub fn strong(text: impl Display) -> String {
    paint(STRONG, text)
}

/// What is to be seen last.
pub fn faint(text: impl Display) -> String {
    paint(FAINT, text)
}

/// A text about a color of the set, in that color.
pub fn in_color(color: Color, text: impl Display) -> String {
    let ansi = match color {
        Color::Blue => AnsiColor::BrightBlue,
        Color::Green => AnsiColor::BrightGreen,
    };
    paint(Style::new().fg_color(Some(Ansi::Ansi(ansi))), text)
}

/// How many columns a text takes, paint aside.
#[must_use]
pub fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(|part| part.chars().count()).sum()
}

/// What texts are written on: how wide it is, where that is known, and for where the commands in them are typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Canvas<'p> {
    /// So many columns; nothing on a pipe or in a file.
    pub columns: Option<usize>,
    /// Where the run looks; nothing where commands stay as they are.
    pub place: Option<&'p Place>,
}

/// Types the commands of a text for where they look, and breaks it between words so that it fits beside a label; the lines
/// after the first are indented by `indent`.
#[must_use]
pub fn wrapped(text: &str, indent: usize, canvas: Canvas<'_>) -> String {
    let text = canvas.place.map_or(text.into(), |place| place.typed(text));
    let Some(columns) = canvas.columns else { return text.into_owned() };
    let room = columns.saturating_sub(indent).max(NARROW);
    broken(&text, room, room, indent)
}

/// Breaks the lines of a text between words so that they fit a terminal. What does not fit goes on where the words of its
/// line begin: behind the number of a step, the time, or a word such as `help:`. A line with a command stays whole: it is
/// copied, and the terminal breaks it without a newline.
#[must_use]
pub fn folded(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns.map(|columns| columns.max(NARROW)) else { return text.to_owned() };
    let fold = |line: &str| {
        if width(line) <= columns || has_command(line) {
            return line.to_owned();
        }
        let indent = label(&anstream::adapter::strip_str(line).to_string()).min(columns / 2);
        broken(line, columns, columns - indent, indent)
    };
    text.split('\n').map(fold).collect::<Vec<_>>().join("\n")
}

/// Whether a line has a command to copy; `kubectl apply:` is who wrote something.
fn has_command(line: &str) -> bool {
    line.split("kubectl ").skip(1).any(|rest| !rest.split(' ').next().unwrap_or_default().ends_with(':'))
}

/// The lines of a unified diff, as other tools paint them.
#[must_use]
pub fn diff(text: &str) -> String {
    let line = |line: &str| match line.as_bytes() {
        [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => strong(line),
        [b'-', ..] => paint(GONE, line),
        [b'+', ..] => good(line),
        [b'@', b'@', ..] => faint(line),
        _ => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Where the words of a line begin: after what they belong to.
fn label(line: &str) -> usize {
    let rest = line.trim_start_matches(' ');
    let start = line.len() - rest.len();
    let is_check = |word: &str| rest.strip_prefix(word).is_some_and(|rest| rest.starts_with(' '));
    if start == 2 && ["ok", "warn", "FAIL", "skip"].into_iter().any(is_check) {
        return MESSAGE;
    }
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_number = number.len() < rest.len();
    let time = number.strip_prefix(" s  ").or_else(|| number.strip_prefix(' ')).filter(|_| is_number);
    let word = ["note: ", "help: "].iter().find_map(|word| rest.strip_prefix(*word));
    time.or(word).map_or(start + 2, |words| line.len() - words.len())
}

/// Breaks a text between words: so many columns for the first line, and so many for the others, which are indented.
fn broken(text: &str, first: usize, others: usize, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = width(word);
        let room = if lines.len() > 1 { others } else { first };
        match lines.last_mut() {
            Some(line) if used + 1 + wide <= room => {
                line.push(' ');
                line.push_str(word);
                used += 1 + wide;
            }
            _ => {
                lines.push(word.to_owned());
                used = wide;
            }
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

/// A part of a screen: how soon it is left out where there is no room, the highest number first, and its lines.
pub type Part = (u8, String);

/// How many rows of a terminal a text takes: a line that is wider than the terminal takes several.
#[must_use]
pub fn height(text: &str, columns: usize) -> usize {
    text.lines().map(|line| width(line).div_ceil(columns.max(1)).max(1)).sum()
}

/// A screen as it fits a terminal of so many columns and rows, of which the last one is the cursor's: what matters least
/// is left out, and the last line says that there is more.
#[must_use]
pub fn screenful(mut parts: Vec<Part>, columns: usize, rows: usize) -> String {
    let tall = |parts: &[Part]| parts.iter().map(|(_, text)| height(text, columns)).sum::<usize>();
    let mut out = 0;
    let is_low = tall(&parts) >= rows && rows > 2;
    let room = rows.saturating_sub(if is_low { 2 } else { 1 });
    while tall(&parts) > room && parts.len() > 1 {
        let least = parts.iter().map(|(rank, _)| *rank).max();
        let Some(last) = parts.iter().rposition(|(rank, _)| Some(*rank) == least) else { break };
        out += parts.remove(last).1.lines().filter(|line| !line.is_empty()).count();
    }
    let text: String = parts.into_iter().map(|(_, text)| text).collect();
    let mut used = 0;
    let fits = |line: &&str| {
        used += height(line, columns).max(1);
        used <= room
    };
    let mut lines: Vec<String> = text.lines().take_while(fits).map(str::to_owned).collect();
    let cut = text.lines().count() - lines.len();
    if out + cut > 0 && is_low {
        let noun = if out + cut == 1 { "line" } else { "lines" };
        let more = format!("... {} more {noun} in a higher terminal", out + cut);
        lines.push(faint(more.chars().take(columns).collect::<String>()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_go_on_where_their_words_begin() {
        let fold = |text: &str| folded(text, Some(30));
        assert_eq!(fold("short\n\n  1. also short"), "short\n\n  1. also short");
        assert_eq!(fold("  2. wait until exactly the pods"), "  2. wait until exactly the\n     pods");
        assert_eq!(
            fold("    0.04 s  service/shop is written now"),
            "    0.04 s  service/shop is\n            written now"
        );
        assert_eq!(fold("  help: add --yes to go on without"), "  help: add --yes to go on\n        without");
        assert_eq!(fold("Move the traffic of shop in namespace"), "Move the traffic of shop in\n  namespace");
        let check = format!("  {} {:<15} not allowed: patch services", bad("FAIL"), "permissions");
        let plain = anstream::adapter::strip_str(&fold(&check)).to_string();
        assert_eq!(plain, "  FAIL permissions     not\n               allowed: patch\n               services");
        assert_eq!(folded(&check, None), check);
        let owner = "  warn foreign-owner   kubectl apply: its source said blue";
        assert!(fold(owner).contains('\n'), "{owner}");
        let command = "  help: finish: kubectl bluegreen switch green";
        assert_eq!(fold(command), command);
        let long = "x".repeat(50);
        assert_eq!(fold(&long), long);
    }

    #[test]
    fn what_matters_least_is_left_out_of_a_low_screen_and_it_says_so() {
        let parts = || {
            [(0, "head\n"), (9, "\n"), (2, "table\nrow\n"), (3, "routes\n"), (1, "moving\n")]
                .map(|(rank, text)| (rank, text.to_owned()))
                .to_vec()
        };
        let seen = |rows| anstream::adapter::strip_str(&screenful(parts(), 60, rows)).to_string();
        assert_eq!(seen(7), "head\n\ntable\nrow\nroutes\nmoving");
        assert_eq!(seen(6), "head\ntable\nrow\nmoving\n... 1 more line in a higher terminal");
        assert_eq!(seen(5), "head\nmoving\n... 3 more lines in a higher terminal");
        assert_eq!(seen(3), "head\n... 4 more lines in a higher terminal");
        for rows in 0..9 {
            assert!(seen(rows).lines().count() < rows.max(1), "{rows}: {}", seen(rows));
        }
        let wide = screenful(vec![(0, format!("{}\nb\nc\n", "x".repeat(25)))], 10, 5);
        assert_eq!(anstream::adapter::strip_str(&wide).to_string(), format!("{}\n... 2 more", "x".repeat(25)));
    }

    #[test]
    fn paint_takes_no_room() {
        assert_eq!(width(&in_color(Color::Blue, "blue")), 4);
        assert_eq!(width(&bad("größer")), 6);
    }

    #[test]
    fn text_is_broken_between_words_only() {
        let on = |columns| Canvas { columns, place: None };
        assert_eq!(wrapped("one two three", 4, on(None)), "one two three");
        assert_eq!(wrapped("one two three four", 4, on(Some(24))), "one two three four");
        let text = format!("{} two {}", strong("one"), "x".repeat(30));
        assert_eq!(wrapped(&text, 4, on(Some(24))), format!("{} two\n    {}", strong("one"), "x".repeat(30)));
    }
}
