//! Colors and weights of what people read, and text that fits a terminal.
//! Paints only; a stream that is no terminal takes the paint off again.

use std::fmt::Display;

use clap::builder::styling::{AnsiColor, Color as Ansi, Style};

use crate::release::Color;

const GOOD: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

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

/// Breaks a text between words so that it fits beside a label; the lines after the first are indented by `indent`.
#[must_use]
pub fn wrapped(text: &str, indent: usize, columns: Option<usize>) -> String {
    let Some(room) = columns.map(|columns| columns.saturating_sub(indent).max(20)) else { return text.to_owned() };
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = width(word);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_takes_no_room() {
        assert_eq!(width(&in_color(Color::Blue, "blue")), 4);
        assert_eq!(width(&bad("größer")), 6);
    }

    #[test]
    fn text_is_broken_between_words_only() {
        assert_eq!(wrapped("one two three", 4, None), "one two three");
        assert_eq!(wrapped("one two three four", 4, Some(24)), "one two three four");
        let text = format!("{} two {}", strong("one"), "x".repeat(30));
        assert_eq!(wrapped(&text, 4, Some(24)), format!("{} two\n    {}", strong("one"), "x".repeat(30)));
    }
}
