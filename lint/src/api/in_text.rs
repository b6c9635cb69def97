//! Reads JSON that stands in a text, such as an annotation, as the server does.
//! Must not know what it means.

use serde_json::{Map, Value, json};

use crate::quantity;

/// The text has a value of another type than is wanted there; then the server reads nothing of it.
#[derive(Debug)]
pub(super) struct Unreadable;

/// What was read, or nothing where it is absent.
pub(super) type Read<T> = Result<Option<T>, Unreadable>;

/// A mapping with names in any case, where null is nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'j>(&'j Map<String, Value>);

impl<'j> Fields<'j> {
    /// A mapping.
    pub(super) fn of(value: &'j Value) -> Result<Self, Unreadable> {
        value.as_object().map(Self).ok_or(Unreadable)
    }

    /// What is made of each mapping of a list; null among them is one without fields.
    pub(super) fn each(
        list: &'j Value,
        make: impl Fn(Self) -> Result<Value, Unreadable>,
    ) -> Result<Vec<Value>, Unreadable> {
        let made = |item: &'j Value| if item.is_null() { Ok(json!({})) } else { make(Self::of(item)?) };
        list.as_array().ok_or(Unreadable)?.iter().map(made).collect()
    }

    /// What is made of a mapping in it; null where it is absent.
    pub(super) fn part(self, key: &str, make: impl Fn(Self) -> Result<Value, Unreadable>) -> Result<Value, Unreadable> {
        self.get(key).map_or(Ok(Value::Null), |value| make(Self::of(value)?))
    }

    /// A value in it.
    pub(super) fn get(self, key: &str) -> Option<&'j Value> {
        let named = self.0.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key));
        named.map(|(_, value)| value).rfind(|value| !value.is_null())
    }

    fn read<T>(self, key: &str, read: impl Fn(&'j Value) -> Option<T>) -> Read<T> {
        self.get(key).map(|value| read(value).ok_or(Unreadable)).transpose()
    }

    /// A text.
    pub(super) fn text(self, key: &str) -> Read<&'j str> {
        self.read(key, Value::as_str)
    }

    /// A whole number.
    pub(super) fn whole(self, key: &str) -> Read<i64> {
        self.read(key, Value::as_i64)
    }

    /// A quantity, as text or number.
    pub(super) fn quantity(self, key: &str) -> Read<&'j Value> {
        let is_one = |value: &Value| match value {
            Value::String(text) => quantity::parse(text.trim_matches(' ')).is_some(),
            other => other.is_number(),
        };
        self.read(key, |value| Some(value).filter(|value| is_one(value)))
    }
}
