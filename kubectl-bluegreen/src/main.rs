//! The `kubectl-bluegreen` program: parses, connects, runs, and answers with an exit status.
//! Decides nothing: commands plan, `execute` acts, `Ui` prints.

#![expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]

use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use kubectl_bluegreen::cli::{Cli, ColorWhen, Command};
use kubectl_bluegreen::cluster::live::{ConnectOptions, LiveCluster, Log};
use kubectl_bluegreen::dispatch::Run;
use kubectl_bluegreen::interrupt::Interrupt;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use kubectl_bluegreen::ui::{Answers, Ui};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Done }.into();
        }
    };
    match cli.global.color {
        ColorWhen::Auto => {}
        ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
        ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
    }
    // A rehearsal has a clock of its own: it stands still while there is something to do, and jumps otherwise.
    let virtual_clock = matches!(cli.command, Command::Rehearse(_));
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

async fn run(cli: Cli) -> ExitStatus {
    let answers = if cli.global.yes { Answers::Yes } else { Answers::Person };
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    // A view is ended by a signal: there is nothing to say about it.
    let is_view = matches!(&cli.command, Command::Status(args) if args.watch);
    let run = Run {
        ui: Ui::process(answers, cli.global.quiet),
        interrupt: Interrupt::default(),
        holder: Holder::current(user),
        global: cli.global,
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
    if let Command::Rehearse(args) = command {
        return run.rehearse(args).await;
    }
    let global = &run.global;
    let ui = Rc::new(Ui::process(Answers::Person, false));
    let options = ConnectOptions {
        kubeconfig: global.kubeconfig.clone(),
        context: global.context.clone(),
        impersonate: global.impersonate.clone(),
        request_timeout: Some(global.request_timeout).filter(|timeout| !timeout.is_zero()),
        log: global.verbose.then(|| Box::new(move |line| ui.always(line)) as Log),
    };
    match LiveCluster::connect(options).await {
        Ok(cluster) => Box::pin(run.command(&cluster, cluster.namespace(), command)).await,
        Err(error) => run.fail(&error.report(), ExitStatus::Failed),
    }
}
