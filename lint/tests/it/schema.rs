//! The JSON output is what its schema says, and what is made from the code is current.

use bluegreen_lint::config::Config;
use bluegreen_lint::report::json;
use bluegreen_lint::source::Source;
use bluegreen_lint::{lint, pages};

use super::{files, root};

#[test]
fn json_is_valid_by_its_schema() {
    let schema = std::fs::read_to_string(root().join("schemas/lint-report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let mut count = 0;
    for path in files(&root().join("testdata"), "") {
        let is_manifest = path.extension().is_some_and(|extension| extension == "yaml" || extension == "json");
        if !is_manifest {
            continue;
        }
        let sources = [Source::new(path.display().to_string(), std::fs::read_to_string(&path).unwrap())];
        let output: serde_json::Value =
            serde_json::from_str(&json::render(&lint(&sources, &Config::default()), &sources)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&output).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        count += 1;
    }
    assert!(count > 50);
    assert!(!validator.is_valid(&serde_json::json!({"version": 1})), "the schema asks for nothing");
}

#[test]
fn generated_files_are_current() {
    const COMMAND: &str = "run `cargo run -p bluegreen-lint --example generate`";
    let generated = pages::generated();
    for (path, text) in &generated {
        let there = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(there == *text, "{path} is out of date: {COMMAND}");
    }
    for page in files(&root().join("docs/rules"), "") {
        let path = format!("docs/rules/{}", page.file_name().unwrap().to_str().unwrap());
        assert!(generated.iter().any(|(current, _)| *current == path), "{path} belongs to no rule: {COMMAND}");
    }
}
