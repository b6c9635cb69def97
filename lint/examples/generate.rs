//! Writes what is made from the code: the pages of the rules and the schemas. Says nothing of what they contain.

#![expect(clippy::disallowed_methods, reason = "it looks for pages that no rule has any more")]

use std::error::Error;
use std::path::Path;

use bluegreen_lint::{files, pages};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let generated = pages::generated();
    std::fs::create_dir_all(root.join("docs/rules"))?;
    for (path, text) in &generated {
        files::write_atomically(&root.join(path), text.as_bytes())?;
    }
    for entry in std::fs::read_dir(root.join("docs/rules"))? {
        let name = entry?.file_name();
        let path = Path::new("docs/rules").join(&name);
        if !generated.iter().any(|(current, _)| Path::new(current) == path) {
            std::fs::remove_file(root.join(path))?;
        }
    }
    Ok(())
}
