//! Kubernetes' own definitions of its kinds made strict: unknown fields, wrong types and numbers out of range are refused, null is not.
//! Must not read files; `examples/kubernetes_schemas.rs` does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The kinds that people write into manifests, as the servers of some version name them.
const KINDS: [(&str, &str); 32] = [
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v1", "HorizontalPodAutoscaler"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "IngressClass"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("v1", "ConfigMap"),
    ("v1", "Endpoints"),
    ("v1", "LimitRange"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolume"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "PodTemplate"),
    ("v1", "ReplicationController"),
    ("v1", "ResourceQuota"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
];

/// The quantities that a server reads, such as `500m`; spaces around one do not count.
const QUANTITY: &str = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?\s*$";

/// Makes the strict schema of one Kubernetes version from its definitions: the `definitions` of what a server answers
/// at `/openapi/v2`, the `$defs` of the schemas that others make of it, or a strict schema itself, which stays as it is.
///
/// Nothing when there are no definitions.
#[must_use]
pub fn strict(version: &str, published: &Value) -> Option<String> {
    let definitions = ["definitions", "$defs"].iter().find_map(|key| published.get(key))?.as_object()?;
    let served = served(published).unwrap_or_else(|| kinds_of(definitions));
    let choices = published.get("allOf").and_then(Value::as_array);
    let root = |wanted: &(&str, &str)| {
        let is_it =
            |definition: &Value| kinds(definition).any(|(api_version, kind)| (api_version.as_str(), kind) == *wanted);
        let published = definitions.iter().find(|(_, definition)| is_it(definition)).map(|(name, _)| name.as_str());
        published.or_else(|| choices?.iter().find_map(|choice| chosen(choice, wanted)))
    };
    let roots: Vec<_> = KINDS.iter().filter_map(|kind| Some((*kind, root(kind)?))).collect();
    let mut lines = BTreeMap::new();
    let mut waiting: Vec<&str> = roots.iter().map(|(_, name)| *name).collect();
    while let Some(name) = waiting.pop() {
        if lines.contains_key(name) {
            continue;
        }
        let definition = definitions.get(name)?;
        let mut references = BTreeSet::new();
        lines.insert(name, shape(name, definition, &mut references));
        waiting.extend(
            references.iter().filter_map(|wanted| definitions.keys().find(|name| *name == wanted)).map(String::as_str),
        );
    }
    Some(render(version, &roots, &served, &lines))
}

/// One definition a line, so that a difference shows what changed.
fn render(version: &str, roots: &[((&str, &str), &str)], served: &Value, lines: &BTreeMap<&str, Value>) -> String {
    let choice = |((api_version, kind), name): &((&str, &str), &str)| {
        json!({
            "if": {"properties": {"apiVersion": {"const": api_version}, "kind": {"const": kind}}},
            "then": {"$ref": reference(name)},
        })
        .to_string()
    };
    let choices: Vec<String> = roots.iter().map(choice).collect();
    let lines: Vec<String> = lines.iter().map(|(name, line)| format!("{}: {line}", json!(name))).collect();
    let head = [
        ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ("title", json!(format!("What a Kubernetes {version} API server can decode"))),
        ("type", json!("object")),
        ("required", json!(["apiVersion", "kind"])),
        ("x-kubernetes-served", served.clone()),
    ];
    let head: Vec<String> = head.iter().map(|(key, value)| format!("{}: {value}", json!(key))).collect();
    let (head, choices, lines) = (head.join(",\n"), choices.join(",\n"), lines.join(",\n"));
    format!("{{\n{head},\n\"allOf\": [\n{choices}\n],\n\"definitions\": {{\n{lines}\n}}\n}}\n")
}

/// What came and went, as JSON, from the strict schemas of all versions in their order: the first and the last version
/// of each field by its definition, and of each kind by its apiVersion. What all versions have is not in it.
#[must_use]
pub fn changes(versions: &[(String, Value)]) -> String {
    let mut fields: Lives<'_> = BTreeMap::new();
    let mut kinds: Lives<'_> = BTreeMap::new();
    for (version, schema) in versions {
        for (name, definition) in schema.get("definitions").and_then(Value::as_object).into_iter().flatten() {
            let properties = definition.get("properties").and_then(Value::as_object);
            properties.into_iter().flatten().for_each(|(field, _)| seen(&mut fields, name, field, version));
        }
        for (api_version, served) in schema.get("x-kubernetes-served").and_then(Value::as_object).into_iter().flatten()
        {
            let served = served.as_array().into_iter().flatten().filter_map(Value::as_str);
            served.for_each(|kind| seen(&mut kinds, api_version, kind, version));
        }
    }
    let ends = (versions.first(), versions.last());
    let is_change = |(_, life): &(&&str, &(&str, &str))| {
        ends.0.is_some_and(|(first, _)| first != life.0) || ends.1.is_some_and(|(last, _)| last != life.1)
    };
    let part = |title: &str, lives: &Lives<'_>| {
        let lines = lives.iter().filter_map(|(owner, lives)| {
            let lives: BTreeMap<_, _> = lives.iter().filter(is_change).collect();
            (!lives.is_empty()).then(|| format!("{}: {}", json!(owner), json!(lives)))
        });
        format!("{}: {{\n{}\n}}", json!(title), lines.collect::<Vec<_>>().join(",\n"))
    };
    format!("{{\n{},\n{}\n}}\n", part("fields", &fields), part("kinds", &kinds))
}

/// The first and last version of what has an owner and a name.
type Lives<'v> = BTreeMap<&'v str, BTreeMap<&'v str, (&'v str, &'v str)>>;

fn seen<'v>(lives: &mut Lives<'v>, owner: &'v str, name: &'v str, version: &'v str) {
    lives.entry(owner).or_default().entry(name).or_insert((version, version)).1 = version;
}

fn reference(name: &str) -> String {
    format!("#/definitions/{name}")
}

fn served(published: &Value) -> Option<Value> {
    published.get("x-kubernetes-served").cloned()
}

/// The kinds of all definitions, by apiVersion. A kind without metadata is part of another one.
fn kinds_of(definitions: &Map<String, Value>) -> Value {
    let mut served: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for definition in definitions.values() {
        let is_object = definition.pointer("/properties/metadata").is_some();
        for (api_version, kind) in kinds(definition).filter(|(_, kind)| is_object && !kind.ends_with("Options")) {
            served.entry(api_version).or_default().insert(kind);
        }
    }
    json!(served)
}

/// What a published definition is the definition of.
fn kinds(definition: &Value) -> impl Iterator<Item = (String, &str)> {
    let kinds = definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
    kinds.into_iter().flatten().filter_map(|kind| {
        let text = |key| kind.get(key).and_then(Value::as_str);
        let (group, version) = (text("group")?, text("version")?);
        Some((if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }, text("kind")?))
    })
}

/// The name of the definition that a strict schema chooses for a kind.
fn chosen<'v>(choice: &'v Value, (api_version, kind): &(&str, &str)) -> Option<&'v str> {
    let constant = |key: &str| choice.get("if")?.get("properties")?.get(key)?.get("const")?.as_str();
    let is_it = constant("apiVersion") == Some(api_version) && constant("kind") == Some(kind);
    choice.get("then")?.get("$ref")?.as_str().filter(|_| is_it)?.rsplit('/').next()
}

/// A definition or a part of one, strict. What it refers to is added to `references`.
fn shape(name: &str, part: &Value, references: &mut BTreeSet<String>) -> Value {
    let name = name.rsplit('.').next().unwrap_or_default();
    let text = |key: &str| part.get(key).and_then(Value::as_str);
    if let Some(wanted) = text("$ref").and_then(|path| path.rsplit('/').next()) {
        references.insert(wanted.to_owned());
        return json!({"$ref": reference(wanted)});
    }
    let kind = match part.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.and_then(Value::as_str),
    };
    let format = text("format").unwrap_or_default();
    match (name, kind) {
        ("IntOrString", _) => json!({
            "type": ["integer", "string", "null"], "format": "int-or-string", "minimum": i32::MIN, "maximum": i32::MAX,
        }),
        ("Quantity", _) => json!({"type": ["number", "string", "null"], "format": "quantity", "pattern": QUANTITY}),
        ("FieldsV1" | "RawExtension", _) => json!({"type": ["object", "null"]}),
        (_, Some("array")) => {
            let items = part.get("items").map_or_else(|| json!({}), |items| shape("", items, references));
            json!({"type": ["array", "null"], "items": items})
        }
        (_, Some("integer")) => {
            let (least, most) =
                if format == "int32" { (i64::from(i32::MIN), i64::from(i32::MAX)) } else { (i64::MIN, i64::MAX) };
            json!({"type": ["integer", "null"], "format": format, "minimum": least, "maximum": most})
        }
        (_, Some(kind @ ("string" | "boolean" | "number"))) if format.is_empty() => json!({"type": [kind, "null"]}),
        (_, Some(kind @ ("string" | "boolean" | "number"))) => json!({"type": [kind, "null"], "format": format}),
        _ => mapping(part, references),
    }
}

/// A mapping with known fields, or with any keys.
fn mapping(part: &Value, references: &mut BTreeSet<String>) -> Value {
    if let Some(values) = part.get("additionalProperties").filter(|values| values.is_object()) {
        return json!({"type": ["object", "null"], "additionalProperties": shape("", values, references)});
    }
    let none = Map::new();
    let properties = part.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let properties: Map<String, Value> =
        properties.iter().map(|(name, value)| (name.clone(), shape("", value, references))).collect();
    let mut made = Map::new();
    made.insert("type".to_owned(), json!(["object", "null"]));
    made.insert("additionalProperties".to_owned(), json!(false));
    made.insert("properties".to_owned(), json!(properties));
    if let Some(required) = part.get("required").and_then(Value::as_array).filter(|required| !required.is_empty()) {
        made.insert("required".to_owned(), json!(required));
    }
    Value::Object(made)
}
