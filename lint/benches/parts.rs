//! How long the parts of a run take: `cargo bench -p bluegreen-lint`, best with a part's name after `--`.
//! Must not read files: what is measured is the work, not the disk. `compare.sh` measures whole processes.

#![expect(clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

use bluegreen_lint::config::Config;
use bluegreen_lint::lint;
use bluegreen_lint::manifest::{self, Manifests};
use bluegreen_lint::model::Model;
use bluegreen_lint::report::human::Style;
use bluegreen_lint::report::{Format, Report};
use bluegreen_lint::source::Source;
use bluegreen_lint::yaml;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

/// The sets that are linted together: one, and as many as a large repository has.
const SETS: [usize; 2] = [1, 200];

fn main() {
    divan::main();
}

/// Ten sets a file, each with objects of a real one's size.
fn sources(sets: usize) -> Vec<Source> {
    let set = |nth: usize| include_str!("../../testdata/lint/sets/good-a.yaml").replace("shop", &format!("shop{nth}"));
    let texts: Vec<String> = (0..sets).map(|nth| format!("---\n{}", set(nth))).collect();
    let files = texts.chunks(10).enumerate();
    files.map(|(nth, texts)| Source::new(format!("file-{nth}.yaml"), texts.concat())).collect()
}

/// The same with two defects in each set.
fn bad_sources(sets: usize) -> Vec<Source> {
    let bad = |source: &Source| {
        let text = source.text.replace("targetPort: http", "targetPort: htpp").replace("replicas:", "replicsa:");
        Source::new(source.name.clone(), text)
    };
    sources(sets).iter().map(bad).collect()
}

fn bytes(sources: &[Source]) -> BytesCount {
    BytesCount::new(sources.iter().map(|source| source.text.len()).sum::<usize>())
}

#[divan::bench(args = SETS)]
fn parse(bencher: Bencher<'_, '_>, sets: usize) {
    let sources = sources(sets);
    let parse = || sources.iter().map(|source| yaml::parse(&source.text).documents.len()).sum::<usize>();
    bencher.counter(bytes(&sources)).bench(parse);
}

#[divan::bench(args = SETS)]
fn read_objects(bencher: Bencher<'_, '_>, sets: usize) {
    let sources = sources(sets);
    bencher.counter(bytes(&sources)).bench(|| manifest::read(&sources).objects.len());
}

#[divan::bench(args = SETS)]
fn infer_sets(bencher: Bencher<'_, '_>, sets: usize) {
    let sources = sources(sets);
    let read = || manifest::read(&sources);
    let infer = |manifests: Manifests| Model::new(manifests, Vec::new(), |_| String::new());
    bencher.counter(ItemsCount::new(sets)).with_inputs(read).bench_values(infer);
}

#[divan::bench(args = SETS)]
fn lint_all(bencher: Bencher<'_, '_>, sets: usize) {
    let sources = sources(sets);
    bencher.counter(bytes(&sources)).bench(|| lint(&sources, &Config::default()));
}

#[divan::bench(args = ["1.30", "1.37"])]
fn lint_for_version(bencher: Bencher<'_, '_>, version: &str) {
    let sources = sources(1);
    let config = Config { kubernetes_version: version.parse().unwrap(), ..Config::default() };
    bencher.counter(bytes(&sources)).bench(|| lint(&sources, &config));
}

fn render(bencher: Bencher<'_, '_>, format: Format) {
    let sources = bad_sources(200);
    let config = Config::default();
    let report: Report = lint(&sources, &config);
    let style = Style { color: false, unicode: true, width: 100 };
    let findings = ItemsCount::new(report.findings.len());
    bencher.counter(findings).bench(|| format.render(&report, &sources, &config, style).len());
}

#[divan::bench]
fn render_human(bencher: Bencher<'_, '_>) {
    render(bencher, Format::Human);
}

#[divan::bench]
fn render_json(bencher: Bencher<'_, '_>) {
    render(bencher, Format::Json);
}

#[divan::bench]
fn render_sarif(bencher: Bencher<'_, '_>) {
    render(bencher, Format::Sarif);
}
