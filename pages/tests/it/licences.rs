//! What is built in may be: each dependency's licence is one of those that `deny.toml` allows, and it is from crates.io.
//! The same as `cargo deny check licenses sources` says, for where that is not installed.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Where a dependency comes from, as Cargo calls it.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A licence expression of SPDX, and how far it has been read.
struct Expression<'t> {
    words: Vec<&'t str>,
    at: usize,
    allowed: &'t BTreeSet<String>,
}

impl<'t> Expression<'t> {
    /// Whether one may take what is under these terms.
    ///
    /// # Errors
    /// When this is no expression.
    fn is_allowed(text: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
        // Before SPDX a slash was an `OR`.
        let spaced = [("(", " ( "), (")", " ) "), ("/", " OR ")];
        let text = spaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let mut expression = Expression { words: text.split_whitespace().collect(), at: 0, allowed };
        let answer = expression.any()?;
        match expression.words.get(expression.at) {
            None => Ok(answer),
            Some(word) => Err(format!("`{word}` is one too many")),
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut answer = self.all()?;
        while self.takes("OR") {
            answer |= self.all()?;
        }
        Ok(answer)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut answer = self.one()?;
        while self.takes("AND") {
            answer &= self.one()?;
        }
        Ok(answer)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.takes("(") {
            let answer = self.any()?;
            return if self.takes(")") { Ok(answer) } else { Err("a bracket is not closed".to_owned()) };
        }
        let mut name = self.name()?.to_owned();
        // With an exception it is another licence, which is allowed by its own name.
        if self.takes("WITH") {
            name = format!("{name} WITH {}", self.name()?);
        }
        Ok(self.allowed.contains(&name))
    }

    fn name(&mut self) -> Result<&'t str, String> {
        let word = self.words.get(self.at).filter(|word| !["OR", "AND", "WITH", "(", ")"].contains(word));
        self.at += 1;
        word.copied().ok_or_else(|| "a licence is missing".to_owned())
    }
}

/// The licences that `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(pages::root().join("deny.toml")).unwrap();
    let text: String = text.lines().filter_map(|line| line.split('#').next()).collect();
    for other in ["exceptions", "clarify", "allow-registry", "allow-git", "private"] {
        assert!(!text.contains(other), "deny.toml says `{other}`, which is not understood here");
    }
    let list = text.split("allow = [").nth(1).unwrap().split(']').next().unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(pages::root()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Every package of the lock file; where those for other systems have not been fetched, every one for this system.
fn packages() -> Vec<Value> {
    let metadata = ["metadata", "--offline", "--locked", "--format-version", "1"];
    let text = cargo(&metadata).unwrap_or_else(|missing| {
        let missing = missing.lines().next().unwrap_or_default().to_owned();
        eprintln!("only what this system needs is looked at (`cargo fetch --locked` brings the rest): {missing}");
        let version = cargo(&["-vV"]).unwrap();
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        cargo(&[&metadata[..], &["--filter-platform", host]].concat()).unwrap()
    });
    let metadata: Value = serde_json::from_str(&text).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn every_dependency_has_a_licence_and_a_source_that_are_allowed() {
    let (allowed, packages) = (allowed(), packages());
    assert!(allowed.len() > 5 && packages.len() > 200, "{} licences, {} packages", allowed.len(), packages.len());
    let mut wrong = Vec::new();
    for package in &packages {
        let name = format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        match (package["source"].as_str(), package["manifest_path"].as_str().unwrap()) {
            (Some(CRATES_IO), _) => {}
            (None, path) if std::path::Path::new(path).starts_with(pages::root().canonicalize().unwrap()) => {}
            (source, path) => wrong.push(format!("{name} is from {}", source.unwrap_or(path))),
        }
        let Some(licence) = package["license"].as_str() else {
            wrong.push(format!("{name} names no licence"));
            continue;
        };
        match Expression::is_allowed(licence, &allowed) {
            Ok(true) => {}
            Ok(false) => wrong.push(format!("{name} is under {licence}, which deny.toml does not allow")),
            Err(error) => wrong.push(format!("{name} is under `{licence}`: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lock file names the packages for every system, whether they have been fetched or not.
#[test]
fn nothing_is_locked_from_anywhere_but_crates_io() {
    let lock = std::fs::read_to_string(pages::root().join("Cargo.lock")).unwrap();
    let sources: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert!(sources.len() > 200, "{} sources", sources.len());
    assert!(sources.iter().all(|source| source.trim_matches('"') == CRATES_IO), "{sources:?}");
}

#[test]
fn an_expression_is_allowed_when_its_terms_are() {
    let allowed = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (text, expected) in [
        ("MIT", Ok(true)),
        ("GPL-3.0", Ok(false)),
        ("GPL-3.0 OR MIT", Ok(true)),
        ("GPL-3.0/MIT", Ok(true)),
        ("GPL-3.0 AND MIT", Ok(false)),
        ("MIT AND Zlib", Ok(true)),
        // AND binds more tightly.
        ("MIT OR Zlib AND GPL-3.0", Ok(true)),
        ("(MIT OR Zlib) AND GPL-3.0", Ok(false)),
        ("(GPL-3.0 OR MIT) AND (Zlib)", Ok(true)),
        ("Apache-2.0", Ok(false)),
        ("Apache-2.0 WITH LLVM-exception", Ok(true)),
        ("MIT WITH LLVM-exception", Ok(false)),
        ("MIT Zlib", Err("`Zlib` is one too many".to_owned())),
        ("(MIT", Err("a bracket is not closed".to_owned())),
        ("MIT OR", Err("a licence is missing".to_owned())),
        ("", Err("a licence is missing".to_owned())),
    ] {
        assert_eq!(Expression::is_allowed(text, &allowed), expected, "{text}");
    }
}
