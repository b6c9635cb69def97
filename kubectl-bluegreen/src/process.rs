//! Who this process is, and whether another process of this machine has ended.
//! Reads the operating system's own records only; compares no clocks.

#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's records of processes")]

use serde::{Deserialize, Serialize};

use crate::plain::plain;

/// How long the name of a user or a machine may be, in characters.
const MAX_NAME: usize = 128;

/// A process that holds a Lease, as it is written into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// When the process started, in the kernel's own count since boot.
    pub started: Option<String>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// The namespace in which the process id means something.
    pub pid_namespace: Option<String>,
}

impl Holder {
    /// This process.
    #[must_use]
    pub fn current(user: Option<String>) -> Self {
        let pid = std::process::id();
        Self {
            user: name(user.or_else(user_id)),
            host: name(record("/proc/sys/kernel/hostname")),
            pid,
            started: started(pid),
            boot_id: record("/proc/sys/kernel/random/boot_id"),
            pid_namespace: std::fs::read_link("/proc/self/ns/pid").ok().map(|link| link.display().to_string()),
        }
    }

    /// `user@host`.
    #[must_use]
    pub fn who(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }

    /// The identity in a Lease: unique among all processes that ever were.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}/{}/{}", self.who(), self.pid, self.token())
    }

    /// Eight hexadecimal digits that tell this process from others of the same name.
    #[must_use]
    pub fn token(&self) -> String {
        let text = format!("{self:?}");
        let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        format!("{hash:08x}")
    }

    /// Whether the holder was a process of this very machine and user, and has ended. Anything unknown means no.
    #[must_use]
    pub fn is_gone(&self, current: &Self) -> bool {
        let here = self.user == current.user
            && self.host == current.host
            && self.boot_id.is_some()
            && self.boot_id == current.boot_id
            && self.pid_namespace.is_some()
            && self.pid_namespace == current.pid_namespace;
        here && self.started.is_some() && started(self.pid) != self.started
    }
}

/// A name as it may be kept and shown: the environment may say anything.
fn name(said: Option<String>) -> String {
    said.map_or_else(|| "unknown".to_owned(), |said| plain(&said, MAX_NAME))
}

/// `uid0` for root: the name of a user whom the environment does not name.
fn user_id() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    Some(format!("uid{}", line.split_whitespace().next()?))
}

fn record(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// When a process started; nothing when there is none of that id. A zombie has ended, too.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may contain anything; the third is the state, the 22nd the start.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_has_ended_is_seen() {
        let current = Holder::current(Some("ann".to_owned()));
        assert!(!current.is_gone(&current));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Holder { pid: child.id(), started: started(child.id()), ..current.clone() };
        assert!(!other.is_gone(&current));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone(&current));
    }

    #[test]
    fn nobody_else_is_ever_called_gone() {
        let current = Holder::current(Some("ann".to_owned()));
        let dead = Holder { pid: u32::MAX, started: Some("1".to_owned()), ..current.clone() };
        for other in [
            Holder { host: "elsewhere".to_owned(), ..dead.clone() },
            Holder { user: "bob".to_owned(), ..dead.clone() },
            Holder { boot_id: Some("another".to_owned()), ..dead.clone() },
            Holder { boot_id: None, ..dead.clone() },
            Holder { pid_namespace: None, ..dead.clone() },
            Holder { started: None, ..dead },
        ] {
            assert!(!other.is_gone(&current), "{other:?}");
        }
    }
}
