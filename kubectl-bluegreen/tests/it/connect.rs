//! Connections as kubectl makes them: kubeconfig files and what is wrong with them, credentials, proxies, certificates.
//! Whole processes, against a server on loopback.

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::{Value, json};

use super::loopback::{NAME, Pair, Seen, Stub, proxy};

/// A folder with kubeconfig files, and the program in an environment that names nothing else.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn config(&self, cluster: &Value, user: &Value) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team-a"}}],
            "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
        });
        self.write("config", &config.to_string())
    }

    /// Exit code and stderr of `status`.
    fn status(&self, variables: &[(&str, &str)], args: &[&str]) -> (i32, String) {
        let mut command = Command::cargo_bin("kubectl-bluegreen").unwrap();
        for name in ["KUBECONFIG", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        command.env("HOME", self.0.path()).envs(variables.iter().copied()).arg("status").args(args);
        let output = command.write_stdin("").timeout(Duration::from_mins(1)).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// The same with the one file; answers the namespace that was looked at.
    #[track_caller]
    fn looks_at(&self, args: &[&str]) -> String {
        let (code, err) = self.status(&[], &[&["--kubeconfig", &self.path("config")], args].concat());
        let namespace =
            err.lines().next().unwrap().strip_prefix("error[bluegreen::no_set]: no release set in namespace ");
        assert_eq!(code, 1);
        namespace.unwrap_or_else(|| panic!("{err}")).to_owned()
    }
}

fn ok(_: &Seen) -> u16 {
    200
}

fn http(stub: &Stub) -> String {
    format!("http://{}", stub.address)
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| -> String {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(chunk.get(at).copied().unwrap_or_default()));
        let digit = |at: usize| char::from(DIGITS[bits >> (18 - 6 * at) & 63]);
        (0..4).map(|at| if at <= chunk.len() { digit(at) } else { '=' }).collect()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

/// Of several files the first one that says something says it; what is not there is passed over.
#[test]
fn files_are_merged_as_kubectl_merges_them() {
    let (home, one, other) = (Home::new(), Stub::plain(ok), Stub::plain(ok));
    let first = home.write(
        "first",
        &format!(
            "current-context: here\ncontexts:\n- {{name: here, context: {{cluster: c, user: u, namespace: team-a}}}}\n\
             clusters:\n- {{name: twice, cluster: {{server: '{}'}}}}\n",
            http(&one)
        ),
    );
    let second = home.write(
        "deep/second",
        &format!(
            "current-context: there\ncontexts:\n- {{name: here, context: {{cluster: nowhere, user: u}}}}\n\
             - {{name: there, context: {{cluster: twice, user: u}}}}\n\
             clusters:\n- {{name: c, cluster: {{server: '{0}'}}}}\n- {{name: twice, cluster: {{server: '{0}'}}}}\n\
             users:\n- {{name: u, user: {{tokenFile: token}}}}\n",
            http(&other)
        ),
    );
    home.write("deep/token", "of-the-file");
    let empty = home.write("empty", "");
    let list = std::env::join_paths([&first, &home.path("missing"), &empty, &second]).unwrap();
    let list = [("KUBECONFIG", list.to_str().unwrap())];
    let (code, err) = home.status(&list, &[]);
    assert!(code == 1 && err.contains("no release set in namespace team-a"), "{err}");
    assert_eq!((one.seen().len(), other.seen()[0].header("authorization")), (0, vec!["Bearer of-the-file"]));
    let (_, err) = home.status(&list, &["--context", "there"]);
    assert!(err.contains("no release set in namespace default") && !one.seen().is_empty(), "{err}");
    // Without the variable it is the one at home; a file that is named counts alone.
    home.write(".kube/config", &std::fs::read_to_string(&first).unwrap());
    let (_, err) = home.status(&[], &["--cluster", "twice", "-n", "team-b"]);
    assert!(err.contains("no release set in namespace team-b"), "{err}");
    let (_, err) = home.status(&list, &["--kubeconfig", &first]);
    assert!(err.contains("there is no such cluster"), "{err}");
}

/// The flags that choose and identify mean what they mean to kubectl.
#[test]
fn flags_choose_and_identify() {
    let (home, stub) = (Home::new(), Stub::plain(ok));
    let config = json!({
        "current-context": "", "contexts": [{"name": "a", "context": {"cluster": "nowhere", "user": "one"}}],
        "clusters": [{"name": "c", "cluster": {"server": http(&stub)}}],
        "users": [{"name": "one", "user": {"token": "1"}}, {"name": "two", "user": {"token": "2", "as": "kim"}}],
    });
    home.write("config", &config.to_string());
    let all = ["--context", "a", "--cluster", "c", "--user", "two", "-n", "x"];
    assert_eq!(home.looks_at(&all), "x");
    let last = || stub.seen().pop().unwrap();
    assert_eq!((last().header("authorization"), last().header("impersonate-user")), (vec!["Bearer 2"], vec!["kim"]));
    assert!(
        last().path.contains("/namespaces/x/") || last().path.ends_with("selfsubjectrulesreviews"),
        "{}",
        last().path
    );
    home.looks_at(&[&all[..], &["--as", "eve", "--as-group", "ops", "--as-group=dev", "--token", "3"]].concat());
    assert_eq!(last().header("authorization"), ["Bearer 3"]);
    assert_eq!(
        (last().header("impersonate-user"), last().header("impersonate-group")),
        (vec!["eve"], vec!["ops", "dev"])
    );
    let (code, err) = home.status(&[], &["--as-group", "ops"]);
    assert!(code == 2 && err.contains("--as"), "{err}");
}

/// A kubeconfig is read once: `--kubeconfig <(vault read …)` can be read no second time.
#[test]
#[cfg(unix)]
fn a_kubeconfig_may_come_through_a_pipe() {
    let (home, stub) = (Home::new(), Stub::plain(ok));
    home.write("token", "of-the-folder");
    let file = home.config(&json!({"server": http(&stub)}), &json!({"tokenFile": "token"}));
    let pipe = home.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, text)
    });
    let (_, err) = home.status(&[], &["--kubeconfig", &pipe]);
    assert!(err.contains("no release set in namespace team-a"), "{err}");
    assert_eq!(stub.seen()[0].header("authorization"), ["Bearer of-the-folder"]);
    writer.join().unwrap().unwrap();
}

/// What a file says once and merges into several places counts there.
#[test]
fn merged_fields_of_a_kubeconfig_count() {
    let (home, stub) = (Home::new(), Stub::plain(ok));
    home.write(
        "config",
        &format!(
            "x-base: &base {{server: '{}'}}\nx-user: &user {{token: merged}}\ncurrent-context: here\n\
             contexts:\n- {{name: here, context: {{cluster: c, user: u, namespace: team-a}}}}\n\
             clusters:\n- {{name: c, cluster: {{<<: *base, certificate-authority: ''}}}}\n\
             users:\n- {{name: u, user: {{<<: *user}}}}\n",
            http(&stub)
        ),
    );
    assert_eq!(home.looks_at(&[]), "team-a");
    assert_eq!(stub.seen()[0].header("authorization"), ["Bearer merged"]);
}

/// A plugin runs once for a command, with its arguments and environment, and again when its credentials are refused.
#[test]
#[cfg(unix)]
fn credential_plugins_are_run() {
    let home = Home::new();
    let script = "#!/bin/sh\necho run >> \"$COUNT\"\necho \"$KUBERNETES_EXEC_INFO\" > \"$COUNT.info\"\n\
        echo \"{\\\"apiVersion\\\": \\\"client.authentication.k8s.io/v1\\\", \\\"kind\\\": \\\"ExecCredential\\\", \\\"status\\\": \
        {\\\"token\\\": \\\"$1-$(wc -l < \"$COUNT\" | tr -d ' ')\\\", \\\"expirationTimestamp\\\": \\\"2199-01-01T00:00:00Z\\\"}}\"\n";
    let path = home.write("bin/plugin", script);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let count = home.path("count");
    let exec = |command: &str, more: Value| {
        let mut exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable", "command": command,
            "args": ["token"], "env": [{"name": "COUNT", "value": count}], "provideClusterInfo": true,
        });
        exec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"exec": exec})
    };
    let runs = || std::fs::read_to_string(&count).map_or(0, |text| text.lines().count());

    let stub = Stub::plain(|seen| if seen.header("authorization") == ["Bearer token-1"] { 200 } else { 401 });
    // A relative path counts from the folder of the kubeconfig.
    home.config(&json!({"server": http(&stub)}), &exec("./bin/plugin", json!({})));
    assert_eq!(home.looks_at(&[]), "team-a");
    assert!(runs() == 1 && stub.seen().len() > 5, "{} runs for {} requests", runs(), stub.seen().len());
    let info: Value = serde_json::from_str(&std::fs::read_to_string(home.path("count.info")).unwrap()).unwrap();
    assert_eq!(
        (&info["spec"]["interactive"], &info["spec"]["cluster"]["server"]),
        (&json!(false), &json!(http(&stub)))
    );

    std::fs::remove_file(&count).unwrap();
    let later = Stub::plain(|seen| if seen.header("authorization") == ["Bearer token-1"] { 401 } else { 200 });
    home.config(&json!({"server": http(&later)}), &exec("./bin/plugin", json!({})));
    assert_eq!(home.looks_at(&[]), "team-a");

    for (command, body, words) in [
        (
            "./bin/fails",
            "#!/bin/sh\nprintf 'the session\\nhas ended\\n' >&2\nexit 7\n",
            "exit status: 7: the session; has ended",
        ),
        ("./bin/talks", "#!/bin/sh\necho hello\n", "no ExecCredential"),
    ] {
        let path = home.write(command, body);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        home.config(&json!({"server": http(&stub)}), &exec(command, json!({})));
        let (code, err) = home.status(&[], &["--kubeconfig", &home.path("config")]);
        assert!(code == 1 && err.contains("the credential plugin") && err.contains(words), "{err}");
        assert!(err.contains("help: run it yourself") && !err.contains(&count), "{err}");
    }
    home.config(&json!({"server": http(&stub)}), &exec("no-such-plugin", json!({"installHint": "apt install it"})));
    let (code, err) = home.status(&[], &["--kubeconfig", &home.path("config")]);
    assert!(code == 1 && err.contains("no-such-plugin gives none") && err.contains("help: apt install it"), "{err}");
}

/// Client certificates from the file itself and from files beside it; the server is verified unless told not to.
#[test]
fn certificates_are_shown_and_verified() {
    let (home, client) = (Home::new(), Pair::new("ann"));
    let stub = Stub::tls(Some(&client), ok);
    let server = stub.pair.as_ref().unwrap().certificate();
    let at = |more: Value| {
        let mut cluster = json!({"server": format!("https://{}", stub.address)});
        cluster.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cluster
    };
    let trusted = at(json!({"certificate-authority-data": base64(&server), "tls-server-name": NAME}));
    let inline =
        json!({"client-certificate-data": base64(&client.certificate()), "client-key-data": base64(&client.key())});
    home.write("pki/ca.pem", &server);
    home.write("pki/ann.pem", &client.certificate());
    home.write("pki/ann.key", &client.key());
    let beside = json!({"client-certificate": "pki/ann.pem", "client-key": "pki/ann.key"});
    for (cluster, user, certified) in [
        (trusted.clone(), inline, true),
        (at(json!({"certificate-authority": "pki/ca.pem", "tls-server-name": NAME})), beside, true),
        (at(json!({"insecure-skip-tls-verify": true})), json!({"token": "t"}), false),
    ] {
        home.config(&cluster, &user);
        assert_eq!(home.looks_at(&[]), "team-a");
        assert_eq!(stub.seen().pop().unwrap().certified, certified, "{user}");
    }
    for cluster in [at(json!({"certificate-authority-data": base64(&server)})), at(json!({}))] {
        home.config(&cluster, &json!({}));
        let (code, err) = home.status(&[], &["--kubeconfig", &home.path("config")]);
        assert!(code == 1 && err.contains("certificate"), "{err}");
    }
}

/// Through the proxy of the environment or of the kubeconfig, and not where the server is listed.
#[test]
fn proxies_are_used() {
    let (home, stub) = (Home::new(), Stub::tls(None, ok));
    let (address, asked) = proxy(stub.address);
    let trust = base64(&stub.pair.as_ref().unwrap().certificate());
    let server = format!("https://{NAME}:6443");
    home.config(&json!({"server": server, "certificate-authority-data": trust}), &json!({"token": "t"}));
    let (url, config) = (format!("http://{address}"), home.path("config"));
    let args = ["--kubeconfig", config.as_str(), "--request-timeout", "5s"];
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let (code, err) = home.status(&[(variable, &url)], &args);
        assert!(code == 1 && err.contains("no release set in namespace team-a"), "{err}");
    }
    assert_eq!(asked.lock().unwrap()[0], format!("{NAME}:6443"));
    let before = asked.lock().unwrap().len();
    let (_, err) = home.status(&[("HTTPS_PROXY", &url), ("NO_PROXY", "invalid")], &args);
    assert!(!err.contains("no release set") && asked.lock().unwrap().len() == before, "{err}");
    home.config(&json!({"server": server, "certificate-authority-data": trust, "proxy-url": url}), &json!({}));
    let (_, err) = home.status(&[("NO_PROXY", "*")], &args);
    assert!(err.contains("no release set in namespace team-a"), "{err}");
    home.config(&json!({"server": server}), &json!({}));
    let (code, err) = home.status(&[("HTTPS_PROXY", "http://a b")], &args);
    assert!(code == 1 && err.contains("HTTPS_PROXY is no URL"), "{err}");
}

/// What is wrong with a kubeconfig is said by file and field, with the way out, and without what is secret.
#[test]
fn errors_name_the_file_and_the_field() {
    let home = Home::new();
    let good = json!({"server": "http://127.0.0.1:1"});
    let with = |change: &dyn Fn(&mut Value)| {
        let mut config = json!({
            "current-context": "here", "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": good}], "users": [{"name": "u", "user": {"token": "secret"}}],
        });
        change(&mut config);
        config.to_string()
    };
    let user = |user: Value| with(&move |config| config["users"][0]["user"] = user.clone());
    let cluster = |cluster: Value| with(&move |config| config["clusters"][0]["cluster"] = cluster.clone());
    let half = json!({"client-certificate-data": base64("x")});
    for (text, words, help) in [
        ("a: [1\nb: 2".to_owned(), "it is not YAML", "at line 2"),
        ("just words".to_owned(), "it is no kubeconfig", "kubectl config view"),
        (with(&|config| config["users"] = 7.into()), "users has another type", "expected a sequence"),
        (user(json!({"token": ["secret"]})), "users[0].user.token has another type", "expected a string"),
        (cluster(json!({"server": 6443})), "clusters[0].cluster.server has another type", "expected a string"),
        (
            cluster(json!({"server": "http://a", "insecure-skip-tls-verify": "yes"})),
            "insecure-skip-tls-verify",
            "expected a boolean",
        ),
        (cluster(json!({})), "clusters[0].cluster.server of c is missing", "kubectl config set-cluster c --server="),
        (
            cluster(json!({"server": "127.0.0.1"})),
            "clusters[0].cluster.server of c is no URL",
            "kubectl config set-cluster c",
        ),
        (
            cluster(json!({"server": "https://a", "certificate-authority-data": "%%%"})),
            "clusters[0].cluster.certificate-authority-data is not base64",
            "PEM",
        ),
        (
            cluster(json!({"server": "https://a", "certificate-authority": "gone.pem"})),
            "clusters[0].cluster.certificate-authority names",
            "relative path",
        ),
        (
            cluster(json!({"server": "https://a", "proxy-url": "a b"})),
            "clusters[0].cluster.proxy-url is no URL",
            "http://HOST",
        ),
        (with(&|config| config["current-context"] = "".into()), "current-context is missing", "there is: here"),
        (with(&|config| config["current-context"] = "there".into()), "has no context there", "there is: here"),
        (
            with(&|config| config["contexts"][0]["context"] = Value::Null),
            "contexts[0].context of here is missing",
            "set-context",
        ),
        (
            with(&|config| config["contexts"][0]["context"]["cluster"] = "d".into()),
            "contexts[0].context.cluster of here is \"d\"",
            "there is: c",
        ),
        (user(json!({"client-certificate-data": "%%%", "client-key-data": "%%%"})), "users[0].user.client-", "base64"),
        (user(half), "users[0].user.client-key is missing", "needs its key"),
        (
            user(json!({"client-certificate": "gone.pem", "client-key": "gone.key"})),
            "users[0].user.client-",
            "relative path",
        ),
        (user(json!({"tokenFile": "gone"})), "users[0].user: tokenFile names", "another file"),
    ] {
        let path = home.write("config", &text);
        let (code, err) = home.status(&[], &["--kubeconfig", &path]);
        assert_eq!(code, 1, "{text}: {err}");
        assert!(err.contains(&path) && err.contains(words) && err.contains(help), "{text}\n{err}");
        assert!(err.contains("help: ") && !err.contains("secret"), "{text}\n{err}");
    }
    let missing = home.path("missing");
    let (code, err) = home.status(&[], &["--kubeconfig", &missing]);
    assert!(
        code == 1 && err.contains(&missing) && err.contains("No such file") && err.contains("--kubeconfig FILE"),
        "{err}"
    );
    let (code, err) = home.status(&[("KUBECONFIG", &missing)], &[]);
    assert!(code == 1 && err.contains("there is no kubeconfig") && err.contains(&missing), "{err}");
    // Whoever names a context has a kubeconfig, though there is nothing else in it.
    let path = home.write("config", "current-context: x\n");
    for (variables, args) in [(&[("KUBECONFIG", &*path)][..], &[][..]), (&[], &["--kubeconfig", &path])] {
        let (code, err) = home.status(variables, args);
        let words = format!("the kubeconfig {path} has no context x");
        assert!(code == 1 && err.contains(&words) && err.contains("help: it has no contexts"), "{err}");
    }
    let path = home.write("config", "users: [{name: u, user: {}}]\n");
    let (code, err) = home.status(&[], &["--kubeconfig", &path]);
    assert!(code == 1 && err.contains(&path) && err.contains("current-context is missing"), "{err}");
    let path = home.write("config", "current-context: ''\n");
    let (code, err) = home.status(&[], &["--kubeconfig", &path]);
    assert!(code == 1 && err.contains("there is no kubeconfig") && err.contains(&path), "{err}");
    let path = home.write("config", &with(&|_| {}));
    let (code, err) = home.status(&[], &["--kubeconfig", &path, "--user", "nobody"]);
    assert!(code == 1 && err.contains("there is no user nobody") && err.contains("there is: u"), "{err}");
}

/// In a pod there is no kubeconfig, but a service account: its token, its namespace, and the authority that the server is
/// verified by. `-n` and `--token` still choose.
#[test]
#[cfg(target_os = "linux")]
fn a_pod_is_its_service_account() {
    const IN_A_POD: &str = "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount \
        && cp \"$ACCOUNT\"/* /run/secrets/kubernetes.io/serviceaccount/ && exec \"$@\"";
    let (home, stub) =
        (Home::new(), Stub::tls(None, |seen| if seen.header("authorization").is_empty() { 401 } else { 200 }));
    let (proxy, _) = proxy(stub.address);
    home.write("account/token", "of-the-pod\n");
    home.write("account/namespace", "team-p");
    home.write("account/ca.crt", &stub.pair.as_ref().unwrap().certificate());
    let run = |port: Option<&str>, args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", IN_A_POD, "sh"]);
        command.arg(assert_cmd::cargo::cargo_bin("kubectl-bluegreen")).arg("status").args(args);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path("nobody"));
        command.env("ACCOUNT", home.path("account")).env("HTTPS_PROXY", format!("http://{proxy}"));
        command.env("KUBERNETES_SERVICE_HOST", NAME).envs(port.map(|port| ("KUBERNETES_SERVICE_PORT", port)));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = run(Some("443"), &[]);
    if err.contains("unshare") || err.contains("mount:") {
        eprintln!("skipped: no mount of one's own is allowed here: {err}");
        return;
    }
    assert!(code == Some(1) && err.contains("no release set in namespace team-p"), "{code:?}: {err}");
    let last = || stub.seen().pop().unwrap();
    assert_eq!(last().header("authorization"), ["Bearer of-the-pod"]);
    let (_, err) = run(Some("443"), &["-n", "other", "--token", "another"]);
    assert!(err.contains("no release set in namespace other"), "{err}");
    assert_eq!(last().header("authorization"), ["Bearer another"]);
    // A context is one of a kubeconfig, and without the port this is no pod.
    for (port, args) in [(Some("443"), &["--context", "here"][..]), (None, &[])] {
        let (code, err) = run(port, args);
        assert!(code == Some(1) && err.contains("help: "), "{code:?}: {err}");
    }
    home.write("account/ca.crt", &Pair::new(NAME).certificate());
    let (code, err) = run(Some("443"), &[]);
    assert!(code == Some(1) && err.contains("certificate"), "{code:?}: {err}");
}
