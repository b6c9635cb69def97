//! Why a command ends before it is done, with a code, a way out and an exit status for each.
//! Declares only; who stops is for the others to decide.

use miette::Diagnostic;

use crate::check::{CheckResult, Status};
use crate::cluster::{ClusterError, Failure};
use crate::explain::Diagnosis;
use crate::journal::Unreadable;
use crate::release::{Color, ExitStatus};

/// Why a command ends before it is done.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// The namespace has no release set.
    #[error("no release set in namespace {namespace}")]
    #[diagnostic(
        code(bluegreen::no_set),
        help(
            "a release set is two Deployments named or labelled blue and green; look elsewhere with -n NAMESPACE or -A, or make one: kubectl bluegreen init --help"
        )
    )]
    NoSet {
        /// The namespace.
        namespace: String,
    },
    /// `--app` names no set.
    ///
    /// Way out: one of the sets that it lists, or another namespace.
    #[error("no release set {app} in namespace {namespace}")]
    #[diagnostic(code(bluegreen::no_such_set), help("{help}"))]
    NoSuchSet {
        /// What was asked for.
        app: String,
        /// The namespace.
        namespace: String,
        /// The sets that are there.
        help: String,
    },
    /// It is not said which set is meant.
    #[error("several release sets in namespace {namespace}: {}", names.join(", "))]
    #[diagnostic(code(bluegreen::several_sets), help("say which one: --app {}", names.first().map_or("NAME", String::as_str)))]
    SeveralSets {
        /// The namespace.
        namespace: String,
        /// Their names.
        names: Vec<String>,
    },
    /// The set has no active Service.
    #[error("the release set {set} in namespace {namespace} has no active Service")]
    #[diagnostic(
        code(bluegreen::no_active_service),
        help(
            "there is nothing to switch: users need one Service that selects one color, such as `kubectl expose deployment/{set}-blue --name {set} --port 80 --target-port 8080`"
        )
    )]
    NoActiveService {
        /// The set.
        set: String,
        /// The namespace.
        namespace: String,
    },
    /// The set lacks the color.
    #[error("the release set {set} in namespace {namespace} has no {color} Deployment")]
    #[diagnostic(code(bluegreen::no_such_color), help("apply the Deployment of {color} first"))]
    NoColor {
        /// The set.
        set: String,
        /// The namespace.
        namespace: String,
        /// The color.
        color: Color,
    },
    /// Checks refuse the move.
    ///
    /// Way out: what the first refusing check says, as on the page of the checks; or let that one check pass by its name, with
    /// `--accept`.
    #[error("{} is refused by {}", of_color(command, *color), failed(checks))]
    #[diagnostic(code(bluegreen::refused), help("{}", refusal_help(checks)))]
    Refused {
        /// The command.
        command: &'static str,
        /// The color that traffic would have gone to.
        color: Color,
        /// All checks, the refusing ones among them.
        checks: Vec<CheckResult>,
    },
    /// What was asked for must not be done now.
    ///
    /// Way out: it says what stands against it, and which command goes on from there.
    #[error("{message}")]
    #[diagnostic(code(bluegreen::refused), help("{help}"))]
    Forbidden {
        /// Why.
        message: String,
        /// The way out.
        help: String,
    },
    /// The journal cannot be read.
    ///
    /// Way out: a newer version of this tool, or the command that it prints, which takes the record away: then say yourself
    /// which color is to serve, with `kubectl bluegreen switch`.
    #[error(transparent)]
    #[diagnostic(
        code(bluegreen::journal_unreadable),
        help("{}", .0.help)
    )]
    Journal(#[from] Unreadable),
    /// Nobody can be asked.
    #[error("this would change the cluster, and there is no terminal to ask")]
    #[diagnostic(
        code(bluegreen::no_terminal),
        help("add --yes to go on without asking, or --dry-run=client to see the plan only")
    )]
    NoTerminal,
    /// The answer was no.
    ///
    /// Way out: none is needed. Where a release had begun, it says what it has done; the same command goes on.
    #[error("not confirmed: {state}")]
    #[diagnostic(code(bluegreen::not_confirmed))]
    Declined {
        /// What is true now.
        state: String,
        /// The way on, where something had been changed.
        help: Option<String>,
    },
    /// Somebody else holds the Lease.
    #[error("{holder} is moving this set: it holds the lease {lease}, renewed at {renewed} by its own clock")]
    #[diagnostic(
        code(bluegreen::busy),
        help("wait for it with --wait-lock 1m; that also takes over from a holder that has died")
    )]
    Busy {
        /// Who.
        holder: String,
        /// The Lease.
        lease: String,
        /// When it was last renewed, as the holder wrote it.
        renewed: String,
    },
    /// Our Lease was lost while we worked.
    #[error("the lease {lease} was lost: {reason}")]
    #[diagnostic(
        code(bluegreen::lock_lost),
        help("somebody else may be moving this set now: see `kubectl bluegreen status`")
    )]
    LockLost {
        /// The Lease.
        lease: String,
        /// How.
        reason: String,
    },
    /// The cluster did not get there in time.
    ///
    /// Way out: what it says is true now, `kubectl bluegreen status` shows; then the same command goes on where it was, with a
    /// longer `--timeout` if it only needs longer.
    #[error("{waited_for} did not happen within {seconds} s; {state}")]
    #[diagnostic(code(bluegreen::timed_out), help("{help}"))]
    TimedOut {
        /// What was waited for.
        waited_for: String,
        /// For how long.
        seconds: u64,
        /// What is true now.
        state: String,
        /// The way on.
        help: String,
    },
    /// A signal came.
    ///
    /// Way out: the same command goes on. Where it says that traffic was moved, `kubectl bluegreen rollback` goes back.
    #[error("interrupted; {state}")]
    #[diagnostic(code(bluegreen::interrupted), help("{help}"))]
    Interrupted {
        /// What is true now.
        state: String,
        /// The way on.
        help: String,
    },
    /// Something else wrote the selector meanwhile.
    #[error("somebody else changed service/{service} during the move: {seen}")]
    #[diagnostic(
        code(bluegreen::overridden),
        help("find out who: kubectl get service {service} --show-managed-fields -o yaml")
    )]
    Overridden {
        /// The Service.
        service: String,
        /// What its selector says now.
        seen: String,
    },
    /// Whoever serves a route does not take it.
    #[error("{route} is not accepted: {reason}")]
    #[diagnostic(
        code(bluegreen::route_rejected),
        help(
            "see its status: kubectl get {route} -o yaml; put back what was there before: kubectl bluegreen rollback"
        )
    )]
    Rejected {
        /// The route.
        route: String,
        /// Who says so, and why.
        reason: String,
    },
    /// Something else wrote the selector while a color was scaled to 0.
    #[error("deployment/{deployment} was scaled to 0, and somebody else changed service/{service} meanwhile: {seen}")]
    #[diagnostic(
        code(bluegreen::overridden),
        help("if users are sent there now, give them pods: kubectl scale deployment/{deployment} --replicas=N")
    )]
    Chosen {
        /// The Service.
        service: String,
        /// The Deployment.
        deployment: String,
        /// What the selector says now.
        seen: String,
    },
    /// The state changed under every attempt.
    #[error("{object} kept changing under {attempts} attempts; nothing more was written")]
    #[diagnostic(
        code(bluegreen::conflict),
        help("somebody else is writing to it all the time: see `kubectl bluegreen status`")
    )]
    Conflict {
        /// The object.
        object: String,
        /// How often it was tried.
        attempts: usize,
    },
    /// A request failed.
    ///
    /// Way out: of what is not allowed, ask an admin for `kubectl bluegreen rbac`; log in again where the credentials are not
    /// accepted; else see whether the cluster can be reached, and try again.
    #[error("{error}")]
    #[diagnostic(code(bluegreen::cluster), help("{}", cluster_help(error)))]
    Cluster {
        /// The request and the server's words.
        #[from]
        error: ClusterError,
    },
    /// It went wrong after something had been written: the code is that of what went wrong.
    #[error("{error}; {state}")]
    After {
        /// What went wrong.
        error: Box<Error>,
        /// What is true now.
        state: String,
        /// The way on.
        help: String,
    },
    /// What was asked for makes no sense as it is written.
    ///
    /// Way out: it says how it is written; `--help` shows what there is.
    #[error("{message}")]
    #[diagnostic(code(bluegreen::usage), help("{help}"))]
    Usage {
        /// What is wrong.
        message: String,
        /// How to write it.
        help: String,
    },
    /// A color does not become ready, and it is known why.
    ///
    /// Way out: it names the pod, what is wrong with it, and what to do. No traffic was moved: mend it, and deploy again.
    #[error("{color} does not become ready: {}{}", diagnosis.message, of_pod(diagnosis.pod.as_ref()))]
    #[diagnostic(code(bluegreen::not_ready), help("{}", diagnosis.help))]
    NotReady {
        /// The color.
        color: Color,
        /// Why.
        diagnosis: Box<Diagnosis>,
    },
    /// A smoke test did not pass.
    #[error("{color} does not pass its tests: {reason}")]
    #[diagnostic(
        code(bluegreen::tests_failed),
        help("its pods still run: ask them yourself, mend it, and deploy again")
    )]
    TestsFailed {
        /// The color.
        color: Color,
        /// The first test that did not pass, and where.
        reason: String,
    },
    /// There is no pod that a smoke test could ask.
    #[error("{color} cannot be tested: {reason}")]
    #[diagnostic(code(bluegreen::nothing_to_test), help("{help}"))]
    NothingToTest {
        /// The color.
        color: Color,
        /// Why.
        reason: String,
        /// The way to pods.
        help: String,
    },
    /// The new version was not good under users.
    #[error("{color} is not good under users: {reason}")]
    #[diagnostic(code(bluegreen::analysis_failed), help("see its pods and its metrics, mend it, and deploy again"))]
    AnalysisFailed {
        /// The color.
        color: Color,
        /// What was seen.
        reason: String,
    },
    /// The metrics do not answer, before any traffic has moved.
    #[error("{color} could not be watched under users: {reason}")]
    #[diagnostic(
        code(bluegreen::no_metrics),
        help("see `analysis.prometheus` in .bluegreen.yaml and ask it yourself; --soak 0s releases without watching")
    )]
    NoMetrics {
        /// The color.
        color: Color,
        /// What was seen.
        reason: String,
    },
    /// It went wrong after traffic had moved, and all traffic is back where it was.
    #[error("{error}; all traffic was put back on {to}")]
    #[diagnostic(
        code(bluegreen::put_back),
        help("the pods of {} still run, to look at: kubectl bluegreen status; end them: kubectl bluegreen cleanup {}", to.other(), to.other())
    )]
    PutBack {
        /// What went wrong.
        error: Box<Error>,
        /// Where traffic is.
        to: Color,
    },
    /// It went wrong after traffic had moved, and traffic was not put back.
    #[error("{error}; it was not put back: {reason}; {state}")]
    #[diagnostic(
        code(bluegreen::held),
        help("see `kubectl bluegreen status`; go back yourself: kubectl bluegreen rollback")
    )]
    Held {
        /// What went wrong.
        error: Box<Error>,
        /// Why it was not put back.
        reason: String,
        /// Where traffic is.
        state: String,
    },
    /// What `init` was asked for cannot be.
    ///
    /// Way out: it says what stands in the way, and what to change. Nothing that exists was overwritten.
    #[error("{message}")]
    #[diagnostic(code(bluegreen::init), help("{help}"))]
    Init {
        /// Why.
        message: String,
        /// The way out.
        help: String,
    },
    /// The manifests cannot be read, or the linter refuses them.
    ///
    /// Way out: it names the file and the object; `bluegreen-lint` says more about them.
    #[error("{message}")]
    #[diagnostic(code(bluegreen::manifests), help("{help}"))]
    Manifests {
        /// Why.
        message: String,
        /// The way out.
        help: String,
        /// How the process ends for it.
        status: ExitStatus,
    },
}

fn of_pod(pod: Option<&String>) -> String {
    pod.map(|pod| format!(" (pod {pod})")).unwrap_or_default()
}

/// A command and its color, as one says it.
fn of_color(command: &str, color: Color) -> String {
    match command {
        "init" => command.to_owned(),
        "cleanup" | "smoke" => format!("{command} of {color}"),
        _ => format!("{command} to {color}"),
    }
}

fn failed(checks: &[CheckResult]) -> String {
    let ids = checks.iter().filter(|check| check.status == Status::Fail).map(|check| check.id);
    ids.collect::<Vec<_>>().join(", ")
}

fn refusal_help(checks: &[CheckResult]) -> String {
    let mut failed = checks.iter().filter(|check| check.status == Status::Fail);
    failed.find_map(|check| check.help.clone()).unwrap_or_else(|| "see `kubectl bluegreen check`".to_owned())
}

fn cluster_help(error: &ClusterError) -> &'static str {
    match error.failure {
        Failure::Forbidden => {
            "ask an admin for this, or for all that the commands need: kubectl bluegreen rbac -n NAMESPACE | kubectl apply -f -"
        }
        Failure::Unauthorized => "log in again: the cluster does not accept these credentials",
        Failure::NotFound if error.message.starts_with("namespaces ") => {
            "make the namespace first: kubectl create namespace NAME"
        }
        Failure::NotFound => "it is gone: see `kubectl bluegreen status`",
        Failure::Lost => "check that the cluster can be reached: kubectl cluster-info",
        Failure::Unavailable => "the API server cannot answer now: try again",
        Failure::Conflict | Failure::Invalid => "see `kubectl bluegreen status`",
    }
}

impl Error {
    /// How the process ends for it.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::SeveralSets { .. } | Self::NoTerminal | Self::Usage { .. } => ExitStatus::Usage,
            Self::Refused { .. } | Self::Forbidden { .. } | Self::Journal(_) => ExitStatus::Refused,
            Self::Busy { .. } | Self::LockLost { .. } => ExitStatus::Busy,
            Self::TimedOut { .. } => ExitStatus::TimedOut,
            Self::PutBack { error, .. } if matches!(**error, Self::Interrupted { .. }) => ExitStatus::Interrupted,
            Self::PutBack { .. }
            | Self::TestsFailed { .. }
            | Self::NothingToTest { .. }
            | Self::NoMetrics { .. }
            | Self::AnalysisFailed { .. } => ExitStatus::PutBack,
            Self::Interrupted { .. } => ExitStatus::Interrupted,
            Self::After { error, .. } => error.status(),
            Self::Manifests { status, .. } => *status,
            Self::NoSet { .. }
            | Self::NoSuchSet { .. }
            | Self::NoActiveService { .. }
            | Self::NoColor { .. }
            | Self::Init { .. }
            | Self::Declined { .. }
            | Self::Overridden { .. }
            | Self::NotReady { .. }
            | Self::Held { .. }
            | Self::Rejected { .. }
            | Self::Chosen { .. }
            | Self::Conflict { .. }
            | Self::Cluster { .. } => ExitStatus::Failed,
        }
    }

    /// Whether tests failed before any traffic had moved: there was nothing to put back.
    #[must_use]
    pub fn leaves_traffic(&self) -> bool {
        match self {
            Self::After { error, .. } => error.leaves_traffic(),
            other => matches!(other, Self::TestsFailed { .. } | Self::NothingToTest { .. } | Self::NoMetrics { .. }),
        }
    }

    /// Whether a release that ends so is taken back. Not when somebody else has taken over, and not when the cluster
    /// does not do what it is asked: the next request would fare no better.
    #[must_use]
    pub fn is_to_be_undone(&self) -> bool {
        !matches!(
            self,
            Self::Busy { .. }
                | Self::LockLost { .. }
                | Self::Overridden { .. }
                | Self::Conflict { .. }
                | Self::Cluster { .. }
        )
    }

    /// The stable code, such as `bluegreen::busy`.
    #[must_use]
    pub fn code(&self) -> String {
        if let Self::After { error, .. } = self {
            return error.code();
        }
        Diagnostic::code(self).map(|code| code.to_string()).unwrap_or_default()
    }

    /// The way out.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::After { help, .. } => return Some(help.clone()),
            Self::Declined { help, .. } => return help.clone(),
            _ => {}
        }
        Diagnostic::help(self).map(|help| help.to_string())
    }

    /// The checks that refused, where checks did.
    #[must_use]
    pub fn checks(&self) -> &[CheckResult] {
        match self {
            Self::Refused { checks, .. } => checks,
            Self::After { error, .. } => error.checks(),
            _ => &[],
        }
    }
}
