//! Decodes an object as strictly as the API server does: unknown fields (BG005), wrong types (BG004), and text that YAML
//! does not read as text (BG003). Must not ask what a value means; the validation of the kinds does.

use super::schema::{self, Schema, Shape};
use super::sink::{Defect, is_template};
use super::{features, formats, sink};
use crate::finding::{Applicability, Edit, Fix};
use crate::manifest::{Object, Place, is_placeholder};
use crate::quantity;
use crate::version::Version;
use crate::yaml::{NodeRef, Span, Value};

/// What was found, and what cannot be judged beyond it.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// What the server would say before it looks any further.
    pub(super) defects: Vec<Defect>,
    /// The mappings and lists with something in them that could not be decoded, and what is forgotten: what they mean is
    /// not known.
    unclear: Vec<Place>,
}

impl Decoded {
    /// Whether a place is in something that could not be decoded.
    pub(super) fn is_unclear(&self, place: &Place) -> bool {
        let within = |outer: Span| outer.start <= place.span.start && place.span.end <= outer.end;
        let below = |path: &str| {
            place
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || path.is_empty() || rest.starts_with(['.', '[']))
        };
        self.unclear.iter().any(|unclear| within(unclear.span) || below(&unclear.path))
    }
}

/// Decodes an object of a kind whose definition has this name.
pub(super) fn decode(object: &Object, version: Version, definition: &'static str) -> Decoded {
    let schema = Schema::of(version);
    let mut decoder = Decoder { object, version, schema, is_json: is_json(object), decoded: Decoded::default() };
    if let Some(shape) = schema.named(definition) {
        let root = object.root();
        decoder.value(root, root, shape, definition);
    }
    decoder.decoded
}

/// Whether the keys are in quotes: then a number is meant as one.
fn is_json(object: &Object) -> bool {
    object.root().entries().next().is_some_and(|(entry, _)| is_quoted(&entry.key, entry.key_span))
}

fn is_quoted(key: &str, span: Span) -> bool {
    span.end - span.start == key.len() + 2
}

struct Decoder<'o> {
    object: &'o Object,
    version: Version,
    schema: &'static Schema,
    is_json: bool,
    decoded: Decoded,
}

impl<'o> Decoder<'o> {
    /// A value in its mapping or list. `within` is the name of the definition that the value is a part of.
    fn value(&mut self, node: NodeRef<'o>, parent: NodeRef<'o>, shape: &'static Shape, within: &'static str) {
        let (name, shape) = self.schema.resolve(shape);
        let within = name.unwrap_or(within);
        match (node.value(), shape.kind()) {
            (Value::Null, _) | (_, "") => {}
            (Value::Map(_), "object") => match (&shape.properties, shape.values()) {
                (_, Some(values)) => node.entries().for_each(|(_, value)| self.value(value, node, values, within)),
                (Some(_), None) => self.fields(node, shape, within),
                (None, None) => {}
            },
            (Value::Seq(_), "array") => {
                if let Some(items) = &shape.items {
                    node.items().for_each(|item| self.value(item, node, items, within));
                }
            }
            (Value::Str(text), _) if is_template(text) => {}
            _ => {
                if let Some(wanted) = wanted(node, shape) {
                    self.wrong(node, parent, wanted, shape.kind() == "string" && shape.format.is_none());
                }
            }
        }
    }

    fn fields(&mut self, node: NodeRef<'o>, shape: &'static Shape, within: &'static str) {
        let Some(known) = &shape.properties else { return };
        for (entry, value) in node.entries() {
            match known.get(&*entry.key) {
                Some(shape) => {
                    self.value(value, node, shape, within);
                    if features::is_forgotten(within, &entry.key, self.version) {
                        self.unclear(value);
                        let place = self.object.at_key(node, &entry.key);
                        self.decoded.unclear.push(place);
                    }
                }
                None if is_placeholder(&entry.key) => {}
                None => self.unknown(node, &entry.key, known.keys().map(|key| &**key), within),
            }
        }
    }

    fn unknown(&mut self, node: NodeRef<'o>, key: &str, known: impl Iterator<Item = &'static str>, within: &str) {
        let owner = within.rsplit('.').next().unwrap_or(within);
        let place = self.object.at_key(node, key);
        let free: Vec<&str> = known.filter(|name| node.entry(name).is_none()).collect();
        let near = sink::nearest(key, free.iter().copied());
        let help = match (near, self.elsewhere(key, within)) {
            (_, Some(elsewhere)) => elsewhere,
            (Some(name), None) => format!("did you mean `{name}`?"),
            (None, None) => "remove it, or move it to where it belongs".to_owned(),
        };
        let quote = if is_quoted(key, place.span) { "\"" } else { "" };
        let fix = near.map(|name| Fix {
            applicability: Applicability::Unsafe,
            edits: vec![Edit { source: place.source, span: place.span, replacement: format!("{quote}{name}{quote}") }],
        });
        let message = format!("{owner} has no field `{key}`");
        self.unclear(node);
        self.decoded.defects.push(Defect { code: "BG005", place, message, help, fix });
    }

    /// Which other versions have a field, if there are any.
    fn elsewhere(&self, key: &str, definition: &str) -> Option<String> {
        let life = schema::life_of_field(definition, key)?;
        Some(if life.first > self.version {
            format!("Kubernetes has it since {}, and {} is the chosen version", life.first, self.version)
        } else {
            format!("Kubernetes had it up to {}, and {} is the chosen version; remove it", life.last, self.version)
        })
    }

    fn wrong(&mut self, node: NodeRef<'o>, parent: NodeRef<'o>, wanted: Wanted, is_text: bool) {
        let place = self.object.at(node);
        let field = sink::last_step(&place.path);
        let got = describe(node);
        let is_scalar = !matches!(node.value(), Value::Map(_) | Value::Seq(_));
        let quotes = (is_text && is_scalar && node.is_plain()).then(|| {
            let at = |byte| Edit { source: place.source, span: Span::new(byte, byte), replacement: "\"".to_owned() };
            Fix { applicability: Applicability::Safe, edits: vec![at(place.span.start), at(place.span.end)] }
        });
        let (code, message, help) = if quotes.is_some() && !self.is_json {
            let message = format!("`{field}` must be text, and YAML reads this as {got}");
            ("BG003", message, "put it in quotes".to_owned())
        } else {
            let Wanted { what, help, is_format } = wanted;
            // Of the right type, and no value that the format knows.
            let code = if is_format && matches!(node.value(), Value::Str(_)) { "BG007" } else { "BG004" };
            (code, format!("`{field}` must be {what}, not {got}"), help.to_owned())
        };
        self.unclear(parent);
        self.decoded.defects.push(Defect { code, place, message, help, fix: quotes });
    }

    fn unclear(&mut self, node: NodeRef<'o>) {
        let place = self.object.at(node);
        self.decoded.unclear.push(place);
    }
}

/// What is wanted instead of a value.
#[derive(Clone, Copy)]
struct Wanted {
    what: &'static str,
    help: &'static str,
    /// Whether text is what it is written as.
    is_format: bool,
}

/// What a shape wants instead of a value; nothing when the value is right.
fn wanted(node: NodeRef<'_>, shape: &Shape) -> Option<Wanted> {
    let in_range = |least: i64, most: i64| {
        let (least, most) = (shape.minimum.unwrap_or(least), shape.maximum.unwrap_or(most));
        node.as_int().is_some_and(|number| (least..=most).contains(&number))
    };
    let text = node.as_str();
    let wanted = |what, help| Some(Wanted { what, help, is_format: false });
    let format = |what, help| Some(Wanted { what, help, is_format: true });
    match (shape.format.as_deref(), shape.kind()) {
        (Some("quantity"), _) => match node.value() {
            Value::Int(_) => None,
            Value::Float(number) if number.is_finite() => None,
            Value::Str(text) if quantity::parse(text.trim_matches(' ')).is_some() => None,
            _ => format("a quantity", "write it like 500m, 2, 1.5Gi or 128Mi"),
        },
        (Some("int-or-string"), _) if text.is_some() || in_range(i64::from(i32::MIN), i64::from(i32::MAX)) => None,
        (Some("int-or-string"), _) => wanted("a whole number or text", "write a number, or text in quotes"),
        (Some("date-time"), _) if text.is_some_and(formats::is_time) => None,
        (Some("date-time"), _) => format("a time", "write it like 2027-03-31T12:00:00Z, or leave it to the server"),
        (Some("byte"), _) if text.is_some_and(formats::is_base64) => None,
        // Bytes may be written one by one.
        (Some("byte"), _) if matches!(node.value(), Value::Seq(_)) && node.items().all(is_byte) => None,
        (Some("byte"), _) => format("text in base64", "encode it with `base64`, or use `stringData`"),
        (_, "string") if text.is_some() => None,
        (_, "string") => wanted("text", "write text, in quotes if it looks like a number"),
        (_, "boolean") if node.as_bool().is_some() => None,
        (_, "boolean") => wanted("true or false", "write true or false, without quotes"),
        (_, "integer") if in_range(i64::MIN, i64::MAX) => None,
        (_, "integer") if shape.maximum == Some(i64::from(i32::MAX)) => {
            let is_number = node.as_int().is_some();
            let help = if is_number { "write a smaller number" } else { "write a number without quotes" };
            wanted("a whole number from -2147483648 to 2147483647", help)
        }
        (_, "integer") => wanted("a whole number", "write a number without quotes"),
        (_, "number") if matches!(node.value(), Value::Int(_) | Value::Float(_)) => None,
        (_, "number") => wanted("a number", "write a number without quotes"),
        (_, "array") => wanted("a list", "put `- ` before each item"),
        (_, "object") => wanted("a mapping", "write keys with values"),
        _ => None,
    }
}

fn is_byte(node: NodeRef<'_>) -> bool {
    node.is_null() || node.as_int().is_some_and(|number| u8::try_from(number).is_ok())
}

fn describe(node: NodeRef<'_>) -> String {
    match node.value() {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Int(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Str(text) if text.chars().count() > 40 => "this text".to_owned(),
        Value::Str(text) => format!("the text `{text}`"),
        Value::Map(_) => "a mapping".to_owned(),
        Value::Seq(_) => "a list".to_owned(),
    }
}
