//! Signals: whether somebody wants this to stop, asked at every safe point.
//! Stops nothing by itself.

use std::cell::Cell;
use std::future::Future;

use tokio::sync::Notify;

/// Whether somebody wants this to stop.
#[derive(Debug, Default)]
pub struct Interrupt {
    fired: Cell<bool>,
    notify: Notify,
}

impl Interrupt {
    /// Asks to stop at the next safe point.
    pub fn fire(&self) {
        self.fired.set(true);
        self.notify.notify_waiters();
    }

    /// Goes on after all, or begins the way back: the next signal asks anew.
    pub fn reset(&self) {
        self.fired.set(false);
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_fired(&self) -> bool {
        self.fired.get()
    }

    /// Goes on with the work, or answers nothing when somebody wants to stop first. Only for work that may be dropped
    /// at any moment.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let notified = self.notify.notified();
        if self.is_fired() {
            return None;
        }
        tokio::select! {
            biased;
            () = notified => None,
            result = work => Some(result),
        }
    }

    /// Listens for Ctrl-C, SIGTERM and SIGHUP: one is told and fires, and one that comes before it was heard ends the waiting.
    pub async fn listen(&self, tell: impl Fn()) {
        loop {
            signal().await;
            if self.is_fired() {
                return;
            }
            tell();
            self.fire();
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kinds =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(|kind| signal(kind).ok());
    let [interrupt, terminate, hangup] = &mut kinds;
    tokio::select! {
        () = receive(interrupt) => {}
        () = receive(terminate) => {}
        () = receive(hangup) => {}
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
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
