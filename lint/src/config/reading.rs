//! The text of a `.bluegreen.yaml` to settings; what is wrong in it is said at its line.
//! Must not look for files; `source.rs` does.

use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jsonschema::JsonType;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use miette::{Diagnostic, SourceSpan};
use serde_json::Value as Json;

use super::file::File;
use super::{Accepted, Layer, MeantToDiffer, find, nearest};
use crate::report::excerpt::Excerpt;
use crate::source::{Role, Source};
use crate::version::Version;
use crate::yaml::{self, Document, NodeRef, Problem, Span};

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{place}: {message}")]
#[diagnostic(code(bluegreen_lint::config))]
pub struct ConfigError {
    message: String,
    #[help]
    help: Option<String>,
    place: String,
    #[source_code]
    excerpt: Arc<Excerpt>,
    #[label]
    at: SourceSpan,
}

impl ConfigError {
    fn new(source: &Source, span: Span, message: impl Into<String>, help: Option<String>) -> Self {
        let at = source.position(span.start);
        let excerpt = Arc::new(Excerpt::new(source, span));
        let place = format!("{}:{}:{}", source.name, at.line, at.column);
        Self { message: message.into(), help, place, at: *excerpt.label.inner(), excerpt }
    }
}

/// Reads the configuration files among the sources.
pub fn load(sources: &[Source]) -> Result<Vec<Layer>, ConfigError> {
    let files = sources.iter().enumerate().filter(|(_, source)| source.role == Role::Config);
    files.map(|(index, source)| read(index, source)).collect()
}

fn read(index: usize, source: &Source) -> Result<Layer, ConfigError> {
    let error = |span: Span, message: String, help: Option<String>| ConfigError::new(source, span, message, help);
    let parsed = yaml::parse(&source.text);
    match parsed.problems.first() {
        Some(Problem::Syntax { span, message }) => return Err(error(*span, message.clone(), None)),
        Some(Problem::DuplicateKey { key, second, .. }) => {
            return Err(error(*second, format!("`{key}` is there twice"), Some("keep one of them".to_owned())));
        }
        Some(Problem::RunTogether { .. }) | None => {}
    }
    let (file, document) = match parsed.documents.as_slice() {
        [] => (File::default(), None),
        [document] => (read_document(source, document)?, Some(document)),
        [_, second, ..] => {
            let help = Some("keep one document; what a directory needs of its own goes into a file there".to_owned());
            return Err(error(second.root().span(), "a configuration is one document".to_owned(), help));
        }
    };
    let at = |path: &[&str]| {
        document.and_then(|document| follow(document.root(), path)).map_or_else(Span::default, NodeRef::span)
    };
    let globs = |patterns: &[String], of: Patterns, path: &[&str]| {
        of.build(patterns).map_err(|problem| error(at(path), problem.to_string(), None))
    };
    let mut paths = Vec::new();
    for (i, settings) in file.lint.paths.iter().enumerate() {
        paths.push(globs(&settings.files, Patterns::Files, &["lint", "paths", &i.to_string(), "files"])?);
    }
    let mut suppress = Vec::new();
    for (i, known) in file.lint.suppress.iter().enumerate() {
        let item = i.to_string();
        let path = |key| ["lint", "suppress", item.as_str(), key];
        let expires = known.expires.as_ref().map(|day| day.parse()).transpose().map_err(|_| {
            let help = Some("write it as 2027-03-31".to_owned());
            error(at(&path("expires")), "this is not a day".to_owned(), help)
        })?;
        let object: Vec<String> = known.object.iter().cloned().collect();
        suppress.push(Arc::new(Accepted {
            known: known.clone(),
            span: at(&path("rule")),
            expires,
            files: globs(&known.files, Patterns::Files, &path("files"))?,
            object: globs(&object, Patterns::Names, &path("object"))?,
        }));
    }
    let version = file.lint.kubernetes_version.as_ref().map(|text| text.parse::<Version>()).transpose();
    let version = version.map_err(|unknown| error(at(&["lint", "kubernetesVersion"]), unknown.to_string(), None))?;
    let drift = &file.lint.drift;
    let names = |patterns: &[String], key| globs(patterns, Patterns::Names, &["lint", "drift", key]);
    let meant_to_differ = MeantToDiffer {
        labels: names(&drift.labels, "labels")?,
        annotations: names(&drift.annotations, "annotations")?,
        env: names(&drift.env, "env")?,
    };
    Ok(Layer { source: index, file, version, paths, meant_to_differ, suppress })
}

fn read_document(source: &Source, document: &Document) -> Result<File, ConfigError> {
    let json = without_nulls(document.root().to_json());
    check(source, document, &json)?;
    let file: File = serde_json::from_value(json)
        .map_err(|problem| ConfigError::new(source, document.root().span(), problem.to_string(), None))?;
    check_rules(source, document, &file)?;
    Ok(file)
}

/// What the schema says.
fn check(source: &Source, document: &Document, json: &Json) -> Result<(), ConfigError> {
    let schema = super::file::schema();
    let validator = jsonschema::validator_for(&schema)
        .map_err(|problem| ConfigError::new(source, Span::default(), problem.to_string(), None))?;
    let errors = validator.iter_errors(json).map(|problem| explain(source, document, &schema, &problem));
    // Of several mistakes the first one in the text is shown.
    errors.min_by_key(|(start, _)| *start).map_or(Ok(()), |(_, error)| Err(error))
}

fn explain(source: &Source, document: &Document, schema: &Json, problem: &ValidationError<'_>) -> (usize, ConfigError) {
    let path: Vec<String> = problem.instance_path().as_str().split('/').skip(1).map(unescape).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let node = follow(document.root(), &path).unwrap_or_else(|| document.root());
    let (span, message, help) = match problem.kind() {
        Kind::AdditionalProperties { unexpected } => {
            let key = unexpected.first().map_or("", String::as_str);
            let known = properties(schema, &path);
            let help = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            (node.key_span(key), format!("there is no field `{key}` here"), Some(help))
        }
        Kind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let at = node.entries().next().map_or_else(|| node.span(), |(first, _)| first.key_span);
            (at, format!("`{key}` is missing"), None)
        }
        // The alternatives of a choice are constants, each with its own description.
        Kind::OneOfNotValid { .. } | Kind::AnyOf { .. } => choice(node, &alternatives(schema, &path)),
        Kind::Type { kind } => wrong_type(source, node, kind),
        _ => (node.span(), problem.to_string(), None),
    };
    (span.start, ConfigError::new(source, span, message, help))
}

fn wrong_type(source: &Source, node: NodeRef<'_>, kind: &TypeKind) -> (Span, String, Option<String>) {
    let kinds: Vec<JsonType> = match kind {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().collect(),
    };
    if kinds.contains(&JsonType::String) && node.is_plain() && !matches!(node.value(), yaml::Value::Str(_)) {
        let text = source.text.get(node.span().range()).unwrap_or_default();
        let message = format!("YAML reads {text} as something else than text");
        return (node.span(), message, Some(format!("put it in quotes: \"{text}\"")));
    }
    let (wanted, help) = match kinds.first() {
        Some(JsonType::Array) => ("a list", Some("write each item on a line of its own, behind `- `")),
        Some(JsonType::Object) => ("a mapping", Some("write each field on a line of its own, as `name: value`")),
        Some(JsonType::Boolean) => ("true or false", None),
        Some(JsonType::Integer | JsonType::Number) => ("a number", None),
        Some(_) => ("text", None),
        None => ("something else", None),
    };
    (node.span(), format!("{wanted} is wanted here"), help.map(str::to_owned))
}

fn choice(node: NodeRef<'_>, words: &[&str]) -> (Span, String, Option<String>) {
    let given = node.as_str().unwrap_or_default();
    let help = match nearest(given, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", words.join(", ")),
    };
    (node.span(), "this is none of the known words".to_owned(), Some(help))
}

/// The part of the schema that is about the value at a path.
fn sub_schema<'s>(schema: &'s Json, path: &[&str]) -> Option<&'s Json> {
    let resolve = |part: &'s Json| -> Option<&'s Json> {
        let part = part.get("anyOf").and_then(|choice| choice.get(0)).unwrap_or(part);
        match part.get("$ref").and_then(Json::as_str) {
            Some(reference) => schema.pointer(reference.strip_prefix('#')?),
            None => Some(part),
        }
    };
    path.iter().try_fold(resolve(schema)?, |part, key| {
        let property = part.get("properties").and_then(|properties| properties.get(key));
        resolve(property.or_else(|| part.get("items")).or_else(|| part.get("additionalProperties"))?)
    })
}

fn properties<'s>(schema: &'s Json, path: &[&str]) -> Vec<&'s str> {
    let properties = sub_schema(schema, path).and_then(|part| part.get("properties")).and_then(Json::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

fn alternatives<'s>(schema: &'s Json, path: &[&str]) -> Vec<&'s str> {
    let choices = sub_schema(schema, path).and_then(|part| part.get("oneOf")).and_then(Json::as_array);
    choices.into_iter().flatten().filter_map(|choice| choice.get("const").and_then(Json::as_str)).collect()
}

/// Every word that should name a rule does.
fn check_rules(source: &Source, document: &Document, file: &File) -> Result<(), ConfigError> {
    let lint = &file.lint;
    let lists = [("select", &lint.select), ("ignore", &lint.ignore), ("deny", &lint.deny)];
    let in_lists = lists.into_iter().flat_map(|(key, list)| {
        (0..)
            .zip(list)
            .map(move |(i, selector)| (vec!["lint".to_owned(), key.to_owned(), i32::to_string(&i)], selector))
    });
    let own = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let in_severity = lint.severity.keys().map(|key| (own(&["lint", "severity", key]), key));
    let in_paths = lint.paths.iter().enumerate().flat_map(|(i, settings)| {
        let at = i.to_string();
        let ignored = settings
            .ignore
            .iter()
            .enumerate()
            .map(|(j, s)| (own(&["lint", "paths", &at, "ignore", &j.to_string()]), s));
        let counted = settings.severity.keys().map(|key| (own(&["lint", "paths", &at, "severity", key]), key));
        ignored.chain(counted).collect::<Vec<_>>()
    });
    for (path, selector) in in_lists.chain(in_severity).chain(in_paths) {
        if let Err(unknown) = find(selector) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let parent = follow(document.root(), path.get(..path.len() - 1).unwrap_or_default());
            let node = follow(document.root(), &path);
            let span = match parent.zip(path.last()) {
                Some((parent, key)) if parent.entry(key).is_some() => parent.key_span(key),
                _ => node.map_or_else(Span::default, NodeRef::span),
            };
            return Err(ConfigError::new(source, span, unknown.to_string(), Some(unknown.help)));
        }
    }
    Ok(())
}

/// Follows keys and indices.
fn follow<'d>(from: NodeRef<'d>, path: &[&str]) -> Option<NodeRef<'d>> {
    path.iter().try_fold(from, |node, key| match node.value() {
        yaml::Value::Seq(_) => node.items().nth(key.parse().ok()?),
        _ => node.get(key),
    })
}

/// A part of a JSON pointer as the key that it stands for.
fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// A key without a value counts as absent.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields.map(|(key, value)| (key, without_nulls(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// What patterns are about.
#[derive(Clone, Copy)]
enum Patterns {
    /// Files, as in `.gitignore`: one without a slash matches at any depth, a directory everything below it.
    Files,
    /// Names, in which `*` also stands for slashes.
    Names,
}

impl Patterns {
    fn build(self, patterns: &[String]) -> Result<GlobSet, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            if matches!(self, Self::Names) {
                set.add(GlobBuilder::new(pattern).build()?);
                continue;
            }
            let bare = pattern.trim_end_matches('/');
            let rooted = bare.strip_prefix("./").or_else(|| bare.strip_prefix('/'));
            let pattern = match rooted {
                Some(rooted) => rooted.to_owned(),
                None if bare.contains('/') => bare.to_owned(),
                None => format!("**/{bare}"),
            };
            for pattern in [format!("{pattern}/**"), pattern] {
                set.add(GlobBuilder::new(&pattern).literal_separator(true).build()?);
            }
        }
        set.build()
    }
}
