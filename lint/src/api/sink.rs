//! Where the validation of an object puts what it finds, and the questions that it asks of a field again and again.
//! Must not know any kind.

use std::collections::HashSet;

use crate::finding::Fix;
use crate::manifest::{self, Object, Place};
use crate::source::Source;
use crate::version::Version;
use crate::yaml::{NodeRef, Value};

use super::names::{self, Fault};

/// A defect with the code of the rule that reports it.
#[derive(Debug)]
pub(crate) struct Defect {
    /// The code of the rule.
    pub(crate) code: &'static str,
    /// Where.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) message: String,
    /// The way out.
    pub(crate) help: String,
    /// How to correct the text, where that is known.
    pub(crate) fix: Option<Fix>,
}

/// Collects the defects of one object for one Kubernetes version.
#[derive(Debug)]
pub(super) struct Sink<'o> {
    object: &'o Object,
    version: Version,
    defects: Vec<Defect>,
}

impl<'o> Sink<'o> {
    /// A sink for an object, judged as this Kubernetes does.
    pub(super) fn new(object: &'o Object, version: Version) -> Self {
        Self { object, version, defects: Vec::new() }
    }

    /// What was found.
    pub(super) fn into_defects(self) -> Vec<Defect> {
        self.defects
    }

    /// Whether the chosen Kubernetes is 1.`minor` or later.
    pub(super) fn since(&self, minor: u8) -> bool {
        self.version.minor() >= minor
    }

    /// Validates an object that a text of this one stands for, and reports at the text what is wrong with it.
    pub(super) fn in_text(
        &mut self,
        text: NodeRef<'o>,
        object: &serde_json::Value,
        check: impl for<'i> Fn(NodeRef<'i>, &mut Sink<'i>),
    ) {
        let read = manifest::read(&[Source::new("text", object.to_string())]);
        for object in &read.objects {
            let mut inner = Sink::new(object, self.version);
            check(object.root(), &mut inner);
            for Defect { code, place, message, help, .. } in inner.into_defects() {
                let place = Place { path: place.path, ..self.object.at(text) };
                self.push(code, place, format!("in this text {message}"), help);
            }
        }
    }

    /// The syntax of an IP address.
    pub(super) fn address(&self) -> fn(&str) -> Fault {
        if self.since(36) { names::strict_ip_address } else { names::ip_address }
    }

    /// The syntax of a range of addresses.
    pub(super) fn address_range(&self) -> fn(&str) -> Fault {
        if self.since(36) { names::strict_cidr } else { names::cidr }
    }

    fn push(&mut self, code: &'static str, place: Place, message: String, help: String) {
        self.defects.push(Defect { code, place, message, help, fix: None });
    }

    /// Reports a value that breaks a rule (BG007).
    pub(super) fn invalid(&mut self, at: NodeRef<'o>, reason: impl AsRef<str>, help: impl Into<String>) {
        if at.as_str().is_some_and(is_template) {
            return;
        }
        let place = self.object.at(at);
        let message = format!("`{}`{}: {}", last_step(&place.path), shown(at), reason.as_ref());
        self.push("BG007", place, message, help.into());
    }

    /// Reports the labels of a selector that do not match (BG010).
    pub(super) fn mismatch(&mut self, at: NodeRef<'o>, message: String, help: String) {
        // The server blames the template's labels, wherever the mistake is.
        let place = self.object.at(at);
        let owner = place.path.split(".selector").next().unwrap_or_default();
        let place = Place { path: format!("{owner}.template.metadata.labels"), ..place };
        self.push("BG010", place, message, help);
    }

    /// Reports a field that is needed and absent or empty (BG006); the span is the parent's key, or the empty value.
    pub(super) fn missing(&mut self, parent: NodeRef<'o>, key: &str, reason: impl AsRef<str>) {
        let mut place = match parent.get(key) {
            Some(empty) => self.object.at(empty),
            None => self.object.at_own_key(parent),
        };
        if parent.get(key).is_none() {
            place.path = if place.path.is_empty() { key.to_owned() } else { format!("{}.{key}", place.path) };
        }
        let state = if parent.get(key).is_some() { "empty" } else { "missing" };
        self.push("BG006", place, format!("`{key}` is {state}: {}", reason.as_ref()), format!("set `{key}`"));
    }

    /// Reports a field that may not be there (BG007); the span is its key.
    pub(super) fn forbidden(&mut self, parent: NodeRef<'o>, key: &str, reason: impl AsRef<str>) {
        let place = self.object.at_key(parent, key);
        self.push(
            "BG007",
            place,
            format!("`{key}` is not allowed here: {}", reason.as_ref()),
            format!("remove `{key}`"),
        );
    }

    /// Gives the last finding another field path, where the server names another one than the place it means.
    pub(super) fn at_path(&mut self, path: impl FnOnce(&str) -> String) {
        if let Some(last) = self.defects.last_mut() {
            last.place.path = path(&last.place.path);
        }
    }

    /// Gives every finding since some count another field path.
    pub(super) fn at_paths_since(&mut self, count: usize, path: impl Fn(&str) -> String) {
        for defect in self.defects.iter_mut().skip(count) {
            defect.place.path = path(&defect.place.path);
        }
    }

    /// Gives every finding since some count the path of a whole mapping or list: the server does not name what is in it.
    pub(super) fn at_whole(&mut self, count: usize, whole: NodeRef<'o>) {
        if self.defects.len() > count {
            let path = self.path_of(whole);
            self.at_paths_since(count, |_| path.clone());
        }
    }

    /// Reports a key of a free-form mapping that breaks a rule (BG007); the path is that of the key.
    pub(super) fn bad_key(&mut self, parent: NodeRef<'o>, key: &str, reason: impl AsRef<str>) {
        let place = self.object.at_key(parent, key);
        self.push("BG007", place, format!("`{key}` is not allowed: {}", reason.as_ref()), "correct the key".to_owned());
    }

    /// Reports a value that may not be there (BG007).
    pub(super) fn forbid_value(&mut self, at: NodeRef<'o>, reason: &str) {
        self.invalid(at, reason, "remove it");
    }

    /// Reports huge pages without cpu or memory (BG007), at `resources`.
    pub(super) fn huge_pages_alone(&mut self, resources: NodeRef<'o>) {
        let place = self.object.at_own_key(resources);
        let message = "huge pages need `cpu` or `memory` beside them".to_owned();
        self.push("BG007", place, message, "request cpu or memory, too".to_owned());
    }

    /// The field path of a value.
    pub(super) fn path_of(&self, node: NodeRef<'o>) -> String {
        self.object.at(node).path
    }

    /// How many defects were found so far.
    pub(super) fn count(&self) -> usize {
        self.defects.len()
    }

    /// A text that must have a syntax, unless it is absent or empty.
    pub(super) fn name(&mut self, parent: NodeRef<'o>, key: &str, syntax: impl Fn(&str) -> Fault) {
        if let Some(node) = parent.get(key).filter(|node| node.as_str().is_some_and(|text| !text.is_empty())) {
            self.syntax(node, syntax);
        }
    }

    /// A text that must have a syntax where it is set, an empty one too.
    pub(super) fn name_if_set(&mut self, parent: NodeRef<'o>, key: &str, syntax: impl Fn(&str) -> Fault) {
        if let Some(node) = parent.get(key) {
            self.syntax(node, syntax);
        }
    }

    /// A text that must have a syntax.
    pub(super) fn syntax(&mut self, node: NodeRef<'o>, syntax: impl Fn(&str) -> Fault) {
        let Some(text) = text_of(node) else { return };
        if let Some(reason) = syntax(text) {
            let help = match repaired(text).filter(|repaired| syntax(repaired).is_none()) {
                Some(repaired) => format!("for example `{repaired}`"),
                None => "change the value".to_owned(),
            };
            self.invalid(node, reason, help);
        }
    }

    /// A text that must be there and have a syntax.
    pub(super) fn required_name(
        &mut self,
        parent: NodeRef<'o>,
        key: &str,
        reason: &str,
        syntax: impl Fn(&str) -> Fault,
    ) {
        if self.required_text(parent, key, reason) {
            self.name(parent, key, syntax);
        }
    }

    /// A text that must be there; answers whether it is.
    pub(super) fn required_text(&mut self, parent: NodeRef<'o>, key: &str, reason: &str) -> bool {
        let is_there = parent.get(key).is_some_and(|node| node.as_str() != Some(""));
        if !is_there {
            self.missing(parent, key, reason);
        }
        is_there
    }

    /// A text that must be one of some, unless it is absent. An empty one counts as absent where there is a default.
    pub(super) fn one_of(&mut self, parent: NodeRef<'o>, key: &str, allowed: &[&str]) {
        if let Some(node) = parent.get(key).filter(|node| node.as_str() != Some("")) {
            self.among(node, allowed);
        }
    }

    /// A text that must be there and one of some.
    pub(super) fn required_one_of(&mut self, parent: NodeRef<'o>, key: &str, allowed: &[&str]) {
        if self.required_text(parent, key, &choice(allowed)) {
            self.one_of(parent, key, allowed);
        }
    }

    /// A text that must be one of some.
    pub(super) fn among(&mut self, node: NodeRef<'o>, allowed: &[&str]) {
        let Some(text) = text_of(node).filter(|text| !allowed.contains(text)) else { return };
        let help = match nearest(text, allowed.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("use {}", either(allowed)),
        };
        self.invalid(node, choice(allowed), help);
    }

    /// A number that must be in a range, unless it is absent.
    pub(super) fn number(&mut self, parent: NodeRef<'o>, key: &str, least: i64, most: i64) {
        let Some(node) = parent.get(key) else { return };
        if node.as_int().is_some_and(|number| number < least || number > most) {
            self.range(node, least, most);
        }
    }

    fn range(&mut self, node: NodeRef<'o>, least: i64, most: i64) {
        let bounds = if most == i64::MAX || most == i64::from(i32::MAX) {
            format!("{least} or more")
        } else {
            format!("between {least} and {most}")
        };
        self.invalid(node, format!("a number {bounds} is needed"), format!("set a number {bounds}"));
    }

    /// A list that may not have more than some items.
    pub(super) fn at_most(&mut self, parent: NodeRef<'o>, key: &str, most: usize) {
        if let Some(list) = parent.get(key).filter(|list| list.items().count() > most) {
            self.invalid(list, format!("at most {most} are allowed"), "remove some");
        }
    }

    /// Texts that may not repeat in a list of objects with this key.
    pub(super) fn unique(&mut self, items: impl Iterator<Item = NodeRef<'o>>, key: &str) {
        let mut seen = HashSet::new();
        for item in items {
            let Some(node) = item.get(key) else { continue };
            if node.as_str().is_some_and(|text| !text.is_empty() && !seen.insert(text)) {
                self.duplicate(node);
            }
        }
    }

    /// Reports a value that is in its list already (BG007).
    pub(super) fn duplicate(&mut self, node: NodeRef<'o>) {
        self.invalid(
            node,
            "it is there already, and may be there only once",
            "choose another value, or remove one of the two",
        );
    }

    /// Exactly one of some fields of a mapping; answers the first one that is set.
    pub(super) fn exactly_one(&mut self, parent: NodeRef<'o>, keys: &[&'static str]) -> Option<&'static str> {
        let mut set = keys.iter().copied().filter(|key| parent.get(key).is_some());
        let first = set.next();
        for second in set {
            let reason = format!("`{}` is set, too, and only one can be", first.unwrap_or_default());
            self.forbidden(parent, second, reason);
        }
        first
    }

    /// Reports a mapping in which one of some fields must be set, at the mapping itself (BG006).
    pub(super) fn none_set(&mut self, parent: NodeRef<'o>, keys: &[&str]) {
        let place = self.object.at_own_key(parent);
        let message = format!("`{}` says nothing: one of {} is needed", last_step(&place.path), list(keys));
        self.push("BG006", place, message, format!("set {}", either(keys)));
    }
}

/// The text of a value; nothing at all counts as empty, as it does in a list.
fn text_of(node: NodeRef<'_>) -> Option<&str> {
    if node.is_null() { Some("") } else { node.as_str() }
}

/// The text of a field, empty when it is absent.
pub(super) fn text<'o>(parent: NodeRef<'o>, key: &str) -> &'o str {
    parent.get(key).and_then(NodeRef::as_str).unwrap_or_default()
}

/// A number of a field.
pub(super) fn int(parent: NodeRef<'_>, key: &str) -> Option<i64> {
    parent.get(key).and_then(NodeRef::as_int)
}

/// Whether a field is true.
pub(super) fn is_true(parent: NodeRef<'_>, key: &str) -> bool {
    parent.get(key).and_then(NodeRef::as_bool) == Some(true)
}

/// The items of a list, none when it is absent.
pub(super) fn items<'o>(parent: NodeRef<'o>, key: &str) -> impl Iterator<Item = NodeRef<'o>> + use<'o> {
    parent.get(key).into_iter().flat_map(NodeRef::items)
}

/// Whether a list or mapping is absent or has nothing in it.
pub(super) fn is_empty(parent: NodeRef<'_>, key: &str) -> bool {
    parent.get(key).is_none_or(|node| node.items().next().is_none() && node.entries().next().is_none())
}

/// The one of some words that was meant, if one is close.
pub(super) fn nearest<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let lower = text.to_lowercase();
    let near = words.map(|word| (strsim::damerau_levenshtein(&word.to_lowercase(), &lower), word)).min()?;
    let most = 2.max(text.len() / 4);
    (near.0 <= most && near.0 < near.1.len()).then_some(near.1)
}

/// Whether a value will only be known when a tool has filled it in.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("${") || text.contains("{{")
}

/// A field path without its last part: what has the field.
pub(super) fn owner_of(path: &str) -> String {
    path.rsplit_once('.').map_or(path, |(owner, _)| owner).to_owned()
}

/// A field path up to its last list, without the number of the item.
pub(super) fn list_of(path: &str) -> String {
    path.rsplit_once('[').map_or(path, |(list, _)| list).to_owned()
}

/// The last part of a field path.
pub(super) fn last_step(path: &str) -> &str {
    // A key with a dot in it is in brackets, as an index is.
    let key = path.strip_suffix(']').and_then(|path| path.rsplit_once('[')).map(|(_, key)| key);
    let key = key.filter(|key| !key.bytes().all(|byte| byte.is_ascii_digit()));
    key.unwrap_or_else(|| path.rsplit_once('.').map_or(path, |(_, last)| last))
}

fn shown(node: NodeRef<'_>) -> String {
    match node.value() {
        Value::Str(text) if text.chars().count() > 80 => String::new(),
        Value::Str(text) => format!(" is `{text}`"),
        Value::Int(number) => format!(" is {number}"),
        Value::Float(number) => format!(" is {number}"),
        Value::Bool(value) => format!(" is {value}"),
        Value::Null | Value::Map(_) | Value::Seq(_) => String::new(),
    }
}

fn list(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn either(values: &[&str]) -> String {
    match values {
        [rest @ .., last] if !rest.is_empty() => format!("{} or `{last}`", list(rest)),
        _ => list(values),
    }
}

fn choice(allowed: &[&str]) -> String {
    format!("{} {} allowed", list(allowed), if allowed.len() == 1 { "alone is" } else { "are" })
}

/// The nearest text that most syntaxes take: lower case, with `-` for everything else.
fn repaired(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let mapped: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let trimmed = mapped.trim_matches(['-', '.']);
    (!trimmed.is_empty() && trimmed != text).then(|| trimmed.to_owned())
}
