//! What is handed out can be made: archives, the krew manifest, hooks and the action.

use std::path::Path;
use std::process::Command;

use serde_yaml::Value;

fn read(path: &str) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(pages::root().join(path)).unwrap()).unwrap()
}

#[cfg(unix)]
fn run(script: &str, arguments: &[&str]) -> String {
    let output = Command::new(pages::root().join("packaging").join(script)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[cfg(unix)]
fn an_archive_holds_both_programs_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let binaries = folder.path().join("bin");
    std::fs::create_dir(&binaries).unwrap();
    for name in ["kubectl-bluegreen", "bluegreen-lint"] {
        std::fs::write(binaries.join(name), name).unwrap();
    }
    let make = |out: &Path| {
        run("archive", &[binaries.to_str().unwrap(), "kubectl-bluegreen-v1-linux-amd64", out.to_str().unwrap()])
    };
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let archive = make(&one);
    make(&two);
    let listed = Command::new("tar").args(["-tzf", archive.trim()]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in ["kubectl-bluegreen", "bluegreen-lint", "kubectl_complete-bluegreen", "LICENSE"] {
        assert!(listed.lines().any(|line| line == format!("kubectl-bluegreen-v1-linux-amd64/{name}")), "{listed}");
    }
    let sum = |out: &Path| std::fs::read_to_string(out.join("kubectl-bluegreen-v1-linux-amd64.tar.gz.sha256")).unwrap();
    assert_eq!(sum(&one), sum(&two));
}

#[test]
#[cfg(unix)]
fn the_krew_manifest_names_every_archive() {
    let folder = tempfile::tempdir().unwrap();
    let release = std::fs::read_to_string(pages::root().join(".github/workflows/release.yml")).unwrap();
    let platforms: Vec<&str> = release
        .lines()
        .filter_map(|line| line.split("platform: ").nth(1))
        .map(|rest| rest.trim_end_matches('}'))
        .collect();
    assert_eq!(platforms.len(), 5);
    for platform in &platforms {
        let ending = if platform.starts_with("windows") { "zip" } else { "tar.gz" };
        let name = format!("kubectl-bluegreen-v1.2.3-{platform}.{ending}");
        std::fs::write(folder.path().join(format!("{name}.sha256")), format!("{:064x}  {name}\n", name.len())).unwrap();
    }
    let manifest = run("krew", &["v1.2.3", "owner/kubectl-bluegreen", folder.path().to_str().unwrap()]);
    let manifest: Value = serde_yaml::from_str(&manifest).unwrap();
    let listed = manifest["spec"]["platforms"].as_sequence().unwrap();
    assert_eq!((listed.len(), manifest["metadata"]["name"].as_str()), (5, Some("bluegreen")));
    for platform in listed {
        let uri = platform["uri"].as_str().unwrap();
        assert!(platforms.iter().any(|known| uri.contains(known)), "{uri}");
        assert_eq!(platform["sha256"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn what_hooks_and_pipelines_call_exists() {
    for hook in read(".pre-commit-hooks.yaml").as_sequence().unwrap() {
        let entry: Vec<&str> = hook["entry"].as_str().unwrap().split(' ').collect();
        assert!(entry[0] == "bluegreen-lint" || pages::root().join(entry[0]).exists(), "{entry:?}");
        <bluegreen_lint::cli::Cli as clap::Parser>::try_parse_from(entry).unwrap();
    }
    let action = read("action.yml");
    assert_eq!(action["runs"]["using"].as_str(), Some("composite"));
    // Every output and input that the steps name is declared.
    let text = std::fs::read_to_string(pages::root().join("action.yml")).unwrap();
    for name in text.match_indices("inputs.").map(|(at, word)| &text[at + word.len()..]) {
        let name = name.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap();
        assert!(action["inputs"].get(name).is_some(), "action.yml declares no input {name}");
    }
    let image = std::fs::read_to_string(pages::root().join("Dockerfile")).unwrap();
    let rust = std::fs::read_to_string(pages::root().join("Cargo.toml")).unwrap();
    let oldest = rust.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(image.contains(&format!("FROM rust:{oldest}-alpine")), "the image is built with the Rust that is promised");
}

/// A requirement says that a version will do: none is claimed that is not tested.
#[test]
fn the_oldest_versions_are_those_that_are_tested() {
    let read = |path: &str| std::fs::read_to_string(pages::root().join(path)).unwrap();
    let (manifest, lock) = (read("Cargo.toml"), read("Cargo.lock"));
    let dependencies = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let mut count = 0;
    for line in dependencies.lines().filter(|line| line.contains(" = ") && !line.contains("path = ")) {
        let (name, rest) = line.split_once(" = ").unwrap();
        let version = rest.split("version = ").last().unwrap().trim_start_matches('"').split('"').next().unwrap();
        let locked = |end: &str| lock.contains(&format!("name = \"{name}\"\nversion = \"{version}{end}"));
        assert!(locked("\"") || locked("+"), "Cargo.toml asks for {name} {version}, and Cargo.lock has another one");
        count += 1;
    }
    assert!(count > 30, "{count} dependencies only");
}

/// The version of Rust that is needed is said once, and told as it is.
#[test]
fn the_needed_version_of_rust_is_the_one_that_is_told() {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    for path in ["README.md", "Dockerfile"] {
        let text = std::fs::read_to_string(pages::root().join(path)).unwrap();
        let told = text.replace('\n', " ");
        assert!(told.contains(&format!("Rust {needed}")) || told.contains(&format!("rust:{needed}")), "{path}");
    }
}
