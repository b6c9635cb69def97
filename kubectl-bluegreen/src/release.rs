//! Words of the domain: colors, splits, exit codes.
//! No I/O and no Kubernetes objects.

use std::fmt;

pub use bluegreen_lint::set::{Active, Color, PerColor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Percent of the traffic for each color; the two sum to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Shares")]
#[schemars(deny_unknown_fields)]
pub struct Split {
    /// Blue's share.
    #[schemars(range(max = 100))]
    pub blue: u8,
    /// Green's share.
    #[schemars(range(max = 100))]
    pub green: u8,
}

/// A split as somebody wrote it, which need not be one.
#[derive(Deserialize, JsonSchema)]
struct Shares {
    blue: u8,
    green: u8,
}

impl TryFrom<Shares> for Split {
    type Error = String;

    fn try_from(Shares { blue, green }: Shares) -> Result<Self, String> {
        let sum = u16::from(blue) + u16::from(green);
        if sum == 100 { Ok(Self { blue, green }) } else { Err(format!("the shares sum to {sum}, and not to 100")) }
    }
}

impl Split {
    /// Everything to one color.
    #[must_use]
    pub fn all(color: Color) -> Self {
        match color {
            Color::Blue => Self { blue: 100, green: 0 },
            Color::Green => Self { blue: 0, green: 100 },
        }
    }

    /// A share of the traffic to one color, the rest to the other; more than 100 counts as 100.
    #[must_use]
    pub fn giving(color: Color, percent: u8) -> Self {
        let percent = percent.min(100);
        match color {
            Color::Blue => Self { blue: percent, green: 100 - percent },
            Color::Green => Self { blue: 100 - percent, green: percent },
        }
    }

    /// Whether both colors have a share.
    #[must_use]
    pub fn is_partial(self) -> bool {
        self.blue > 0 && self.green > 0
    }

    /// The share of a color that was asked for, or the one that was seen, and then also what was asked for.
    #[must_use]
    pub fn share_in_words(self, color: Color, seen: Option<Self>) -> String {
        let (asked, seen) = (self.share(color), seen.unwrap_or(self).share(color));
        if asked == seen { format!("{asked} %") } else { format!("{seen} % ({asked} % were asked for)") }
    }

    /// The share of a color.
    #[must_use]
    pub fn share(self, color: Color) -> u8 {
        match color {
            Color::Blue => self.blue,
            Color::Green => self.green,
        }
    }
}

/// How the process ends. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done, or there was nothing to do.
    Done = 0,
    /// It failed: no such set, an object vanished, no cluster, not allowed.
    Failed = 1,
    /// Bad usage: unknown color, several sets and no `--app`, no terminal and no `--yes`.
    Usage = 2,
    /// A check refused it.
    Refused = 3,
    /// Tests or analysis failed and traffic was put back.
    PutBack = 4,
    /// Somebody else is moving this set.
    Busy = 5,
    /// The cluster did not get there in time.
    TimedOut = 6,
    /// Interrupted; the set is consistent and the way on was printed.
    Interrupted = 130,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::PutBack => "put-back",
            Self::Busy => "busy",
            Self::TimedOut => "timed-out",
            Self::Interrupted => "interrupted",
        })
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
