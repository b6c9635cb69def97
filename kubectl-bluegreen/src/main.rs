//! The `kubectl-bluegreen` program: parses, connects, runs, and answers with an exit status.
//! Decides nothing: commands plan, `execute` acts, `Ui` prints.

#![expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use bluegreen_lint::cli::{Cli as Linter, Surroundings};
use clap::Parser;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use kubectl_bluegreen::cli::{Cli, ColorWhen, Command, Output};
use kubectl_bluegreen::cluster::live::{self, ConnectOptions, LiveCluster, Log};
use kubectl_bluegreen::cmd::lint;
use kubectl_bluegreen::complete::{self, Names, Scope};
use kubectl_bluegreen::dispatch::{self, Run};
use kubectl_bluegreen::interrupt::Interrupt;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use kubectl_bluegreen::settings;
use kubectl_bluegreen::ui::{Answers, Ui};

/// How long a person who pressed Tab waits at most for the cluster.
const COMPLETION_PATIENCE: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    if let Some(status) = complete(std::env::args_os().collect()) {
        return status;
    }
    if let Some(linter) = lint::linter(&std::env::args_os().collect::<Vec<_>>()) {
        return lint(linter);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let output = Output::asked_for(&std::env::args_os().collect::<Vec<_>>());
            return dispatch::unread(&error, output, &Ui::process(Answers::Person, false)).into();
        }
    };
    match cli.global.color {
        ColorWhen::Auto => {}
        ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
        ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
    }
    // A cluster in memory has a clock of its own: it stands still while there is something to do, and jumps otherwise.
    let virtual_clock = matches!(cli.command, Command::Rehearse(_) | Command::Docs(_));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = match runtime.enable_all().start_paused(virtual_clock).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let ui = Ui::process(Answers::Person, false);
            ui.always(format_args!("error: the runtime cannot start: {error}"));
            return ExitStatus::Failed.into();
        }
    };
    let status = runtime.block_on(run(cli));
    // A thread may still wait for a line of standard input.
    runtime.shutdown_background();
    status.into()
}

/// Runs the linter as its own program would.
fn lint(linter: Result<Linter, clap::Error>) -> ExitCode {
    let surroundings = Surroundings {
        today: jiff::Zoned::now().date(),
        terminal: std::io::stdout().is_terminal(),
        columns: terminal_size::terminal_size_of(std::io::stdout()).map(|(columns, _)| usize::from(columns.0)),
        variable: &|name| std::env::var(name).ok(),
    };
    let answer = bluegreen_lint::cli::answer(linter, &surroundings);
    // A closed pipe is the reader's choice, not a failure.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(answer.text.as_bytes()).and_then(|()| out.flush());
    let _ = std::io::stderr().lock().write_all(answer.notes.as_bytes());
    answer.status.into()
}

async fn run(cli: Cli) -> ExitStatus {
    let answers = if cli.global.yes { Answers::Yes } else { Answers::Person };
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    // A view is ended by a signal: there is nothing to say about it.
    let is_view = matches!(&cli.command, Command::Status(args) if args.watch);
    let run = Run {
        ui: Ui::process(answers, cli.global.quiet).looking(cli.global.place()),
        interrupt: Interrupt::default(),
        holder: Holder::current(user),
        global: cli.global,
        config: OnceCell::new(),
    };
    tokio::select! {
        status = connected(&run, &cli.command) => status,
        () = run.interrupt.listen(|| {
            if !is_view {
                run.ui.note("\nstopping at the next safe point; once more stops at once");
            }
        }) => ExitStatus::Interrupted,
    }
}

async fn connected(run: &Run, command: &Command) -> ExitStatus {
    if let Some(status) = run.alone(command).await {
        return status;
    }
    let global = &run.global;
    let ui = Rc::new(Ui::process(Answers::Person, false));
    let options = ConnectOptions {
        kubeconfig: global.kubeconfig.clone(),
        context: global.context.clone(),
        cluster: global.cluster.clone(),
        user: global.user.clone(),
        token: global.token.clone(),
        impersonate: global.impersonate.clone(),
        impersonate_groups: global.impersonate_groups.clone(),
        request_timeout: Some(global.request_timeout).filter(|timeout| !timeout.is_zero()),
        log: global.verbose.then(|| Box::new(move |line| ui.always(line)) as Log),
    };
    match LiveCluster::connect(options).await {
        Ok(cluster) => Box::pin(run.command(&cluster, cluster.namespace(), command)).await,
        Err(error) => run.fail(&error.report(), ExitStatus::Failed),
    }
}

/// Answers a shell or kubectl that asks what can follow; nothing when this is an ordinary run.
fn complete(mut arguments: Vec<OsString>) -> Option<ExitCode> {
    let here = std::env::current_dir().ok();
    let is_kubectl = arguments.get(1).is_some_and(|first| first == complete::REQUEST);
    if is_kubectl {
        arguments.remove(1);
    }
    let words = arguments.iter().position(|word| word == "--").filter(|_| !is_kubectl).map_or(0, |at| at + 1);
    let so_far = arguments.get(words..).unwrap_or_default().to_vec();
    // Only for whoever asks: every other run would pay for it.
    let command = move || {
        let scope = Scope::of(&so_far);
        complete::command(move |names| ask(&scope, names))
    };
    if is_kubectl {
        let answer = complete::for_kubectl(command(), arguments, here.as_deref());
        let _ = std::io::stdout().lock().write_all(answer.as_bytes());
        return Some(ExitStatus::Done.into());
    }
    match CompleteEnv::with_factory(command).bin("kubectl-bluegreen").try_complete(arguments, here.as_deref()) {
        Ok(false) => None,
        Ok(true) | Err(_) => Some(ExitStatus::Done.into()),
    }
}

/// Asks the kubeconfig and the cluster, and gives up in time: a plugin for credentials may block for as long as it
/// likes, so the work is left to a thread that the end of the process ends.
fn ask(scope: &Scope, names: Names) -> Vec<CompletionCandidate> {
    let unknown = if names == Names::Colors { complete::colors() } else { Vec::new() };
    let (answer, answered) = std::sync::mpsc::channel();
    let scope = scope.clone();
    std::thread::spawn(move || {
        let found = if names == Names::Contexts { Some(contexts(&scope)) } else { of_cluster(&scope, names) };
        answer.send(found)
    });
    answered.recv_timeout(COMPLETION_PATIENCE).ok().flatten().unwrap_or(unknown)
}

fn contexts(scope: &Scope) -> Vec<CompletionCandidate> {
    live::contexts(scope.kubeconfig.as_deref()).into_iter().map(CompletionCandidate::new).collect()
}

fn of_cluster(scope: &Scope, names: Names) -> Option<Vec<CompletionCandidate>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let options = ConnectOptions {
            kubeconfig: scope.kubeconfig.clone(),
            context: scope.context.clone(),
            ..ConnectOptions::default()
        };
        let cluster = LiveCluster::connect(options).await.ok()?;
        let declared = settings::read(false).ok()?.sets;
        complete::ask(&cluster, cluster.namespace(), scope, &declared, names).await.ok()
    })
}
