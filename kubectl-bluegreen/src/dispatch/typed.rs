//! Commands in what is printed, as they have to be typed where a run was told where to look: pasted without the namespace or
//! the context, a way out would move another set.
//! Changes texts only; knows nothing of what they say.

use std::borrow::Cow;

use crate::cli::Global;

/// The verbs of kubectl that look at a namespace.
const OF_A_NAMESPACE: [&str; 13] = [
    "annotate", "apply", "create", "delete", "describe", "edit", "expose", "get", "logs", "patch", "rollout", "scale",
    "set",
];

/// A text whose commands look where this run was told to look.
pub(super) fn typed<'t>(text: &'t str, global: &Global) -> Cow<'t, str> {
    let file = global.kubeconfig.as_ref().map(|file| file.to_string_lossy());
    let cluster = [
        flag("--kubeconfig", file.as_deref()),
        flag("--context", global.context.as_deref()),
        flag("--cluster", global.cluster.as_deref()),
        flag("--user", global.user.as_deref()),
        flag("--as", global.impersonate.as_deref()),
        global.impersonate_groups.iter().map(|group| flag("--as-group", Some(group))).collect(),
    ]
    .concat();
    let namespace = flag("-n", global.namespace.as_deref());
    let set = flag("--app", global.app.as_deref());
    if cluster.is_empty() && namespace.is_empty() && set.is_empty() {
        return text.into();
    }
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, command)) = rest.split_once("kubectl ") {
        written.push_str(before);
        written.push_str("kubectl ");
        let whole = command.split(['`', ';', ',', '|', ')', '\n']).next().unwrap_or_default();
        let is_told = whole.contains(" -n ");
        let place = if is_told { cluster.clone() } else { format!("{cluster}{namespace}") };
        rest = command;
        // What an admin types is typed as that admin, wherever that is.
        let is_an_admins = ["bluegreen rbac", "apply -f -"].iter().any(|admins| whole.starts_with(admins));
        if whole.contains("--help") || is_an_admins {
            continue;
        }
        if let Some(verb) = command.strip_prefix("bluegreen ") {
            written.push_str("bluegreen");
            written.push_str(&place);
            // These look at more than one set.
            if !["init", "version", "lint"].iter().any(|of_none| verb.starts_with(of_none)) {
                written.push_str(&set);
            }
            written.push(' ');
            rest = verb;
        } else if OF_A_NAMESPACE.contains(&whole.split(' ').next().unwrap_or_default()) {
            written.push_str(place.trim_start());
            written.push_str(if place.is_empty() { "" } else { " " });
        }
    }
    written.push_str(rest);
    written.into()
}

/// A flag behind a command; nothing where this run was not told.
fn flag(name: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" {name} {}", quoted(value)))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''")).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    fn typed_with(line: &str, text: &str) -> String {
        let cli = Cli::try_parse_from(["kubectl-bluegreen"].into_iter().chain(line.split(' '))).unwrap();
        typed(text, &cli.global).into_owned()
    }

    #[test]
    fn a_command_says_where_it_looks() {
        let text = "finish: kubectl bluegreen switch green; see `kubectl bluegreen status`, or kubectl scale deployment/a --replicas=2";
        assert_eq!(typed_with("status", text), text);
        assert_eq!(
            typed_with("status -n shop --context a@b --app web", text),
            "finish: kubectl bluegreen --context a@b -n shop --app web switch green; \
             see `kubectl bluegreen --context a@b -n shop --app web status`, \
             or kubectl --context a@b -n shop scale deployment/a --replicas=2"
        );
        assert_eq!(typed_with("status --app web", "kubectl get pods"), "kubectl get pods");
        let told = "kubectl annotate service shop -n web kubectl-bluegreen.dev/journal-";
        assert_eq!(typed_with("status -n shop", told), told);
        assert_eq!(
            typed_with("status --context prod --as me --as-group a", told),
            "kubectl --context prod --as me --as-group a annotate service shop -n web kubectl-bluegreen.dev/journal-"
        );
        let admins = "kubectl bluegreen rbac -n NAMESPACE | kubectl apply -f -";
        assert_eq!(typed_with("status -n shop --as me", admins), admins);
        assert_eq!(typed_with("status --context=it's", "kubectl get pods"), r"kubectl --context 'it'\''s' get pods");
    }
}
