//! Connects as kubectl does: by kubeconfig files, or as a pod by its service account.
//! Sends no request to the API server.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this makes the one client, and reads the environment for proxies and files with tokens"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use kube::client::AuthError;
use kube::config::{AuthInfo, KubeconfigError};
use kube::{Client, Config};
use miette::Diagnostic;
use serde_json::json;

use super::kubeconfig::{Chosen, Files};
use super::{credentials, proxy, root_cause};
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
    /// The cluster; without it the context's.
    pub cluster: Option<String>,
    /// The user; without it the context's.
    pub user: Option<String>,
    /// The bearer token; without it the user's credentials.
    pub token: Option<String>,
    /// The user to impersonate.
    pub impersonate: Option<String>,
    /// The groups to impersonate.
    pub impersonate_groups: Vec<String>,
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
    ///
    /// Way out: it names the field; `kubectl config view` shows what kubectl reads.
    #[error("kubeconfig {file}: {reason}")]
    #[diagnostic(code(bluegreen::bad_kubeconfig), help("{help}"))]
    BadKubeconfig {
        /// The file.
        file: String,
        /// The field, and what is wrong with it.
        reason: String,
        /// The way out.
        help: String,
    },
    /// The kubeconfig has no such context.
    ///
    /// Way out: one of those that it lists, with `--context`.
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
    /// The plugin that the kubeconfig names gives no credentials.
    ///
    /// Way out: run the plugin by hand: it has to be installed and to print credentials, which may need a login.
    #[error("the credential plugin {command} gives none: {reason}")]
    #[diagnostic(code(bluegreen::credentials), help("{help}"))]
    Credentials {
        /// The program.
        command: String,
        /// How it ended, and what it said.
        reason: String,
        /// The way out.
        help: String,
    },
    /// The environment names a proxy that is none.
    #[error("the proxy of the environment cannot be used: {reason}")]
    #[diagnostic(
        code(bluegreen::bad_proxy),
        help("write HTTPS_PROXY as http://HOST:PORT or socks5://HOST:PORT, or list the server in NO_PROXY")
    )]
    BadProxy {
        /// Which variable, and why.
        reason: String,
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

/// The contexts of the kubeconfig; none when it cannot be read.
#[must_use]
pub fn contexts(kubeconfig: Option<&Path>) -> Vec<String> {
    Files::read(kubeconfig).map(|files| files.contexts()).unwrap_or_default()
}

/// A client, and what is to be known of it.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) namespace: String,
    /// Whether the credentials are got from somewhere and may be replaced there.
    pub(super) renewable: bool,
}

/// Finds out where to connect to and as whom, and makes a client of it.
pub(super) async fn connect(options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let files = Files::read(options.kubeconfig.as_deref())?;
    let chosen = if files.is_empty() && options.context.is_none() { None } else { Some(files.choose(options)?) };
    let mut config = match &chosen {
        Some(chosen) => Config::from_custom_kubeconfig(chosen.kubeconfig.clone(), &chosen.options)
            .await
            .map_err(|error| chosen.error(&error))?,
        None if options.kubeconfig.is_none() => {
            Config::incluster().map_err(|_| ConnectError::NoKubeconfig { reason: files.looked_at() })?
        }
        None => return Err(ConnectError::NoKubeconfig { reason: files.looked_at() }),
    };
    config.proxy_url =
        match chosen.as_ref().and_then(|chosen| chosen.cluster.proxy_url.clone()).filter(|url| !url.is_empty()) {
            Some(url) => url.parse::<Uri>().ok(),
            None => proxy::from_environment(&config.cluster_url, |name| std::env::var(name).ok())
                .map_err(|reason| ConnectError::BadProxy { reason })?,
        };
    // Retries are decided request by request: a write is never sent twice unasked.
    config.default_retry = false;
    identify(&mut config.auth_info, options);
    let got = &config.auth_info;
    let renewable = got.exec.is_some() || got.auth_provider.is_some() || got.token_file.is_some();
    config.auth_info = credentials::get(trimmed(config.auth_info)).await?;
    let (server, namespace) = (config.cluster_url.clone(), config.default_namespace.clone());
    let namespace = if namespace.is_empty() { "default".to_owned() } else { namespace };
    let client = Client::try_from(config).map_err(|error| explain(&error, chosen.as_ref(), &server))?;
    Ok(Connection { client, url: server.to_string(), namespace, renewable })
}

/// A token of a file without the newline that an editor leaves at its end, as kubectl reads it.
fn trimmed(mut user: AuthInfo) -> AuthInfo {
    let text = user.token_file.as_deref().and_then(|path| std::fs::read_to_string(path).ok());
    if let Some(text) = text.filter(|text| text.trim() != text) {
        let with_token: AuthInfo = serde_json::from_value(json!({"token": text.trim()})).unwrap_or_default();
        (user.token, user.token_file) = (with_token.token, None);
    }
    user
}

/// Who we are, where the command line says it.
fn identify(user: &mut AuthInfo, options: &ConnectOptions) {
    if let Some(token) = &options.token {
        let with_token: AuthInfo = serde_json::from_value(json!({"token": token})).unwrap_or_default();
        *user = AuthInfo {
            impersonate: user.impersonate.take(),
            impersonate_groups: user.impersonate_groups.take(),
            ..with_token
        };
    }
    if let Some(name) = &options.impersonate {
        user.impersonate = Some(name.clone());
    }
    if !options.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(options.impersonate_groups.clone());
    }
}

/// Why there is no client: which field is wrong.
fn explain(error: &kube::Error, chosen: Option<&Chosen>, server: &Uri) -> ConnectError {
    let Some(chosen) = chosen else { return ConnectError::NoKubeconfig { reason: root_cause(error) } };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<KubeconfigError>() {
            return chosen.error(error);
        }
        if let Some(error) = error.downcast_ref::<AuthError>() {
            return match error {
                AuthError::ReadTokenFile(error, path) => {
                    let reason = format!("tokenFile names {}: {error}", path.display());
                    chosen.of_user(reason, "log in again, or name another file")
                }
                error => chosen.of_user(error.to_string(), "log in again"),
            };
        }
        cause = error.source();
    }
    let reason = format!("the credentials for {server} cannot be used: {}", root_cause(error));
    chosen.of_user(reason, "see that certificate and key are PEM and belong together")
}
