//! `rbac`: the least Role that the commands need, as YAML to apply.
//! Only prints; asks no cluster.

use std::fmt::Write as _;

use crate::observed::TOOL;
use crate::rights::{USES, USUAL, least};

/// Print the least Role that the commands need
///
/// As YAML to apply, for the namespace of the set; with `--serviceaccount` a Role of its own and the `RoleBinding`, too.
/// Whoever may bind roles applies it once. Without `--for` it is enough for every command but `init`, and for metrics from
/// outside the cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen rbac -n shop | kubectl apply -f -
  kubectl bluegreen rbac -n shop --serviceaccount deployer | kubectl apply -f -
  kubectl bluegreen rbac -n shop --for status,history --serviceaccount viewer
  kubectl bluegreen rbac -n shop --for deploy,rollback,analysis --serviceaccount ci")]
pub struct Args {
    /// The service account that gets the Role: NAME in the same namespace, or NAMESPACE:NAME
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub serviceaccount: Option<String>,
    /// Only what these need: commands, and `analysis` for metrics of a Prometheus in the cluster
    #[arg(long = "for", value_name = "COMMAND", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(USES.iter().map(|(what, _)| *what)))]
    pub commands: Vec<String>,
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
    let account = args.serviceaccount.as_deref().map(|account| account.split_once(':').unwrap_or((namespace, account)));
    // A Role for each account, so that less for one takes nothing from another.
    let role = match account {
        Some((of, account)) if of == namespace => format!("{TOOL}-{account}"),
        // No name of an account has a colon.
        Some((of, account)) => format!("{TOOL}:{of}:{account}"),
        None => TOOL.to_owned(),
    };
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {role}\n  namespace: {namespace}\nrules:\n"
    );
    let usual = || USUAL.iter().map(|usual| (*usual).to_owned()).collect();
    let commands = if args.commands.is_empty() { usual() } else { args.commands.clone() };
    for grant in least(&commands) {
        let _ = write!(
            text,
            "  # {}\n  - apiGroups: [\"{}\"]\n    resources: [{}]\n    verbs: [{}]\n",
            grant.purposes.join("; "),
            grant.group,
            grant.resource,
            grant.verbs.join(", ")
        );
    }
    if let Some((of, account)) = account {
        let _ = write!(
            text,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: {role}\n  \
             namespace: {namespace}\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {role}\n\
             subjects:\n  - kind: ServiceAccount\n    name: {account}\n    namespace: {of}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_a_role_of_its_own() {
        let names = |account: &str| -> Vec<String> {
            let args = Args { serviceaccount: Some(account.to_owned()), commands: Vec::new() };
            let text = manifests(&args, "shop");
            text.lines().filter_map(|line| line.strip_prefix("  name: ")).map(str::to_owned).collect()
        };
        assert_eq!(names("ci"), ["kubectl-bluegreen-ci"; 3]);
        assert_eq!(names("shop:ci"), names("ci"));
        assert_eq!(names("tools:ci"), ["kubectl-bluegreen:tools:ci"; 3]);
    }
}
