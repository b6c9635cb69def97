//! Safe blue-green releases on plain Deployments and Services: observe, plan, execute.
//! Holds no logic of its own; `main.rs` parses, connects and runs.

pub mod analysis;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod cmd;
pub mod complete;
pub mod dispatch;
pub mod drift;
pub mod error;
pub mod execute;
pub mod explain;
pub mod image;
pub mod init;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod manifests;
pub mod observe;
pub mod observed;
pub mod paint;
pub mod plan;
pub mod prepare;
pub mod process;
pub mod release;
pub mod report;
pub mod rights;
pub mod router;
pub mod routes;
pub mod screen;
pub mod settings;
pub mod smoke;
pub mod table;
pub mod traffic;
pub mod ui;
pub mod watch;
mod weights;
