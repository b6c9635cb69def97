//! Where a run was told to look, and commands in what is printed as they have to be typed for it: pasted without the
//! namespace or the context, a way out would move another set.
//! Changes texts only; knows nothing of what they say.

use std::borrow::Cow;

use serde::Serialize;
use serde_yaml::Value;

/// The verbs of kubectl that look at a namespace.
const OF_A_NAMESPACE: [&str; 12] =
    ["annotate", "create", "delete", "describe", "edit", "expose", "get", "logs", "patch", "rollout", "scale", "set"];

/// What is written for people in data. All else is what it is: names, diffs, what others have written.
const PROSE: [&str; 3] = ["message", "help", "effect"];

/// What an admin is asked for, where it is not known for which namespace.
const RBAC: &str = "bluegreen rbac -n NAMESPACE";

/// The flags that say where a run looks; none where it was not told.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The cluster, and as whom.
    cluster: String,
    namespace: String,
    /// The release set.
    set: String,
}

impl Place {
    /// A place by the flags that say which cluster and as whom, each with its value, the namespace and the set.
    #[must_use]
    pub fn new(cluster: &[(&str, &str)], namespace: Option<&str>, set: Option<&str>) -> Self {
        let of = |name: &str, value: Option<&str>| value.map_or_else(String::new, |value| flag(name, value));
        let cluster = cluster.iter().map(|(name, value)| flag(name, value)).collect();
        Self { cluster, namespace: of("-n", namespace), set: of("--app", set) }
    }

    /// A text whose commands look here.
    #[must_use]
    pub fn typed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Self { cluster, namespace, set } = self;
        if cluster.is_empty() && namespace.is_empty() && set.is_empty() {
            return text.into();
        }
        let mut written = String::new();
        let mut rest = text;
        while let Some((before, command)) = rest.split_once("kubectl ") {
            written.push_str(before);
            written.push_str("kubectl ");
            let whole = command.split(['`', ';', ',', '|', ')', '\n']).next().unwrap_or_default();
            let is_told = whole.contains(" -n ") || whole.contains(" --namespace");
            let place = if is_told { cluster.clone() } else { format!("{cluster}{namespace}") };
            rest = command;
            let is_of_no_cluster = ["bluegreen lint", "bluegreen version"].iter().any(|verb| whole.starts_with(verb));
            // What an admin types is typed as that admin, wherever that is.
            let is_an_admins = ["bluegreen rbac", "apply -f -"].iter().any(|admins| whole.starts_with(admins));
            if let Some(after) = command.strip_prefix(RBAC).filter(|_| !namespace.is_empty()) {
                written.push_str("bluegreen rbac");
                written.push_str(namespace);
                rest = after;
                continue;
            }
            if whole.contains("--help") || is_an_admins || is_of_no_cluster {
                continue;
            }
            if let Some(verb) = command.strip_prefix("bluegreen ") {
                written.push_str("bluegreen");
                written.push_str(&place);
                // These look at more than one set.
                if !["init --from", "init --new"].iter().any(|of_none| verb.starts_with(of_none)) {
                    written.push_str(set);
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

    /// Data whose texts have such commands.
    ///
    /// # Errors
    /// When it is no data.
    pub fn data(&self, data: &impl Serialize) -> Result<Value, serde_yaml::Error> {
        let mut data = serde_yaml::to_value(data)?;
        self.each_text(&mut data);
        Ok(data)
    }

    fn each_text(&self, data: &mut Value) {
        match data {
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.each_text(item)),
            Value::Mapping(entries) => {
                for (key, value) in entries.iter_mut() {
                    match value {
                        Value::String(text) if key.as_str().is_some_and(|key| PROSE.contains(&key)) => {
                            *text = self.typed(text).into_owned();
                        }
                        value => self.each_text(value),
                    }
                }
            }
            _ => {}
        }
    }
}

/// A flag behind a command.
fn flag(name: &str, value: &str) -> String {
    format!(" {name} {}", quoted(value))
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
    use crate::cli::Cli;
    use clap::Parser;

    fn typed_with(line: &str, text: &str) -> String {
        let cli = Cli::try_parse_from(["kubectl-bluegreen"].into_iter().chain(line.split(' '))).unwrap();
        cli.global.place().typed(text).into_owned()
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
        let of_shop = "kubectl bluegreen rbac -n shop | kubectl apply -f -";
        assert_eq!(typed_with("status -n shop --as me", admins), of_shop);
        assert_eq!(typed_with("status --as me", admins), admins);
        let lint = "kubectl bluegreen lint k8s";
        assert_eq!(typed_with("status -n shop", lint), lint);
        assert_eq!(typed_with("status --context=it's", "kubectl get pods"), r"kubectl --context 'it'\''s' get pods");
    }
}
