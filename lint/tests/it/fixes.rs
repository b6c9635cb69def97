//! Fixes: the finding is gone afterwards, nothing else has changed, and files, line ends and comments are kept.

use std::path::Path;

use bluegreen_lint::config::Config;
use bluegreen_lint::finding::Applicability;
use bluegreen_lint::report::concise;
use bluegreen_lint::source::Source;
use bluegreen_lint::{fix, lint, yaml};
use serde_json::{Value, json};

use super::root;

fn good(name: &str) -> String {
    std::fs::read_to_string(root().join("testdata/lint/sets").join(name)).unwrap()
}

/// The text after its fixes, and what is still found.
fn fixed(text: &str, wanted: Applicability) -> (String, String) {
    let mut sources = [Source::new("set.yaml", text)];
    let fixed = fix::apply(&mut sources, &Config::default(), Some(wanted));
    ((*sources[0].text).to_owned(), concise::render(&fixed.report, &sources))
}

fn codes(text: &str) -> Vec<&'static str> {
    lint(&[Source::new("set.yaml", text)], &Config::default()).findings.iter().map(|found| found.rule.code).collect()
}

fn objects(text: &str) -> Vec<Value> {
    let parsed = yaml::parse(text);
    assert_eq!(parsed.problems, [], "{text}");
    parsed.documents.iter().map(|document| document.root().to_json()).collect()
}

/// Replaces the `nth` occurrence.
fn replaced(text: &str, from: &str, to: &str, nth: usize) -> String {
    let (at, _) = text.match_indices(from).nth(nth).unwrap_or_else(|| panic!("{from} is not there {nth} times"));
    format!("{}{to}{}", &text[..at], &text[at + from.len()..])
}

#[test]
fn safe_fixes_restore_what_was_certainly_meant() {
    let good = good("good-a.yaml");
    let wrong_color = "  name: shop-green\nspec:\n  selector:\n    app: shop\n    color: ";
    for (code, bad) in [
        ("BG204", replaced(&good, &format!("{wrong_color}green"), &format!("{wrong_color}blue"), 0)),
        ("BG207", replaced(&good, "targetPort: http", "targetPort: htpp", 0)),
        ("BG207", replaced(&good, "targetPort: http", "targetPort: htt # the web", 2)),
        ("BG205", replaced(&good, &format!("{wrong_color}green"), &format!("{wrong_color}gren"), 0)),
        ("BG205", replaced(&good, &format!("{wrong_color}green"), &wrong_color.replace("color: ", "colr: green"), 0)),
        (
            "BG201",
            replaced(
                &good,
                "  name: shop\nspec:\n  selector:\n    app: shop\n    color: blue",
                "  name: shop\nspec:\n  selector:\n    app: shop\n    color: bleu",
                0,
            ),
        ),
    ] {
        for (bad, good) in [
            (bad.clone(), good.clone()),
            (bad.replace('\n', "\r\n"), good.replace('\n', "\r\n")),
            (format!("\u{feff}{bad}"), format!("\u{feff}{good}")),
        ] {
            assert_eq!(codes(&bad), [code], "{bad}");
            let (text, left) = fixed(&bad, Applicability::Safe);
            assert_eq!((text.replace(" # the web", ""), left.as_str()), (good, ""), "{code}");
        }
    }
}

/// Applies unsafe fixes, and compares with the expected text.
fn check(code: &str, bad: &str, expected: &str) {
    assert!(codes(bad).contains(&code), "{code}: {:?}\n{bad}", codes(bad));
    let (text, left) = fixed(bad, Applicability::Unsafe);
    assert_eq!((text.as_str(), left.as_str()), (expected, ""), "{code}");
    assert_eq!(fixed(bad, Applicability::Safe).0, bad, "{code} is not safe");
}

#[test]
fn what_the_other_color_has_is_copied_in_block_style() {
    let good = good("good-a.yaml");
    let probe = "        readinessProbe:\n          httpGet:\n            path: /ready\n            port: http\n";
    check("BG301", &replaced(&good, probe, "", 1), &good);
    let limits = "          limits:\n            memory: 256Mi\n";
    check("BG402", &replaced(&good, limits, "", 0), &good);
    let requests = "          requests:\n            cpu: 100m\n            memory: 128Mi\n";
    check(
        "BG401",
        &replaced(&good, requests, "", 1),
        &replaced(&good, &format!("{requests}{limits}"), &format!("{limits}{requests}"), 1),
    );
    check(
        "BG401",
        &replaced(&good, "            cpu: 100m\n", "", 1),
        &replaced(
            &good,
            "            cpu: 100m\n            memory: 128Mi\n",
            "            memory: 128Mi\n            cpu: 100m\n",
            1,
        ),
    );
    let delay = "          initialDelaySeconds: 10\n";
    check("BG604", &replaced(&good, delay, "", 1), &good);

    let env = "        env:\n        - name: A # first\n          value: \"1\"\n        - name: SHOP\n          value: shop-blue\n";
    let with = replaced(&good, "        readinessProbe:", &format!("{env}        readinessProbe:"), 0);
    let copied =
        "        env:\n        - name: A\n          value: \"1\"\n        - name: SHOP\n          value: shop-green\n";
    check(
        "BG606",
        &with,
        &replaced(&with, "          containerPort: 8080\n", &format!("          containerPort: 8080\n{copied}"), 1),
    );

    let port = "        - name: admin\n          containerPort: 9000\n";
    let with = replaced(&good, "          containerPort: 8080\n", &format!("          containerPort: 8080\n{port}"), 1);
    check(
        "BG603",
        &with,
        &replaced(&with, "          containerPort: 8080\n", &format!("          containerPort: 8080\n{port}"), 0),
    );
}

#[test]
fn copies_follow_the_style_around_them() {
    let good = good("good-a.yaml");
    // Items further in than their key, and wider steps; a comment at the end of the line stays there; no line end at the end.
    let flow = replaced(
        &good,
        "        resources:\n          requests:\n            cpu: 100m\n            memory: 128Mi\n          limits:\n            memory: 256Mi\n",
        "        resources: {requests: {cpu: 100m, memory: 128Mi}} # small\n",
        1,
    );
    let expected = flow.replace("128Mi}} # small", "128Mi}, limits: {memory: 256Mi}} # small");
    check("BG402", &flow, &expected);

    let deep = good.replace(
        "        ports:\n        - name: http\n          containerPort: 8080\n",
        "        ports:\n          - name: http\n            containerPort: 8080 # web\n",
    );
    let env = "        env:\n          - name: A\n            value: b\n";
    let with = replaced(&deep, "        readinessProbe:", &format!("{env}        readinessProbe:"), 0);
    check("BG606", &with, &replaced(&with, "8080 # web\n", &format!("8080 # web\n{env}"), 1));

    let empty = replaced(&with, "        readinessProbe:", "        env: [] # none\n        readinessProbe:", 1);
    check("BG606", &empty, &empty.replace("env: [] # none", "env: [{name: A, value: b}] # none"));
    let inline = replaced(
        &with,
        "        readinessProbe:",
        "        env:\n          - {name: Z, value: z}\n        readinessProbe:",
        1,
    );
    let (text, _) = fixed(&inline, Applicability::Unsafe);
    assert!(text.contains("          - {name: Z, value: z}\n          - {name: A, value: b}\n"), "{text}");

    // The last thing of a file without a line end.
    let requests = "          requests:\n            cpu: 100m\n            memory: 128Mi\n";
    let mut documents: Vec<&str> = good.split("---\n").collect();
    documents.swap(1, 4);
    let last = documents.join("---\n");
    let last = last.trim_end().trim_end_matches("          limits:\n            memory: 256Mi").trim_end().to_owned();
    assert!(last.ends_with(requests.trim_end()));
    check("BG402", &last, &format!("{last}\n          limits:\n            memory: 256Mi"));
    let windows = last.replace('\n', "\r\n");
    check("BG402", &windows, &format!("{windows}\r\n          limits:\r\n            memory: 256Mi"));
}

#[test]
fn anchors_are_not_written_through() {
    let good = good("good-a.yaml");
    let resources = "        resources:\n          requests:\n            cpu: 100m\n            memory: 128Mi\n          limits:\n            memory: 256Mi\n";
    let shared = "        resources: &small\n          requests:\n            cpu: 100m\n            memory: 128Mi\n";
    let init = "      initContainers:\n      - name: copy\n        image: registry.example.com/copy:1.0\n        resources: *small\n";
    let bad = replaced(
        &replaced(&good, resources, &format!("{shared}{init}"), 1),
        resources,
        &format!("{resources}{}", init.replace("*small", "{requests: {cpu: 100m, memory: 128Mi}}")),
        0,
    );
    assert!(codes(&bad).contains(&"BG402"), "{:?}", codes(&bad));
    assert_eq!(fixed(&bad, Applicability::Unsafe).0, bad);

    let merged = bad.replace("resources: *small", "resources:\n          <<: *small");
    assert_eq!(fixed(&merged, Applicability::Unsafe).0, merged);

    let target = replaced(
        &replaced(&good, "targetPort: http", "targetPort: &port htpp", 0),
        "name: http\n    port: 80\n    targetPort: &",
        "name: *port\n    port: 80\n    targetPort: &",
        0,
    );
    let _ = fixed(&target, Applicability::Unsafe);
}

#[test]
fn the_active_service_gets_a_color_without_asking_only_where_one_is_certain() {
    let good = good("good-a.yaml");
    let bad = replaced(&good, "app: shop\n    color: blue\n", "app: shop\n", 0);
    assert_ne!(bad, good);
    check("BG202", &bad, &good);
    for (from, nth) in [("replicas: 2", 1), ("name: shop\nspec", 0)] {
        let hint = if nth == 1 { "replicas: 0" } else { "name: shop\n  labels:\n    color: blue\nspec" };
        let (bad, good) = (replaced(&bad, from, hint, nth), replaced(&good, from, hint, nth));
        assert_eq!(codes(&bad), ["BG202"], "{bad}");
        assert_eq!(fixed(&bad, Applicability::Safe), (good, String::new()));
    }
}

/// Where the containers' resources are in the objects of a set.
const CONTAINER: &str = "/spec/template/spec/containers/0";

#[test]
fn json_is_fixed_in_its_own_layout() {
    let list = &objects(&good("good-c.json"))[0];
    let remove = |path: &str, key: &str| {
        let mut bad = list.clone();
        bad.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        bad
    };
    let green = |rest: &str| format!("/items/1{CONTAINER}{rest}");
    let mut bad_color = list.clone();
    let selector = bad_color.pointer_mut("/items/4/spec/selector").unwrap().as_object_mut().unwrap();
    let key = selector.iter().find(|(_, value)| *value == "green").map(|(key, _)| key.clone()).unwrap();
    selector.insert(key, json!("blue"));
    for (code, bad) in [
        ("BG402", remove(&green("/resources"), "limits")),
        ("BG402", remove(&green("/resources/limits"), "memory")),
        ("BG401", remove(&green("/resources"), "requests")),
        ("BG401", remove(&green("/resources/requests"), "cpu")),
        ("BG401", remove(&green(""), "resources")),
        ("BG301", remove(&green(""), "readinessProbe")),
        ("BG604", remove(&green(""), "livenessProbe")),
        ("BG204", bad_color),
    ] {
        for text in [
            bad.to_string(),
            serde_json::to_string_pretty(&bad).unwrap(),
            serde_json::to_string_pretty(&bad).unwrap().replace('\n', "\r\n"),
        ] {
            assert!(codes(&text).contains(&code), "{code} {:?}", codes(&text));
            let (text, left) = fixed(&text, Applicability::Unsafe);
            assert_eq!(left, "", "{code}\n{text}");
            let parsed: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(&parsed, list, "{code}\n{text}");
            if text.contains('\n') && !bad.to_string().contains("{}") {
                let lines = |text: &str| text.replace('\r', "").lines().count();
                assert_eq!(lines(&text), lines(&serde_json::to_string_pretty(list).unwrap()), "{code}\n{text}");
            }
        }
    }
}

fn run(directory: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = super::program();
    let output = command.current_dir(directory).args(arguments).write_stdin(input.to_owned()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_fixes_files_and_says_so() {
    let good = good("good-a.yaml");
    let bad = replaced(&good, "targetPort: http", "targetPort: htpp", 0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("set.yaml");
    std::fs::write(&path, &bad).unwrap();

    let (code, diff, notes) = run(directory.path(), &["--diff", "set.yaml"], "");
    assert_eq!(code, 1);
    assert!(
        diff.starts_with("--- set.yaml\n+++ set.yaml\n@@ ")
            && diff.contains("\n-    targetPort: htpp\n+    targetPort: http\n"),
        "{diff}"
    );
    assert_eq!(diff.lines().filter(|line| line.starts_with(['+', '-'])).count(), 4, "{diff}");
    assert!(notes.starts_with("would fix set.yaml:88:17: BG207 "), "{notes}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), bad, "--diff only shows");

    let (code, human, _) = run(directory.path(), &["set.yaml"], "");
    assert!(code == 1 && human.ends_with("\n1 can be fixed with --fix\n"), "{human}");
    let (code, out, notes) = run(directory.path(), &["--fix", "set.yaml"], "");
    assert_eq!((code, out.as_str()), (0, "no findings in 1 file (5 objects, 1 release set)\n"));
    assert!(notes.starts_with("fixed set.yaml:88:17: BG207 ") && notes.lines().count() == 1, "{notes}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
    assert_eq!(run(directory.path(), &["--fix", "-q", "set.yaml"], ""), (0, String::new(), String::new()));

    let (code, out, notes) = run(directory.path(), &["--fix", "--format", "concise", "-"], &bad);
    assert_eq!((code, out.as_str()), (0, good.as_str()));
    assert!(notes.contains("fixed <stdin>:88:17: BG207"), "{notes}");
    let unfixable = replaced(&bad, "/shop:1.0", "/shop:latest", 0);
    let (code, out, notes) =
        run(directory.path(), &["--fix", "--fail-on", "warning", "--format", "concise", "-"], &unfixable);
    assert_eq!((code, out.as_str()), (1, replaced(&good, "/shop:1.0", "/shop:latest", 0).as_str()));
    assert!(notes.contains("BG503"), "{notes}");

    let (code, _, error) = run(directory.path(), &["--unsafe-fixes", "set.yaml"], "");
    assert!(code == 2 && error.contains("--fix"), "{error}");
    std::fs::write(&path, &bad).unwrap();
    let both = run(directory.path(), &["--fix", "--diff", "set.yaml"], "");
    assert_eq!(both, run(directory.path(), &["--diff", "set.yaml"], ""));
    assert_eq!((both.0, std::fs::read_to_string(&path).unwrap()), (1, bad));
}

#[test]
fn what_could_not_be_read_is_not_touched() {
    let good = good("good-a.yaml");
    let bad = replaced(&good, "targetPort: http", "targetPort: htpp", 2);
    let broken = format!("{bad}---\na: b: c\n");
    assert_eq!(fixed(&broken, Applicability::Unsafe).0, broken, "a set in a file with a broken document is not judged");
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let bad = replaced(&good("good-a.yaml"), "targetPort: http", "targetPort: htpp", 0);
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real.txt"), directory.path().join("set.yaml"));
    std::fs::write(&real, &bad).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("real.txt", &link).unwrap();
    assert_eq!(run(directory.path(), &["--fix", "."], "").0, 0);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), good("good-a.yaml"));
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&real, &bad).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o400)).unwrap();
    let (code, _, error) = run(directory.path(), &["--fix", "."], "");
    assert!(code == 2 && error.contains("read-only"), "{error}");
}

#[test]
fn an_old_version_is_replaced_where_nothing_is_wrong_afterwards() {
    let good = good("good-a.yaml");
    let selector = "  selector:\n    matchLabels:\n      app: shop\n      color: blue\n";
    let (before, after) = good.split_once(selector).unwrap();
    let new = format!("{before}{after}").replacen("apps/v1", "apps/v1beta1", 1);
    let (first, second) = good.split_once("---\n").unwrap();
    let first = first.replacen(selector, "", 1);
    check("BG009", &new, &format!("{first}{selector}---\n{second}"));
    let ingress = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: shop}\n\
                   spec: {backend: {serviceName: shop, servicePort: 80}}\n";
    assert_eq!(fixed(ingress, Applicability::Unsafe).0, ingress);
    let budget = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: shop}\n\
                  spec: {minAvailable: 1, selector: {matchLabels: {app: shop}}}\n";
    check("BG009", budget, &budget.replace("v1beta1", "v1"));
}
