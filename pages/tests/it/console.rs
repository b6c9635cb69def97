//! What the documentation shows of the commands is what they print: every `console` block is a session that is played
//! again, with `docs/examples/shop` in a simulated cluster where a cluster is needed. Each page has a cluster of its own.
//!
//! `<!-- also in the cluster: PATH -->` in a page loads these manifests besides.
//!
//! A line `$ command` is run; what follows up to the next one is its output, and its exit status when that is not 0.
//! A line `...` stands for lines left out. `UPDATE_DOCS=1 cargo test -p pages` writes what is printed.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use bluegreen_lint::config::file::File;
use bluegreen_lint::report::human::Style;
use clap::Parser;
use kubectl_bluegreen::cli::Cli;
use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::dispatch::Run;
use kubectl_bluegreen::interrupt::Interrupt;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::ui::{Answers, Ui};

use super::{all_pages, files};

const NAMESPACE: &str = "shop";

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

async fn example(page: &str) -> SimulatedCluster {
    let cluster = SimulatedCluster::new("2026-01-01T09:00:00Z".parse().unwrap());
    let also = |line: &str| Some(line.strip_prefix("<!-- also in the cluster: ")?.strip_suffix(" -->")?.to_owned());
    let folders = std::iter::once("docs/examples/shop".to_owned()).chain(page.lines().filter_map(also));
    for path in folders.flat_map(|folder| files(&pages::root().join(folder))) {
        for document in bluegreen_lint::yaml::parse(&std::fs::read_to_string(path).unwrap()).documents {
            let mut object = document.root().to_json();
            object["metadata"]["namespace"] = NAMESPACE.into();
            cluster.apply(object);
        }
    }
    cluster.settle(Duration::from_hours(1)).await;
    cluster
}

/// Runs one command line; answers with what it prints and its exit status.
async fn run(cluster: &SimulatedCluster, line: &str) -> (String, u8) {
    let line = line.split(" #").next().unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["kubectl", "bluegreen", ref arguments @ ..] => {
            let cli = match Cli::try_parse_from([&["kubectl-bluegreen"], arguments].concat()) {
                Ok(cli) => cli,
                Err(error) => return (error.to_string(), u8::from(error.use_stderr()) * 2),
            };
            let printed = Printed::default();
            let answers = if cli.global.yes { Answers::Yes } else { Answers::Person };
            let ui = Ui::new(Box::new(printed.clone()), Box::new(printed.clone()), answers, cli.global.quiet);
            let holder = Holder { user: "ann".to_owned(), host: "laptop".to_owned(), pid: 1, ..Holder::default() };
            let run =
                Run { global: cli.global, ui, interrupt: Interrupt::default(), holder, config: File::default().into() };
            let status = match run.alone(&cli.command).await {
                Some(status) => status,
                None => run.command(cluster, NAMESPACE, &cli.command).await,
            };
            let text = String::from_utf8(printed.0.borrow().clone()).unwrap();
            (anstream::adapter::strip_str(&text).to_string(), status as u8)
        }
        ["bluegreen-lint", ..] => {
            let style = Style { color: false, unicode: true, width: 100 };
            match bluegreen_lint::cli::Cli::try_parse_from(words).unwrap().run(style, None) {
                Ok(answer) => (answer.text + &answer.notes, answer.status as u8),
                Err(error) => (bluegreen_lint::report::human::render_error(&error, style), 2),
            }
        }
        _ => panic!("this is no command that a session can play: {line}"),
    }
}

/// Whether an output is what a page shows of it, in which `...` stands for any lines.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        (["...", rest @ ..], printed) => (0..=printed.len()).any(|at| matches(rest, &printed[at..])),
        ([one, rest @ ..], [other, more @ ..]) => one == other && matches(rest, more),
        _ => false,
    }
}

/// Plays the sessions of a page; answers with the page as it should be.
async fn play(page: &str) -> String {
    let cluster = example(page).await;
    let mut text = String::new();
    let mut lines = page.lines().peekable();
    let mut is_session = false;
    while let Some(line) = lines.next() {
        let _ = writeln!(text, "{line}");
        is_session = if line.trim() == "```console" { true } else { is_session && line.trim() != "```" };
        let Some(command) = line.strip_prefix("$ ").filter(|_| is_session) else { continue };
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && line.trim() != "```") {
            shown.push(line.trim_end());
        }
        let (mut printed, status) = Box::pin(run(&cluster, command)).await;
        if status != 0 {
            let _ = writeln!(printed, "(exit status {status})");
        }
        let printed: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
        let right = if matches(&shown, &printed) { shown } else { printed };
        for line in right {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[test]
fn sessions_print_what_the_pages_show() {
    std::env::set_current_dir(pages::root()).unwrap();
    let mut count = 0;
    for (path, text) in all_pages() {
        count += text.matches("```console").count();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let played = runtime.block_on(play(&text));
        if played == text {
            continue;
        }
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(pages::root().join(&path), played).unwrap();
            continue;
        }
        let (line, pair) = played.lines().zip(text.lines()).enumerate().find(|(_, (new, old))| new != old).unwrap();
        panic!(
            "{path}:{}: it prints\n{}\nand the page shows\n{}\n: UPDATE_DOCS=1 cargo test -p pages",
            line + 1,
            pair.0,
            pair.1
        );
    }
    assert!(count >= 5, "{count} sessions only");
}
