//! Takes out of the text of a list what nobody asks of it. Knows JSON only.
//!
//! Of a list of Deployments, Pods and `EndpointSlices` 40 % are `managedFields`: who wrote which field. They are skipped
//! over here, and neither made nor thrown away again.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct List<'t> {
    #[serde(borrow)]
    items: Option<Vec<Item<'t>>>,
}

#[derive(Deserialize)]
struct Item<'t> {
    #[serde(borrow)]
    metadata: Option<Metadata<'t>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'t> {
    #[serde(borrow)]
    managed_fields: Option<&'t RawValue>,
}

/// The text of a list with `null` for the `managedFields` of each of its objects. Elsewhere somebody may have given that
/// name to something of his own.
///
/// # Errors
/// The text is not JSON, or no list of objects.
pub(super) fn lean(text: &str) -> serde_json::Result<Cow<'_, str>> {
    let list: List<'_> = serde_json::from_str(text)?;
    let fields = list.items.into_iter().flatten().filter_map(|item| Some(item.metadata?.managed_fields?.get()));
    let (mut kept, mut rest) = (Vec::new(), text);
    for fields in fields {
        // What was read is a part of the text, and after all that was read before.
        let at = fields.as_ptr().addr().checked_sub(rest.as_ptr().addr());
        let Some((before, after)) = at.and_then(|at| rest.split_at_checked(at)) else { continue };
        kept.extend([before, "null"]);
        rest = after.strip_prefix(fields).unwrap_or(after);
    }
    kept.push(rest);
    Ok(if kept.len() == 1 { Cow::Borrowed(text) } else { Cow::Owned(kept.concat()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn all_but_the_managed_fields_is_kept() {
        let text = r#"{"items": [{"metadata": {"name": "a", "labels": {"managedFields": "mine"},
            "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}]},
            "spec": [1, -2, 1.5, true, null, "ä\n", 18446744073709551615, {"managedFields": 1}]},
            {"metadata": {"managedFields": null}}, {"metadata": {"managedFields" : [ ] , "name": "b"}}, {}], "kind": "List"}"#;
        let mut whole: Value = serde_json::from_str(text).unwrap();
        let read: Value = serde_json::from_str(&lean(text).unwrap()).unwrap();
        whole["items"][0]["metadata"]["managedFields"] = Value::Null;
        whole["items"][2]["metadata"]["managedFields"] = Value::Null;
        assert_eq!(read, whole);
        assert_eq!(read["items"][0]["metadata"]["labels"], json!({"managedFields": "mine"}));
        for untouched in [r#"{"items": null}"#, r#"{"items": [{"a": "managedFields"}]}"#, "{}"] {
            assert!(matches!(lean(untouched).unwrap(), Cow::Borrowed(text) if text == untouched), "{untouched}");
        }
        for broken in ["", "{", r#"{"items": [{"metadata": {"managedFields": ["#, r#"{"a": 1} x"#, r#"{"items": [1]}"#]
        {
            assert!(lean(broken).is_err(), "{broken}");
        }
    }
}
