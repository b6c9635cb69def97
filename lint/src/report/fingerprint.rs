//! What a finding is recognized by from one run to the next, although lines were added above it.
//! Shared by every format and by baselines; must know neither lines nor columns.

use std::collections::HashMap;

use crate::finding::Finding;
use crate::source::Source;

/// What sets apart the parts of a fingerprint; no part can contain it.
const SEPARATOR: u8 = 0;

/// What a finding is recognized by: its rule, its file, its object and field, and the how-manieth of these it is.
///
/// The file belongs to it: were it left out, a finding corrected in one environment's directory and introduced in
/// another's would pass for the same. Whoever stores fingerprints gives paths that do not depend on where the program
/// was started. Neither line, column nor message is part of it; only what is in no object is told apart by its message.
#[must_use]
pub fn fingerprint(finding: &Finding, file: &str, occurrence: usize) -> String {
    let file = slashed(file);
    let mut parts = vec![finding.rule.code, file.trim_start_matches("./")];
    match &finding.place.object {
        Some(id) => {
            let namespace = id.namespace.as_deref().unwrap_or_default();
            parts.extend([id.api_version.as_str(), &id.kind, namespace, &id.name, &finding.place.path]);
        }
        None => parts.push(&finding.message),
    }
    let occurrence = occurrence.to_string();
    parts.push(&occurrence);
    let mut hash = Fnv::default();
    for part in parts {
        hash.add(part);
    }
    format!("{:032x}", hash.0)
}

/// The fingerprints of findings, in their order; no two are equal.
#[must_use]
pub fn fingerprints(findings: &[Finding], sources: &[Source]) -> Vec<String> {
    fingerprints_of(findings, |source| source.name.clone(), sources)
}

/// The same, with the files called by another name than that under which they are shown.
pub(crate) fn fingerprints_of(
    findings: &[Finding],
    file: impl Fn(&Source) -> String,
    sources: &[Source],
) -> Vec<String> {
    let names: HashMap<usize, String> = findings
        .iter()
        .filter_map(|finding| Some((finding.place.source, file(sources.get(finding.place.source)?))))
        .collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let number = |finding: &Finding| {
        let file = names.get(&finding.place.source).map_or("", String::as_str);
        let before = seen.entry(fingerprint(finding, file, 0)).or_default();
        *before += 1;
        fingerprint(finding, file, *before)
    };
    findings.iter().map(number).collect()
}

/// A path with `/` between its parts, whatever the operating system.
#[must_use]
pub fn slashed(path: &str) -> String {
    if is_windows_path(path) { path.replace('\\', "/") } else { path.to_owned() }
}

/// Whether a backslash stands between folders, which only Windows does; elsewhere it is part of a name.
fn is_windows_path(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    cfg!(windows) || drive || path.starts_with(r"\\")
}

/// FNV-1a with 128 bits: the same on every machine and in every version.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;

    fn add(&mut self, part: &str) {
        for byte in part.bytes().chain([SEPARATOR]) {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(Self::PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::lint;

    const SERVICES: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selektor: {a: b}, prots: []}\n---\n\
                            apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {selektor: {a: b}}\n";

    fn of(name: &str, text: &str) -> Vec<String> {
        let sources = [Source::new(name, text)];
        fingerprints(&lint(&sources, &Config::default()).findings, &sources)
    }

    #[test]
    fn the_hash_is_the_published_one() {
        let mut hash = Fnv::default();
        "a".bytes().for_each(|byte| hash.0 = (hash.0 ^ u128::from(byte)).wrapping_mul(Fnv::PRIME));
        assert_eq!(hash.0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn moved_lines_change_nothing() {
        let moved = format!("# a comment\n\n{}", SERVICES.replace("name: b", "name: b # the second\n   "));
        let (before, after) = (of("a.yaml", SERVICES), of("./a.yaml", &moved));
        assert!(before.len() >= 3, "{before:?}");
        assert_eq!(before, after);
    }

    #[test]
    fn every_finding_has_its_own() {
        let twice = format!("{SERVICES}---\n{SERVICES}---\na: b: c\n---\na: b: c\n");
        let all = of("a.yaml", &twice);
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_ne!(of("a.yaml", SERVICES), of("b.yaml", SERVICES));
    }

    #[test]
    fn paths_are_the_same_on_every_system() {
        assert_eq!(slashed(r"C:\k8s\a.yaml"), "C:/k8s/a.yaml");
        assert_eq!(of(r"C:\k8s\a.yaml", SERVICES), of("C:/k8s/a.yaml", SERVICES));
        assert_eq!(slashed("k8s/a.yaml"), "k8s/a.yaml");
    }
}
