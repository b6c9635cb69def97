//! The Lease that keeps two people from moving one set at once: taken, renewed, fenced, released.
//! Never compares the clocks of two machines: a foreign Lease is stale only when our own clock saw it unchanged.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, ClusterError, Failure, ObjectRef, Request, Resource};
use crate::error::Error;
use crate::observed::{MANAGED_BY, Observed, TOOL, lease_name};
use crate::plain::plain;
use crate::process::Holder;

/// The annotation of the Lease that says which process holds it.
const HOLDER: &str = "kubectl-bluegreen.dev/holder";
/// How long a Lease lasts without being renewed.
pub(crate) const LEASE_SECONDS: u64 = 15;
/// How much is shown of who holds a Lease, in characters.
const MAX_HOLDER: usize = 300;
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// No write goes out unless the last renewal is younger than this.
const FENCE: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_secs(1);
const RELEASE_ATTEMPTS: usize = 3;
const RELEASE_PAUSE: Duration = Duration::from_millis(200);

/// The Lease of a set, held by this process.
#[derive(Debug)]
pub struct Lock {
    object: ObjectRef,
    identity: String,
    version: RefCell<String>,
    renewed: Cell<Moment>,
}

/// A moment by two clocks of this machine. One of them stands still while the machine sleeps, and somebody may set the
/// other: the Lease is as old as the one that says more.
#[derive(Clone, Copy, Debug)]
struct Moment {
    steady: Instant,
    wall: Timestamp,
}

impl Moment {
    fn now<C: Cluster>(cluster: &C) -> Self {
        Self { steady: Instant::now(), wall: cluster.now() }
    }

    fn age<C: Cluster>(self, cluster: &C) -> Duration {
        let by_wall = Duration::try_from(cluster.now().duration_since(self.wall)).unwrap_or_default();
        self.steady.elapsed().max(by_wall)
    }
}

/// For how long `take` waits, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For somebody else to give the Lease back.
    pub holder: Duration,
    /// For a cluster that cannot answer.
    pub cluster: Duration,
}

/// What is known of somebody else's Lease.
struct Seen {
    version: String,
    renew_time: Option<Timestamp>,
    since: Instant,
}

impl Lock {
    /// Takes the Lease of a set, or waits for it, and tells what it waits for. Before each round it asks whether to go on:
    /// a write is not left while it is on the way, where it could still be done after somebody has looked.
    ///
    /// # Errors
    /// `Busy` when somebody else holds it, and why it is not to go on.
    pub async fn take<C: Cluster>(
        cluster: &C,
        namespace: &str,
        active_service: &str,
        holder: &Holder,
        waits: Waits,
        go_on: impl Fn() -> Result<(), Error>,
        tell: impl Fn(String),
    ) -> Result<Self, Error> {
        let object = ObjectRef::new(Resource::Leases, namespace, lease_name(active_service));
        let deadline = Instant::now() + waits.holder;
        let mut seen: Option<Seen> = None;
        let mut failing_since: Option<Instant> = None;
        let mut told = false;
        loop {
            go_on()?;
            let started = Moment::now(cluster);
            let lease = match cluster.send(&Request::Get(object.clone())).await {
                Ok(lease) => lease,
                Err(error) if error.failure == Failure::NotFound => {
                    let body = new_lease(&object, holder, cluster.now());
                    match cluster.send(&Request::Create { object: object.clone(), body, dry_run: false }).await {
                        Ok(lease) => return Ok(Self::held(object, holder, &lease, started)),
                        Err(error) if error.failure == Failure::Conflict => continue,
                        Err(error) => {
                            pause(error, &mut failing_since, waits.cluster, &tell).await?;
                            continue;
                        }
                    }
                }
                Err(error) => {
                    pause(error, &mut failing_since, waits.cluster, &tell).await?;
                    continue;
                }
            };
            let typed: Lease = serde_json::from_value(lease.clone()).unwrap_or_default();
            let spec = typed.spec.clone().unwrap_or_default();
            let by = spec.holder_identity.unwrap_or_default();
            let version = resource_version(&lease);
            let renew_time = spec.renew_time.map(|time| time.0);
            let other = holder_of(&typed);
            let free = by.is_empty() || by == holder.identity() || other.as_ref().is_some_and(|o| o.is_gone(holder));
            let unchanged = seen.as_ref().filter(|seen| seen.version == version && seen.renew_time == renew_time);
            let duration = Duration::from_secs(
                u64::try_from(spec.lease_duration_seconds.unwrap_or_default()).unwrap_or(LEASE_SECONDS),
            );
            let stale = unchanged.is_some_and(|seen| seen.since.elapsed() >= duration.max(Duration::from_secs(1)));
            if free || stale {
                let patch = takeover(&lease, holder, cluster.now());
                match cluster.send(&Request::Patch { object: object.clone(), patch, dry_run: false }).await {
                    Ok(lease) => return Ok(Self::held(object, holder, &lease, started)),
                    Err(error) if matches!(error.failure, Failure::Conflict | Failure::NotFound) => continue,
                    Err(error) => {
                        pause(error, &mut failing_since, waits.cluster, &tell).await?;
                        continue;
                    }
                }
            }
            failing_since = None;
            let who = other.map_or(by, |other| format!("{} (process {})", other.who(), other.pid));
            if Instant::now() >= deadline {
                let renewed = renew_time
                    .map_or_else(|| "an unknown time".to_owned(), |time| time.strftime("%H:%M:%SZ").to_string());
                return Err(Error::Busy { holder: who, lease: object.name, renewed });
            }
            if !std::mem::replace(&mut told, true) {
                let seconds = waits.holder.as_secs();
                tell(format!("{who} is moving this set; waiting up to {seconds} s for the lease {}", object.name));
            }
            if unchanged.is_none() {
                seen = Some(Seen { version, renew_time, since: Instant::now() });
            }
            sleep(RETRY_EVERY).await;
        }
    }

    /// Gives back what an interrupted `take` may have got: its answer was not waited for.
    ///
    /// # Errors
    /// When it is ours for all that is known.
    pub async fn give_up<C: Cluster>(
        cluster: &C,
        namespace: &str,
        active_service: &str,
        holder: &Holder,
    ) -> Result<(), ClusterError> {
        let object = ObjectRef::new(Resource::Leases, namespace, lease_name(active_service));
        let lease = match cluster.send(&Request::Get(object.clone())).await {
            Err(error) if error.failure == Failure::NotFound => return Ok(()),
            answer => answer?,
        };
        if lease.pointer("/spec/holderIdentity").and_then(Value::as_str) != Some(holder.identity().as_str()) {
            return Ok(());
        }
        Self::held(object, holder, &lease, Moment::now(cluster)).release(cluster).await
    }

    /// Gives back what a process of this machine has left behind; somebody who takes it meanwhile has it.
    ///
    /// # Errors
    /// When that is not possible.
    pub async fn give_back_left<C: Cluster>(cluster: &C, lease: &Lease) -> Result<(), ClusterError> {
        let metadata = &lease.metadata;
        let (namespace, name) = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone());
        let object = ObjectRef::new(Resource::Leases, namespace, name.unwrap_or_default());
        let patch = release(metadata.resource_version.as_deref().unwrap_or_default());
        cluster.send(&Request::Patch { object, patch, dry_run: false }).await.map(|_| ())
    }

    fn held(object: ObjectRef, holder: &Holder, lease: &Value, renewed: Moment) -> Self {
        let (identity, version) = (holder.identity(), RefCell::new(resource_version(lease)));
        Self { object, identity, version, renewed: Cell::new(renewed) }
    }

    /// Whether a write may go out now: the Lease was renewed a short while ago.
    pub fn fence<C: Cluster>(&self, cluster: &C) -> Result<(), Error> {
        if self.renewed.get().age(cluster) < FENCE {
            return Ok(());
        }
        Err(self.lost("it could not be renewed in time".to_owned()))
    }

    /// Asks whether the Lease is somebody else's by now, where it was not renewed for so long that it can be; answers the loss.
    pub async fn lost_meanwhile<C: Cluster>(&self, cluster: &C) -> Option<Error> {
        self.fence(cluster).err()?;
        self.refresh(cluster).await.err().filter(|error| matches!(error, Error::LockLost { .. }))
    }

    fn lost(&self, reason: String) -> Error {
        Error::LockLost { lease: self.object.name.clone(), reason }
    }

    /// Renews the Lease again and again; answers only when it is lost.
    pub async fn keep<C: Cluster>(&self, cluster: &C) -> Error {
        let mut pause = RENEW_EVERY;
        loop {
            sleep(pause).await;
            pause = match self.renew(cluster).await {
                Ok(()) => RENEW_EVERY,
                Err(Error::Cluster { .. }) if self.renewed.get().age(cluster) < Duration::from_secs(LEASE_SECONDS) => {
                    RETRY_EVERY
                }
                Err(Error::Cluster { error }) => return self.lost(error.message),
                Err(error) => return error,
            };
        }
    }

    async fn renew<C: Cluster>(&self, cluster: &C) -> Result<(), Error> {
        let started = Moment::now(cluster);
        let time = json!({"op": "replace", "path": "/spec/renewTime", "value": micro_time(cluster.now())});
        let patch = json!([condition(&self.version.borrow()), time]);
        match self.patch(cluster, patch).await {
            Ok(()) => {
                self.renewed.set(started);
                Ok(())
            }
            Err(error) if matches!(error.failure, Failure::Conflict | Failure::NotFound) => {
                self.refresh(cluster).await?;
                // Ours, and only touched by somebody: the next turn renews it.
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the version that the Lease has now.
    ///
    /// # Errors
    /// `LockLost` when it is not ours any more.
    async fn refresh<C: Cluster>(&self, cluster: &C) -> Result<(), Error> {
        let lease = cluster.send(&Request::Get(self.object.clone())).await.map_err(|error| match error.failure {
            Failure::NotFound => self.lost("somebody deleted it".to_owned()),
            _ => error.into(),
        })?;
        let by = lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default();
        if by != self.identity {
            return Err(self.lost(match by {
                "" => "somebody took it and has given it back, or gave it back in our place".to_owned(),
                by => format!("{by} took it"),
            }));
        }
        *self.version.borrow_mut() = resource_version(&lease);
        Ok(())
    }

    /// Gives the Lease back.
    ///
    /// # Errors
    /// When it cannot be given back: then it ends by itself.
    pub async fn release<C: Cluster>(self, cluster: &C) -> Result<(), ClusterError> {
        let mut attempt = 1;
        loop {
            let patch = release(&self.version.borrow());
            let error = match self.patch(cluster, patch).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error.failure {
                Failure::NotFound => return Ok(()),
                // The write may have happened: then the Lease is not ours any more, and that is what was wanted.
                Failure::Conflict | Failure::Unavailable | Failure::Lost => {
                    if matches!(self.refresh(cluster).await, Err(Error::LockLost { .. })) {
                        return Ok(());
                    }
                }
                Failure::Forbidden | Failure::Unauthorized | Failure::Invalid => return Err(error),
            }
            if attempt == RELEASE_ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            sleep(RELEASE_PAUSE).await;
        }
    }

    async fn patch<C: Cluster>(&self, cluster: &C, patch: Value) -> Result<(), ClusterError> {
        let lease = cluster.send(&Request::Patch { object: self.object.clone(), patch, dry_run: false }).await?;
        *self.version.borrow_mut() = resource_version(&lease);
        Ok(())
    }
}

/// Waits before the Lease is read again; a write whose answer was lost may have taken it.
///
/// # Errors
/// The failure, when it will not be over in a moment or has lasted too long.
async fn pause(
    error: ClusterError,
    since: &mut Option<Instant>,
    patience: Duration,
    tell: impl Fn(String),
) -> Result<(), Error> {
    if since.is_none() && error.is_passing() {
        tell(trying_again(&error, patience));
    }
    let since = *since.get_or_insert_with(Instant::now);
    if !error.is_passing() || since.elapsed() >= patience {
        return Err(error.into());
    }
    sleep(RETRY_EVERY).await;
    Ok(())
}

/// What is said while a cluster cannot answer.
pub(crate) fn trying_again(error: &ClusterError, patience: Duration) -> String {
    format!("{error}; trying again for up to {} s", patience.as_secs())
}

fn resource_version(object: &Value) -> String {
    object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Holds a patch to the version that was read.
fn condition(version: &str) -> Value {
    json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version})
}

/// The patch that gives a Lease back.
fn release(version: &str) -> Value {
    json!([condition(version), {"op": "replace", "path": "/spec/holderIdentity", "value": ""}])
}

/// The process that holds a Lease, if this tool wrote it and nobody else has taken it since.
fn holder_of(lease: &Lease) -> Option<Holder> {
    let holder: Holder = serde_json::from_str(lease.metadata.annotations.as_ref()?.get(HOLDER)?).ok()?;
    (lease.spec.as_ref()?.holder_identity.as_deref() == Some(holder.identity().as_str())).then_some(holder)
}

/// Whether a process of this very machine and user has left a Lease behind.
#[must_use]
pub fn is_left(lease: &Lease, current: &Holder) -> bool {
    holder_of(lease).is_some_and(|holder| holder.is_gone(current))
}

/// Takes what this machine's ended processes have left behind for what it is: Leases that nobody holds.
pub fn forget_left(observed: &mut Observed, current: &Holder) {
    observed.leases.items.retain(|lease| !is_left(lease, current));
}

/// The process that holds a Lease, in words; nothing when nobody does.
#[must_use]
pub fn held_by(lease: &Lease) -> Option<String> {
    let identity = lease.spec.as_ref()?.holder_identity.clone().filter(|identity| !identity.is_empty())?;
    Some(plain(&holder_of(lease).map_or(identity, |holder| holder.who()), MAX_HOLDER))
}

fn micro_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn holder_text(holder: &Holder) -> String {
    serde_json::to_string(holder).unwrap_or_default()
}

fn new_lease(object: &ObjectRef, holder: &Holder, now: Timestamp) -> Value {
    json!({
        "apiVersion": Resource::Leases.api_version(),
        "kind": Resource::Leases.kind(),
        "metadata": {
            "name": object.name,
            "namespace": object.namespace,
            "labels": {MANAGED_BY: TOOL},
            "annotations": {HOLDER: holder_text(holder)},
        },
        "spec": {
            "holderIdentity": holder.identity(),
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": micro_time(now),
            "renewTime": micro_time(now),
            "leaseTransitions": 0,
        },
    })
}

/// The patch that makes a Lease ours, whatever of it is there.
fn takeover(lease: &Value, holder: &Holder, now: Timestamp) -> Value {
    let transitions = lease.pointer("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or_default();
    let mut annotations = lease.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
    let mut labels = lease.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    for (map, key, value) in
        [(&mut annotations, HOLDER, holder_text(holder)), (&mut labels, MANAGED_BY, TOOL.to_owned())]
    {
        if let Some(map) = map.as_object_mut() {
            map.insert(key.to_owned(), value.into());
        }
    }
    json!([
        condition(&resource_version(lease)),
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
        {"op": "add", "path": "/metadata/labels", "value": labels},
        {"op": "add", "path": "/spec", "value": {
            "holderIdentity": holder.identity(),
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": micro_time(now),
            "renewTime": micro_time(now),
            "leaseTransitions": transitions + 1,
        }},
    ])
}
