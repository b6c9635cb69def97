//! What the documentation shows of the commands is what they print: every `console` block is a session that is played
//! again, with `docs/examples/shop` in a simulated cluster where a cluster is needed. Each page has a cluster of its own.
//!
//! `<!-- also in the cluster: PATH -->` in a page loads these manifests besides.
//!
//! A line `$ command` is run; what follows up to the next one is its output, and its exit status when that is not 0.
//! A line `...` stands for lines left out. `UPDATE_DOCS=1 cargo test -p pages` writes what is printed.

use std::fmt::Write as _;

use pages::session::{example, run};

use super::all_pages;

/// Whether an output is what a page shows of it, in which `...` stands for any lines.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        (["...", rest @ ..], printed) => (0..=printed.len()).any(|at| matches(rest, &printed[at..])),
        ([one, rest @ ..], [other, more @ ..]) => one == other && matches(rest, more),
        _ => false,
    }
}

/// How many characters at their beginnings and ends are the same, where one line is the other with a change in it.
fn alike(one: &str, other: &str) -> Option<usize> {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let ending = one.chars().rev().zip(other.chars().rev()).take_while(|(one, other)| one == other).count();
    Some(same + ending).filter(|same| 2 * same >= one.chars().count().max(other.chars().count()))
}

/// What a page should show of an output: as much of it as it shows now, with `...` for the same lines.
fn updated<'t>(shown: &[&'t str], printed: &[&'t str]) -> Vec<&'t str> {
    let (mut right, mut left) = (Vec::new(), printed);
    for (at, line) in shown.iter().enumerate() {
        let now = |line: &str| {
            let same = left.iter().position(|printed| *printed == line);
            let likes = || left.iter().enumerate().filter_map(|(at, printed)| Some((alike(printed, line)?, at)));
            same.or_else(|| Some(likes().max_by_key(|(same, at)| (*same, std::cmp::Reverse(*at)))?.1))
        };
        if *line == "..." {
            right.push("...");
            left = &left[shown[at + 1..].iter().find_map(|line| now(line)).unwrap_or(left.len())..];
        } else if let Some(now) = now(line) {
            right.extend(&left[..=now]);
            left = &left[now + 1..];
        }
    }
    right.extend(left);
    if matches(&right, printed) { right } else { printed.to_vec() }
}

#[test]
fn what_a_page_leaves_out_stays_left_out() {
    let printed = ["a", "b", "c", "66", "d", "e"];
    for (shown, right) in [
        (vec!["a", "...", "65", "..."], vec!["a", "...", "66", "..."]),
        (vec!["a", "...", "c", "65", "d", "e"], vec!["a", "...", "c", "66", "d", "e"]),
        (vec!["...", "65"], vec!["...", "66", "d", "e"]),
        (vec!["a", "B", "c", "..."], vec!["a", "b", "c", "..."]),
        (vec!["x"], printed.to_vec()),
        (vec![], printed.to_vec()),
    ] {
        assert_eq!(updated(&shown, &printed), right, "{shown:?}");
    }
    let rows = ["row one: 1", "row two: 2", "end"];
    assert_eq!(updated(&["...", "row two: 1", "..."], &rows), ["...", "row two: 2", "..."]);
}

/// Plays the sessions of a page; answers with the page as it should be.
async fn play(page: &str) -> String {
    let also = |line: &str| Some(line.strip_prefix("<!-- also in the cluster: ")?.strip_suffix(" -->")?.to_owned());
    let cluster = example(page.lines().filter_map(also)).await.unwrap();
    let mut text = String::new();
    let mut lines = page.lines().peekable();
    let mut is_session = false;
    while let Some(line) = lines.next() {
        let _ = writeln!(text, "{line}");
        is_session = if line.trim() == "```console" { true } else { is_session && line.trim() != "```" };
        let Some(command) = line.strip_prefix("$ ").filter(|_| is_session) else { continue };
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && line.trim() != "```") {
            shown.push(line.trim_end());
        }
        let (mut printed, status) = Box::pin(run(&cluster, command, 100)).await.unwrap();
        if status != 0 {
            let _ = writeln!(printed, "(exit status {status})");
        }
        let printed = anstream::adapter::strip_str(&printed).to_string();
        let printed: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
        let right = if matches(&shown, &printed) { shown } else { updated(&shown, &printed) };
        for line in right {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[test]
fn sessions_print_what_the_pages_show() {
    std::env::set_current_dir(pages::root()).unwrap();
    let mut count = 0;
    for (path, text) in all_pages() {
        count += text.matches("```console").count();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let played = runtime.block_on(play(&text));
        if played == text {
            continue;
        }
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(pages::root().join(&path), played).unwrap();
            continue;
        }
        let (line, pair) = played.lines().zip(text.lines()).enumerate().find(|(_, (new, old))| new != old).unwrap();
        panic!(
            "{path}:{}: it prints\n{}\nand the page shows\n{}\n: UPDATE_DOCS=1 cargo test -p pages",
            line + 1,
            pair.0,
            pair.1
        );
    }
    assert!(count >= 5, "{count} sessions only");
}
