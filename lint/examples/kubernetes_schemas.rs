//! Writes `schemas/kubernetes/` from the definitions that Kubernetes publishes. Says nothing of what is strict about them.
//!
//! `cargo run -p bluegreen-lint --example kubernetes_schemas -- 1.34=FILE ...`, where FILE is what an API server of that
//! version answers at `/openapi/v2`, or a `_definitions.json` made of it.

#![expect(clippy::disallowed_methods, reason = "it reads the files that it is given")]

use std::error::Error;
use std::path::Path;

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
    Ok(())
}
