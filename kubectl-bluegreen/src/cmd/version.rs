//! `version`: which program this is and what it knows.
//! Asks nobody, so that it also answers where nothing else works.

use bluegreen_lint::rules;
use bluegreen_lint::version::Version as Kubernetes;
use schemars::JsonSchema;
use serde::Serialize;

/// Print the version of this program and what it knows
///
/// No cluster and no kubeconfig are needed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  kubectl bluegreen version
  kubectl bluegreen version -o json | jq -r .program.version")]
pub struct Args {}

/// What `version` answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, title = "kubectl bluegreen version")]
pub struct Version {
    /// The format of this answer.
    #[serde(rename = "version")]
    #[schemars(extend("const" = 1))]
    format: u32,
    program: Program,
    kubernetes: Range,
    rules: usize,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Program {
    name: &'static str,
    version: &'static str,
    os: &'static str,
    arch: &'static str,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Range {
    oldest: String,
    newest: String,
}

impl Version {
    /// This program.
    #[must_use]
    pub fn current() -> Self {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Self {
            format: 1,
            program: Program { name, version, os: std::env::consts::OS, arch: std::env::consts::ARCH },
            kubernetes: Range { oldest: Kubernetes::OLDEST.to_string(), newest: Kubernetes::NEWEST.to_string() },
            rules: rules::ALL.len(),
        }
    }

    /// The answer for a person.
    #[must_use]
    pub fn table(&self) -> String {
        let Program { name, version, os, arch } = &self.program;
        let Range { oldest, newest } = &self.kubernetes;
        format!("{name} {version} ({os}/{arch})\nlints by {} rules, for Kubernetes {oldest} to {newest}\n", self.rules)
    }
}
