//! The schemas of the Kubernetes kinds: which kinds a version serves, and what is in them. A version is unpacked when it
//! is first asked for, and a definition read when an object first needs it.
//! Must not judge; `decode` and `kinds` do.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::version::Version;

/// One for each version, the oldest first.
static PACKED: &[&[u8]] = &include!(concat!(env!("OUT_DIR"), "/schemas.rs"));
static UNPACKED: [OnceLock<String>; PACKED.len()] = [const { OnceLock::new() }; PACKED.len()];
static READ: [OnceLock<Schema>; PACKED.len()] = [const { OnceLock::new() }; PACKED.len()];

/// What one Kubernetes version can decode.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// The kinds by apiVersion.
    pub(super) served: BTreeMap<String, Vec<String>>,
    choices: Vec<Choice>,
    definitions: HashMap<&'static str, Definition>,
}

/// What is before the definitions.
#[derive(Debug, Default, Deserialize)]
struct Head {
    #[serde(rename = "x-kubernetes-served")]
    served: BTreeMap<String, Vec<String>>,
    #[serde(rename = "allOf")]
    choices: Vec<Choice>,
}

/// The text of a definition, and the definition itself when it was read.
#[derive(Debug)]
struct Definition {
    text: &'static str,
    shape: OnceLock<Shape>,
}

impl Definition {
    fn shape(&self) -> &Shape {
        // What is packed is tested: it can always be read.
        self.shape.get_or_init(|| serde_json::from_str(self.text).unwrap_or_default())
    }
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
        let schema = READ.get(at).map(|cell| cell.get_or_init(|| read(at)));
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
            Some(name) => (Some(name), self.named(name).unwrap_or(shape)),
            None => (None, shape),
        }
    }

    /// A definition by its name.
    pub(super) fn named(&self, name: &str) -> Option<&Shape> {
        self.definitions.get(name).map(Definition::shape)
    }
}

impl Shape {
    fn refers_to(&self) -> Option<&str> {
        self.reference.as_deref()?.strip_prefix("#/definitions/")
    }
}

fn read(at: usize) -> Schema {
    let text = UNPACKED.get(at).zip(PACKED.get(at)).map_or("", |(cell, packed)| cell.get_or_init(|| unpack(packed)));
    // Each definition is on a line of its own.
    let (head, lines) = text.split_once(",\n\"definitions\": {\n").unwrap_or_default();
    let Head { served, choices } = serde_json::from_str(&format!("{head}}}")).unwrap_or_default();
    let definition = |line: &'static str| {
        let (name, text) = line.strip_prefix('"')?.split_once("\": ")?;
        Some((name, Definition { text: text.trim_end_matches(','), shape: OnceLock::new() }))
    };
    Schema { served, choices, definitions: lines.lines().filter_map(definition).collect() }
}

fn unpack(packed: &[u8]) -> String {
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
    read.map_or_else(|_| String::new(), |_| text)
}

/// The first and last of all versions that have something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// The first one.
    pub(super) first: Version,
    /// The last one.
    pub(super) last: Version,
}

/// What came and went between the versions.
#[derive(Debug, Default, Deserialize)]
struct Changes {
    fields: Lives,
    kinds: Lives,
}

type Lives = HashMap<String, HashMap<String, (String, String)>>;

fn life(lives: &Lives, owner: &str, name: &str) -> Option<Life> {
    let (first, last) = lives.get(owner)?.get(name)?;
    Some(Life { first: first.parse().ok()?, last: last.parse().ok()? })
}

fn changes() -> &'static Changes {
    static CHANGES: OnceLock<Changes> = OnceLock::new();
    let text = include_str!("../../../schemas/kubernetes/changes.json");
    CHANGES.get_or_init(|| serde_json::from_str(text).unwrap_or_default())
}

/// Which versions have a field of a definition; nothing when all have it, or none.
pub(super) fn life_of_field(definition: &str, field: &str) -> Option<Life> {
    life(&changes().fields, definition, field)
}

/// Which versions serve a kind; nothing when all do, or none.
pub(super) fn life_of_kind(api_version: &str, kind: &str) -> Option<Life> {
    life(&changes().kinds, api_version, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_known() {
        let ends = |life: Option<Life>| life.map(|life| (life.first.minor(), life.last.minor()));
        assert_eq!(ends(life_of_field("io.k8s.api.core.v1.PodSpec", "hostnameOverride")), Some((34, 37)));
        assert_eq!(ends(life_of_field("io.k8s.api.core.v1.PodResourceClaim", "source")), Some((30, 30)));
        assert_eq!(ends(life_of_field("io.k8s.api.core.v1.PodSpec", "containers")), None);
        assert_eq!(ends(life_of_kind("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema")), Some((30, 31)));
    }

    #[test]
    fn every_version_can_be_unpacked() {
        assert_eq!(PACKED.len(), Version::all().count());
        for version in Version::all() {
            let schema = Schema::of(version);
            let name = schema.definition("apps/v1", "Deployment").unwrap();
            assert!(schema.named(name).unwrap().properties.as_ref().unwrap().contains_key("spec"), "{version}");
            assert!(schema.served["v1"].iter().any(|kind| kind == "Service"), "{version}");
            let shapes = schema.definitions.values().map(|definition| {
                serde_json::from_str::<Shape>(definition.text).unwrap();
                definition.shape()
            });
            for (_, shape) in shapes.flat_map(|shape| shape.properties.iter().flatten()) {
                assert!(shape.refers_to().is_none_or(|name| schema.definitions.contains_key(name)), "{version}");
            }
        }
    }
}
