//! The tree and its spans, scalars as Kubernetes reads them, and hostile text.

use super::scalar::resolve;
use super::*;

fn one(text: &str) -> Document {
    let mut parsed = parse(text);
    assert_eq!(parsed.problems, [], "{text}");
    assert_eq!(parsed.documents.len(), 1, "{text}");
    parsed.documents.remove(0)
}

#[test]
fn scalars_are_read_as_yaml_1_1() {
    let cases = [
        ("yes", Value::Bool(true)),
        ("on", Value::Bool(true)),
        ("y", Value::Bool(true)),
        ("Off", Value::Bool(false)),
        ("0777", Value::Int(511)),
        ("0o17", Value::Int(15)),
        ("0x1F", Value::Int(31)),
        ("1_000", Value::Int(1000)),
        ("-12", Value::Int(-12)),
        ("+12", Value::Int(12)),
        ("1e1", Value::Float(10.0)),
        ("3.0", Value::Float(3.0)),
        (".5", Value::Float(0.5)),
        ("1.20", Value::Float(1.2)),
        ("1.2.3", Value::Str("1.2.3".into())),
        ("0.1-rc", Value::Str("0.1-rc".into())),
        ("2024-01-01", Value::Str("2024-01-01".into())),
        ("100m", Value::Str("100m".into())),
        ("-", Value::Str("-".into())),
        ("089", Value::Float(89.0)),
        ("18446744073709551615", Value::Float(18_446_744_073_709_551_615.0)),
        ("~", Value::Null),
        ("blue", Value::Str("blue".into())),
    ];
    for (text, value) in cases {
        assert_eq!(resolve(text), value, "{text}");
    }
    assert_eq!(one("a: 'yes'").root().get("a").and_then(NodeRef::as_str), Some("yes"));
    assert_eq!(one("a: !!str 1").root().get("a").and_then(NodeRef::as_str), Some("1"));
    assert_eq!(one("a: 3.0").root().get("a").and_then(NodeRef::as_int), Some(3));
}

#[test]
fn spans_point_at_keys_and_values() {
    let text = "metadata:\n  name: shop\n  labels: {app: shop}\nspec:\n  - one\n  - two\n";
    let document = one(text);
    let metadata = document.root().get("metadata").unwrap();
    assert_eq!(&text[metadata.span().range()], "name: shop\n  labels: {app: shop}");
    assert_eq!(&text[metadata.get("name").unwrap().span().range()], "shop");
    assert_eq!(&text[metadata.key_span("labels").range()], "labels");
    assert_eq!(&text[metadata.get("labels").unwrap().span().range()], "{app: shop}");
    assert_eq!(&text[document.root().get("spec").unwrap().span().range()], "- one\n  - two");
}

#[test]
fn the_last_duplicate_counts_and_is_reported() {
    let parsed = parse("a: 1\nb: 2\na: 3\n");
    assert_eq!(parsed.documents[0].root().get("a").and_then(NodeRef::as_int), Some(3));
    let expected = Problem::DuplicateKey { key: "a".into(), first: Span::new(0, 1), second: Span::new(10, 11) };
    assert_eq!(parsed.problems, [expected]);
}

#[test]
fn merge_keys_fill_in_what_is_not_there() {
    let document = one("base: &base {a: 1, b: 2}\nown:\n  <<: *base\n  b: 3\nmany:\n  <<: [{a: 5}, *base]\n");
    let own = document.root().get("own").unwrap();
    assert_eq!(own.get("a").and_then(NodeRef::as_int), Some(1));
    assert_eq!(own.get("b").and_then(NodeRef::as_int), Some(3));
    let many = document.root().get("many").unwrap();
    assert_eq!(many.get("a").and_then(NodeRef::as_int), Some(5));
    assert_eq!(many.get("b").and_then(NodeRef::as_int), Some(2));
}

#[test]
fn one_broken_document_does_not_hide_the_others() {
    let parsed = parse("a: 1\n---\nb: [\n---\nc: 3\n");
    let read: Vec<_> = parsed.documents.iter().filter_map(|d| d.root().entries().next()).collect();
    assert_eq!(read.iter().map(|(entry, _)| &*entry.key).collect::<Vec<_>>(), ["a", "c"]);
    assert!(matches!(parsed.problems.as_slice(), [Problem::Syntax { .. }]), "{:?}", parsed.problems);
}

#[test]
fn hostile_text_ends_in_a_problem() {
    let bomb = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{p}, *a{p}, *a{p}, *a{p}]\n", p = n - 1)
    });
    for text in [
        bomb.as_str(),
        "a: &a [*a]",
        "a: *missing",
        &"[".repeat(100_000),
        &"- ".repeat(100_000),
        &"{a: ".repeat(100_000),
        "? [a]\n: b",
        "<<: 3",
        "a: b: c",
        "\t- x: [",
        "a: \0",
    ] {
        let parsed = parse(text);
        assert!(!parsed.problems.is_empty(), "{text:.40}");
    }
    for text in ["", "---\n---\n", "# nothing\n", "\u{feff}a: 1", "a: 1\r\nb: 2\r\n", "{\"a\": [1, {\"b\": null}]}"] {
        assert_eq!(parse(text).problems, [], "{text}");
    }
}

#[test]
fn anchors_do_not_cross_documents() {
    let parsed = parse("a: &x 1\n---\nb: *x\n");
    assert_eq!(parsed.documents.len(), 1);
    assert_eq!(parsed.problems.len(), 1);
}
