//! The boundaries inside the linter hold.

use super::{files, root};

#[test]
fn rules_see_objects_only() {
    for path in files(&root().join("lint/src/rules"), "bg") {
        let text = std::fs::read_to_string(&path).unwrap();
        for forbidden in ["crate::source", "crate::report", "crate::cli", "crate::config", "rules::ALL"] {
            assert!(!text.contains(forbidden), "{} must not use {forbidden}", path.display());
        }
        let own = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let other_rule = text.match_indices("::bg").any(|(at, _)| !text[at + 2..].starts_with(&own));
        assert!(!other_rule, "{} must not use another rule", path.display());
    }
}

#[test]
fn sets_know_neither_files_nor_trees() {
    for path in files(&root().join("lint/src/set"), "").into_iter().chain([root().join("lint/src/set.rs")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for forbidden in ["crate::source", "crate::yaml", "crate::manifest", "crate::model"] {
            assert!(!text.contains(forbidden), "{} must not use {forbidden}", path.display());
        }
    }
}

#[test]
fn the_parser_stays_behind_its_door() {
    for path in files(&root().join("lint/src"), "") {
        let text = std::fs::read_to_string(&path).unwrap();
        let is_door = path.ends_with("yaml/build.rs");
        assert!(is_door || !text.contains("granit_parser"), "{} must not name the parser", path.display());
    }
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    for path in files(&root().join("lint/src"), "") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} does not say what it is", path.display());
        assert!(text.lines().count() <= 560, "{} is too long", path.display());
    }
}
