//! Reads an answer without what nobody asks of it. Knows JSON only.
//!
//! Of a list of Deployments, Pods and `EndpointSlices` 40 % are `managedFields`: who wrote which field. They are neither
//! made nor thrown away again where nobody looks at them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a JSON text into a value, less the `managedFields` of every `metadata` in it.
///
/// # Errors
/// The text is not JSON.
pub(super) fn read(text: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Reader { metadata: false }.deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

#[derive(Clone, Copy)]
struct Reader {
    /// Whether what is read is called `metadata`. Elsewhere somebody may have given that name to something of his own.
    metadata: bool,
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.metadata && key == "managedFields" {
                map.next_value::<IgnoredAny>()?;
            } else {
                let value = map.next_value_seed(Self { metadata: key == "metadata" })?;
                object.insert(key, value);
            }
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = seq.next_element_seed(Self { metadata: false })? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_but_the_managed_fields_is_read() {
        let text = r#"{"items": [{"metadata": {"name": "a", "labels": {"managedFields": "mine"},
            "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}]},
            "spec": [1, -2, 1.5, true, null, "ä\n", 18446744073709551615, {"managedFields": 1}]}], "kind": "List"}"#;
        let mut whole: Value = serde_json::from_str(text).unwrap();
        let lean = read(text.as_bytes()).unwrap();
        assert_eq!(lean.pointer("/items/0/metadata"), Some(&json!({"name": "a", "labels": {"managedFields": "mine"}})));
        whole["items"][0]["metadata"].as_object_mut().unwrap().remove("managedFields");
        assert_eq!(lean, whole);
        for broken in ["", "{", r#"{"metadata": {"managedFields": ["#, r#"{"a": 1} x"#] {
            assert!(read(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
