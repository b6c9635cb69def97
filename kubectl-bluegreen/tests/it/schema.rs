//! What the commands print as JSON is what their schemas say.

use kubectl_bluegreen::release::ExitStatus;
use serde_json::Value;

use super::root;
use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, run};

#[track_caller]
pub(crate) fn check(schema: &str, value: &Value) {
    let text = std::fs::read_to_string(root().join("schemas").join(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{schema}: {errors:?}\n{value:#}");
    assert!(!validator.is_valid(&serde_json::json!({"version": 1})), "{schema} asks for nothing");
}

#[tokio::test(start_paused = true)]
async fn outputs_are_valid_by_their_schemas() {
    let cluster = cluster(NAMINGS[0]).await;
    for (line, schema, status) in [
        ("status", "status.schema.json", ExitStatus::Done),
        ("check", "check.schema.json", ExitStatus::Done),
        ("diff", "diff.schema.json", ExitStatus::Done),
        ("history", "history.schema.json", ExitStatus::Done),
        ("rollback --yes", "report.schema.json", ExitStatus::Refused),
        ("switch green --dry-run client", "report.schema.json", ExitStatus::Done),
        ("switch green --yes", "report.schema.json", ExitStatus::Done),
        ("switch green --yes", "report.schema.json", ExitStatus::Done),
        ("history", "history.schema.json", ExitStatus::Done),
        ("status", "status.schema.json", ExitStatus::Done),
        ("cleanup green --yes", "report.schema.json", ExitStatus::Refused),
        ("cleanup blue --yes", "report.schema.json", ExitStatus::Done),
        ("check blue", "check.schema.json", ExitStatus::Refused),
        ("status", "status.schema.json", ExitStatus::Done),
        ("deploy 3 --dry-run client", "report.schema.json", ExitStatus::Done),
        ("deploy 3 --yes", "report.schema.json", ExitStatus::Done),
        ("smoke blue", "report.schema.json", ExitStatus::Done),
        ("deploy a=1 a=2", "error.schema.json", ExitStatus::Usage),
        ("status -A", "status-all.schema.json", ExitStatus::Done),
        ("version", "version.schema.json", ExitStatus::Done),
        ("status --app nothing", "error.schema.json", ExitStatus::Failed),
    ] {
        let ran = run(&cluster, NAMESPACE, &format!("{line} -o json")).await.expect(status);
        check(schema, &ran.json());
    }
}
