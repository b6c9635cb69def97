//! Writes markup: what this program says as it is, and what anybody else said escaped.
//! Knows nothing of what it writes.

use std::fmt::{Display, Write as _};

use crate::plain::harmless;

/// Markup in the making. Only texts of this program itself can be markup: whatever comes from elsewhere is text.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, or the value of an attribute in quotes: without paint, and with nothing that would be markup or hide.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        let text = text.to_string();
        let text = anstream::adapter::strip_str(&text).to_string();
        for c in harmless(&text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A number of pixels or percent, to a tenth.
    pub(super) fn number(&mut self, number: f64) -> &mut Self {
        let text = format!("{number:.1}");
        self.0.push_str(text.strip_suffix(".0").unwrap_or(&text));
        self
    }

    /// An element with nothing but text.
    pub(super) fn element(&mut self, open: &'static str, text: impl Display, close: &'static str) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    /// The path of a line through points, as SVG writes it.
    pub(super) fn path(&mut self, points: &[(f64, f64)]) -> &mut Self {
        for (at, (x, y)) in points.iter().enumerate() {
            let _ = write!(self.0, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
        }
        self
    }

    /// The whole.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let mut html = Html::default();
        html.element("<p>", "\u{1b}[31m<script>alert('\"&\u{202e}\u{7}')</script>\u{1b}[0m", "</p>").number(3.04);
        let expected = "<p>&lt;script&gt;alert(&#39;&quot;&amp;\\u202e&#39;)&lt;/script&gt;</p>3";
        assert_eq!(html.finish(), expected);
    }
}
