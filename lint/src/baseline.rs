//! Findings that were there before: written into a file once, and left out from then on.
//! Recognizes them by their fingerprints, so that moved lines bring none of them back.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::manifest::normal;
use crate::report::fingerprint::{fingerprints_of, slashed};
use crate::source::{Source, absolute};

/// What a baseline's file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    tool: String,
    findings: Vec<Known>,
}

/// A finding of a baseline; only the fingerprint counts, the rest is for people.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    fingerprint: String,
    code: String,
    file: String,
    message: String,
}

/// Why a baseline cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{path} is no baseline: {reason}")]
#[diagnostic(code(bluegreen_lint::baseline), help("write it again with --write-baseline"))]
pub struct BaselineError {
    path: String,
    reason: String,
}

/// The findings that were there before.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    fingerprints: HashSet<String>,
    directory: PathBuf,
}

impl Baseline {
    /// Reads the text of a baseline's file.
    pub fn read(path: &Path, text: &str) -> Result<Self, BaselineError> {
        let error = |reason: String| BaselineError { path: path.display().to_string(), reason };
        let file: File = serde_json::from_str(text).map_err(|problem| error(problem.to_string()))?;
        if file.version != 1 {
            return Err(error(format!("its version is {}, not 1", file.version)));
        }
        let fingerprints = file.findings.into_iter().map(|known| known.fingerprint).collect();
        Ok(Self { fingerprints, directory: directory(path) })
    }

    /// Takes out the findings that were there before; answers how many these are.
    pub(crate) fn apply(&self, findings: &mut Vec<Finding>, sources: &[Source]) -> usize {
        let before = findings.len();
        let prints = fingerprints_of(findings, |source| path_from(&self.directory, source), sources);
        let mut known = prints.iter().map(|print| self.fingerprints.contains(print));
        findings.retain(|_| !known.next().unwrap_or_default());
        before - findings.len()
    }
}

/// The findings as the text of a baseline's file that is to be at this path.
#[must_use]
pub fn write(path: &Path, findings: &[Finding], sources: &[Source]) -> String {
    let directory = directory(path);
    let file = |source: &Source| path_from(&directory, source);
    let prints = fingerprints_of(findings, file, sources);
    let known = |(finding, fingerprint): (&Finding, String)| Known {
        fingerprint,
        code: finding.rule.code.to_owned(),
        file: sources.get(finding.place.source).map(file).unwrap_or_default(),
        message: finding.message.clone(),
    };
    let findings = findings.iter().zip(prints).map(known).collect();
    let tool = concat!("bluegreen-lint ", env!("CARGO_PKG_VERSION")).to_owned();
    serde_json::to_string_pretty(&File { version: 1, tool, findings }).map(|text| text + "\n").unwrap_or_default()
}

fn directory(path: &Path) -> PathBuf {
    normal(&absolute(path)).parent().map(Path::to_owned).unwrap_or_default()
}

/// The path from the baseline's directory to a source: the same wherever the program was started.
fn path_from(directory: &Path, source: &Source) -> String {
    let Some(path) = &source.path else { return source.name.clone() };
    let path = normal(&absolute(path));
    let common = directory.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = directory.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(path.components().skip(common)).collect();
    slashed(&way.to_string_lossy())
}
