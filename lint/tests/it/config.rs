//! `.bluegreen.yaml`: what it changes, where it is found, and what is said of mistakes in it.

use std::path::Path;
use std::process::Output;

use super::root;

/// A directory with the files, and the reference set in `k8s/`.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let set = super::files(&root().join("testdata/api-gateway"), "");
    let set: Vec<(String, String)> = set
        .iter()
        .map(|path| (format!("k8s/{}", path.file_name().unwrap().display()), std::fs::read_to_string(path).unwrap()))
        .collect();
    let given = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    for (path, text) in set.into_iter().chain(given) {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = super::program();
    command.current_dir(directory).args(arguments).env("COLUMNS", "120").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The codes and severities of a concise run.
fn findings(directory: &Path, arguments: &[&str]) -> Vec<String> {
    let output = run(directory, &[&["--format", "json"], arguments].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|f| format!("{} {}", f["severity"].as_str().unwrap(), f["code"].as_str().unwrap())).collect()
}

/// A set with a mutable image on both colors.
fn faulty() -> String {
    let good = std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap();
    let image = |line: &str| line.find("/shop:").map_or(line.to_owned(), |at| format!("{}/shop:latest", &line[..at]));
    good.lines().map(|line| image(line) + "\n").collect()
}

#[test]
fn mistakes_are_shown_at_their_line_with_the_way_out() {
    let mut text = String::new();
    for config in [
        "lint: {selct: [BG602]}\n",
        "lint:\n  severity:\n    BG402: off\n",
        "lint: {severity: {BG402: warn}}\n",
        "lint: {kubernetesVersion: 1.30}\n",
        "lint: {ignore: [labls]}\n",
        "lint:\n  paths:\n  - files: [dev]\n    severity: {BG999: none}\n",
        "lint: {suppress: [{rule: BG602, expires: soon}]}\n",
        "sets:\n- name: shop\n  blue: a\n",
        "lint: [a\n",
        "lint: {paths: [{files: [\"a[.yaml\"]}]}\n",
        "lint: {select: resources}\n",
        "lint: {}\nlint: {}\n",
        "lint: {}\n---\nsets: []\n",
        "sets: 3\n",
        "lint: [a]\n",
        "lint:\n  select: [BG2O1]\n",
        "lint: {pedantic: sometimes}\n",
        "- a\n",
    ] {
        let directory = directory(&[(".bluegreen.yaml", config)]);
        let output = run(directory.path(), &["k8s"]);
        assert_eq!(output.status.code(), Some(2), "{config}: {}", stdout(&output));
        text += &String::from_utf8(output.stderr).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_empty_configuration_changes_nothing() {
    for config in ["", "# nothing\n", "lint:\nsets:\n", "{}\n"] {
        let directory = directory(&[(".bluegreen.yaml", config)]);
        assert_eq!(findings(directory.path(), &["k8s", "--pedantic"]), Vec::<String>::new(), "{config}");
    }
}

#[test]
fn severities_follow_the_configuration_and_the_path() {
    let faulty = faulty();
    let all = |config: &str, arguments: &[&str]| {
        let directory = directory(&[(".bluegreen.yaml", config), ("dev/set.yaml", &faulty)]);
        findings(directory.path(), &[&["dev"], arguments].concat())
    };
    let two = |line: &str| vec![line.to_owned(); 2];
    assert_eq!(all("", &[]), two("warning BG503"));
    assert_eq!(all("lint: {severity: {BG503: error}}", &[]), two("error BG503"));
    assert_eq!(all("lint: {severity: {rollout: none, mutable-image: info}, pedantic: true}", &[]), two("info BG503"));
    assert_eq!(all("lint: {severity: {mutable-image: info}}", &[]), two("")[..0]);
    assert_eq!(all("lint: {ignore: [rollout]}", &[]), two("")[..0]);
    assert_eq!(all("lint: {ignore: [rollout]}", &["--select", "BG503"]), two("warning BG503"));
    assert_eq!(all("lint: {deny: [BG503]}", &[]), two("error BG503"));
    assert_eq!(all("lint: {paths: [{files: [dev], ignore: [BG503]}]}", &[]), two("")[..0]);
    assert_eq!(all("lint: {paths: [{files: ['*.yaml'], severity: {BG5: none}}]}", &[]), two("")[..0]);
    assert_eq!(all("lint: {paths: [{files: [prod/**], ignore: [BG503]}]}", &[]), two("warning BG503"));
    assert_eq!(all("lint: {select: [labels]}", &[]), two("")[..0]);
    assert_eq!(all("lint: {select: [labels]}", &["--no-config"]), two("warning BG503"));
}

#[test]
fn the_nearest_configuration_of_each_file_holds() {
    let faulty = faulty();
    let directory = directory(&[
        (".bluegreen.yaml", "lint: {ignore: [BG503]}"),
        ("a/set.yaml", &faulty),
        ("b/set.yaml", &faulty),
        ("b/.bluegreen.yaml", "lint: {severity: {BG503: error}}"),
        ("other.yaml", "lint: {failOn: never, deny: [BG503]}"),
    ]);
    assert_eq!(findings(directory.path(), &["a"]), Vec::<String>::new());
    assert_eq!(findings(directory.path(), &["a", "b"]), ["error BG503", "error BG503"]);
    assert_eq!(findings(&directory.path().join("a"), &[]), Vec::<String>::new());
    let output = run(directory.path(), &["a", "--config", "other.yaml", "--format", "concise"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("error"), "{}", stdout(&output));
}

#[test]
fn the_run_fails_on_what_the_configuration_says_unless_files_disagree() {
    let directory = directory(&[
        ("a/set.yaml", &faulty()),
        ("a/.bluegreen.yaml", "lint: {failOn: warning}"),
        ("b/set.yaml", &faulty()),
        ("b/.bluegreen.yaml", "lint: {failOn: never}"),
    ]);
    let code = |arguments: &[&str]| run(directory.path(), arguments).status.code().unwrap();
    assert_eq!((code(&["a"]), code(&["b"]), code(&["a", "--fail-on", "error"])), (1, 0, 0));
    let output = run(directory.path(), &["a", "b"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("a/.bluegreen.yaml and b/.bluegreen.yaml") && error.contains("--fail-on"), "{error}");
}

#[test]
fn what_is_meant_to_differ_is_no_drift() {
    let drifting = std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap();
    let (blue, green) = drifting.split_at(drifting.find("name: shop-green").unwrap());
    let container = "        image: ";
    assert!(green.contains(container));
    let green = green.replacen(container, "        env: [{name: FEATURE_X, value: \"on\"}]\n        image: ", 1);
    let set = format!("{blue}{green}");
    let run = |config: &str| {
        let directory = directory(&[(".bluegreen.yaml", config), ("set/all.yaml", &set)]);
        findings(directory.path(), &["set"])
    };
    assert_eq!(run(""), ["warning BG606"]);
    assert_eq!(run("lint: {drift: {env: [FEATURE_Y]}}"), ["warning BG606"]);
    assert_eq!(run("lint: {drift: {env: ['FEATURE_*']}}"), Vec::<String>::new());
}

#[test]
fn declared_sets_are_found_where_names_and_labels_say_nothing() {
    let set = std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap();
    let renamed = set.replace("blue", "left").replace("green", "right");
    let declared = "sets:
- name: shop
  colorLabel: color
  blue: shop-left
  green: shop-right
  activeService: shop
  blueService: shop-left
  greenService: shop-right
";
    let sets = |config: &str| {
        let directory = directory(&[(".bluegreen.yaml", config), ("set/all.yaml", &renamed)]);
        let output = run(directory.path(), &["--format", "json", "set"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["sets"].clone()
    };
    assert_eq!(sets("").as_array().unwrap().len(), 0);
    let found = sets(declared);
    let found = &found[0];
    assert_eq!((found["name"].as_str(), found["active"].as_str()), (Some("shop"), Some("blue")));
    for (member, name) in [("blue", "shop-left"), ("greenService", "shop-right"), ("activeService", "shop")] {
        assert_eq!(found["members"][member]["name"].as_str(), Some(name), "{member}");
    }
}

#[test]
fn a_configuration_that_is_named_among_the_files_is_checked() {
    let directory = directory(&[(".bluegreen.yaml", "lint: {}\n"), ("bad/.bluegreen.yaml", "lnt: {}\n")]);
    assert_eq!(run(directory.path(), &[".bluegreen.yaml"]).status.code(), Some(0));
    assert_eq!(run(directory.path(), &["bad/.bluegreen.yaml"]).status.code(), Some(2));
}

#[test]
fn the_guide_shows_what_works() {
    let guide = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let blocks = guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (configurations, others): (Vec<&str>, Vec<&str>) =
        blocks.partition(|block| block.starts_with("# .bluegreen.yaml"));
    assert!(configurations.len() >= 5 && others.len() <= 2, "{others:?}");
    for text in configurations {
        let directory = directory(&[(".bluegreen.yaml", text)]);
        let output = run(directory.path(), &["k8s"]);
        assert_eq!(output.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    // Not the line under the head of a table.
    let is_flag = |word: &&str| word.strip_prefix("--").is_some_and(|name| !name.trim_matches('-').is_empty());
    for flag in guide.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(is_flag) {
        if ["--app", "--trust-config"].contains(&flag) {
            // The plugin's, which reads the same file.
            continue;
        }
        let help = run(Path::new("."), &["--help"]);
        assert!(stdout(&help).contains(flag), "{flag}");
    }
}
