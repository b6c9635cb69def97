//! Kubeconfig files as kubectl finds and merges them, and what is wrong with them: which file, which field, what to do.
//! Reads files and `KUBECONFIG`; opens no connection.

#![expect(
    clippy::disallowed_methods,
    reason = "a part of the one place that connects, which reads kubeconfig files and the environment"
)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kube::config::{Cluster, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use serde::de::IntoDeserializer;

use super::ConnectError;
use super::connect::ConnectOptions;

/// The files that count, in their order: of whatever several of them say, the first one says it.
#[derive(Default)]
pub(super) struct Files {
    files: Vec<(PathBuf, Kubeconfig)>,
    /// What was looked for and is not there.
    absent: Vec<PathBuf>,
}

/// What was chosen of the files.
pub(super) struct Chosen {
    pub(super) kubeconfig: Kubeconfig,
    pub(super) options: KubeConfigOptions,
    pub(super) cluster: Cluster,
    cluster_at: (PathBuf, String),
    user_at: (PathBuf, String),
}

/// What is wrong with a file, and the way out.
fn bad(file: &Path, reason: impl Into<String>, help: impl Into<String>) -> ConnectError {
    ConnectError::BadKubeconfig { file: file.display().to_string(), reason: reason.into(), help: help.into() }
}

impl Files {
    /// Reads the file that is named, or those of `KUBECONFIG`, or `~/.kube/config`. Only one that is named must be there.
    pub(super) fn read(named: Option<&Path>) -> Result<Self, ConnectError> {
        let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let listed: Vec<PathBuf> = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect();
        let paths = match (named, listed.is_empty()) {
            (Some(path), _) => vec![path.to_owned()],
            (None, false) => listed,
            (None, true) => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
        };
        let mut found = Self::default();
        for path in paths {
            match std::fs::read_to_string(&path) {
                Ok(text) => found.files.push((path.clone(), parse(&path, &text)?)),
                Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => found.absent.push(path),
                Err(error) => return Err(bad(&path, error.to_string(), "name another one: --kubeconfig FILE")),
            }
        }
        Ok(found)
    }

    /// Whether nothing at all is said of any cluster, user or context.
    pub(super) fn is_empty(&self) -> bool {
        let empty = |file: &Kubeconfig| {
            let names_one = file.current_context.as_ref().is_some_and(|name| !name.is_empty());
            !names_one && file.contexts.is_empty() && file.clusters.is_empty() && file.auth_infos.is_empty()
        };
        self.files.iter().all(|(_, file)| empty(file))
    }

    /// What was looked at, in words.
    pub(super) fn looked_at(&self) -> String {
        let read = self.files.iter().map(|(path, _)| format!("{} is empty", path.display()));
        let absent = self.absent.iter().map(|path| format!("{} is not there", path.display()));
        let all: Vec<String> = read.chain(absent).collect();
        if all.is_empty() { "there is no home directory".to_owned() } else { all.join(", ") }
    }

    fn first(&self) -> &Path {
        self.files.first().map_or(Path::new("kubeconfig"), |(path, _)| path)
    }

    /// The file that says something, and its place there.
    fn place(&self, at: impl Fn(&Kubeconfig) -> Option<usize>) -> Option<(&Path, usize)> {
        self.files.iter().find_map(|(path, file)| Some((path.as_path(), at(file)?)))
    }

    /// The names of all contexts.
    pub(super) fn contexts(&self) -> Vec<String> {
        self.names(|file| file.contexts.iter().map(|context| context.name.clone()).collect())
    }

    fn names(&self, of: impl Fn(&Kubeconfig) -> Vec<String>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.files.iter().flat_map(|(_, file)| of(file)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Chooses the context, its cluster and its user.
    pub(super) fn choose(&self, options: &ConnectOptions) -> Result<Chosen, ConnectError> {
        let known = self.contexts();
        let there = |names: &[String], what: &str| match names {
            [] => format!("it has no {what}"),
            names => format!("there is: {}", names.join(", ")),
        };
        let current = self.files.iter().find_map(|(path, file)| {
            Some((path.as_path(), file.current_context.clone().filter(|name| !name.is_empty())?))
        });
        let (said_in, context) = match (&options.context, current) {
            (Some(context), _) => (self.first(), context.clone()),
            (None, Some((path, context))) => (path, context),
            (None, None) => {
                let help = format!(
                    "choose one: --context NAME, or kubectl config use-context NAME; {}",
                    there(&known, "contexts")
                );
                return Err(bad(self.first(), "current-context is missing", help));
            }
        };
        let at = self.place(|file| file.contexts.iter().position(|named| named.name == context));
        let Some((file, at)) = at else {
            let (file, help) = (said_in.display().to_string(), there(&known, "contexts"));
            return Err(ConnectError::NoContext { file, context, help });
        };
        let found = self.of(file).and_then(|file| file.contexts.get(at)?.context.clone());
        let Some(found) = found else {
            let help = format!("kubectl config set-context {context} --cluster=NAME --user=NAME");
            return Err(bad(file, format!("contexts[{at}].context of {context} is missing"), help));
        };

        let named = options.cluster.as_ref().unwrap_or(&found.cluster);
        let place = self.place(|file| file.clusters.iter().position(|cluster| cluster.name == *named));
        let Some((cluster_file, cluster_at)) = place else {
            let says = if options.cluster.is_some() {
                format!("there is no cluster {named}")
            } else {
                format!("contexts[{at}].context.cluster of {context} is {named:?}, and there is no such cluster")
            };
            let names = self.names(|file| file.clusters.iter().map(|cluster| cluster.name.clone()).collect());
            let help = format!(
                "{}; add it: kubectl config set-cluster NAME --server=https://HOST:PORT",
                there(&names, "clusters")
            );
            return Err(bad(file, says, help));
        };
        let cluster =
            self.of(cluster_file).and_then(|file| file.clusters.get(cluster_at)?.cluster.clone()).unwrap_or_default();
        let server = cluster.server.clone().unwrap_or_default();
        let field = format!("clusters[{cluster_at}].cluster");
        let help = format!("kubectl config set-cluster {named} --server=https://HOST:PORT");
        if server.is_empty() {
            return Err(bad(cluster_file, format!("{field}.server of {named} is missing"), help));
        }
        let is_url = server.parse::<http::Uri>().is_ok_and(|url| url.scheme().is_some() && url.host().is_some());
        if !is_url {
            return Err(bad(cluster_file, format!("{field}.server of {named} is no URL: {server}"), help));
        }

        let user = options.user.clone().or_else(|| found.user.clone()).unwrap_or_default();
        let place = self.place(|file| file.auth_infos.iter().position(|named| named.name == user));
        if let (Some(user), None) = (&options.user, place) {
            let names = self.names(|file| file.auth_infos.iter().map(|named| named.name.clone()).collect());
            return Err(bad(file, format!("there is no user {user}"), there(&names, "users")));
        }
        let user_at =
            place.map_or((file.to_owned(), String::new()), |(file, at)| (file.to_owned(), format!("users[{at}].user")));

        let mut kubeconfig = Kubeconfig { current_context: Some(context.clone()), ..Kubeconfig::default() };
        for (_, file) in &self.files {
            kubeconfig.contexts.extend(file.contexts.clone());
            kubeconfig.clusters.extend(file.clusters.clone());
            kubeconfig.auth_infos.extend(file.auth_infos.clone());
        }
        let options =
            KubeConfigOptions { context: Some(context), cluster: options.cluster.clone(), user: options.user.clone() };
        Ok(Chosen { kubeconfig, options, cluster, cluster_at: (cluster_file.to_owned(), field), user_at })
    }

    fn of(&self, path: &Path) -> Option<&Kubeconfig> {
        self.files.iter().find(|(of, _)| of == path).map(|(_, file)| file)
    }
}

impl Chosen {
    /// An error of what was chosen, by its file and field.
    pub(super) fn error(&self, error: &KubeconfigError) -> ConnectError {
        let ((cluster_file, cluster), (user_file, user)) = (&self.cluster_at, &self.user_at);
        match error {
            KubeconfigError::LoadCertificateAuthority(error) => {
                data(cluster_file, cluster, "certificate-authority", error)
            }
            KubeconfigError::LoadClientCertificate(error) => data(user_file, user, "client-certificate", error),
            KubeconfigError::LoadClientKey(error) => data(user_file, user, "client-key", error),
            KubeconfigError::ParseCertificates(error) => {
                bad(cluster_file, format!("{cluster}.certificate-authority is no certificate in PEM: {error}"), PEM)
            }
            KubeconfigError::ParseProxyUrl(error) if self.cluster.proxy_url.is_some() => bad(
                cluster_file,
                format!("{cluster}.proxy-url is no URL: {error}"),
                "write it as http://HOST:PORT or socks5://HOST:PORT",
            ),
            KubeconfigError::ParseProxyUrl(error) => {
                ConnectError::BadProxy { reason: format!("HTTPS_PROXY is no URL: {error}") }
            }
            error => bad(cluster_file, error.to_string(), "try it: kubectl config view"),
        }
    }

    /// An error of the user's credentials.
    pub(super) fn of_user(&self, reason: impl Into<String>, help: impl Into<String>) -> ConnectError {
        let (file, field) = &self.user_at;
        bad(file, format!("{field}: {}", reason.into()), help)
    }
}

const PEM: &str = "it must be PEM, in base64 where the field ends in -data";

/// Data that cannot be loaded from a field or from the file that it names.
fn data(file: &Path, of: &str, field: &str, error: &LoadDataError) -> ConnectError {
    match error {
        LoadDataError::DecodeBase64(error) => bad(file, format!("{of}.{field}-data is not base64: {error}"), PEM),
        LoadDataError::ReadFile(error, path) => {
            let reason = format!("{of}.{field} names {}: {error}", path.display());
            bad(file, reason, "a relative path counts from the folder of the kubeconfig")
        }
        LoadDataError::NoBase64DataOrFile => bad(
            file,
            format!("{of}.{field} is missing"),
            "a client certificate needs its key, and the key its certificate",
        ),
    }
}

/// Reads one file. What is wrong is said by line or by field, and never with what a secret field contains.
fn parse(path: &Path, text: &str) -> Result<Kubeconfig, ConnectError> {
    let shown = "look at it: kubectl config view";
    let no_yaml = |error: serde_yaml::Error| bad(path, format!("it is not YAML: {error}"), shown);
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).map_err(no_yaml)?;
    value.apply_merge().map_err(no_yaml)?;
    if value.is_null() {
        return Ok(Kubeconfig::default());
    }
    if !value.is_mapping() {
        return Err(bad(path, "it is no kubeconfig: there are no fields", shown));
    }
    let typed: Result<Kubeconfig, _> = serde_path_to_error::deserialize(value.into_deserializer());
    let typed = typed.map_err(|error| {
        let words = error.inner().to_string();
        let words = words.split_once("expected ").map_or(words.as_str(), |(_, expected)| expected);
        let field = error.path().to_string();
        let field = if field == "." { "it".to_owned() } else { field };
        bad(path, format!("{field} has another type than it should: expected {words}"), shown)
    })?;
    Ok(counted_from(path.parent().unwrap_or(path), typed))
}

/// Lets the relative paths in a file count from its folder. Of a plugin only one that is more than a name: that is looked up
/// in `PATH`. As client-go resolves them; an empty path is none.
fn counted_from(folder: &Path, mut file: Kubeconfig) -> Kubeconfig {
    let absolute = |path: &mut Option<String>| {
        let named = path.take().filter(|path| !path.is_empty());
        *path = named.map(|path| folder.join(&path).to_str().map(str::to_owned).unwrap_or(path));
    };
    for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    for user in file.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        for path in [&mut user.client_certificate, &mut user.client_key, &mut user.token_file] {
            absolute(path);
        }
        if let Some(exec) = &mut user.exec
            && exec.command.as_ref().is_some_and(|command| command.contains(std::path::MAIN_SEPARATOR))
        {
            absolute(&mut exec.command);
        }
    }
    file
}
