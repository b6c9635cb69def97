//! Packs the schemas of the Kubernetes kinds for the binary. Must not change them.

#![expect(clippy::disallowed_methods, reason = "a build script reads what it packs")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../schemas/kubernetes");
    let target = env::var("OUT_DIR")?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = String::from("[");
    for minor in 30..=37 {
        let packed = Path::new(&target).join(format!("v1.{minor}.json.gz"));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&fs::read(folder.join(format!("v1.{minor}.json")))?)?;
        fs::write(&packed, encoder.finish()?)?;
        write!(list, "include_bytes!({:?}),", packed.display().to_string())?;
    }
    list.push(']');
    fs::write(Path::new(&target).join("schemas.rs"), list)?;
    Ok(())
}
