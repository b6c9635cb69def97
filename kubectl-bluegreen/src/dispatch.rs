//! Runs one command on a cluster: the same for the real one, the rehearsal's and the tests'.
//! Must not connect, read the environment or end the process.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use bluegreen_lint::config::file::File;
use bluegreen_lint::files::write_atomically;
use bluegreen_lint::set::Declared;
use bluegreen_lint::source;

use crate::analysis;
use crate::cli::{Command, Global, Output, Page};
use crate::cluster::Cluster;
use crate::cmd::check::Answer;
use crate::cmd::cleanup::Cleanup;
use crate::cmd::completion;
use crate::cmd::deploy::{self, Deploy};
use crate::cmd::diff;
use crate::cmd::docs;
use crate::cmd::history::History;
use crate::cmd::init;
use crate::cmd::rbac;
use crate::cmd::rehearse;
use crate::cmd::rollback::Rollback;
use crate::cmd::smoke::{self, Smoke};
use crate::cmd::status::{self, Overview, Status};
use crate::cmd::switch::Switch;
use crate::cmd::version::Version;
use crate::error::Error;
use crate::execute::{Executor, Options};
use crate::image;
use crate::init::adopt::Adopt;
use crate::init::files::Files;
use crate::init::fresh::Fresh;
use crate::init::to_yaml;
use crate::interrupt::Interrupt;
use crate::lock::forget_left;
use crate::manifests;
use crate::observe::{ask, everywhere, observe, observe_set};
use crate::observed::Observed;
use crate::plan::{Planner, Selection, Settings};
use crate::process::Holder;
use crate::release::ExitStatus;
use crate::report::{ErrorReport, Report};
use crate::screen;
use crate::settings;
use crate::ui::Ui;
use crate::watch::View;

mod answer;
mod publish;

pub use answer::unread;

/// What one run of the program knows besides the cluster.
#[derive(Debug)]
pub struct Run {
    /// The global flags.
    pub global: Global,
    /// Where to print and ask.
    pub ui: Ui,
    /// Whether somebody wants this to stop.
    pub interrupt: Interrupt,
    /// Who we are.
    pub holder: Holder,
    /// The settings, once they are known; without them `.bluegreen.yaml` is read.
    pub config: OnceCell<File>,
}

impl Run {
    /// Runs a command to its end and prints what there is to say.
    ///
    /// `default_namespace` is what counts without `-n`.
    pub async fn command<C: Cluster>(&self, cluster: &C, default_namespace: &str, command: &Command) -> ExitStatus {
        let trust_of_a_release = match command {
            Command::Deploy(args) => Some(args.trust_config),
            Command::Smoke(args) => Some(args.trust_config),
            _ => None,
        };
        let is_release = trust_of_a_release.is_some();
        let config = match self.config(trust_of_a_release.unwrap_or_default()) {
            Ok(config) => config,
            // Settings that cannot be read are no reason to keep anybody from a way back.
            Err(error) if self.global.app.is_none() || is_release => {
                return self.fail(&ErrorReport::from(&error), error.status());
            }
            Err(error) => {
                self.ui.always(format_args!("warning: {error}; going on without these settings"));
                self.config.get_or_init(File::default)
            }
        };
        if let Some(note) = settings::note(config, is_release) {
            self.ui.always(format_args!("note: {note}"));
        }
        let namespace = self.global.namespace.clone().unwrap_or_else(|| default_namespace.to_owned());
        let selection = Selection { namespace, app: self.global.app.clone() };
        let result = match command {
            Command::Status(args) => self.status(cluster, &selection, args).await,
            Command::Check(args) => self.check(cluster, &selection, args.env).await,
            Command::Diff(args) => self.diff(cluster, &selection, args).await,
            Command::Init(args) => self.init(cluster, &selection, args).await,
            Command::History(_) => self.history(cluster, &selection).await,
            Command::Switch(args) => {
                let settings = Settings { scale: args.scale, ..self.settings() };
                let switch = Switch { color: args.env, percent: args.percent, selection: selection.clone(), settings };
                Ok(self.execute(cluster, "switch", &selection.namespace, &switch, &args.page).await)
            }
            Command::Rollback(args) => {
                let settings = Settings { scale: args.scale, ..self.settings() };
                let rollback = Rollback { again: args.again, selection: selection.clone(), settings };
                Ok(self.execute(cluster, "rollback", &selection.namespace, &rollback, &args.page).await)
            }
            Command::Cleanup(args) => {
                let settings = Settings { after: args.after, ..self.settings() };
                let (color, wait) = (args.env, args.wait);
                let cleanup = Cleanup { color, wait, selection: selection.clone(), settings };
                Ok(self.execute(cluster, "cleanup", &selection.namespace, &cleanup, &Page::default()).await)
            }
            Command::Deploy(args) => self.deploy(cluster, selection, args, config).await,
            Command::Smoke(args) => self.smoke(cluster, selection, args, config).await,
            Command::Rbac(args) => {
                self.ui.data(rbac::manifests(args, &selection.namespace));
                Ok(ExitStatus::Done)
            }
            Command::Completion(_)
            | Command::Lint(_)
            | Command::Version(_)
            | Command::Rehearse(_)
            | Command::Docs(_) => {
                return self.alone(command).await.unwrap_or(ExitStatus::Done);
            }
        };
        result.unwrap_or_else(|error| self.fail(&ErrorReport::from(&error), error.status()))
    }

    /// Runs a command that needs neither a cluster nor a kubeconfig; nothing for one that does.
    pub async fn alone(&self, command: &Command) -> Option<ExitStatus> {
        match command {
            Command::Completion(args) => self.ui.data(completion::script(args)),
            Command::Version(_) => {
                let version = Version::current();
                self.print(&version, || version.table());
            }
            // The program hands its command line to the linter before it gets here.
            Command::Lint(_) => {}
            Command::Rehearse(args) => return Some(Box::pin(self.rehearse(args)).await),
            Command::Docs(args) => {
                let fail = |error| self.fail(&ErrorReport::from(&error), error.status());
                return Some(self.docs(args).await.unwrap_or_else(fail));
            }
            Command::Init(args) => return self.printed(args),
            Command::Rbac(args) => self.ui.data(rbac::manifests(args, self.global.namespace.as_deref()?)),
            _ => return None,
        }
        Some(ExitStatus::Done)
    }

    /// The settings; those of somebody else's file are believed without a question where they are `trusted`.
    fn config(&self, trusted: bool) -> Result<&File, Error> {
        if let Some(known) = self.config.get() {
            return Ok(known);
        }
        let read = settings::read(trusted)?;
        Ok(self.config.get_or_init(|| read))
    }

    /// The sets that the settings name.
    fn declared(&self) -> &[Declared] {
        self.config.get().map_or(&[], |config| &config.sets)
    }

    async fn deploy<C: Cluster>(
        &self,
        cluster: &C,
        selection: Selection,
        args: &deploy::Args,
        config: &File,
    ) -> Result<ExitStatus, Error> {
        let deploy = Deploy {
            wanted: image::parse(&args.what)?,
            paths: args.smoke.clone(),
            analysis: analysis::of(&config.analysis)?,
            soak: args.soak(config),
            shares: deploy::shares(&args.steps)?,
            tests: settings::tests(config, &args.smoke, args.trust_config)?.to_vec(),
            selection: selection.clone(),
            settings: Settings { after: args.after, ..self.settings() },
        };
        Ok(self.execute(cluster, "deploy", &selection.namespace, &deploy, &args.page).await)
    }

    async fn smoke<C: Cluster>(
        &self,
        cluster: &C,
        selection: Selection,
        args: &smoke::Args,
        config: &File,
    ) -> Result<ExitStatus, Error> {
        let tests = settings::tests(config, &args.smoke, args.trust_config)?.to_vec();
        let paths = args.smoke.clone();
        let options = self.options(&selection.namespace);
        let smoke = Smoke { color: args.env, paths, tests, selection };
        let (report, result) = Executor::new(cluster, &self.ui, &self.interrupt, &options).look("smoke", &smoke).await;
        Ok(self.answer(&report, result.err().as_ref()))
    }

    /// A look at the cluster, which may be stopped at any moment.
    async fn stoppable<T>(&self, look: impl Future<Output = T>) -> Result<T, Error> {
        let stopped =
            || Error::Interrupted { state: "nothing was changed".to_owned(), help: "run it again".to_owned() };
        self.interrupt.or(look).await.ok_or_else(stopped)
    }

    async fn observe<C: Cluster>(&self, cluster: &C, namespace: &str) -> Result<Observed, Error> {
        Ok(self.stoppable(observe(cluster, Some(namespace), self.declared())).await??)
    }

    async fn observe_set<C: Cluster>(&self, cluster: &C, selection: &Selection) -> Result<Observed, Error> {
        Ok(self.stoppable(observe_set(cluster, selection, self.declared())).await??)
    }

    fn settings(&self) -> Settings {
        Settings {
            by: self.holder.who(),
            token: self.holder.token(),
            settle: self.global.settle,
            after: Duration::ZERO,
            accept: self.global.accept.clone(),
            scale: false,
            router: self.global.router,
            overlap: self.global.overlap,
            why: None,
        }
    }

    fn options(&self, namespace: &str) -> Options {
        Options {
            namespace: namespace.to_owned(),
            dry_run: self.global.dry_run,
            timeout: self.global.timeout,
            wait_lock: self.global.wait_lock,
            holder: self.holder.clone(),
            declared: self.declared().to_vec(),
            accept: self.global.accept.clone(),
        }
    }

    async fn status<C: Cluster>(
        &self,
        cluster: &C,
        selection: &Selection,
        args: &status::Args,
    ) -> Result<ExitStatus, Error> {
        let (all, output, ui) = (args.all_namespaces, self.global.output, &self.ui);
        if args.watch {
            let (interrupt, holder, declared) = (&self.interrupt, &self.holder, self.declared());
            View { cluster, ui, interrupt, holder, selection, all, output, declared }.run().await?;
            // As kubectl's own -w, which a signal ends.
            return Ok(ExitStatus::Interrupted);
        }
        let (wide, canvas) = (output == Output::Wide, ui.canvas());
        if !all {
            let mut observed = self.observe_set(cluster, selection).await?;
            forget_left(&mut observed, &self.holder);
            let status = Status::new(&selection.find(&observed)?, cluster.requests());
            self.print(&status, || screen::screen(&status, wide, canvas));
            return Ok(ExitStatus::Done);
        }
        let mut seen = self.stoppable(everywhere(cluster, &selection.namespace, self.declared())).await??;
        forget_left(&mut seen.observed, &self.holder);
        let items: Vec<Status> = seen.observed.sets().iter().map(|set| Status::new(set, cluster.requests())).collect();
        seen.limited.iter().for_each(|limited| ui.note(format_args!("note: {limited}")));
        let overview = Overview { version: 1, items };
        if overview.items.is_empty() {
            ui.note("no release set in any namespace that was looked at");
        }
        self.print(&overview, || {
            if overview.items.is_empty() { String::new() } else { screen::overview(&overview.items, wide, canvas) }
        });
        Ok(ExitStatus::Done)
    }

    async fn check<C: Cluster>(
        &self,
        cluster: &C,
        selection: &Selection,
        color: Option<crate::release::Color>,
    ) -> Result<ExitStatus, Error> {
        let observed = self.observe_set(cluster, selection).await?;
        let answer = Answer::new(&selection.find(&observed)?, color, &self.global.accept, cluster.requests())?;
        self.print(&answer, || answer.table(self.ui.canvas()));
        Ok(if answer.ok { ExitStatus::Done } else { ExitStatus::Refused })
    }

    async fn diff<C: Cluster>(
        &self,
        cluster: &C,
        selection: &Selection,
        args: &diff::Args,
    ) -> Result<ExitStatus, Error> {
        let answer = if args.files.is_empty() {
            let observed = self.observe_set(cluster, selection).await?;
            diff::Answer::new(&selection.find(&observed)?, args.all, cluster.requests())?
        } else {
            // Whose the fields are is no matter for what would change.
            let files = self.files(&args.files, selection, true)?;
            let observed = self.asked(cluster, files.namespace(), &files).await?;
            diff::Answer::of_files(&files, &observed, cluster.requests())?
        };
        self.print(&answer, || answer.table(self.ui.columns()));
        // As diff says it: 1 is no failure here but "they differ".
        Ok(if answer.same { ExitStatus::Done } else { ExitStatus::Failed })
    }

    /// Everything observed that a planner wants to know.
    async fn asked<C: Cluster>(&self, cluster: &C, namespace: &str, planner: &impl Planner) -> Result<Observed, Error> {
        let mut observed = self.observe(cluster, namespace).await?;
        self.stoppable(ask(cluster, &mut observed, |observed| planner.asks(observed))).await??;
        Ok(observed)
    }

    /// Reads and lints manifests. The namespace that they name counts where `-n` names none.
    fn files(&self, paths: &[PathBuf], selection: &Selection, force: bool) -> Result<Files, Error> {
        let manifests = manifests::read(paths, &self.ui)?;
        let said = manifests.namespace();
        let namespace = match (&self.global.namespace, said) {
            (Some(asked), Some(said)) if asked != said => {
                let message = format!("the manifests are for namespace {said}, and -n says {asked}");
                let help = "leave -n out, or the namespace out of the manifests".to_owned();
                return Err(Error::Usage { message, help });
            }
            (None, Some(said)) => said.to_owned(),
            _ => selection.namespace.clone(),
        };
        Files::new(&manifests.model, selection.app.as_deref(), &namespace, force)
    }

    async fn init<C: Cluster>(
        &self,
        cluster: &C,
        selection: &Selection,
        args: &init::Args,
    ) -> Result<ExitStatus, Error> {
        if let Some(status) = self.printed(args) {
            return Ok(status);
        }
        let namespace = selection.namespace.clone();
        if let Some(fresh) = self.fresh(args, Some(&namespace)) {
            return Ok(self.execute(cluster, "init", &namespace, &fresh, &Page::default()).await);
        }
        if let Some(deployment) = args.from.clone() {
            let settings = Settings { after: args.after, ..self.settings() };
            let (service, remove_old) = (args.service.clone(), args.remove_old);
            let adopt = Adopt { namespace, deployment, service, remove_old, settings };
            if !args.print {
                return Ok(self.execute(cluster, "init", &adopt.namespace, &adopt, &Page::default()).await);
            }
            let observed = self.asked(cluster, &adopt.namespace, &adopt).await?;
            self.ui.data(adopt.print(&observed)?);
            return Ok(ExitStatus::Done);
        }
        let files = self.files(&args.files, selection, args.force_conflicts)?;
        if !args.print {
            return Ok(self.execute(cluster, "init", files.namespace(), &files, &Page::default()).await);
        }
        let observed = self.asked(cluster, files.namespace(), &files).await?;
        self.ui.data(to_yaml(&files.documents(&observed)?));
        Ok(ExitStatus::Done)
    }

    /// The set that `init --new` makes.
    fn fresh(&self, args: &init::Args, namespace: Option<&str>) -> Option<Fresh> {
        let (name, image, port) = (args.new.clone()?, args.image.clone()?, args.port?);
        let namespace = namespace.map(str::to_owned);
        let fresh = Fresh { name, image, port, probe: args.probe.clone(), namespace };
        // The colors are alike: what the linter says of one it says of the other.
        if let Some(finding) = fresh.lint().findings.first() {
            self.ui.note(format_args!("{}[{}]: {}", finding.severity, finding.rule.code, finding.message));
        }
        Some(fresh)
    }

    /// Prints what `init --new --print` makes; nothing when that is not what was asked for. Needs no cluster.
    fn printed(&self, args: &init::Args) -> Option<ExitStatus> {
        let fresh = args.print.then(|| self.fresh(args, self.global.namespace.as_deref()))??;
        self.ui.data(fresh.manifests());
        Some(ExitStatus::Done)
    }

    async fn history<C: Cluster>(&self, cluster: &C, selection: &Selection) -> Result<ExitStatus, Error> {
        let observed = self.observe_set(cluster, selection).await?;
        let history = History::new(&selection.find(&observed)?, cluster.requests())?;
        let wide = self.global.output == Output::Wide;
        self.print(&history, || history.table(wide, self.ui.columns()));
        Ok(ExitStatus::Done)
    }

    async fn execute<C: Cluster>(
        &self,
        cluster: &C,
        command: &'static str,
        namespace: &str,
        planner: &impl Planner,
        page: &Page,
    ) -> ExitStatus {
        let options = self.options(namespace);
        let head = self.head(command, namespace, cluster.now());
        if let Err(error) = self.open(page, &head) {
            return self.fail(&ErrorReport::from(&error), error.status());
        }
        let executor = Executor::new(cluster, &self.ui, &self.interrupt, &options);
        let (report, result) = Box::pin(executor.run(command, planner)).await;
        let status = self.answer(&report, result.err().as_ref());
        self.publish(page, &head, &report, None);
        status
    }

    /// Writes the page about a set of manifests, or tells whether it is current.
    async fn docs(&self, args: &docs::Args) -> Result<ExitStatus, Error> {
        let page = docs::page(args, self.global.app.as_deref(), self.config(false)?, &self.ui).await?;
        let to = args.to.display();
        if args.to.as_os_str() == "-" {
            self.ui.data(page);
            return Ok(ExitStatus::Done);
        }
        let sources = source::read(std::slice::from_ref(&args.to), "").unwrap_or_default();
        if sources.first().is_some_and(|source| *source.text == *page) {
            self.ui.note(format_args!("{to} is current"));
            return Ok(ExitStatus::Done);
        }
        if args.check {
            let there = sources.first().map(|source| &*source.text);
            let differs =
                there.map(|there| there.lines().zip(page.lines()).take_while(|(old, new)| old == new).count() + 1);
            let from = differs.map_or_else(String::new, |line| format!(", from line {line} on"));
            self.ui.always(format_args!("{to} is not what would be written now{from}; leave --check out to write it"));
            return Ok(ExitStatus::Failed);
        }
        write_atomically(&args.to, page.as_bytes())
            .map_err(|error| publish::unwritable(format!("--to: {error}"), &error))?;
        self.ui.note(format_args!("{to} is written"));
        Ok(ExitStatus::Done)
    }

    /// Plays a release on a cluster in memory; needs no other.
    async fn rehearse(&self, args: &rehearse::Args) -> ExitStatus {
        let (app, options) = (self.global.app.clone(), self.options(""));
        let config = match self.config(false) {
            Ok(config) => config.clone(),
            Err(error) => return self.fail(&ErrorReport::from(&error), error.status()),
        };
        let head = self.head("rehearse", "", rehearse::EPOCH);
        if let Err(error) = self.open(&args.page, &head) {
            return self.fail(&ErrorReport::from(&error), error.status());
        }
        match rehearse::run(args, app, config, &self.settings(), &options, &self.ui).await {
            Ok((rehearsal, error)) => {
                if let Some(error) = &error {
                    self.explain(error);
                }
                self.print(&rehearsal, || rehearsal.summary());
                self.publish(&args.page, &head, &rehearsal.report, Some(&rehearsal));
                rehearsal.report.status
            }
            Err(error) => {
                let status = self.fail(&ErrorReport::from(&error), error.status());
                let report = Report::new(head.command, None, Vec::new(), &Err(error), 0);
                self.publish(&args.page, &head, &report, None);
                status
            }
        }
    }
}
