//! Reads an answer without what nobody asks of it. Knows JSON only.
//!
//! Of a list of Deployments, Pods and `EndpointSlices` 40 % are `managedFields`: who wrote which field. They are neither
//! made nor thrown away again where nobody looks at them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The name under which the server tells who wrote which field.
const MANAGED_FIELDS: &str = "managedFields";

/// A value, less everything named `managedFields` in it.
#[derive(Debug)]
pub(super) struct Lean(pub(super) Value);

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == MANAGED_FIELDS {
                map.next_value::<IgnoredAny>()?;
            } else {
                object.insert(key, map.next_value::<Lean>()?.0);
            }
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Lean(value)) = seq.next_element()? {
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
        let text = r#"{"items": [{"metadata": {"name": "a", "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}]},
            "spec": [1, -2, 1.5, true, null, "ä\n", 18446744073709551615, {}]}], "kind": "List"}"#;
        let whole: Value = serde_json::from_str(text).unwrap();
        let Lean(lean) = serde_json::from_str(text).unwrap();
        assert_eq!(lean.pointer("/items/0/metadata"), Some(&json!({"name": "a"})));
        assert_eq!(lean.pointer("/items/0/spec"), whole.pointer("/items/0/spec"));
        assert_eq!(lean.get("kind"), whole.get("kind"));
        for broken in ["", "{", r#"{"managedFields": ["#, r#"{"a": 1} x"#] {
            assert!(serde_json::from_str::<Lean>(broken).is_err(), "{broken}");
        }
    }
}
