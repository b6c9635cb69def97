//! The JSON Schemas of what the commands print with `-o json`, made of the very types that are printed.
//! Says nothing itself.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;
use serde_json::Value;

use crate::cmd::status::{Overview, Status};
use crate::cmd::{check, diff, history, rehearse, version};
use crate::report::{Failed, Report};

/// Every schema by the name of its file.
#[must_use]
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        of::<check::Answer>("check.schema.json"),
        of::<diff::Answer>("diff.schema.json"),
        of::<Failed<'_>>("error.schema.json"),
        of::<history::History>("history.schema.json"),
        of::<rehearse::Rehearsal>("rehearsal.schema.json"),
        of::<Report>("report.schema.json"),
        of::<Status>("status.schema.json"),
        of::<Overview>("status-all.schema.json"),
        of::<version::Version>("version.schema.json"),
    ]
}

fn of<T: JsonSchema>(name: &'static str) -> (&'static str, Value) {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RestrictFormats::default());
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("https://kubectl-bluegreen.dev/schemas/{name}").into());
    (name, schema.to_value())
}
