//! Which set a command is about: found among those that were observed, and named in a plan.
//! Never guesses, and plans nothing.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cluster::{ObjectRef, Resource};
use crate::error::Error;
use crate::journal::Colors;
use crate::observed::{Observed, SetView, name};
use crate::release::Color;

/// Which set is meant: the only one, or the one called so.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The namespace.
    pub namespace: String,
    /// The active Service's name or the set's stem.
    pub app: Option<String>,
}

impl Selection {
    /// Finds the set that is meant. Never a guess.
    pub fn find<'o>(&self, observed: &'o Observed) -> Result<SetView<'o>, Error> {
        let namespace = || self.namespace.clone();
        let mut sets = observed.sets();
        if sets.is_empty() {
            return Err(Error::NoSet { namespace: namespace() });
        }
        let names: Vec<String> = sets.iter().map(called).collect();
        if let Some(app) = &self.app {
            let is_meant = |set: &SetView<'_>| called(set) == *app || set.name() == app;
            let mut meant: Vec<SetView<'_>> = sets.into_iter().filter(is_meant).collect();
            return match (meant.pop(), meant.is_empty()) {
                (Some(set), true) => Ok(set),
                (Some(_), false) => Err(Error::SeveralSets { namespace: namespace(), names }),
                (None, _) => {
                    let help = format!("there is: {}", names.join(", "));
                    Err(Error::NoSuchSet { app: app.clone(), namespace: namespace(), help })
                }
            };
        }
        // Who named one of several in the settings meant that one.
        let is_declared = |set: &SetView<'_>| set.declarations().next().is_some();
        if sets.iter().filter(|set| is_declared(set)).count() == 1 {
            sets.retain(is_declared);
        }
        match (sets.pop(), sets.is_empty()) {
            (Some(set), true) => Ok(set),
            _ => Err(Error::SeveralSets { namespace: namespace(), names }),
        }
    }
}

/// What a set answers to: its active Service's name, or its own.
fn called(set: &SetView<'_>) -> String {
    set.active_service().map_or_else(|| set.name().to_owned(), |service| name(&service.metadata).to_owned())
}

/// The set that a plan is about, by the names of its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct SetRef {
    /// What the members' names have in common.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The label that tells the colors apart.
    pub color_label: Option<String>,
    /// The active Service.
    #[serde(skip)]
    pub service: String,
    /// The Deployment of each color.
    #[serde(skip)]
    pub deployments: Colors<Option<String>>,
    /// The color Service of each color.
    #[serde(skip)]
    pub color_services: Colors<Option<String>>,
    /// The ports of these Services, by their numbers and their names.
    #[serde(skip)]
    pub ports: Vec<String>,
}

impl SetRef {
    /// Names the members of a set.
    #[must_use]
    pub fn of(set: &SetView<'_>) -> Self {
        let ports = set.services().filter_map(|service| service.spec.as_ref()?.ports.as_ref()).flatten();
        let ports: BTreeSet<String> =
            ports.flat_map(|port| port.name.clone().into_iter().chain([port.port.to_string()])).collect();
        Self {
            name: set.name().to_owned(),
            namespace: set.namespace().to_owned(),
            color_label: set.set.color_label().map(str::to_owned),
            service: set.active_service().map(|service| name(&service.metadata).to_owned()).unwrap_or_default(),
            color_services: Colors::new(|color| {
                set.color_service(color).map(|service| name(&service.metadata).to_owned())
            }),
            deployments: Colors::new(|color| {
                set.deployment(color).map(|deployment| name(&deployment.metadata).to_owned())
            }),
            ports: ports.into_iter().collect(),
        }
    }

    /// The set with these members in what was observed; nothing where they are not all there, or others are.
    #[must_use]
    pub fn find<'o>(&self, observed: &'o Observed) -> Option<SetView<'o>> {
        observed.sets().into_iter().find(|set| Self::of(set) == *self)
    }

    /// The Deployment of a color; empty when there is none.
    #[must_use]
    pub fn deployment(&self, color: Color) -> &str {
        self.deployments.of(color).as_deref().unwrap_or_default()
    }

    /// The color Service of a color; the active Service where there is none.
    #[must_use]
    pub fn color_service(&self, color: Color) -> &str {
        self.color_services.of(color).as_deref().unwrap_or(&self.service)
    }

    /// The active Service as an object.
    #[must_use]
    pub fn active_service(&self) -> ObjectRef {
        ObjectRef::new(Resource::Services, &self.namespace, &self.service)
    }
}
