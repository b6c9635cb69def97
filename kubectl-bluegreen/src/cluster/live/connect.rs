//! Connects as kubectl does: by a kubeconfig, or as a pod by its service account.
//! Sends no request to the API server.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this makes the one client, and reads KUBECONFIG"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use miette::Diagnostic;

use super::root_cause;
use crate::report::ErrorReport;

/// Receives a line for each request.
pub type Log = Box<dyn Fn(String)>;

/// How to connect.
#[derive(Default)]
pub struct ConnectOptions {
    /// The kubeconfig file; without it `KUBECONFIG`, `~/.kube/config`, and then the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context; without it the current one.
    pub context: Option<String>,
    /// The user to impersonate.
    pub impersonate: Option<String>,
    /// How long one request may take.
    pub request_timeout: Option<Duration>,
    /// Receives a line for each request.
    pub log: Option<Log>,
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConnectError {
    /// No kubeconfig was found, and this is no pod.
    #[error("there is no kubeconfig: {reason}")]
    #[diagnostic(
        code(bluegreen::no_kubeconfig),
        help("name one with --kubeconfig FILE or KUBECONFIG, or write ~/.kube/config")
    )]
    NoKubeconfig {
        /// What was tried.
        reason: String,
    },
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig {file} cannot be used: {reason}")]
    #[diagnostic(code(bluegreen::bad_kubeconfig), help("try it: kubectl config view"))]
    BadKubeconfig {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The kubeconfig has no such context.
    #[error("the kubeconfig {file} has no context {context}")]
    #[diagnostic(code(bluegreen::no_such_context), help("{help}"))]
    NoContext {
        /// The file.
        file: String,
        /// The context that was asked for.
        context: String,
        /// The contexts that are there.
        help: String,
    },
}

impl ConnectError {
    /// The error for programs.
    #[must_use]
    pub fn report(&self) -> ErrorReport {
        let code = Diagnostic::code(self).map(|code| code.to_string()).unwrap_or_default();
        ErrorReport { code, message: self.to_string(), help: Diagnostic::help(self).map(|help| help.to_string()) }
    }
}

pub(super) fn client(mut config: Config, options: &ConnectOptions) -> Result<Client, ConnectError> {
    // Retries are decided request by request: a write is never sent twice unasked.
    config.default_retry = false;
    if let Some(user) = &options.impersonate {
        config.auth_info.impersonate = Some(user.clone());
    }
    let bad = |error: kube::Error| ConnectError::BadKubeconfig { file: file_name(options), reason: root_cause(&error) };
    Client::try_from(config).map_err(bad)
}

fn file_name(options: &ConnectOptions) -> String {
    let named = options.kubeconfig.as_ref().map(|path| path.display().to_string());
    named.or_else(|| std::env::var("KUBECONFIG").ok()).unwrap_or_else(|| "~/.kube/config".to_owned())
}

/// The contexts of the kubeconfig; none when it cannot be read.
#[must_use]
pub fn contexts(kubeconfig: Option<&Path>) -> Vec<String> {
    let kubeconfig = kubeconfig.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
    kubeconfig
        .map(|kubeconfig| kubeconfig.contexts.into_iter().map(|context| context.name).collect())
        .unwrap_or_default()
}

pub(super) async fn config(options: &ConnectOptions) -> Result<Config, ConnectError> {
    let file = || file_name(options);
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        Err(error @ (KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath)) if options.kubeconfig.is_none() => {
            return Config::incluster().map_err(|_| ConnectError::NoKubeconfig { reason: error.to_string() });
        }
        Err(error) => return Err(ConnectError::BadKubeconfig { file: file(), reason: error.to_string() }),
    };
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    if let Some(context) = options.context.as_ref().filter(|context| !known.contains(context)) {
        let help =
            if known.is_empty() { "it has no contexts".to_owned() } else { format!("it has: {}", known.join(", ")) };
        return Err(ConnectError::NoContext { file: file(), context: context.clone(), help });
    }
    let choice = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &choice).await;
    config.map_err(|error| match error {
        KubeconfigError::CurrentContextNotSet if known.is_empty() => {
            ConnectError::NoKubeconfig { reason: format!("{} has no contexts", file()) }
        }
        error => ConnectError::BadKubeconfig { file: file(), reason: error.to_string() },
    })
}
