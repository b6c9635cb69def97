//! `docs`: the page about a set, written, kept current, and the same each time.

use assert_cmd::Command;

use super::root;

/// Exit code, stdout and stderr of `kubectl bluegreen docs` at the root of the repository.
fn docs(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("kubectl-bluegreen").unwrap();
    command.current_dir(root()).env("HOME", "/nonexistent").env_remove("KUBECONFIG").arg("docs");
    let output = command.args(args).write_stdin(input.to_owned()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_page_of_the_reference_set_is_what_it_was() {
    let (code, page, said) = docs(&["-f", "testdata/api-gateway", "--to", "-"], "");
    assert_eq!(code, 0, "{said}");
    insta::assert_snapshot!(page);
    assert_eq!(docs(&["-f", "testdata/api-gateway", "--to", "-"], "").1, page);
}

#[test]
fn a_page_is_written_once_and_told_from_one_that_is_not_current() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.md");
    let to = path.to_str().unwrap();
    let args = ["-f", "testdata/api-gateway", "--to", to];
    let checked = [&args[..], &["--check"]].concat();
    let (code, _, said) = docs(&checked, "");
    assert!(code == 1 && said.contains("not what would be written"), "{said}");
    assert!(!path.exists());
    assert_eq!(docs(&args, "").0, 0);
    let page = std::fs::read_to_string(&path).unwrap();
    let printed = docs(&["-f", "testdata/api-gateway", "--to", "-"], "").1;
    assert_eq!(page.replace(&format!(" --to {to}"), ""), printed);
    // However a path is written, the page is the same.
    assert_eq!(docs(&["-f", "./testdata/api-gateway/", "--to", "-"], "").1, printed);
    assert_eq!(docs(&checked, "").0, 0);
    std::fs::write(&path, page + "by hand\n").unwrap();
    let (code, _, said) = docs(&checked, "");
    let last = std::fs::read_to_string(&path).unwrap().lines().count();
    assert!(code == 1 && said.contains(&format!("from line {last} on")), "{said}");
    let nowhere = folder.path().join("not/there.md");
    let (code, _, said) = docs(&["-f", "testdata/api-gateway", "--to", nowhere.to_str().unwrap()], "");
    assert!(code == 2 && said.contains("there is no directory"), "{said}");
}

#[test]
fn a_route_a_namespace_and_several_sets_are_in_the_page() {
    let set = |name: &str| {
        let label = |color: &str| format!("{{app: {name}, color: {color}}}");
        let deployment = |color: &str| {
            let labels = label(color);
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}-{color}, namespace: web}}\nspec:\n  \
                 selector: {{matchLabels: {labels}}}\n  template:\n    metadata: {{labels: {labels}}}\n    \
                 spec: {{containers: [{{name: app, image: 'r.example/{name}:1'}}]}}\n---\n"
            )
        };
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: web}}\nspec: {{selector: {}, ports: [{{port: 80}}]}}\n---\n",
            label("green")
        );
        format!("{}{}{service}", deployment("blue"), deployment("green"))
    };
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: web}\n\
        spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: shop, port: 80}]}]}\n---\n";
    let all = format!("{}{}{route}", set("shop"), set("other"));
    let (code, page, said) = docs(&["-f", "-", "--to", "-", "--app", "shop"], &all);
    assert_eq!(code, 0, "{said}");
    for words in [
        "traffic goes to green (1) at first",
        "route0 --> active",
        "active ==> green",
        "kubectl bluegreen switch blue -n web --app shop",
        "--steps 10,50,100",
        "kubectl patch service shop -n web --type json",
        "| warning | BG301 missing-readiness-probe | `<stdin>:",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (code, _, said) = docs(&["-f", "-", "--to", "-"], &all);
    assert!(code == 2 && said.contains("--app"), "{said}");
    let without_service = set("shop").split("---\n").take(2).collect::<Vec<_>>().join("---\n");
    let (code, page, said) = docs(&["-f", "-", "--to", "-"], &without_service);
    assert!(code == 0 && page.contains("there is nothing to switch"), "{page}{said}");
}
