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
        if let Some(name) = source.path.strip_prefix("router/").filter(|name| !name.contains('/')) {
            let _ = write!(text, "\n## {}\n\n{}\n", name.trim_end_matches(".rs"), source.documentation());
        }
    }
    Ok(text)
}
