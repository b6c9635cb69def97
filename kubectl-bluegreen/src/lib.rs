//! Safe blue-green releases on plain Deployments and Services: observe, plan, execute.
//! Holds no logic of its own; `main.rs` parses, connects and runs.
//!
//! What the checks say of a move, on a cluster in memory; a real one is a `cluster::live::LiveCluster`:
//!
//! ```
//! use std::time::Duration;
//!
//! use kubectl_bluegreen::check::{self, Means, Question};
//! use kubectl_bluegreen::cmd::rehearse::load;
//! use kubectl_bluegreen::manifests;
//! use kubectl_bluegreen::observe::observe;
//! use kubectl_bluegreen::release::Color;
//! use kubectl_bluegreen::ui::{Answers, Ui};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
//! # runtime.block_on(async {
//! let ui = Ui::new(Box::new(std::io::sink()), Box::new(std::io::sink()), Answers::Yes, true);
//! let manifests = manifests::read(&["../docs/examples/shop".into()], &ui)?;
//! let (cluster, namespace) = load(&manifests);
//! cluster.settle(Duration::from_secs(60)).await;
//!
//! let observed = observe(&cluster, Some(&namespace), &[]).await?;
//! let set = &observed.sets()[0];
//! let question = Question { set, target: Color::Green, percent: 100, way_back: false, means: Means::Selector };
//! let results = check::run(&question, &[]);
//! assert!(check::all_pass(&results), "{results:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub mod guide;
pub mod health;
pub mod image;
pub mod init;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod manifests;
pub mod observe;
pub mod observed;
pub mod page;
pub mod paint;
pub mod place;
pub mod plain;
pub mod plan;
pub mod prepare;
pub mod process;
pub mod release;
pub mod report;
pub mod rights;
pub mod router;
pub mod routes;
pub mod schemas;
pub mod screen;
pub mod settings;
pub mod smoke;
pub mod table;
pub mod traffic;
pub mod trail;
pub mod ui;
pub mod watch;
mod weights;
