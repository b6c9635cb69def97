//! `rbac`: the least Role that the commands need, as YAML to apply.
//! Only prints; asks no cluster.

use std::fmt::Write as _;

use crate::observed::TOOL;
use crate::rights::{ASKED, NEEDED, NEEDED_BY_INIT};

/// Print the least Role that the commands need
///
/// As YAML to apply, for the namespace of the set; with `--serviceaccount` the `RoleBinding`, too. Whoever may bind roles
/// applies it once.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen rbac -n shop | kubectl apply -f -
  kubectl bluegreen rbac -n shop --serviceaccount deployer | kubectl apply -f -
  kubectl bluegreen rbac -n shop --init --serviceaccount admin | kubectl apply -f -")]
pub struct Args {
    /// The service account that gets the Role: NAME in the same namespace, or NAMESPACE:NAME
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub serviceaccount: Option<String>,
    /// Also what `init` needs: to create and delete Deployments, which no other command does
    #[arg(long)]
    pub init: bool,
}

/// A service account as it may be written on the command line.
fn account(text: &str) -> Result<String, String> {
    let is_name = |name: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        name.starts_with(outer) && name.ends_with(outer) && name.chars().all(inner)
    };
    let parts: Vec<&str> = text.split(':').collect();
    if matches!(parts.len(), 1 | 2) && parts.iter().all(|part| is_name(part)) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is no service account: write NAME or NAMESPACE:NAME"))
}

/// The Role, and the `RoleBinding` where a service account is named.
#[must_use]
pub fn manifests(args: &Args, namespace: &str) -> String {
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {TOOL}\n  namespace: {namespace}\nrules:\n"
    );
    let by_init = args.init.then_some(NEEDED_BY_INIT).into_iter().flatten();
    let needed = NEEDED.iter().chain(by_init);
    let needed = needed.map(|(resource, verbs, purpose)| (resource.group(), resource.plural(), verbs, purpose));
    let asked = ASKED.iter().map(|(resource, verbs, purpose)| ("", *resource, verbs, purpose));
    for (group, plural, verbs, purpose) in needed.chain(asked) {
        let verbs = verbs.join(", ");
        let _ = write!(
            text,
            "  # {purpose}\n  - apiGroups: [\"{group}\"]\n    resources: [{plural}]\n    verbs: [{verbs}]\n"
        );
    }
    if let Some(account) = &args.serviceaccount {
        let (of, account) = account.split_once(':').unwrap_or((namespace, account));
        let _ = write!(
            text,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: {TOOL}-{account}\n  \
             namespace: {namespace}\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {TOOL}\n\
             subjects:\n  - kind: ServiceAccount\n    name: {account}\n    namespace: {of}\n"
        );
    }
    text
}
