//! Hostile input ends soon, in a finding or an error, and never in a panic.

use std::time::Duration;

use bluegreen_lint::config::Config;
use bluegreen_lint::lint;
use bluegreen_lint::report::human::{self, Style};
use bluegreen_lint::report::{concise, json};
use bluegreen_lint::source::Source;

fn many(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

#[test]
fn nothing_hangs_or_panics() {
    let bomb =
        (1..60).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{p}, *a{p}]\n", p = n - 1));
    let long = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"pad\": \"{}\", \"nope\": 1}}",
        "x".repeat(3_000_000)
    );
    let wide = many(20_000, |n| format!("k{n}: v, "));
    let merged = many(2000, |n| format!("m{n}:\n  <<: *b\n  x{n}: 1\n"));
    let chained = many(5000, |n| format!("m{next}: &m{next}\n  <<: *m{n}\n  k{n}: 1\n", next = n + 1));
    for text in [
        bomb,
        format!("base: &b {{{wide}}}\n{merged}"),
        format!("m0: &m0 {{a: 1}}\n{chained}"),
        "---\na: 1\n".repeat(1_000_000),
        "a: ".to_owned() + &"\n  b".repeat(300_000),
        format!("{{{wide}}}"),
        "? ".repeat(100_000),
        ": ".repeat(100_000),
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
        "a: &a [*a]".to_owned(),
        "apiVersion: v1\nkind: Service\nmetadata: &m {name: *m}\n".to_owned(),
        "apiVersion: v1\nkind: Service\nmetadata: {name: [1, 2], namespace: 3, labels: x}\nspec: [1]\n".to_owned(),
        "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: {a: b}}}}\n".to_owned(),
        "apiVersion: v1\nkind: List\nitems: {a: b}\n".to_owned(),
        "\0".repeat(1000),
        "\u{feff}apiVersion: v1\r\nkind: Service\r\n".to_owned(),
        long,
    ] {
        let started = std::time::Instant::now();
        let sources = [Source::new("hostile.yaml", text)];
        let report = lint(&sources, &Config { pedantic: true, ..Config::default() });
        let _ = human::render(&report, &sources, Style { color: true, unicode: true, width: 60 });
        let _ = concise::render(&report, &sources);
        let _ = json::render(&report, &sources);
        let took = started.elapsed();
        assert!(took < Duration::from_mins(1), "{took:.1?} for {:.60}", &*sources[0].text);
    }
}

#[test]
fn a_file_larger_than_any_manifest_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.json");
    // A file of 100 MB that takes no room on the disk.
    std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let started = std::time::Instant::now();
    for path in [path.as_path(), directory.path()] {
        let error = bluegreen_lint::source::read(&[path.to_owned()], "-").unwrap_err().to_string();
        assert!(error.ends_with("large.json is larger than 32 MiB"), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_configuration_that_nobody_wrote_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".bluegreen.yaml");
    std::fs::write(&path, format!("lint: {{select: [{}]}}\n", "BG101, ".repeat(1 << 20))).unwrap();
    let mut sources = vec![Source { path: Some(directory.path().join("a.yaml")), ..Source::new("a.yaml", "") }];
    for named in [false, true] {
        let found = bluegreen_lint::source::add_configs(&mut sources);
        let given = bluegreen_lint::source::add_config(&mut sources, &path);
        let error = if named { given } else { found }.unwrap_err().to_string();
        assert!(error.ends_with(".bluegreen.yaml is larger than 1 MiB"), "{error}");
    }
}

#[test]
fn what_no_rule_compares_is_not_kept_and_texts_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let config = |nth: usize| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{nth}}}\ndata: {{a: {}}}\n", "x".repeat(3 << 20))
    };
    for nth in 0..8 {
        std::fs::write(directory.path().join(format!("{nth}.yaml")), config(nth)).unwrap();
    }
    let last = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selektor: {a: b}}\n";
    std::fs::write(directory.path().join("9.yaml"), last).unwrap();
    let sources = bluegreen_lint::source::read(&[directory.path().to_owned()], "-").unwrap();
    let report = lint(&sources, &Config::default());
    assert_eq!(report.objects, 9);
    let text = concise::render(&report, &sources);
    assert!(text.contains("9.yaml:4:8: error[BG005]"), "{text}");
}
