//! The JSON output is what its schema says.

use bluegreen_lint::config::Config;
use bluegreen_lint::lint;
use bluegreen_lint::report::json;
use bluegreen_lint::source::Source;

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
