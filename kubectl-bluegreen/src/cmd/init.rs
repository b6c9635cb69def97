//! `init`: a release set from manifests, from nothing, or from a running Deployment.
//! Arguments only; what is made is in `crate::init`.

use std::path::PathBuf;
use std::time::Duration;

/// Make a release set: from manifests, from nothing, or from a running Deployment
///
/// With -f it lints manifests and applies them server-side, after it has shown what changes; the selector of an active
/// Service that is there never changes. With --new it makes the five resources. With --from it makes copies of a running
/// Deployment as blue and green, waits for them, moves the Service's selector and loses no request; the old Deployment is
/// kept unless --remove-old is given. Nothing that exists is overwritten unasked, and what was cut off goes on with the
/// same command.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("form").required(true).args(["files", "new", "from"]))]
#[command(after_help = "Examples:
  kubectl bluegreen init -f k8s/                                      # lint, show what changes, apply
  kubectl bluegreen init --new shop --image registry.example.com/shop:1.0 --port 8080
  kubectl bluegreen init --new shop --image shop:1.0 --port 8080 --print > k8s/shop.yaml
  kubectl bluegreen init --from deployment/shop                       # adopt what runs; keep the old Deployment
  kubectl bluegreen init --from deployment/shop --remove-old          # and delete it 30 s after the move")]
pub struct Args {
    /// Apply the manifests in files or directories; `-` reads standard input
    #[arg(short, long = "filename", value_name = "PATH")]
    pub files: Vec<PathBuf>,
    /// Do not leave fields to whoever else has set them
    #[arg(long, requires = "files")]
    pub force_conflicts: bool,
    /// Make a set of this name
    #[arg(long, value_name = "NAME", value_parser = set_name, requires = "image", requires = "port")]
    pub new: Option<String>,
    /// The image that both colors start with
    #[arg(long, value_name = "IMAGE", value_parser = image, requires = "new")]
    pub image: Option<String>,
    /// The port on which the container listens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), requires = "new")]
    pub port: Option<u16>,
    /// The path that answers whether the container is ready; without it an open port has to do
    #[arg(long, value_name = "PATH", value_parser = probe, requires = "new")]
    pub probe: Option<String>,
    /// Adopt this running Deployment
    #[arg(long, value_name = "deployment/NAME", value_parser = deployment)]
    pub from: Option<String>,
    /// The Service that users reach; without it the only one that selects the Deployment's pods
    #[arg(long, value_name = "NAME", requires = "from")]
    pub service: Option<String>,
    /// Delete the old Deployment in the end
    #[arg(long, requires = "from")]
    pub remove_old: bool,
    /// How long after the move the old Deployment may be deleted
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = crate::cli::duration, requires = "remove_old")]
    pub after: Duration,
    /// Only print the manifests
    #[arg(long)]
    pub print: bool,
}

/// The longest name from which all others can be made: a Service's name has at most 63 characters.
const MAX_NAME: usize = 63 - "-green".len();

/// A name that can be the first part of a Service's.
fn set_name(text: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    if starts && text.chars().all(is_inner) && !text.ends_with('-') && text.len() <= MAX_NAME {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` cannot be the name of a Service: lower-case letters, digits and `-`, at most {MAX_NAME}, a letter first"
    ))
}

fn image(text: &str) -> Result<String, String> {
    let is_image = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !text.is_empty() && text.chars().all(is_image) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is no image: write it like registry.example.com/shop:1.0"))
}

fn probe(text: &str) -> Result<String, String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "._-/~".contains(c);
    if text.starts_with('/') && text.chars().all(is_path) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is no path: write it like /healthz"))
}

/// `deployment/NAME`, as kubectl writes it.
fn deployment(text: &str) -> Result<String, String> {
    let known = ["deployment", "deployments", "deploy", "deployment.apps", "deployments.apps"];
    match text.split_once('/') {
        Some((kind, name)) if known.contains(&kind) && !name.is_empty() && !name.contains('/') => Ok(name.to_owned()),
        _ => Err(format!("`{text}` is no Deployment: write deployment/NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_what_a_service_may_be_called() {
        assert!(set_name("shop-2").is_ok() && set_name(&"a".repeat(57)).is_ok());
        for text in ["", "Shop", "2shop", "shop-", "shop_a", "shop.a", &"a".repeat(58)] {
            assert!(set_name(text).is_err(), "{text}");
        }
        assert_eq!(deployment("deploy/shop").as_deref(), Ok("shop"));
        for text in ["shop", "statefulset/shop", "deployment/", "deployment/a/b"] {
            assert!(deployment(text).is_err(), "{text}");
        }
        for text in ["", "a b", "x:1\ny: 2", "{x}", "-x"] {
            assert!(image(text).is_err(), "{text}");
        }
        assert!(probe("healthz").is_err() && probe("/a: b").is_err() && probe("/ready").is_ok());
    }
}
