//! What a release is asked to run: a version, an image, or images by container, and which image that makes of each.
//! Pure text and pod specs; never guesses which of several containers is meant.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};

use crate::error::Error;

/// The annotation that names a pod's main container, as kubectl reads it.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// The longest tag that a registry takes.
const TAG_MAX: usize = 128;

/// What is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A tag, or a digest, in the place of the active color's.
    Version(String),
    /// A whole image.
    Image(String),
    /// Versions or images by the names of containers.
    Named(BTreeMap<String, String>),
}

/// Reads what the command line asks for.
///
/// # Errors
/// Bad usage, in words.
pub fn parse(arguments: &[String]) -> Result<Wanted, Error> {
    let usage = |message: String| Error::Usage {
        message,
        help: "write 1.5.0, or repo/app:1.5.0, or app=repo/app:1.5.0 for each container".to_owned(),
    };
    let check = |text: &str| {
        if is_image(text) || is_version(text) {
            Ok(())
        } else {
            Err(usage(format!("`{text}` is neither a version nor an image")))
        }
    };
    if let [one] = arguments
        && !one.contains('=')
    {
        check(one)?;
        return Ok(if is_image(one) { Wanted::Image(one.clone()) } else { Wanted::Version(one.clone()) });
    }
    let mut named = BTreeMap::new();
    for argument in arguments {
        let Some((name, image)) = argument.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(usage(format!("`{argument}` does not say which container it is for")));
        };
        check(image)?;
        if named.insert(name.to_owned(), image.to_owned()).is_some() {
            return Err(usage(format!("container {name} is named twice")));
        }
    }
    Ok(Wanted::Named(named))
}

/// Whether a text names a repository besides a version.
fn is_image(text: &str) -> bool {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    let has_name = text.contains('/') || text.contains('@') || (text.contains(':') && !text.starts_with("sha256:"));
    has_name && plain(text) && !text.starts_with([':', '@', '/']) && !text.ends_with([':', '@', '/'])
}

fn is_version(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let tag = |text: &str| {
        text.len() <= TAG_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.chars().all(word)
    };
    tag(text.strip_prefix("sha256:").unwrap_or(text))
}

impl Wanted {
    /// The image of each container that is to change, by the containers of the color that serves.
    ///
    /// # Errors
    /// When it is not clear which container is meant, or there is none of that name.
    pub fn images(&self, model: &PodTemplateSpec) -> Result<BTreeMap<String, String>, Error> {
        let all: Vec<&Container> = containers(model).collect();
        let of = |wanted: &str, container: &Container| {
            if is_image(wanted) { wanted.to_owned() } else { with_version(image(container), wanted) }
        };
        let (wanted, chosen) = match self {
            Self::Named(named) => {
                let names = || all.iter().map(|container| container.name.as_str()).collect::<Vec<_>>().join(", ");
                let one = |(name, wanted): (&String, &String)| {
                    let container = all.iter().find(|container| container.name == *name);
                    let container = container.ok_or_else(|| Error::Usage {
                        message: format!("there is no container {name}"),
                        help: format!("there is: {}", names()),
                    })?;
                    Ok((name.clone(), of(wanted, container)))
                };
                return named.iter().map(one).collect();
            }
            Self::Version(version) => (version, main(model, None)?),
            Self::Image(image) => (image, main(model, Some(repository(image)))?),
        };
        // What shares the repository is the same program: its init containers, its workers.
        let same = |container: &&&Container| {
            container.name == chosen.name || repository(image(container)) == repository(image(chosen))
        };
        Ok(all.iter().filter(same).map(|container| (container.name.clone(), of(wanted, container))).collect())
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(text) | Self::Image(text) => f.write_str(text),
            Self::Named(named) => {
                f.write_str(&named.iter().map(|(name, image)| format!("{name}={image}")).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// The container that a release is about: the only one, the one of that repository, or the one that the pod calls so.
fn main<'t>(template: &'t PodTemplateSpec, wanted: Option<&str>) -> Result<&'t Container, Error> {
    let own: Vec<&Container> = template.spec.iter().flat_map(|spec| &spec.containers).collect();
    if let [only] = own.as_slice() {
        return Ok(only);
    }
    let annotations = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
    let called = annotations.and_then(|annotations| annotations.get(DEFAULT_CONTAINER));
    let is_meant = |container: &&&Container| match wanted {
        Some(wanted) => repository(image(container)) == wanted,
        None => Some(&container.name) == called,
    };
    let by_repository = |own: &[&'t Container]| {
        let first = *own.first()?;
        own.iter().all(|container| repository(image(container)) == repository(image(first))).then_some(first)
    };
    own.iter().find(is_meant).copied().or_else(|| by_repository(&own)).ok_or_else(|| {
        let names: Vec<&str> = own.iter().map(|container| container.name.as_str()).collect();
        let help = format!("name it: {}=IMAGE", names.first().unwrap_or(&"CONTAINER"));
        Error::Usage { message: format!("the pods have several containers: {}", names.join(", ")), help }
    })
}

/// All containers of a pod template, those that start it among them.
pub fn containers(template: &PodTemplateSpec) -> impl Iterator<Item = &Container> {
    let spec = template.spec.iter();
    spec.flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers))
}

/// The image of a container.
#[must_use]
pub fn image(container: &Container) -> &str {
    container.image.as_deref().unwrap_or_default()
}

/// Whether a container runs what is wanted: a digest beside the wanted tag pins the same version.
#[must_use]
pub fn runs(has: &str, wanted: &str) -> bool {
    has == wanted || (!wanted.contains('@') && has.split('@').next() == Some(wanted))
}

/// An image without its tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let file = image.rfind('/').map_or(0, |at| at + 1);
    let tag = image.get(file..).and_then(|file| file.find(':'));
    tag.and_then(|tag| image.get(..file + tag)).unwrap_or(image)
}

/// An image with another tag, and without the digest that would pin the old one; or with another digest.
fn with_version(image: &str, version: &str) -> String {
    let between = if version.starts_with("sha256:") { '@' } else { ':' };
    format!("{}{between}{version}", repository(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(containers: &[(&str, &str)], main: Option<&str>) -> PodTemplateSpec {
        let containers: Vec<_> =
            containers.iter().map(|(name, image)| serde_json::json!({"name": name, "image": image})).collect();
        let annotations = main.map(|name| serde_json::json!({DEFAULT_CONTAINER: name}));
        serde_json::from_value(
            serde_json::json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}}),
        )
        .unwrap()
    }

    fn images(arguments: &[&str], template: &PodTemplateSpec) -> Result<Vec<String>, String> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let wanted = parse(&arguments).map_err(|error| error.to_string())?;
        let images = wanted.images(template).map_err(|error| error.to_string())?;
        Ok(images.into_iter().map(|(name, image)| format!("{name}={image}")).collect())
    }

    #[test]
    fn versions_tags_and_digests_make_images() {
        for (has, asked, expected) in [
            ("shop", "2", "app=shop:2"),
            ("shop:1", "2", "app=shop:2"),
            ("host:5000/shop", "v2.0-rc1", "app=host:5000/shop:v2.0-rc1"),
            ("host:5000/team/shop:1@sha256:aa", "2", "app=host:5000/team/shop:2"),
            ("host:5000/shop:1", "sha256:bb", "app=host:5000/shop@sha256:bb"),
            ("shop:1", "other/shop:2", "app=other/shop:2"),
            ("shop:1", "shop@sha256:bb", "app=shop@sha256:bb"),
            ("shop:1", "app=2", "app=shop:2"),
            ("shop:1", "app=other:2", "app=other:2"),
        ] {
            assert_eq!(
                images(&[asked], &template(&[("app", has)], None)),
                Ok(vec![expected.to_owned()]),
                "{has} {asked}"
            );
        }
    }

    #[test]
    fn of_several_containers_none_is_guessed() {
        let pair = [("app", "shop:1"), ("proxy", "envoy:3")];
        assert!(images(&["2"], &template(&pair, None)).unwrap_err().contains("app, proxy"));
        assert_eq!(images(&["2"], &template(&pair, Some("app"))).unwrap(), ["app=shop:2"]);
        assert_eq!(images(&["envoy:4"], &template(&pair, None)).unwrap(), ["proxy=envoy:4"]);
        assert_eq!(images(&["app=2", "proxy=4"], &template(&pair, None)).unwrap(), ["app=shop:2", "proxy=envoy:4"]);
        assert!(images(&["web=2"], &template(&pair, None)).unwrap_err().contains("no container web"));
        let same = [("web", "shop:1"), ("worker", "shop:1")];
        assert_eq!(images(&["2"], &template(&same, None)).unwrap(), ["web=shop:2", "worker=shop:2"]);
    }

    #[test]
    fn what_is_no_version_is_bad_usage() {
        for bad in [&["a b"][..], &["shop:"], &[""], &["-x"], &["a=1", "2"], &["a=1", "a=2"], &["=1"]] {
            assert!(images(bad, &template(&[("a", "shop:1")], None)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pinned_image_runs_its_tag() {
        assert!(runs("shop:2@sha256:aa", "shop:2") && runs("shop:2", "shop:2"));
        assert!(
            !runs("shop:2", "shop:2@sha256:aa") && !runs("shop:1@sha256:aa", "shop:2") && !runs("shop:20", "shop:2")
        );
    }
}
