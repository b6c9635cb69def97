//! An environment variable is set for one color only, or comes from another source.
//!
//! ## Why
//!
//! The new version finds a setting missing that the old one had, or reads it from elsewhere, as soon as users reach it.
//!
//! ## Bad
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         env:
//!         - {name: CURRENCY, value: EUR}   # not on blue
//! ```
//!
//! ## Good
//!
//! ```yaml
//! kind: Deployment
//! metadata: {name: shop-blue}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         env:
//!         - {name: CURRENCY, value: EUR}
//! ---
//! kind: Deployment
//! metadata: {name: shop-green}
//! spec:
//!   template:
//!     spec:
//!       containers:
//!       - name: shop
//!         env:
//!         - {name: CURRENCY, value: EUR}
//! ```
//!
//! ## Configuration
//!
//! None. Another value is worth knowing only, and reported with `--pedantic`; values that carry the color or a version are
//! meant to differ.

use crate::finding::{Findings, Severity};
use crate::model::SetView;
use crate::rule::{Check, Rule};
use crate::rules::differences::{Area, Difference};
use crate::rules::meaning::is_version_key;

/// `env-drift`
pub(crate) static RULE: Rule = Rule {
    code: "BG606",
    name: "env-drift",
    severity: Severity::Warning,
    source: include_str!("bg606.rs"),
    check: Check::Differences(check),
};

fn check(set: SetView<'_>, differences: &[Difference<'_>], findings: &mut Findings<'_>) {
    for difference in differences {
        let is_value = difference.area == Area::EnvValue;
        if !is_value && difference.area != Area::Env {
            continue;
        }
        let name = difference.field.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(name, _)| name);
        let variable = name.filter(|name| difference.field.starts_with("env[") && !name.is_empty());
        if variable.is_some_and(is_version_key) {
            continue;
        }
        let what =
            variable.map(|name| if is_value { format!("the value of {name}") } else { format!("the variable {name}") });
        let finding = difference.report(set, findings, what);
        if is_value {
            finding.severity(Severity::Info);
        }
    }
}
