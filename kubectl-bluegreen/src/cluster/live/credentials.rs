//! Gets credentials from the plugin that a kubeconfig names, as client-go does: what it is told, whom it may ask, what it
//! answers. Runs it once and keeps nothing: a refusal of the API server is the time to run it again.

use std::io::IsTerminal;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

use super::ConnectError;
use crate::plain::plain;

/// How much is shown of what a plugin said, in characters.
const MAX_SAID: usize = 2000;

/// What a plugin prints.
#[derive(Deserialize)]
struct Credential {
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs the plugin of a user, if there is one, and puts what it gives in its place.
pub(super) async fn get(user: AuthInfo) -> Result<AuthInfo, ConnectError> {
    let Some(exec) = user.exec.clone() else { return Ok(user) };
    let command = plain(exec.command.as_deref().unwrap_or_default(), MAX_SAID);
    // A person who is asked takes time, and a Lease must be renewed meanwhile.
    let ran = tokio::task::spawn_blocking(move || run(&exec)).await;
    let answer = ran.unwrap_or_else(|error| Err((error.to_string(), LOOK.to_owned())));
    let status = answer.map_err(|(reason, help)| ConnectError::Credentials { command, reason, help })?;
    let in_base64 = |pem: String| BASE64_STANDARD.encode(pem);
    let given = json!({
        "token": status.token,
        "client-certificate-data": status.client_certificate_data.map(in_base64),
        "client-key-data": status.client_key_data.map(in_base64),
    });
    let given: AuthInfo = serde_json::from_value(given).unwrap_or_default();
    let (token, certificate, key) = (given.token, given.client_certificate_data, given.client_key_data);
    Ok(AuthInfo { token, client_certificate_data: certificate, client_key_data: key, exec: None, ..user })
}

const LOOK: &str = "run it yourself, or log in again with it";

/// Runs a plugin; an error is why there are no credentials, and the way out.
fn run(exec: &ExecConfig) -> Result<Status, (String, String)> {
    let failed = |reason: String| (reason, LOOK.to_owned());
    let Some(command) = exec.command.as_deref().filter(|command| !command.is_empty()) else {
        return Err(failed("the kubeconfig names no command for it".to_owned()));
    };
    let terminal = std::io::stdin().is_terminal();
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) && !terminal {
        return Err((
            "it wants to ask a person, and standard input is no terminal".to_owned(),
            "log in with it in a terminal first".to_owned(),
        ));
    }
    let interactive = terminal && exec.interactive_mode != Some(ExecInteractiveMode::Never);
    let told = json!({
        "apiVersion": exec.api_version, "kind": "ExecCredential",
        "spec": {"interactive": interactive, "cluster": exec.cluster},
    });
    let variables = exec.env.iter().flatten().filter_map(|of| Some((of.get("name")?, of.get("value")?)));
    let mut plugin = Command::new(command);
    plugin.args(exec.args.iter().flatten()).envs(variables).env("KUBERNETES_EXEC_INFO", told.to_string());
    if interactive {
        plugin.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    } else {
        plugin.stdin(Stdio::null());
    }
    let output = plugin.output().map_err(|error| {
        let hint = exec.install_hint.clone().unwrap_or_else(|| "install it, or put it on the PATH".to_owned());
        (error.to_string(), hint)
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        let said = if interactive { "it said why above".to_owned() } else { plain(&said, MAX_SAID) };
        return Err(failed(format!("{}: {said}", output.status)));
    }
    // JSON is YAML, too, and some plugins print YAML.
    let printed: Result<Credential, _> = serde_yaml::from_slice(&output.stdout);
    let status = printed.ok().and_then(|credential| credential.status);
    status.ok_or_else(|| failed("what it printed is no ExecCredential with a status".to_owned()))
}
