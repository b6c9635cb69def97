//! Writes `schemas/kubernetes/` from the definitions that Kubernetes publishes. Says nothing of what is strict about them.
//!
//! `cargo run -p bluegreen-lint --example kubernetes_schemas -- 1.34=FILE ...`, where FILE is what an API server of that
//! version answers at `/openapi/v2`, or a `_definitions.json` made of it.

#![expect(clippy::disallowed_methods, reason = "it reads the files that it is given")]

use std::error::Error;
use std::path::Path;

use bluegreen_lint::version::Version;
use bluegreen_lint::{files, schemas};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/kubernetes");
    std::fs::create_dir_all(&folder)?;
    for argument in std::env::args().skip(1) {
        let (version, path) = argument.split_once('=').ok_or("each argument is VERSION=FILE")?;
        let published = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let schema = schemas::strict(version, &published).ok_or_else(|| format!("{path} has no definitions"))?;
        files::write_atomically(&folder.join(format!("v{version}.json")), schema.as_bytes())?;
    }
    let read = |version: Version| -> Result<_, Box<dyn Error>> {
        let text = std::fs::read_to_string(folder.join(format!("v{version}.json")))?;
        Ok((version.to_string(), serde_json::from_str(&text)?))
    };
    let versions: Vec<_> = Version::all().map(read).collect::<Result<_, _>>()?;
    files::write_atomically(&folder.join("changes.json"), schemas::changes(&versions).as_bytes())?;
    Ok(())
}
