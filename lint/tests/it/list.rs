//! The list of rules is complete, and each rule explains itself.

use std::collections::HashSet;

use bluegreen_lint::finding::Severity;
use bluegreen_lint::rules;

use super::{files, root};

/// The contract: codes never change their meaning.
const CONTRACT: &[(&str, &str, Severity)] = &[
    ("BG001", "yaml-syntax", Severity::Error),
    ("BG002", "duplicate-key", Severity::Error),
    ("BG003", "ambiguous-scalar", Severity::Error),
    ("BG004", "wrong-type", Severity::Error),
    ("BG005", "unknown-field", Severity::Error),
    ("BG006", "missing-field", Severity::Error),
    ("BG007", "invalid-value", Severity::Error),
    ("BG008", "unknown-kind", Severity::Error),
    ("BG009", "removed-version", Severity::Error),
    ("BG010", "selector-template-mismatch", Severity::Error),
    ("BG101", "selector-missing-color", Severity::Warning),
    ("BG102", "colors-indistinguishable", Severity::Error),
    ("BG103", "name-color-disagrees", Severity::Error),
    ("BG104", "metadata-color-disagrees", Severity::Warning),
    ("BG105", "namespace-split", Severity::Warning),
    ("BG106", "duplicate-object", Severity::Warning),
    ("BG201", "active-selects-nothing", Severity::Error),
    ("BG202", "active-selects-both", Severity::Error),
    ("BG203", "switch-selects-nothing", Severity::Error),
    ("BG204", "color-service-wrong-color", Severity::Error),
    ("BG205", "color-service-selects-nothing", Severity::Error),
    ("BG206", "foreign-workload-selected", Severity::Error),
    ("BG207", "target-port-unresolved", Severity::Error),
    ("BG208", "service-ports-differ", Severity::Warning),
    ("BG209", "service-trap", Severity::Warning),
    ("BG210", "color-service-missing", Severity::Info),
    ("BG211", "no-active-service", Severity::Warning),
    ("BG301", "missing-readiness-probe", Severity::Warning),
    ("BG302", "probe-port-undeclared", Severity::Error),
    ("BG303", "probe-misses-service-port", Severity::Warning),
    ("BG304", "liveness-equals-readiness", Severity::Info),
    ("BG305", "probe-timing", Severity::Warning),
    ("BG306", "liveness-before-ready", Severity::Warning),
    ("BG401", "missing-requests", Severity::Warning),
    ("BG402", "missing-memory-limit", Severity::Warning),
    ("BG403", "suspicious-unit", Severity::Warning),
    ("BG404", "quota-too-small", Severity::Warning),
    ("BG501", "single-replica", Severity::Info),
    ("BG502", "recreate-strategy", Severity::Warning),
    ("BG503", "mutable-image", Severity::Warning),
    ("BG504", "no-drain", Severity::Info),
    ("BG505", "grace-too-short", Severity::Warning),
    ("BG601", "missing-color", Severity::Warning),
    ("BG602", "template-drift", Severity::Warning),
    ("BG603", "port-drift", Severity::Warning),
    ("BG604", "probe-drift", Severity::Warning),
    ("BG605", "resource-drift", Severity::Warning),
    ("BG606", "env-drift", Severity::Warning),
    ("BG607", "replica-drift", Severity::Warning),
    ("BG608", "exclusive-volume-shared", Severity::Error),
    ("BG701", "backend-missing", Severity::Error),
    ("BG702", "route-bypasses-active", Severity::Warning),
    ("BG703", "bad-weights", Severity::Error),
    ("BG704", "network-policy-misses-color", Severity::Warning),
    ("BG705", "host-collision", Severity::Warning),
    ("BG801", "scale-target-missing", Severity::Error),
    ("BG802", "hpa-and-replicas", Severity::Warning),
    ("BG803", "hpa-one-color", Severity::Warning),
    ("BG804", "hpa-without-requests", Severity::Error),
    ("BG805", "pdb-blocks-all", Severity::Warning),
    ("BG806", "pdb-spans-colors", Severity::Warning),
    ("BG901", "unused-suppression", Severity::Warning),
    ("BG902", "expired-suppression", Severity::Error),
    ("BG903", "bad-suppression", Severity::Error),
    ("BG904", "unresolved-template", Severity::Info),
];

#[test]
fn rules_keep_their_contract() {
    let rules: Vec<_> = rules::ALL.iter().map(|rule| (rule.code, rule.name, rule.severity)).collect();
    assert_eq!(rules, CONTRACT);
}

#[test]
fn every_rule_file_is_in_the_list() {
    let listed: HashSet<String> = rules::ALL.iter().map(|rule| format!("{}.rs", rule.code.to_lowercase())).collect();
    let files = files(&root().join("lint/src/rules"), "bg");
    let there: HashSet<String> =
        files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(there, listed);
}

#[test]
fn every_rule_explains_itself() {
    for rule in rules::ALL {
        let page = rule.documentation();
        for section in ["## Why", "## Bad", "## Good", "## Configuration"] {
            assert!(page.contains(section), "{} has no section {section}", rule.code);
        }
        assert!(rule.summary().ends_with('.'), "{}: {}", rule.code, rule.summary());
    }
}
