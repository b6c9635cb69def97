//! What `init` makes: a set from nothing, from a running Deployment, or from manifests.
//! Pure: plans from what was observed and answered; `execute` acts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::observed::Labels;

pub mod adopt;
pub mod clone;
pub mod files;
pub mod fresh;
pub mod labels;
pub mod scene;

/// The annotation on what `init` has made, by which the same command knows its own work again after it was cut off.
pub const MADE_FROM: &str = "kubectl-bluegreen.dev/made-from";

/// Out of what an object was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mark {
    /// The object, such as `deployment/shop`, or `--new shop`.
    pub from: String,
    /// Which object of that name; empty for none.
    pub uid: String,
    /// The labels that the copies have other values of.
    pub labels: Labels,
    /// The label that tells the colors apart.
    pub color_label: String,
    /// A digest of the pod template, or of the manifest.
    pub digest: String,
}

impl Mark {
    /// The mark on an object, if there is one.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let text = object.get("metadata")?.get("annotations")?.get(MADE_FROM)?.as_str()?;
        serde_json::from_str(text).ok()
    }

    /// Writes the mark on an object.
    pub fn put(&self, object: &mut Value) {
        let text = serde_json::to_string(self).unwrap_or_default();
        if let Some(annotations) = mapping(object, &["metadata", "annotations"]) {
            annotations.insert(MADE_FROM.to_owned(), text.into());
        }
    }

    /// Whether both were made from the same, in whatever state that was.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.from, &self.uid) == (&other.from, &other.uid)
    }
}

/// A short text that changes with the value.
#[must_use]
pub fn digest(value: &Value) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", value.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, step))
}

/// The mapping at a path, made where it is not there; nothing where something else is in its place.
pub(crate) fn mapping<'v>(value: &'v mut Value, path: &[&str]) -> Option<&'v mut Map<String, Value>> {
    let mut at = value;
    for key in path {
        let inner = at.as_object_mut()?.entry(*key).or_insert(Value::Null);
        if inner.is_null() {
            *inner = Map::new().into();
        }
        at = inner;
    }
    at.as_object_mut()
}

/// The string values of a mapping.
pub(crate) fn strings(value: Option<&Value>) -> Labels {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// `a=b,c=d`, as kubectl takes labels.
pub(crate) fn in_words(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Documents as one YAML text.
#[must_use]
pub fn to_yaml<'v>(documents: impl IntoIterator<Item = &'v Value>) -> String {
    let text = |document| serde_yaml::to_string(document).unwrap_or_default();
    documents.into_iter().map(text).collect::<Vec<_>>().join("---\n")
}
