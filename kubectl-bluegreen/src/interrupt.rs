//! Signals: whether somebody wants this to stop, asked at every safe point.
//! Stops nothing by itself.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// After the second signal: how long it may take to give the Lease back.
pub const GIVE_BACK: Duration = Duration::from_secs(1);
/// After the second signal: how long the process waits at most; as long again is left to say what is true.
const LAST_WORDS: Duration = GIVE_BACK.saturating_mul(2);

/// Whether somebody wants this to stop, and how urgently.
#[derive(Debug, Default)]
pub struct Interrupt {
    times: Cell<u8>,
    notify: Notify,
}

impl Interrupt {
    /// Asks to stop: at the next safe point, and when it is asked again at once.
    pub fn fire(&self) {
        self.times.set(self.times.get().saturating_add(1));
        self.notify.notify_waiters();
    }

    /// Goes on after all, or begins the way back: the next signal asks anew.
    pub fn reset(&self) {
        self.times.set(0);
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_fired(&self) -> bool {
        self.times.get() > 0
    }

    /// Goes on with the work, or answers nothing when somebody wants to stop first. Only for work that may be dropped
    /// at any moment.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.at_all() => None,
            result = work => Some(result),
        }
    }

    /// Returns when somebody wants this to stop.
    pub async fn at_all(&self) {
        self.asked(1).await;
    }

    /// Returns when somebody does not even want to wait for the next safe point.
    pub async fn at_once(&self) {
        self.asked(2).await;
    }

    async fn asked(&self, times: u8) {
        loop {
            let notified = self.notify.notified();
            if self.times.get() >= times {
                return;
            }
            notified.await;
        }
    }

    /// Listens for Ctrl-C, SIGTERM and SIGHUP: one is told and fires, and one that comes before it was heard fires, too,
    /// and ends the waiting a moment later, or with a third.
    pub async fn listen(&self, tell: impl Fn()) {
        let mut signals = Signals::new();
        loop {
            signals.next().await;
            let again = self.is_fired();
            self.fire();
            if again {
                let _ = timeout(LAST_WORDS, signals.next()).await;
                return;
            }
            tell();
        }
    }
}

#[cfg(unix)]
struct Signals([Option<tokio::signal::unix::Signal>; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(|kind| signal(kind).ok()))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            () = receive(interrupt) => {}
            () = receive(terminate) => {}
            () = receive(hangup) => {}
        }
    }
}

#[cfg(unix)]
async fn receive(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
