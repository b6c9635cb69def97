//! The boundaries inside the plugin hold: imports run one way, and only one file talks to Kubernetes.

use std::path::{Path, PathBuf};

use super::root;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(sources(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn files() -> Vec<(String, String)> {
    let src = root().join("kubectl-bluegreen/src");
    let name = |path: &Path| path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
    let sources = sources(&src).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

/// Which modules a file may not use. The first match counts.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("release.rs", &["crate::"]),
    ("journal.rs", &["crate::cluster", "crate::plan", "crate::observed", "crate::cmd", "crate::execute", "crate::ui"]),
    ("check", &["crate::cluster", "crate::plan", "crate::cmd", "crate::execute", "crate::ui", "crate::journal"]),
    (
        "observed",
        &[
            "crate::check",
            "crate::plan",
            "crate::cmd",
            "crate::execute",
            "crate::ui",
            "cluster::live",
            "cluster::simulated",
        ],
    ),
    ("plan.rs", &["crate::cmd", "crate::execute", "crate::ui", "cluster::live", "cluster::simulated"]),
    ("traffic.rs", &["crate::cmd", "crate::execute", "crate::ui", "cluster::live", "cluster::simulated"]),
    ("smoke.rs", &["crate::cmd", "crate::execute", "crate::ui", "cluster::live", "cluster::simulated"]),
    ("trail.rs", &["crate::cluster", "crate::cmd", "crate::execute", "crate::ui", "crate::page"]),
    ("page", &["crate::cluster", "crate::execute", "crate::ui"]),
    ("explain.rs", &["crate::cluster", "crate::cmd", "crate::execute", "crate::ui", "crate::plan"]),
    ("image.rs", &["crate::cluster", "crate::cmd", "crate::execute", "crate::ui", "crate::plan"]),
    ("prepare.rs", &["crate::cmd", "crate::execute", "crate::ui", "cluster::live", "cluster::simulated"]),
    ("execute", &["crate::cmd", "cluster::live", "cluster::simulated"]),
    ("init", &["crate::cmd", "crate::execute", "crate::ui", "cluster::live", "cluster::simulated"]),
    ("lock.rs", &["crate::cmd", "crate::execute", "cluster::live", "cluster::simulated"]),
    (
        "cluster/simulated",
        &["crate::observed", "crate::plan", "crate::check", "crate::cmd", "crate::execute", "crate::ui"],
    ),
    ("cmd/rehearse.rs", &["cluster::live"]),
    ("cmd/docs.rs", &["cluster::live", "crate::execute"]),
    ("cmd/", &["cluster::live", "cluster::simulated", "crate::execute", "crate::ui"]),
];

#[test]
fn imports_run_one_way() {
    for (name, text) in files() {
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(prefix, _)| name.starts_with(prefix)) else { continue };
        for module in *forbidden {
            let used = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(module));
            assert!(!used, "{name} must not use {module}");
        }
    }
}

#[test]
fn only_one_file_talks_to_kubernetes() {
    for (name, text) in files() {
        let names_kube = text.contains("use kube::") || text.contains(" kube::");
        assert!(!names_kube || name.starts_with("cluster/live"), "{name} must not name kube");
    }
}

#[test]
fn planning_knows_no_clock() {
    for (name, text) in files() {
        let plans = [
            "check",
            "cmd/switch.rs",
            "cmd/rollback.rs",
            "cmd/cleanup.rs",
            "plan.rs",
            "traffic.rs",
            "prepare.rs",
            "cmd/deploy.rs",
            "image.rs",
            "explain.rs",
            "smoke.rs",
            "observed",
            "init",
        ];
        if plans.iter().any(|prefix| name.starts_with(prefix)) {
            for word in ["Timestamp::now", "Instant", "SystemTime", "std::env", "sleep("] {
                assert!(!text.contains(word), "{name} must not use {word}");
            }
        }
    }
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    for (name, text) in files() {
        assert!(text.starts_with("//! "), "{name} does not say what it is");
        assert!(text.lines().count() <= 560, "{name} is too long");
    }
}

#[test]
fn the_guide_names_every_check_as_the_code_does() {
    let guide = std::fs::read_to_string(root().join("docs/how-a-switch-works.md")).unwrap();
    for check in kubectl_bluegreen::check::ALL {
        let row = format!("| `{}` | {} |", check.id, check.refuses);
        assert!(guide.contains(&row), "docs/how-a-switch-works.md lacks this row:\n{row}");
    }
}
