//! How a run comes by the Lease of its set and gives it back, also when somebody wants to stop meanwhile.
//! What a Lease is, and whose, is for `lock`.

use std::time::Duration;

use tokio::time::sleep;

use super::Executor;
use crate::cluster::{Cluster, ClusterError};
use crate::error::Error;
use crate::interrupt::GIVE_BACK;
use crate::lock::{self, Lock, Waits};
use crate::observed::lease_name;

/// How long a stop waits for the answer to what is on the way to the Lease.
const LAST_ANSWER: Duration = Duration::from_secs(5);

impl<C: Cluster> Executor<'_, C> {
    /// Takes the Lease of the set that this Service guards. Who wants to stop meanwhile holds none afterwards.
    ///
    /// # Errors
    /// When somebody else holds it, or somebody wants to stop.
    pub(super) async fn take(&self, guarded: &str, namespace: &str) -> Result<Lock, Error> {
        let holder = &self.options.holder;
        let waits = Waits { holder: self.options.wait_lock, cluster: self.options.timeout };
        let go_on = || if self.interrupt.is_fired() { Err(self.interrupted()) } else { Ok(()) };
        let take = Lock::take(self.cluster, namespace, guarded, holder, waits, go_on, |text| self.ui.note(text));
        let late = async {
            self.interrupt.at_all().await;
            sleep(LAST_ANSWER).await;
        };
        let taken = tokio::select! {
            biased;
            taken = take => taken,
            () = self.interrupt.at_once() => Err(self.interrupted()),
            () = late => Err(self.interrupted()),
        };
        if matches!(taken, Err(Error::Interrupted { .. })) {
            // A write whose answer was lost, or was not waited for, may have got it.
            self.give_back(guarded, Lock::give_up(self.cluster, namespace, guarded, holder)).await;
        }
        taken
    }

    /// Waits until the Lease is given back, but not for long once somebody wants an end at once.
    pub(super) async fn give_back(&self, guarded: &str, work: impl Future<Output = Result<(), ClusterError>>) {
        let late = async {
            self.interrupt.at_once().await;
            sleep(GIVE_BACK).await;
        };
        let reason = tokio::select! {
            result = work => result.err().map(|error| error.to_string()),
            () = late => Some("there was no answer".to_owned()),
        };
        if let Some(reason) = reason {
            let (lease, seconds) = (lease_name(guarded), lock::LEASE_SECONDS);
            self.ui.note(format_args!(
                "the lease {lease} could not be given back: {reason}; it ends by itself after {seconds} s"
            ));
        }
    }
}
