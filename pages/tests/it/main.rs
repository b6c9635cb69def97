//! The documentation is current and true: what is made from the code, what the commands print, links, and YAML.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests read files, start programs, say what they cannot look at, and fail by panicking"
)]

mod console;
mod licences;
mod links;
mod packaging;
mod yaml;

use std::path::{Path, PathBuf};

/// The pages, written by hand or made from the code, by path in the repository.
fn all_pages() -> Vec<(String, String)> {
    let root = pages::root();
    let mut paths = ["README.md", "CONTRIBUTING.md"].map(|name| root.join(name)).to_vec();
    paths.extend(files(&root.join("docs")));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let page = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        (name, std::fs::read_to_string(&path).unwrap())
    };
    paths.into_iter().map(page).collect()
}

/// The files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The fenced blocks of a page: the word after the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut fence: Option<(usize, usize)> = None;
    for line in page.lines() {
        let text = line.trim_start();
        let ticks = text.bytes().take_while(|byte| *byte == b'`').count();
        match fence {
            None if ticks >= 3 => {
                fence = Some((ticks, line.len() - text.len()));
                found.push((text[ticks..].trim().to_owned(), String::new()));
            }
            Some((open, _)) if ticks >= open && text.len() == ticks => fence = None,
            Some((_, indent)) => {
                let own = line.get(indent..).unwrap_or_default();
                let (_, block) = found.last_mut().unwrap();
                block.push_str(own);
                block.push('\n');
            }
            None => {}
        }
    }
    assert!(fence.is_none(), "a block is not closed");
    found
}

#[test]
fn generated_files_are_current() {
    // The pictures name files as from there.
    std::env::set_current_dir(pages::root()).unwrap();
    for (path, text) in pages::generated().unwrap() {
        let there = std::fs::read_to_string(pages::root().join(&path)).unwrap_or_default();
        assert!(there == text, "{path} is out of date: run `cargo run -p pages`");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    pages::cli::man(folder.path()).unwrap();
    let switch = std::fs::read_to_string(folder.path().join("kubectl-bluegreen-switch.1")).unwrap();
    assert!(switch.contains("Move all traffic to one color"), "{switch}");
    assert!(folder.path().join("bluegreen-lint.1").exists());
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = std::fs::read_to_string(pages::root().join("docs/SUMMARY.md")).unwrap();
    for (path, _) in all_pages() {
        let Some(path) = path.strip_prefix("docs/").filter(|path| *path != "SUMMARY.md") else { continue };
        assert!(summary.contains(&format!("]({path})")), "docs/SUMMARY.md lacks {path}");
    }
}
