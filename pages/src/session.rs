//! Plays command lines on the example set in a cluster in memory, for the pages that show what is printed.
//! Keeps the colors; whoever wants plain text takes them out.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use bluegreen_lint::config::file::File;
use bluegreen_lint::report::human::{Style, render_error};
use bluegreen_lint::{manifest, source};
use clap::Parser;
use jiff::Timestamp;
use kubectl_bluegreen::cli::Cli;
use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::dispatch::Run;
use kubectl_bluegreen::interrupt::Interrupt;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::ui::{Answers, Ui};

use crate::{Problem, root};

/// The namespace of the example.
const NAMESPACE: &str = "shop";
/// The moment at which every session begins, in seconds since 1970: 2026-01-01T09:00:00Z.
const EPOCH: Timestamp = Timestamp::constant(1_767_258_000, 0);

/// What is printed, on both streams, in its order.
#[derive(Clone, Default)]
struct Printed(Rc<RefCell<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A cluster that holds the example set, and what these folders of the repository hold besides.
///
/// # Errors
/// When a manifest cannot be read.
pub async fn example(also: impl Iterator<Item = String>) -> Result<SimulatedCluster, Problem> {
    let cluster = SimulatedCluster::new(EPOCH);
    let folders = std::iter::once("docs/examples/shop".to_owned()).chain(also);
    let folders: Vec<_> = folders.map(|folder| root().join(folder)).collect();
    let sources = source::read(&folders, "").map_err(|error| Problem(error.to_string()))?;
    for object in manifest::read(&sources).objects {
        let mut object = object.root().to_json();
        if let Some(metadata) = object.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
            metadata.insert("namespace".to_owned(), NAMESPACE.into());
        }
        cluster.apply(object);
    }
    cluster.settle(Duration::from_hours(1)).await;
    Ok(cluster)
}

/// Runs one command line at the root of the repository; answers with what it prints, colors included, and its exit status.
/// The linter draws in so many columns.
///
/// # Errors
/// When it is no command line of the two programs.
pub async fn run(cluster: &SimulatedCluster, line: &str, columns: usize) -> Result<(String, u8), Problem> {
    let line = line.split(" #").next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["kubectl", "bluegreen", arguments @ ..] => {
            let cli = match Cli::try_parse_from([&["kubectl-bluegreen"], arguments].concat()) {
                Ok(cli) => cli,
                Err(error) => return Ok((error.to_string(), u8::from(error.use_stderr()) * 2)),
            };
            let printed = Printed::default();
            let answers = if cli.global.yes { Answers::Yes } else { Answers::Person };
            let ui = Ui::new(Box::new(printed.clone()), Box::new(printed.clone()), answers, cli.global.quiet)
                .looking(cli.global.place());
            let holder = Holder { user: "ann".to_owned(), host: "laptop".to_owned(), pid: 1, ..Holder::default() };
            let run =
                Run { global: cli.global, ui, interrupt: Interrupt::default(), holder, config: File::default().into() };
            let status = match run.alone(&cli.command).await {
                Some(status) => status,
                None => Box::pin(run.command(cluster, NAMESPACE, &cli.command)).await,
            };
            let text = String::from_utf8_lossy(&printed.0.borrow()).into_owned();
            Ok((text, status as u8))
        }
        ["bluegreen-lint", ..] => {
            let style = Style { color: true, unicode: true, width: columns };
            let linter = bluegreen_lint::cli::Cli::try_parse_from(words).map_err(|error| Problem(error.to_string()))?;
            Ok(match linter.run(style, None) {
                Ok(answer) => (answer.text + &answer.notes, answer.status as u8),
                Err(error) => (render_error(&error, style), 2),
            })
        }
        _ => Err(Problem(format!("this is no command that a session can play: {line}"))),
    }
}
