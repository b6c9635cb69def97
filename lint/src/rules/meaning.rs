//! When two values of a pod template mean the same: colors, versions, and what the API server adds by itself.
//! Not a rule.

use crate::quantity;
use crate::set::Color;
use crate::yaml::{NodeRef, Value};

/// A text with `*` for each mention of its own color, so that `shop-blue` on blue equals `shop-green` on green.
pub(super) fn neutral(text: &str, color: Color) -> String {
    text.to_ascii_lowercase().replace(color.as_str(), "*")
}

/// The words of a name, colors aside and in any order.
pub(super) fn colorless_words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric()).map(str::to_ascii_lowercase);
    let mut words: Vec<String> = words.filter(|word| word.parse::<Color>().is_err()).collect();
    words.sort_unstable();
    words
}

/// Whether the key of a label, an annotation or a variable says that it tells releases apart.
pub(super) fn is_version_key(key: &str) -> bool {
    const WORDS: [&str; 16] = [
        "version",
        "revision",
        "release",
        "build",
        "commit",
        "sha",
        "checksum",
        "hash",
        "tag",
        "date",
        "timestamp",
        "deployed",
        "restarted",
        "image",
        "digest",
        "color",
    ];
    let key = key.to_ascii_lowercase();
    let name = key.rsplit_once('/').map_or(key.as_str(), |(_, name)| name);
    key.starts_with("checksum/") || name.contains("colour") || WORDS.iter().any(|word| name.contains(word))
}

/// Whether a value looks like a version: `v2`, `1.4.0-rc1`, a date, or a hash.
pub(super) fn is_version(value: &str) -> bool {
    let digits = value.strip_prefix(['v', 'V', 'r']).unwrap_or(value);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_alphanumeric() || "._-+:".contains(c));
    let is_hash = value.len() >= 7 && value.chars().all(|c| c.is_ascii_hexdigit());
    is_number || is_hash
}

/// Whether a value says which part a color plays in a release.
pub(super) fn is_role(value: &str) -> bool {
    const ROLES: [&str; 18] = [
        "active",
        "idle",
        "live",
        "standby",
        "passive",
        "primary",
        "secondary",
        "stable",
        "canary",
        "baseline",
        "candidate",
        "preview",
        "current",
        "next",
        "previous",
        "old",
        "new",
        "staging",
    ];
    ROLES.contains(&value.to_ascii_lowercase().as_str())
}

/// Whether a field says no more than what holds without it.
pub(super) fn is_default(key: &str, value: NodeRef<'_>) -> bool {
    let empty = match value.value() {
        Value::Map(entries) => entries.is_empty() && key != "emptyDir",
        Value::Seq(items) => items.is_empty(),
        Value::Bool(true) => key == "enableServiceLinks",
        Value::Bool(false) => {
            key != "enableServiceLinks" && key != "automountServiceAccountToken" && key != "allowPrivilegeEscalation"
        }
        _ => false,
    };
    let text = quantity::text(value);
    let default = match key {
        "protocol" => "TCP",
        "scheme" => "HTTP",
        "path" => "/",
        "timeoutSeconds" | "successThreshold" => "1",
        "periodSeconds" => "10",
        "failureThreshold" => "3",
        "initialDelaySeconds" | "priority" | "divisor" | "hostPort" => "0",
        "terminationGracePeriodSeconds" => "30",
        "terminationMessagePath" => "/dev/termination-log",
        "terminationMessagePolicy" => "File",
        "restartPolicy" => "Always",
        "dnsPolicy" => "ClusterFirst",
        "schedulerName" => "default-scheduler",
        "serviceAccountName" => "default",
        "preemptionPolicy" => "PreemptLowerPriority",
        "defaultMode" => "420",
        "apiVersion" => "v1",
        "procMount" => "Default",
        "type" | "value" => "",
        // The server derives it from the image's tag.
        "imagePullPolicy" => return matches!(text.as_deref(), Some("Always" | "IfNotPresent")),
        _ => return empty,
    };
    empty || text.as_deref() == Some(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_colors_are_recognized() {
        for version in ["v2", "1.4.0-rc1", "2026-01-02", "deadbeef", "3"] {
            assert!(is_version(version), "{version}");
        }
        for other in ["info", "verbose", "web", ""] {
            assert!(!is_version(other), "{other}");
        }
        assert!(is_version_key("app.kubernetes.io/version") && is_version_key("checksum/config"));
        assert!(!is_version_key("tier") && !is_version_key("LOG_LEVEL"));
        assert_eq!(neutral("Shop-Blue.blue", Color::Blue), neutral("shop-green.green", Color::Green));
        assert_ne!(neutral("shop-blue", Color::Blue), neutral("shop-blue", Color::Green));
    }
}
