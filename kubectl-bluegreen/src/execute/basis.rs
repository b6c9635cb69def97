//! Whether what a plan rests on is still as it was read, asked in a few small requests.
//! Says only yes or no: who hears no reads everything again.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use tokio::time::Instant;

use super::Executor;
use crate::cluster::{Cluster, ObjectRef, Request, Resource};
use crate::journal::Journal;
use crate::observed::Observed;
use crate::plan::{Plan, SetRef};
use crate::release::Color;

/// For how long a reading is new: then only what everybody else would change first is read again under the Lease.
const NEW: Duration = Duration::from_secs(1);

/// What a plan rests on, and everybody else who moves traffic, scales or releases would change.
#[derive(Debug)]
pub(super) struct Basis {
    /// When it was asked for.
    at: Instant,
    /// The objects, and the version of each.
    objects: Vec<(ObjectRef, String)>,
}

impl Basis {
    /// The active Service, on which all moves are written down, and the Deployments. Nothing where the set is not whole, or
    /// where a share is to be put back.
    pub(super) fn of(set: &SetRef, observed: &Observed, at: Instant) -> Option<Self> {
        let version = |object: &ObjectMeta, called: &str| {
            let is_it = object.namespace.as_deref() == Some(&set.namespace) && object.name.as_deref() == Some(called);
            object.resource_version.clone().filter(|_| is_it)
        };
        let mut services = observed.services.items.iter();
        let (service, of_service) =
            services.find_map(|service| Some((service, version(&service.metadata, &set.service)?)))?;
        // What a move has left to put back is in other objects, too, which are not asked for.
        if Journal::of(service).ok()?.ongoing().is_some() {
            return None;
        }
        let deployment = |called: &str| {
            let version = observed.deployments.items.iter().find_map(|object| version(&object.metadata, called))?;
            Some((ObjectRef::new(Resource::Deployments, &set.namespace, called), version))
        };
        let [blue, green] = Color::ALL.map(|color| deployment(set.deployment(color)));
        Some(Self { at, objects: vec![(set.active_service(), of_service), blue?, green?] })
    }
}

impl<C: Cluster> Executor<'_, C> {
    /// The plan that was agreed to, if it was made just now and what it rests on is still the same. Single objects are read
    /// as they are at this moment, and at once; with lists a server may wait a tenth of a second, until its cache has
    /// followed.
    pub(super) async fn still_holds(&self, agreed: Option<&Plan>) -> Option<Plan> {
        let basis = self.basis.take().filter(|basis| basis.at.elapsed() < NEW)?;
        let is_same = async |(object, version): &(ObjectRef, String)| {
            let now = self.cluster.send(&Request::Get(object.clone())).await;
            now.is_ok_and(|now| now.pointer("/metadata/resourceVersion") == Some(&json!(version)))
        };
        let same = futures_util::future::join_all(basis.objects.iter().map(is_same)).await;
        agreed.filter(|_| same.into_iter().all(|same| same)).cloned()
    }
}
