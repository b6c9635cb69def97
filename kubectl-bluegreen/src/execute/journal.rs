//! Writes how a move ended into the journal, under the same Lease as the move itself.
//! Touches the annotation only, and only while the selector is still what was written.

use k8s_openapi::api::core::v1::Service;
use serde_json::Value;

use super::{Executor, MAX_ATTEMPTS, Patience};
use crate::cluster::{Cluster, Failure, ObjectRef, Request};
use crate::error::Error;
use crate::journal::Journal;
use crate::lock::Lock;
use crate::observed::{Labels, selector, shown};
use crate::plan::{Change, SetRef, set_journal};

impl<C: Cluster> Executor<'_, C> {
    /// Writes the end of the move into the journal, and only if the selector is still what was written.
    pub(super) async fn close_journal(
        &self,
        set: &SetRef,
        id: &str,
        wanted: &Labels,
        lock: &Lock,
    ) -> Result<String, Error> {
        let object: ObjectRef = set.active_service();
        let (mut conflicts, mut patience) = (0, Patience::default());
        while conflicts < MAX_ATTEMPTS {
            // Without the Lease, what somebody else has done meanwhile is not ours to judge.
            lock.fence(self.cluster)?;
            let read = self.cluster.send(&Request::Get(object.clone())).await;
            let service: Service = match read {
                Ok(value) => {
                    self.unknown.take();
                    typed(value)
                }
                Err(error) => {
                    self.wait_out(error, &mut patience).await?;
                    continue;
                }
            };
            if selector(&service) != wanted {
                return Err(overridden(set, &service));
            }
            let journal = Journal::of(&service)?;
            if journal.open().is_none_or(|open| open.id != id) {
                return Ok("the journal says how it ended".to_owned());
            }
            let version = service.metadata.resource_version.as_deref().unwrap_or_default();
            let closed = journal.noted(id, "analysis", &self.analysis()).closed(id, "done");
            let operation = set_journal(&service, closed);
            lock.fence(self.cluster)?;
            let Change { object, patch } = Change::new(object.clone(), version, vec![operation]);
            match self.write(&Request::Patch { object, patch, dry_run: false }).await {
                Ok(_) => return Ok("the journal says that it is done".to_owned()),
                Err(error) if error.failure == Failure::Conflict => {
                    (conflicts, patience) = (conflicts + 1, Patience::default());
                }
                Err(error) => self.wait_out(error, &mut patience).await?,
            }
        }
        Err(Error::Conflict { object: object.to_string(), attempts: MAX_ATTEMPTS })
    }
}

pub(super) fn typed<T: serde::de::DeserializeOwned + Default>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}

/// Somebody else's selector in the place of the one that was written.
pub(super) fn overridden(set: &SetRef, service: &Service) -> Error {
    Error::Overridden { service: set.service.clone(), seen: shown(selector(service)) }
}
