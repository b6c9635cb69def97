//! Accepted findings: comments, the configuration, and baselines; what is counted, and what is said of useless ones.

use std::path::Path;

use super::root;

fn good() -> String {
    std::fs::read_to_string(root().join("testdata/lint/sets/good-a.yaml")).unwrap()
}

/// A set whose green Deployment alone has no memory limit, a mutable image, and one drift.
fn faulty() -> String {
    let good = good();
    let (blue, green) = good.split_at(good.find("name: shop-green").unwrap());
    let green = green.replacen("          limits:\n            memory: 256Mi\n", "", 1);
    let green = green.replacen("/shop:1.1", "/shop:latest", 1);
    format!("{blue}{}", green.replacen("initialDelaySeconds: 10", "initialDelaySeconds: 20", 1))
}

struct Answer {
    code: i32,
    findings: Vec<String>,
    summary: serde_json::Value,
    errors: String,
}

fn run(directory: &Path, arguments: &[&str]) -> Answer {
    let mut command = super::program();
    let output = command.current_dir(directory).args(["--format", "json"]).args(arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let finding = |finding: &serde_json::Value| format!("{} {}", finding["code"].as_str().unwrap(), finding["line"]);
    let findings = report["findings"].as_array().into_iter().flatten().map(finding).collect();
    Answer { code: output.status.code().unwrap(), findings, summary: report["summary"].clone(), errors }
}

/// What is said of one file with this text.
fn of(text: &str, arguments: &[&str]) -> Answer {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("set.yaml"), text).unwrap();
    run(directory.path(), arguments)
}

#[test]
fn comments_suppress_what_is_on_their_line_or_in_the_object_below() {
    let faulty = faulty();
    let all = ["BG402 56", "BG503 57", "BG604 69"];
    assert_eq!(of(&faulty, &[]).findings, all);
    let with = |from: &str, to: &str| {
        assert!(faulty.contains(from), "{from}");
        let at = faulty.rfind(from).unwrap();
        format!("{}{to}{}", &faulty[..at], &faulty[at + from.len()..])
    };
    let green = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop-green";
    for (text, left, suppressed) in [
        (with("latest", "latest # bluegreen-lint: ignore[BG503] for tests"), vec!["BG402 56", "BG604 69"], 1),
        (
            with("latest", "latest # bluegreen-lint: ignore[ mutable-image ,] for tests"),
            vec!["BG402 56", "BG604 69"],
            1,
        ),
        (
            with("        image", "        # bluegreen-lint: ignore[rollout] for tests\n        image"),
            vec!["BG402 56", "BG604 70"],
            1,
        ),
        (with(green, &format!("# bluegreen-lint: ignore[BG402, BG503, probe-drift] a trial\n{green}")), vec![], 3),
        (
            with(
                &format!("---\n{green}"),
                &format!("# a trial\n# bluegreen-lint: ignore[BG5, BG604] a trial\n\n---\n# and more\n{green}"),
            ),
            vec!["BG402 60"],
            2,
        ),
        // The other color's line belongs to the finding, too.
        (
            faulty.replacen("Seconds: 10", "Seconds: 10 # bluegreen-lint: ignore[BG604] it starts slowly", 1),
            vec!["BG402 56", "BG503 57"],
            1,
        ),
        // In a text that looks like a comment there is none.
        (
            with("latest", "latest\n        args: [\"# bluegreen-lint: ignore[BG503] x\"]"),
            vec!["BG402 56", "BG503 57", "BG602 58", "BG604 70"],
            0,
        ),
        (
            with("latest", "latest # bluegreen-lint: ignore[BG503] for tests").replace('\n', "\r\n"),
            vec!["BG402 56", "BG604 69"],
            1,
        ),
    ] {
        let answer = of(&text, &[]);
        assert_eq!(answer.findings, left, "{text}");
        assert_eq!(answer.summary["suppressed"], suppressed, "{text}");
    }
}

#[test]
fn only_what_could_have_been_of_use_is_called_unused() {
    let text = good().replacen("256Mi", "256Mi # bluegreen-lint: ignore[BG605, BG402] it grows", 1);
    assert_eq!(of(&text, &[]).findings, ["BG901 37"]);
    assert_eq!(of(&text, &["--select", "services,meta"]).findings, Vec::<String>::new());
    assert_eq!(of(&text, &["--ignore", "BG402,BG605"]).findings, Vec::<String>::new());
    // Of a value that differs, only `--pedantic` would speak: the suppression is of use then.
    let env = |value: &str| format!("        env: [{{name: MODE, value: {value}}}]\n        readinessProbe:");
    let differing = good().replacen("        readinessProbe:", &env("fast"), 1);
    let at = differing.rfind("        readinessProbe:").unwrap();
    let differing =
        format!("{}{}{}", &differing[..at], env("slow"), &differing[at + "        readinessProbe:".len()..]);
    let differing = differing.replacen("slow}]", "slow}] # bluegreen-lint: ignore[BG606] both work", 1);
    assert_eq!(of(&differing, &[]).findings, Vec::<String>::new());
    assert_eq!(of(&differing, &["--pedantic", "--select", "BG606,meta"]).findings, Vec::<String>::new());

    // A file that is named alone says nothing of the other color.
    let directory = tempfile::tempdir().unwrap();
    let good = good();
    let (blue, rest) = good.split_at(good.find("---\n").unwrap());
    let blue = blue.replacen("256Mi", "256Mi # bluegreen-lint: ignore[BG605] it grows", 1);
    std::fs::write(directory.path().join("blue.yaml"), blue).unwrap();
    std::fs::write(directory.path().join("rest.yaml"), rest).unwrap();
    assert_eq!(run(directory.path(), &["blue.yaml"]).findings, Vec::<String>::new());
    assert_eq!(run(directory.path(), &["."]).findings, ["BG901 37"]);
}

#[test]
fn the_configuration_suppresses_by_rule_object_and_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("k8s")).unwrap();
    std::fs::write(directory.path().join("k8s/set.yaml"), faulty()).unwrap();
    for (item, left) in [
        ("{rule: BG402, object: Deployment/shop-green, reason: a trial}", vec!["BG503 57", "BG604 69"]),
        ("{rule: BG402, object: 'shop-*', files: [k8s], reason: a trial}", vec!["BG503 57", "BG604 69"]),
        (
            "{rule: BG402, object: Deployment/shop-blue, reason: a trial}",
            vec!["BG402 56", "BG503 57", "BG604 69", "BG901 1"],
        ),
        ("{rule: BG402, files: [other], reason: a trial}", vec!["BG402 56", "BG503 57", "BG604 69"]),
        ("{rule: probe-drift, object: shop-blue, reason: a trial}", vec!["BG402 56", "BG503 57"]),
    ] {
        std::fs::write(directory.path().join(".bluegreen.yaml"), format!("lint: {{suppress: [{item}]}}\n")).unwrap();
        assert_eq!(run(directory.path(), &["k8s"]).findings, left, "{item}");
    }
}

#[test]
fn a_baseline_leaves_out_what_was_there_before() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("k8s");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("set.yaml"), faulty()).unwrap();
    let written = run(directory.path(), &["--fail-on", "warning", "--write-baseline", "known.json", "k8s"]);
    assert_eq!((written.code, written.findings.len()), (0, 0), "{}", written.errors);
    assert_eq!(written.errors, "wrote 3 findings into known.json\n");
    assert_eq!(written.summary["baselined"], 3);

    // Lines move, and the program is started elsewhere; a new finding is reported.
    std::fs::write(folder.join("set.yaml"), format!("# moved\n\n{}", faulty())).unwrap();
    let arguments = ["--fail-on", "warning", "--baseline", "../known.json", "set.yaml"];
    let answer = run(&folder, &arguments);
    assert_eq!((answer.code, answer.findings.len()), (0, 0), "{:?}", answer.findings);
    assert_eq!(answer.summary["baselined"], 3);
    std::fs::write(folder.join("set.yaml"), faulty().replacen("shop:1.0", "shop:latest", 1)).unwrap();
    let answer = run(&folder, &arguments);
    assert_eq!((answer.code, answer.findings), (1, vec!["BG503 19".to_owned()]));
    assert_eq!(run(&folder, &["--baseline", "../none.json", "."]).code, 2);
    std::fs::write(folder.join("bad.json"), "{}").unwrap();
    let answer = run(&folder, &["--baseline", "bad.json", "set.yaml"]);
    assert!(answer.code == 2 && answer.errors.contains("bad.json is no baseline"), "{}", answer.errors);
}
