//! The page of the routers, made from what their files say of themselves.
//! Knows no single router.

use std::fmt::Write as _;
use std::path::Path;

use kubectl_bluegreen::router::ALL as ROUTERS;

use crate::Problem;
use crate::tree::{PLUGIN, sources};

/// `docs/routers.md`.
///
/// # Errors
/// When the sources cannot be read.
pub fn page(root: &Path) -> Result<String, Problem> {
    let mut text = String::from(
        "# Routers\n\nAll traffic is moved by the selector of the active Service. A share of it, `switch ENV PERCENT`, needs \
         something that can split: a router. It is found by itself, or named with `--router`. A route splits only what comes in \
         through it: what reaches the active Service from inside the cluster stays where the selector says. [Sharing the traffic](shares.md) shows each at work.\n\n| router | covers |\n|---|---|\n",
    );
    for router in ROUTERS {
        let _ = writeln!(text, "| [`{0}`](#{0}) | {1} |", router.id, router.covers.replace('|', "\\|"));
    }
    for source in sources(root, PLUGIN)? {
        let name = source.path.strip_prefix("router/").and_then(|name| name.strip_suffix(".rs"));
        // What several of them share is none of its own.
        if let Some(name) = name.filter(|name| ROUTERS.iter().any(|router| router.id == *name)) {
            let _ = write!(text, "\n## {name}\n\n{}\n", source.documentation());
        }
    }
    Ok(text)
}
