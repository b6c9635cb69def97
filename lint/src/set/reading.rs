//! Color words in names, label values and paths.
//! Knows words only, not what they name.

use super::Color;

/// One way to read a text as naming a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The color named.
    pub(super) color: Color,
    /// The text in lower case with `*` in the place of the color.
    pub(super) skeleton: String,
    /// Whether the color is a word of its own (`shop-blue`, `appBlue`), not glued to letters (`appblue`).
    pub(super) whole: bool,
}

/// Every way to read a text as naming a color. `blue-green` and `bluegreen` name the method, not a color.
pub(super) fn readings(text: &str) -> Vec<Reading> {
    let reading = |(start, color): (usize, Color)| {
        let end = start + color.as_str().len();
        let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
        let skeleton = format!("{}*{}", before.to_ascii_lowercase(), after.to_ascii_lowercase());
        Reading { color, skeleton, whole: is_word(text, start, end) }
    };
    places(text).map(reading).collect()
}

/// Where a text names a color, with the colors.
fn places(text: &str) -> impl Iterator<Item = (usize, Color)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let (start, color) = next_color(text, at)?;
            let end = start + color.as_str().len();
            let separator = usize::from(text.get(end..).is_some_and(|rest| rest.starts_with(['-', '_', '.', '/'])));
            let other = color.other().as_str();
            if begins_with(text.as_bytes().get(end + separator..)?, other) {
                at = end + separator + other.len();
                continue;
            }
            at = end;
            return Some((start, color));
        }
    })
}

fn next_color(text: &str, from: usize) -> Option<(usize, Color)> {
    let rest = text.as_bytes().get(from..)?;
    // Nearly every text has none: the first letter tells.
    let starts = rest.iter().enumerate().filter_map(|(at, byte)| match byte {
        b'b' | b'B' => Some((at, Color::Blue)),
        b'g' | b'G' => Some((at, Color::Green)),
        _ => None,
    });
    let named = |(at, color): &(usize, Color)| rest.get(*at..).is_some_and(|rest| begins_with(rest, color.as_str()));
    starts.into_iter().find(named).map(|(at, color)| (from + at, color))
}

/// Whether a text begins with a word, in whatever case.
fn begins_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether the letters around do not belong to the word; a change of case ends a word as well.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let (before, word, after) = (part(0..start), part(start..end), part(end..text.len()));
    let capital = word.starts_with(|c: char| c.is_ascii_uppercase());
    let begins = match before.chars().next_back() {
        Some(letter) if letter.is_alphabetic() => capital && letter.is_lowercase(),
        _ => true,
    };
    let small_end = word.ends_with(|c: char| c.is_ascii_lowercase());
    let ends = match after.chars().next() {
        Some(letter) if letter.is_alphabetic() => small_end && letter.is_uppercase(),
        _ => true,
    };
    begins && ends
}

/// The color that a text names by whole words, if it is only one.
pub(super) fn color_of(text: &str) -> Option<Color> {
    let whole = |(start, color): &(usize, Color)| is_word(text, *start, start + color.as_str().len());
    let mut colors = places(text).filter(whole).map(|(_, color)| color);
    let first = colors.next()?;
    colors.all(|color| color == first).then_some(first)
}

/// The text with the other color in the place of its last color word, in the same case.
pub(super) fn counterpart(text: &str) -> Option<String> {
    let reading = readings(text).pop()?;
    let start = reading.skeleton.rfind('*')?;
    let end = start + reading.color.as_str().len();
    let (before, word, after) = (text.get(..start)?, text.get(start..end)?, text.get(end..)?);
    let other = reading.color.other().as_str();
    let other = if word.chars().all(|c| c.is_ascii_uppercase()) {
        other.to_ascii_uppercase()
    } else if word.starts_with(|c: char| c.is_ascii_uppercase()) {
        let (first, rest) = other.split_at_checked(1)?;
        format!("{}{rest}", first.to_ascii_uppercase())
    } else {
        other.to_owned()
    };
    Some(format!("{before}{other}{after}"))
}

/// Whether two texts are the same but for their colors, `a` naming blue and `b` naming green. Answers whether the colors
/// are whole words in both.
pub(super) fn are_counterparts(blue: &str, green: &str) -> Option<bool> {
    let greens = readings(green);
    let blues = readings(blue).into_iter().filter(|reading| reading.color == Color::Blue);
    let matches = blues.filter_map(|blue| {
        let same = |green: &&Reading| green.color == Color::Green && green.skeleton == blue.skeleton;
        greens.iter().find(same).map(|green| blue.whole && green.whole)
    });
    matches.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_letters() {
        for (text, color) in [
            ("shop-blue", Some(Color::Blue)),
            ("blue", Some(Color::Blue)),
            ("Green", Some(Color::Green)),
            ("my_green_app", Some(Color::Green)),
            ("shopBlue", Some(Color::Blue)),
            ("blueShop", Some(Color::Blue)),
            ("blue2", Some(Color::Blue)),
            ("${BLUE_DEPLOYMENT}", Some(Color::Blue)),
            ("blueprint", None),
            ("evergreen", None),
            ("bluegreen", None),
            ("shop-blue-green", None),
            ("shop-blue-green-blue", Some(Color::Blue)),
            ("green-energy-blue", None),
            ("shop", None),
        ] {
            assert_eq!(color_of(text), color, "{text}");
        }
    }

    #[test]
    fn counterparts_keep_everything_else() {
        assert_eq!(counterpart("shop-blue-svc").as_deref(), Some("shop-green-svc"));
        assert_eq!(counterpart("green-energy-blue").as_deref(), Some("green-energy-green"));
        assert_eq!(counterpart("ShopBlue").as_deref(), Some("ShopGreen"));
        assert_eq!(counterpart("BLUE").as_deref(), Some("GREEN"));
        assert_eq!(counterpart("shop"), None);
        assert_eq!(are_counterparts("shop-blue", "shop-green"), Some(true));
        assert_eq!(are_counterparts("appblue", "appgreen"), Some(false));
        assert_eq!(are_counterparts("green-energy-blue", "green-energy-green"), Some(true));
        assert_eq!(are_counterparts("shop-blue", "till-green"), None);
        assert_eq!(are_counterparts("shop-green", "shop-blue"), None);
    }
}
