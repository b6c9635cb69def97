//! Where the pod templates of blue and green differ, field by field, and how such a difference is told.
//! Not a rule: `compare` finds the differences, and the rules of the group say what each of them means.

mod compare;

use crate::diff::changed_parts;
use crate::edit::New;
use crate::finding::{Applicability, Edit, Finding, Findings};
use crate::manifest::{Object, Place};
use crate::model::SetView;
use crate::rules::pairing::shown;
use crate::set::Color;
use crate::yaml::{NodeRef, Value};
pub(crate) use compare::of;

/// What part of a pod template a difference is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The ports of a container.
    Ports,
    /// A probe.
    Probe,
    /// Requests and limits.
    Resources,
    /// The environment: a variable that is there or not, or its source.
    Env,
    /// The value of a variable.
    EnvValue,
    /// Anything else.
    Other,
}

/// One color's side of a difference.
#[derive(Clone, Copy)]
pub(super) struct Side<'m> {
    object: &'m Object,
    /// What is there; nothing where only the other color has it.
    pub(super) node: Option<NodeRef<'m>>,
    parent: NodeRef<'m>,
    /// The environment variable that it is in.
    variable: Option<NodeRef<'m>>,
}

impl<'m> Side<'m> {
    /// The value, or the key of what it would be in.
    fn place(&self) -> Place {
        let named = |item: NodeRef<'m>| item.get("name").filter(|name| name.as_str().is_some());
        if let Some(name) = self.variable.and_then(named) {
            return self.object.at(name);
        }
        let Some(node) = self.node else {
            // An item of a list is known by its name.
            let item = named(self.parent).filter(|_| self.object.is_item(self.parent));
            return item.map_or_else(|| self.object.at_own_key(self.parent), |name| self.object.at(name));
        };
        match node.value() {
            Value::Map(_) | Value::Seq(_) => match named(node) {
                Some(name) => self.object.at(name),
                None => self.object.at_own_key(node),
            },
            _ => self.object.at(node),
        }
    }

    fn shown(&self) -> String {
        self.node.map_or_else(|| "nothing".to_owned(), shown)
    }
}

/// One difference, at the deepest field that holds all of it.
pub struct Difference<'m> {
    pub(super) area: Area,
    /// The field within its container or pod, such as `livenessProbe.periodSeconds`.
    pub(super) field: String,
    /// The container that it is in, and whether that is an init container.
    pub(super) container: Option<(NodeRef<'m>, bool)>,
    pub(super) blue: Side<'m>,
    pub(super) green: Side<'m>,
    /// The keys that lead from what both have to what only one has.
    missing: Vec<String>,
}

impl<'m> Difference<'m> {
    /// Reports it on the idle color, where there is one, with the other color's place and both values.
    pub(super) fn report<'f>(
        &self,
        set: SetView<'m>,
        findings: &'f mut Findings<'_>,
        what: Option<String>,
    ) -> &'f mut Finding {
        let of = self.container.map_or_else(
            || "the pods".to_owned(),
            |(container, _)| format!("container {}", super::containers::called(container)),
        );
        let what = what.unwrap_or_else(|| self.field.clone());
        let message = match (self.blue.node, self.green.node) {
            (Some(node), None) => format!("{what} of {of} is on blue only{}", self.says(node)),
            (None, Some(node)) => format!("{what} of {of} is on green only{}", self.says(node)),
            _ => format!("{what} of {of} differs: {} on blue, {} on green", self.blue.shown(), self.green.shown()),
        };
        let idle = set.active().map_or(Color::Green, Color::other);
        let color = match (self.blue.node, self.green.node) {
            (Some(_), None) => Color::Blue,
            (None, Some(_)) => Color::Green,
            _ => idle,
        };
        let (own, other) = match color {
            Color::Blue => (&self.blue, &self.green),
            Color::Green => (&self.green, &self.blue),
        };
        let has = if other.node.is_some() { "has this" } else { "does not have it here" };
        let finding = findings.report(own.place(), message);
        finding
            .help(self.help())
            .related(other.place(), format!("{} {has}", color.other()))
            .fix(Applicability::Unsafe, self.copy(color, own, other))
    }

    /// Gives the other color what only this one has, where that is a variable, a port, or a part of a probe or resources.
    fn copy(&self, color: Color, own: &Side<'m>, other: &Side<'m>) -> Option<Edit> {
        let node = own.node.filter(|_| other.node.is_none() && self.area != Area::Other)?;
        let keys: Vec<&str> = self.missing.iter().map(String::as_str).collect();
        other.object.add(other.parent, &keys, New::Copy(node, Some(color)), Some(own.parent))
    }

    /// What only one color has; of a variable the value, since its name is said already.
    fn says(&self, node: NodeRef<'_>) -> String {
        let is_variable = self.area == Area::Env && self.field.starts_with("env[");
        let value = node.get("value").or_else(|| node.get("valueFrom"));
        match value.filter(|_| is_variable) {
            None if is_variable && node.get("name").is_some() => String::new(),
            value => format!(": {}", shown(value.unwrap_or(node))),
        }
    }

    /// What to do; for long texts, what of them differs.
    fn help(&self) -> String {
        let text = |side: &Side<'m>| side.node.and_then(NodeRef::as_str);
        let long = text(&self.blue).zip(text(&self.green)).filter(|(b, g)| b.len().max(g.len()) > 60);
        let advice = if self.blue.node.is_some() && self.green.node.is_some() {
            "make them equal"
        } else {
            "give it to both colors, or to neither"
        };
        long.map_or_else(
            || advice.to_owned(),
            |(b, g)| format!("{advice}; from blue to green: {}", changed_parts(b, g)),
        )
    }
}
