//! The program as a user meets it: help, exit codes, formats, pipes.

use assert_cmd::Command;

use super::root;

fn program() -> Command {
    let mut command = super::program();
    command.current_dir(root()).env_remove("RUST_BACKTRACE");
    command
}

/// Exit code, stdout and stderr.
fn run(args: &[&str], input: &str) -> (i32, String, String) {
    let output = program().args(args).write_stdin(input.to_owned()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn exit_codes_are_as_documented() {
    let bad = "testdata/lint/bg201-active-selects-nothing/bad-a.yaml";
    let warned = "testdata/lint/bg402-missing-memory-limit/bad-a.yaml";
    let broken = "a: b: c\n";
    for (args, input, code) in [
        (vec!["testdata/api-gateway"], "", 0),
        (vec![bad], "", 1),
        (vec![warned], "", 0),
        (vec!["--fail-on", "warning", warned], "", 1),
        (vec!["--fail-on", "never", bad], "", 0),
        (vec!["--ignore", "services", bad], "", 0),
        (vec!["--select", "BG2", bad], "", 1),
        (vec!["--deny", "missing-memory-limit", warned], "", 1),
        (vec!["-"], broken, 1),
        (vec!["-"], "", 2),
        (vec!["-", "--allow-empty"], "", 0),
        (vec!["-"], "a: 1\n", 2),
        (vec!["missing.yaml"], "", 2),
        (vec!["--select", "BG9999", bad], "", 2),
        (vec!["--explain", "BG9999"], "", 2),
        (vec!["--no-such-flag"], "", 2),
        (vec!["--explain", "BG201"], "", 0),
        (vec!["--list-rules"], "", 0),
        (vec!["--output", "xml=a", bad], "", 2),
        (vec!["--output", "json", bad], "", 2),
        (vec!["--output", "json=", bad], "", 2),
        (vec!["--output", "json=-", bad], "", 2),
        (vec!["--output", "json=no/such/directory/a.json", bad], "", 2),
        (vec!["--output", "json=lint/../testdata/lint/bg201-active-selects-nothing/bad-a.yaml", bad], "", 2),
        (vec!["--help"], "", 0),
        (vec!["--version"], "", 0),
    ] {
        let (got, out, err) = run(&args, input);
        assert_eq!(got, code, "{args:?}\n{out}\n{err}");
        assert_eq!(err.is_empty(), code != 2, "{args:?}\n{err}");
    }
}

#[test]
fn the_kubernetes_version_is_the_newest_or_the_chosen_one() {
    for (args, version) in [(vec![], "1.37"), (vec!["--kubernetes-version", "v1.31.2"], "1.31")] {
        let (_, out, _) = run(&[args, vec!["--format", "json", "testdata/api-gateway"]].concat(), "");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["kubernetesVersion"], version);
    }
    let (code, _, err) = run(&["--kubernetes-version", "1.12", "testdata/api-gateway"], "");
    assert!(code == 2 && err.contains("known are 1.30 to 1.37, not `1.12`"), "{err}");
}

#[test]
fn errors_name_the_way_out() {
    let (_, _, err) = run(&["--select", "missing-memory-limt", "-"], "a: 1\n");
    assert!(err.contains("did you mean `missing-memory-limit`?"), "{err}");
    let (_, _, err) = run(&["-"], "a: 1\n");
    assert!(err.contains("no Kubernetes object found in -") && err.contains("--allow-empty"), "{err}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), b"a: \xff\n").unwrap();
    let (code, _, err) = run(&[folder.path().join("bad.yaml").to_str().unwrap()], "");
    assert!(code == 2 && err.contains("bad.yaml is not UTF-8"), "{err}");
}

#[test]
fn formats_show_the_same_finding() {
    let bad = "testdata/lint/bg204-color-service-wrong-color/bad-a.yaml";
    let (_, human, _) = run(&["--color", "never", bad], "");
    insta::assert_snapshot!(human);
    let (_, concise, _) = run(&["--format", "concise", bad], "");
    assert_eq!(
        concise,
        format!(
            "{bad}:110:12: error[BG204] the Service shop-green is named for green and selects the pods of shop-blue\n"
        )
    );
    let (_, json, _) = run(&["--format", "json", bad], "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["findings"][0]["path"], "spec.selector.color");
    assert_eq!((json["findings"][0]["line"].as_u64(), json["findings"][0]["column"].as_u64()), (Some(110), Some(12)));
    assert_eq!(json["findings"][0]["object"]["name"], "shop-green");
    assert_eq!(json["summary"]["errors"], 1);
}

#[test]
fn reports_are_written_besides_the_printed_one() {
    let bad = "testdata/lint/bg204-color-service-wrong-color/bad-a.yaml";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let output = |format: &str, name: &str| format!("--output={format}={}", path(name).display());
    let (json, human) = (output("json", "a=b.json"), output("human", "a.txt"));
    let (code, out, _) = run(&["--color", "always", "-q", "--format", "concise", &json, &human, bad], "");
    assert_eq!((code, out.lines().count()), (1, 1));
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    assert_eq!(read("a=b.json"), run(&["--format", "json", bad], "").1);
    let human = read("a.txt");
    assert!(human.contains("BG204") && !human.contains('\u{1b}'), "{human}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");

    let (code, _, err) = run(&[&json, &output("junit", "a=b.json"), bad], "");
    assert!(code == 2 && err.contains("two reports are to be written to"), "{err}");
    let (_, _, err) = run(&["--output", "jsn=a", bad], "");
    assert!(err.contains("there is no format `jsn`; did you mean `json`?"), "{err}");
    let (_, _, err) = run(&["--output", "json=no/such/a.json", bad], "");
    assert!(err.contains("cannot write no/such/a.json: there is no directory no/such"), "{err}");
}

#[test]
fn rules_are_explained_and_listed() {
    let (_, page, _) = run(&["--explain", "switch-selects-nothing"], "");
    assert!(page.starts_with("# BG203 switch-selects-nothing\n\nSeverity: error. Group: services.\n"), "{page}");
    let (_, group, _) = run(&["--explain", "drift"], "");
    assert!(group.starts_with("# drift: blue against green\n\nBG601  missing-color"), "{group}");
    assert!(!group.contains("BG203") && group.lines().filter(|line| line.starts_with("BG6")).count() >= 8, "{group}");
    let (_, list, _) = run(&["--list-rules", "--format", "json"], "");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let of = |code: &str| list.as_array().unwrap().iter().find(|rule| rule["code"] == code).unwrap().clone();
    assert_eq!((&of("BG203")["default"], &of("BG904")["default"]), (&true.into(), &false.into()));
    assert_eq!((&of("BG204")["severity"], &of("BG204")["group"]), (&"error".into(), &"services".into()));
}

#[test]
fn standard_input_is_linted_and_named() {
    let text = std::fs::read_to_string(root().join("testdata/lint/bg005-unknown-field/bad-c.json")).unwrap();
    let (code, out, _) = run(&["--format", "concise", "--stdin-name", "cart.json", "-"], &text);
    assert_eq!(code, 1);
    assert!(out.starts_with("cart.json:53:17: error[BG005]"), "{out}");
}

#[test]
fn color_is_for_terminals_only() {
    let bad = "testdata/lint/bg204-color-service-wrong-color/bad-a.yaml";
    let escape = '\u{1b}';
    assert!(!run(&[bad], "").1.contains(escape));
    assert!(run(&["--color", "always", bad], "").1.contains(escape));
}

#[test]
fn quiet_prints_nothing_when_there_is_nothing() {
    let (code, out, err) = run(&["-q", "testdata/api-gateway"], "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_is_no_failure() {
    let script = format!("{} --list-rules | head -n 1", env!("CARGO_BIN_EXE_bluegreen-lint"));
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn shells_complete_rules() {
    let (code, script, _) = run(&["--completion", "bash"], "");
    assert!(code == 0 && script.contains("COMPLETE=\"bash\"") && script.contains("bluegreen-lint"), "{script}");
    let ask = |words: &[&str]| {
        let mut command = program();
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
        command
            .env("_CLAP_COMPLETE_COMP_TYPE", "9")
            .env("_CLAP_COMPLETE_SPACE", "true")
            .env("_CLAP_IFS", "\n")
            .env("IFS", "\n");
        let output = command.arg("--").args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(&["bluegreen-lint", "--explain", "BG203"]).trim(), "BG203");
    assert_eq!(ask(&["bluegreen-lint", "--select", "dri"]).trim(), "drift");
    assert_eq!(ask(&["bluegreen-lint", "--format", "sar"]).trim(), "sarif");
}
