//! Every YAML in the documentation and in the packaging can be parsed, and manifests have no errors.

use bluegreen_lint::config::Config;
use bluegreen_lint::finding::Severity;
use bluegreen_lint::lint;
use bluegreen_lint::source::Source;
use serde::Deserialize;

use super::{all_pages, blocks, files};

#[track_caller]
fn documents(name: &str, text: &str) -> Vec<serde_yaml::Value> {
    let document =
        |document| serde_yaml::Value::deserialize(document).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
    serde_yaml::Deserializer::from_str(text).map(document).collect()
}

#[test]
fn yaml_in_pages_is_valid_and_manifests_are_clean() {
    let (mut count, mut manifests) = (0, 0);
    for (path, text) in all_pages() {
        // The examples of the rules are bad on purpose; the linter's own tests hold them to what their pages say.
        if path.starts_with("docs/rules/") {
            continue;
        }
        for (_, block) in blocks(&text).into_iter().filter(|(word, _)| word == "yaml") {
            count += 1;
            let documents = documents(&path, &block);
            if documents.iter().all(|document| document.get("apiVersion").is_some() && document.get("kind").is_some()) {
                manifests += 1;
                let report = lint(&[Source::new(path.clone(), block.clone())], &Config::default());
                let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
                let errors: Vec<&str> = errors.map(|finding| finding.message.as_str()).collect();
                assert!(errors.is_empty(), "{path}: {errors:?}\n{block}");
            }
        }
    }
    assert!(count >= 6 && manifests >= 2, "{count} blocks, {manifests} with manifests");
}

#[test]
fn yaml_of_the_packaging_is_valid() {
    let root = pages::root();
    let mut paths = files(&root.join(".github"));
    paths.extend(files(&root.join("docs/ci")));
    paths.extend(["action.yml", ".pre-commit-hooks.yaml"].map(|name| root.join(name)));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"));
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        let documents = documents(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        assert!(documents.iter().all(|document| !document.is_null()), "{} is empty", path.display());
    }
}

#[test]
fn the_example_set_has_nothing_to_complain_about() {
    let sources: Vec<Source> = files(&pages::root().join("docs/examples/shop"))
        .into_iter()
        .map(|path| Source::new(path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let report = lint(&sources, &Config { pedantic: true, ..Config::default() });
    assert_eq!((report.objects, report.sets.len(), report.findings.len()), (5, 1, 0), "{:?}", report.findings);
}
