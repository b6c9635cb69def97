//! Text that somebody else wrote, made harmless for a terminal: names, messages, annotations.
//! Changes how a text looks and nothing else; knows nothing of what it says.

use std::fmt::Write as _;

/// Whether a character does more than to stand there: it controls the terminal, or turns the direction of the text.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a text is one line that a terminal shows as it is.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_active)
}

/// A text as one line that a terminal shows as it is, and of so many characters at most.
#[must_use]
pub fn plain(text: &str, max: usize) -> String {
    let mut shown: String = text.chars().map(|c| if is_active(c) { '\u{fffd}' } else { c }).take(max).collect();
    if text.chars().nth(max).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// What a terminal may be sent: lines, tabs, and changes of color and weight. Everything else that would control it
/// becomes visible, written as JSON writes it, so that data stays what it is.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| is_active(c) && c != '\n' && c != '\t') {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let paint = style(from);
        if paint > 0 {
            safe.push_str(from.get(..paint).unwrap_or_default());
            rest = from.get(paint..).unwrap_or_default();
        } else {
            let mut chars = from.chars();
            let _ = chars.next().map(|c| write!(safe, "\\u{:04x}", u32::from(c)));
            rest = chars.as_str();
        }
    }
    safe.push_str(rest);
    safe
}

/// How long a change of color or weight is that a text begins with; 0 for anything else. To hide text (8) and to let it
/// blink (5, 6) are none.
fn style(text: &str) -> usize {
    let Some(codes) = text.strip_prefix("\u{1b}[") else { return 0 };
    let Some(end) = codes.find(|c: char| !c.is_ascii_digit() && c != ';') else { return 0 };
    let is_known = |code: &str| matches!(code.parse(), Ok(0u8..=4 | 30..=37 | 90..=97));
    let ends = codes.get(end..).is_some_and(|rest| rest.starts_with('m'));
    let known = codes.get(..end).is_some_and(|codes| codes.split(';').all(is_known));
    if ends && known { end + 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_becomes_visible() {
        for (text, shown) in [
            ("größe\tof\nit", "größe\tof\nit"),
            ("\u{1b}[1m\u{1b}[31mbad\u{1b}[0m", "\u{1b}[1m\u{1b}[31mbad\u{1b}[0m"),
            ("\u{1b}[8mhidden", "\\u001b[8mhidden"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u001b[2J\\u001b]0;title\\u0007"),
            ("a\rb\u{8}\u{9b}2J\u{202e}", "a\\u000db\\u0008\\u009b2J\\u202e"),
            ("\u{1b}[38;5;9mx", "\\u001b[38;5;9mx"),
            ("\u{1b}[", "\\u001b["),
            ("\u{1b}", "\\u001b"),
        ] {
            assert_eq!(harmless(text), shown);
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<String>(&harmless(&json)).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn a_plain_text_is_one_line_of_bounded_length() {
        assert_eq!(plain("a\u{1b}[2Jb\n", 80), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!((plain("abcde", 5), plain("abcdef", 5)), ("abcde".to_owned(), "abcd…".to_owned()));
        assert!(is_plain("ann@laptop") && !is_plain("ann\u{202e}@laptop"));
    }
}
