//! The Kubernetes versions whose API is known, and which one is meant.
//! Must not know what differs between them.

use std::fmt;
use std::str::FromStr;

/// A Kubernetes version whose API is known; by default the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    minor: u8,
}

impl Version {
    /// The oldest.
    pub const OLDEST: Self = Self { minor: 30 };
    /// The newest.
    pub const NEWEST: Self = Self { minor: 37 };

    /// Every version, the oldest first.
    #[must_use]
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (Self::OLDEST.minor..=Self::NEWEST.minor).map(|minor| Self { minor })
    }

    /// The number after `1.`.
    #[must_use]
    pub fn minor(self) -> u8 {
        self.minor
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

/// A text that names no version whose API is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("known are {oldest} to {newest}, not `{0}`", oldest = Version::OLDEST, newest = Version::NEWEST)]
pub struct UnknownVersion(String);

impl FromStr for Version {
    type Err = UnknownVersion;

    /// Reads `1.34`, and what a cluster says of itself: `v1.34.9`, `1.34+`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.");
        let minor = minor.and_then(|rest| rest.split(['.', '+', '-']).next()?.parse().ok());
        let known = minor.and_then(|minor: u8| Self::all().find(|version| version.minor == minor));
        known.ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_and_clusters_write_them() {
        for text in ["1.34", "v1.34", "1.34.9", "v1.34.9-gke.100", "1.34+"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), "1.34", "{text}");
        }
        for text in ["", "34", "1.29", "1.38", "2.34", "1.", "1.x", "1.034x"] {
            let error = text.parse::<Version>().unwrap_err();
            assert_eq!(error.to_string(), format!("known are 1.30 to 1.37, not `{text}`"));
        }
        assert_eq!(Version::default(), Version::all().next_back().unwrap());
        assert_eq!(Version::all().count(), 8);
    }
}
