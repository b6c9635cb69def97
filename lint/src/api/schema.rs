//! The schemas of the Kubernetes kinds, unpacked when a version is first asked for: which kinds it serves, and what is in them.
//! Must not judge; `decode` and `kinds` do.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::version::Version;

/// One for each version, the oldest first.
static PACKED: &[&[u8]] = &include!(concat!(env!("OUT_DIR"), "/schemas.rs"));
static UNPACKED: [OnceLock<Schema>; PACKED.len()] = [const { OnceLock::new() }; PACKED.len()];

/// What one Kubernetes version can decode.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Schema {
    /// The kinds by apiVersion.
    #[serde(rename = "x-kubernetes-served")]
    pub(super) served: BTreeMap<String, Vec<String>>,
    #[serde(rename = "allOf")]
    choices: Vec<Choice>,
    definitions: HashMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    r#if: If,
    then: Shape,
}

#[derive(Debug, Deserialize)]
struct If {
    properties: Identity,
}

#[derive(Debug, Deserialize)]
struct Identity {
    #[serde(rename = "apiVersion")]
    api_version: Constant,
    kind: Constant,
}

#[derive(Debug, Deserialize)]
struct Constant {
    r#const: String,
}

/// What a value must be.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "$ref")]
    reference: Option<Box<str>>,
    r#type: Option<Types>,
    /// What the text or number is, such as `quantity`.
    pub(super) format: Option<Box<str>>,
    /// The least number.
    pub(super) minimum: Option<i64>,
    /// The greatest number.
    pub(super) maximum: Option<i64>,
    /// What each item of a list is.
    pub(super) items: Option<Box<Shape>>,
    /// The fields of a mapping that has no others.
    pub(super) properties: Option<BTreeMap<Box<str>, Shape>>,
    /// What each value of a mapping with any keys is.
    #[serde(rename = "additionalProperties")]
    additional: Option<Additional>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Additional {
    Shape(Box<Shape>),
    No(IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Types {
    One(Box<str>),
    Several(Vec<Box<str>>),
}

impl Shape {
    /// The type in the words of JSON Schema; empty when anything goes.
    pub(super) fn kind(&self) -> &str {
        match &self.r#type {
            Some(Types::One(kind)) => kind,
            Some(Types::Several(kinds)) => kinds.first().map_or("", |kind| kind),
            None => "",
        }
    }

    /// What each value of a mapping with any keys is.
    pub(super) fn values(&self) -> Option<&Self> {
        match self.additional.as_ref()? {
            Additional::Shape(shape) => Some(shape),
            Additional::No(_) => None,
        }
    }
}

impl Schema {
    /// The schema of a version.
    pub(super) fn of(version: Version) -> &'static Self {
        static NONE: OnceLock<Schema> = OnceLock::new();
        let at = usize::from(version.minor() - Version::OLDEST.minor());
        let schema = PACKED.get(at).zip(UNPACKED.get(at)).map(|(packed, cell)| cell.get_or_init(|| unpack(packed)));
        schema.unwrap_or_else(|| NONE.get_or_init(Self::default))
    }

    /// The name of the definition of a kind, for the kinds whose fields are known.
    pub(super) fn definition(&self, api_version: &str, kind: &str) -> Option<&str> {
        let is_it = |identity: &Identity| identity.api_version.r#const == api_version && identity.kind.r#const == kind;
        let choice = self.choices.iter().find(|choice| is_it(&choice.r#if.properties))?;
        choice.then.refers_to()
    }

    /// What a shape is, wherever that is said, with the name of its definition.
    pub(super) fn resolve<'s>(&'s self, shape: &'s Shape) -> (Option<&'s str>, &'s Shape) {
        match shape.refers_to() {
            Some(name) => (Some(name), self.definitions.get(name).unwrap_or(shape)),
            None => (None, shape),
        }
    }

    /// A definition by its name.
    pub(super) fn named(&self, name: &str) -> Option<&Shape> {
        self.definitions.get(name)
    }
}

impl Shape {
    fn refers_to(&self) -> Option<&str> {
        self.reference.as_deref()?.strip_prefix("#/definitions/")
    }
}

fn unpack(packed: &[u8]) -> Schema {
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
    // What is packed is tested: it can always be read.
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_can_be_unpacked() {
        assert_eq!(PACKED.len(), Version::all().count());
        for version in Version::all() {
            let schema = Schema::of(version);
            let name = schema.definition("apps/v1", "Deployment").unwrap();
            assert!(schema.named(name).unwrap().properties.as_ref().unwrap().contains_key("spec"), "{version}");
            assert!(schema.served["v1"].iter().any(|kind| kind == "Service"), "{version}");
            let references = schema.definitions.values().flat_map(|shape| shape.properties.iter().flatten());
            for (_, shape) in references {
                assert!(shape.refers_to().is_none_or(|name| schema.definitions.contains_key(name)), "{version}");
            }
        }
    }
}
