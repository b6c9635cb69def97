//! The program as a user meets it, without a cluster: help, usage, connection errors, rehearsals.

use assert_cmd::Command;
use clap::CommandFactory;
use kubectl_bluegreen::cli::Cli;
use kubectl_bluegreen::rights::USES;

use super::root;

/// Exit code, stdout and stderr.
fn run(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("kubectl-bluegreen").unwrap();
    command.current_dir(root()).env_remove("RUST_BACKTRACE").env("HOME", "/nonexistent").env_remove("KUBECONFIG");
    let output = command.args(args).write_stdin("").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_has_examples_and_exit_codes() {
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("Examples:") && out.contains("3 refused by a check"), "{out}");
    for command in Cli::command().get_subcommands() {
        let verb = command.get_name();
        let (code, out, _) = run(&[verb, "--help"]);
        assert!(code == 0 && out.contains("Examples:") && out.contains("kubectl bluegreen"), "{verb}: {out}");
    }
}

/// Else `rbac --for VERB` does not know it, and the Role lacks what it needs.
#[test]
fn every_command_that_asks_a_cluster_says_what_for() {
    let without = ["rehearse", "lint", "docs", "rbac", "completion", "version"];
    let commands = Cli::command();
    let unsaid = commands.get_subcommands().map(clap::Command::get_name).filter(|verb| !without.contains(verb));
    let unsaid: Vec<_> = unsaid.filter(|verb| USES.iter().all(|(of, _)| of != verb)).collect();
    assert!(unsaid.is_empty(), "neither in USES of rights.rs nor here among those without a cluster: {unsaid:?}");
}

#[test]
fn bad_usage_exits_with_2() {
    for (args, words) in [
        (vec![], "Usage"),
        (vec!["swich", "green"], "similar subcommand exists: 'switch'"),
        (vec!["switch"], "<ENV>"),
        (vec!["switch", "red"], "`red` is no color"),
        (vec!["switch", "green", "--settle", "soon"], "`soon` is no duration"),
        (vec!["switch", "green", "--accept", "capacty"], "there is no check `capacty`"),
        (vec!["rehearse", "v2"], "--filename"),
    ] {
        let (code, out, err) = run(&args);
        assert_eq!(code, 2, "{args:?}\n{out}\n{err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_as_data_where_data_was_asked_for() {
    for args in [
        ["switch", "red", "-o", "json"],
        ["-o=json", "switch", "red", "-y"],
        ["deploy", "--output=json", "-y", "-q"],
        ["switch", "-qyo", "json", "red"],
    ] {
        let (code, out, err) = run(&args);
        let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &answer["error"]["code"]), (2, &"bluegreen::usage".into()), "{out}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("`red` is no color") || message.contains("<VERSION|IMAGE>"), "{message}");
        assert!(err.starts_with("error: "), "{err}");
    }
    assert_eq!(run(&["switch", "red", "-o", "json", "-o", "table"]).1, "");
    assert_eq!(run(&["switch", "--help", "-o", "json"]).0, 0);
}

#[test]
fn without_a_cluster_the_error_says_what_was_tried() {
    let (code, out, err) = run(&["status"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("there is no kubeconfig") && err.contains("--kubeconfig"), "{err}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let path = path.to_str().unwrap();
    let (code, _, err) = run(&["status", "--kubeconfig", path]);
    assert!(code == 1 && err.contains(path), "{err}");
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- name: here\n  context: {cluster: c, user: u}\n\
        clusters:\n- name: c\n  cluster: {server: 'http://127.0.0.1:1'}\nusers:\n- name: u\n  user: {}\n";
    std::fs::write(path, config).unwrap();
    let (code, _, err) = run(&["status", "--kubeconfig", path, "--context", "there"]);
    assert!(code == 1 && err.contains("has no context there") && err.contains("there is: here"), "{err}");
    let (code, out, err) = run(&["status", "--kubeconfig", path, "-o", "json"]);
    assert!(code == 1 && err.contains("refused") && err.contains("127.0.0.1:1"), "{err}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["error"]["code"], "bluegreen::cluster");
}

#[test]
fn a_rehearsal_needs_nothing_and_is_the_same_each_time() {
    let args = ["rehearse", "-f", "testdata/api-gateway", "v1.1.0"];
    let started = std::time::Instant::now();
    let (code, out, err) = run(&args);
    assert_eq!(code, 0, "{err}");
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_secs(5), "{took:.1?}");
    insta::assert_snapshot!(format!("{err}{out}"));
    assert_eq!(run(&args), (code, out, err));
    let (code, out, _) = run(&[&args[..], &["-o", "json", "-q"]].concat());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["outcome"], &json["rollback"]["outcome"]), (0, &"done".into(), &"done".into()));
    assert!(json["rollback"]["secondsToEndpoints"].as_f64().unwrap() < 1.0, "{json}");
}

#[test]
fn a_rehearsal_of_bad_manifests_says_why() {
    let (code, _, err) = run(&["rehearse", "-f", "testdata/lint/bg203-switch-selects-nothing/bad-a.yaml", "2.0"]);
    assert!(code == 3 && err.contains("BG203"), "{code}: {err}");
    let (code, _, err) = run(&["rehearse", "-f", "testdata/missing", "2.0"]);
    assert!(code == 1 && err.contains("testdata/missing"), "{code}: {err}");
    let (code, _, err) = run(&["rehearse", "-f", "testdata/lint/bg002-duplicate-key/good.yaml", "2.0"]);
    assert!(code == 1 && err.contains("no release set"), "{code}: {err}");
}

#[test]
fn every_naming_can_be_rehearsed() {
    for set in ["good-a.yaml", "good-b.yaml", "good-c.json"] {
        let (code, out, err) = run(&["rehearse", "-f", &format!("testdata/lint/sets/{set}"), "2.0"]);
        assert!(code == 0 && out.contains(" would serve after "), "{set}: {out}\n{err}");
    }
}

#[test]
fn a_version_needs_nothing() {
    let (code, out, err) = run(&["version"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with(concat!("kubectl-bluegreen ", env!("CARGO_PKG_VERSION"))), "{out}");
    let (_, out, _) = run(&["version", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&json["version"], &json["program"]["version"]), (&1.into(), &env!("CARGO_PKG_VERSION").into()));
}

/// A kubeconfig whose server takes connections and never answers.
fn silent_cluster(folder: &std::path::Path) -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let path = folder.join("config");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- {{name: here, context: {{cluster: c, user: u}}}}\n\
         - {{name: there, context: {{cluster: c, user: u}}}}\nclusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\n\
         users:\n- {{name: u, user: {{}}}}\n"
    );
    std::fs::write(&path, config).unwrap();
    (listener, path.to_str().unwrap().to_owned())
}

#[test]
fn completion_is_silent_and_in_time_without_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, config) = silent_cluster(folder.path());
    for (args, answer) in [
        (vec!["status", "--kubeconfig", &config, "-n", ""], ":4\n"),
        (vec!["switch", "--kubeconfig", &config, ""], "blue\ngreen\n:4\n"),
        (vec!["status", "--kubeconfig", &config, "--context", "t"], "there\n:4\n"),
        (vec!["status", "--kubeconfig", "/nonexistent", "--app", ""], ":4\n"),
    ] {
        let started = std::time::Instant::now();
        let got = run(&[vec!["__complete"], args.clone()].concat());
        assert_eq!(got, (0, answer.to_owned(), String::new()), "{args:?}");
        // The promise is 300 ms; a machine that runs the tests beside this one may be slow to start a process.
        assert!(started.elapsed() < std::time::Duration::from_secs(3), "{args:?}: {:?}", started.elapsed());
    }
}

#[test]
#[cfg(unix)]
fn bash_completes_the_program() {
    let program = env!("CARGO_BIN_EXE_kubectl-bluegreen");
    let folder = std::path::Path::new(program).parent().unwrap().display();
    let script = format!(
        "PATH={folder}:$PATH; source <(kubectl-bluegreen completion bash)\n\
         COMP_WORDS=(kubectl-bluegreen rol); COMP_CWORD=1; COMP_TYPE=9; _clap_complete_kubectl_bluegreen kubectl-bluegreen rol kubectl-bluegreen; echo \"${{COMPREPLY[@]}}\""
    );
    let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim(), "rollback", "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every fault ends as the real thing would, tells it in the same words each time, and takes no time.
#[test]
fn every_fault_can_be_rehearsed() {
    for (fault, code, outcome, words) in [
        ("never-ready", 1, "failed", "the readiness probe fails"),
        ("crash", 1, "failed", "ends again and again"),
        ("pull-error", 1, "failed", "cannot be pulled"),
        ("smoke-fails", 4, "failed", "answered 500"),
        ("error-rate", 4, "put-back", "0.3 is more than 0.05"),
        ("conflict", 0, "done", "exactly the 2 ready pods of green"),
        ("disconnect", 0, "done", "exactly the 2 ready pods of green"),
        ("other-writer", 1, "failed", "somebody else changed service/"),
    ] {
        let args = ["rehearse", "-f", "testdata/api-gateway", "v9", "--fault", fault, "-o", "json"];
        let (code_now, out, err) = run(&args);
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code_now, &report["outcome"]), (code, &outcome.into()), "{fault}: {err}");
        assert!(err.contains(words), "{fault}: {err}");
        assert!(
            report["users"]["lost"] == 0 && report["users"]["requests"].as_u64().unwrap() > 90,
            "{fault}: {report}"
        );
        assert_eq!(report["users"]["errors"].as_u64().unwrap() > 0, fault == "error-rate", "{fault}: {report}");
        assert_eq!(run(&args).2, err, "{fault}");
    }
}

#[test]
fn lint_is_the_linter_with_its_options_and_exit_codes() {
    let bad = "testdata/lint/bg204-color-service-wrong-color/bad-a.yaml";
    let (code, out, err) = run(&["lint", "--format", "concise", bad]);
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.starts_with(&format!("{bad}:110:12: error[BG204]")), "{out}");
    let (code, out, _) = run(&["lint", "-q", "--output", "json=/dev/null", "testdata/api-gateway"]);
    assert_eq!((code, out.as_str()), (0, ""));
    let (code, out, _) = run(&["-n", "shop", "lint", "--diff", "--format", "concise", bad]);
    assert!(code == 1 && out.contains("+    color: green"), "{out}");
    for (arguments, code, words) in [
        (vec!["lint", "--help"], 0, "Usage: kubectl bluegreen lint [OPTIONS] [PATH]..."),
        (vec!["lint", "--explain", "BG204"], 0, "# BG204 color-service-wrong-color"),
        (vec!["lint", "missing.yaml"], 2, "cannot read missing.yaml"),
        (vec!["lint", "--no-such-flag"], 2, "unexpected argument '--no-such-flag'"),
    ] {
        let (got, out, err) = run(&arguments);
        assert_eq!(got, code, "{arguments:?}");
        assert!(format!("{out}{err}").contains(words), "{out}{err}");
    }
}
