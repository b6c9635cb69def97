//! The plugin as a whole: scenarios on the simulated cluster and, where there is one, on a real one; the program; its
//! structure.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "tests read fixtures, start programs, take time, and fail by panicking"
)]

mod architecture;
mod careful;
mod changed_routes;
mod completion;
mod connect;
mod crowd;
mod declared;
mod faults;
mod guide;
mod init;
mod init_faults;
mod journal;
mod live;
mod live_checks;
mod live_init;
mod live_rights;
mod live_writers;
mod loopback;
mod process;
mod rehearsals;
mod release;
mod release_faults;
mod reports;
mod requests;
mod routed;
mod routers;
mod scenarios;
mod schema;
#[cfg(unix)]
mod signals;
mod simulated;
mod split_faults;
mod status;
mod step_faults;
mod steps;
mod stub;
mod torture;
mod wire;
mod world;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
