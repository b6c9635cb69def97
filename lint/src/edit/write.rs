//! Values as YAML text: in block style, in braces, or as JSON.
//! Must not know where they are put.

use super::{New, recolored};
use crate::set::Color;
use crate::yaml::{NodeRef, Value, resolve};

/// How lines are laid out.
pub(super) struct Layout {
    /// What the keys beside the new one are indented by.
    pub(super) indent: String,
    /// By how many columns a level is indented.
    pub(super) step: usize,
    /// By how many columns the items of a list are.
    pub(super) list: usize,
    /// Whether it is JSON.
    pub(super) is_json: bool,
    /// Whether brackets and braces go over several lines.
    pub(super) pretty: bool,
}

impl Layout {
    fn deeper(&self, by: usize) -> Self {
        Self { indent: format!("{}{}", self.indent, " ".repeat(by)), ..*self }
    }
}

/// A value of its own, to be written.
pub(super) enum Written {
    /// A scalar: how it is written in YAML and in JSON.
    Scalar(String, String),
    Map(Vec<(String, Self)>),
    Seq(Vec<Self>),
}

impl Written {
    /// What is new, under the keys; one in brackets stands for an item of a list.
    pub(super) fn new(keys: &[&str], new: New<'_>) -> Self {
        match keys.split_first() {
            None => match new {
                New::Text(text) => Self::Scalar(scalar(text, false), json(text)),
                New::Copy(node, color) => Self::copy(node, color),
            },
            Some((key, rest)) if key.starts_with('[') => Self::Seq(vec![Self::new(rest, new)]),
            Some((key, rest)) => Self::Map(vec![((*key).to_owned(), Self::new(rest, new))]),
        }
    }

    fn copy(node: NodeRef<'_>, color: Option<Color>) -> Self {
        match node.value() {
            Value::Map(_) => Self::Map(
                node.entries().map(|(entry, value)| (entry.key.to_string(), Self::copy(value, color))).collect(),
            ),
            Value::Seq(_) => Self::Seq(node.items().map(|item| Self::copy(item, color)).collect()),
            Value::Str(text) => {
                let text = recolored(text, color);
                Self::Scalar(scalar(&text, !node.is_plain()), json(&text))
            }
            _ => {
                let text = node.to_json().to_string();
                Self::Scalar(text.clone(), text)
            }
        }
    }

    /// `key: value` in block style, for a line that is already indented.
    pub(super) fn under(&self, key: &str, layout: &Layout) -> String {
        let key = key_in(key, false);
        let deeper = match self {
            Self::Map(entries) if !entries.is_empty() => layout.deeper(layout.step),
            Self::Seq(items) if !items.is_empty() => layout.deeper(layout.list),
            _ => return format!("{key}: {}", self.flow(false)),
        };
        format!("{key}:\n{}{}", deeper.indent, self.block(&deeper))
    }

    /// In block style, for a line that is already indented.
    pub(super) fn block(&self, layout: &Layout) -> String {
        let lines: Vec<String> = match self {
            Self::Map(entries) if !entries.is_empty() => {
                entries.iter().map(|(key, value)| value.under(key, layout)).collect()
            }
            Self::Seq(items) if !items.is_empty() => {
                items.iter().map(|item| format!("- {}", item.block(&layout.deeper(2)))).collect()
            }
            _ => return self.flow(false),
        };
        lines.join(&format!("\n{}", layout.indent))
    }

    /// On one line.
    pub(super) fn flow(&self, is_json: bool) -> String {
        match self {
            Self::Scalar(yaml, json) => if is_json { json } else { yaml }.clone(),
            Self::Map(entries) => {
                let entry =
                    |(key, value): &(String, Self)| format!("{}: {}", key_in(key, is_json), value.flow(is_json));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Self::Seq(items) => {
                format!("[{}]", items.iter().map(|item| item.flow(is_json)).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// In brackets and braces, over several lines where the layout says so.
    pub(super) fn laid_out(&self, layout: &Layout) -> String {
        let inner = layout.deeper(layout.step);
        let (open, close, parts): (_, _, Vec<String>) = match self {
            Self::Map(entries) if layout.pretty && !entries.is_empty() => {
                let entry = |(key, value): &(String, Self)| {
                    format!("{}: {}", key_in(key, layout.is_json), value.laid_out(&inner))
                };
                ('{', '}', entries.iter().map(entry).collect())
            }
            Self::Seq(items) if layout.pretty && !items.is_empty() => {
                ('[', ']', items.iter().map(|item| item.laid_out(&inner)).collect())
            }
            _ => return self.flow(layout.is_json),
        };
        let next = format!(",\n{}", inner.indent);
        format!("{open}\n{}{}\n{}{close}", inner.indent, parts.join(&next), layout.indent)
    }
}

/// A key as it is written.
pub(super) fn key_in(key: &str, is_json: bool) -> String {
    if is_json { json(key) } else { scalar(key, false) }
}

/// A string in the quotes that another scalar has; nothing where that is more than a word.
pub(super) fn scalar_like(raw: &str, text: &str) -> Option<String> {
    match raw.chars().next()? {
        '"' => Some(json(text)),
        '\'' if !text.contains(char::is_control) => Some(format!("'{}'", text.replace('\'', "''"))),
        '\'' | '|' | '>' | '&' | '*' | '!' => None,
        _ if raw.contains('\n') => None,
        _ => Some(scalar(text, false)),
    }
}

/// A string in YAML, without quotes where it is read as that string anywhere.
fn scalar(text: &str, quoted: bool) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./@%+=()~^$: ".contains(c);
    let starts = text.starts_with(|c: char| c.is_alphanumeric() || "/._$(".contains(c));
    let parts = text.split(':').skip(1).all(|part| !part.is_empty() && !part.starts_with(' '));
    let is_word = starts && parts && text.chars().all(plain) && !text.contains("  ") && !text.ends_with(' ');
    let is_plain = !quoted && is_word && matches!(resolve(text), Value::Str(_));
    if is_plain { text.to_owned() } else { json(text) }
}

/// A string as JSON, which YAML reads, too.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
