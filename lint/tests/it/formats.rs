//! The formats for other programs say the same as the report, whatever the text that they speak of.

use bluegreen_lint::config::{Config, FailOn};
use bluegreen_lint::finding::{Applicability, Edit};
use bluegreen_lint::lint;
use bluegreen_lint::report::human::Style;
use bluegreen_lint::report::{Format, Report};
use bluegreen_lint::rules;
use bluegreen_lint::source::Source;
use bluegreen_lint::yaml::Span;
use serde_json::Value;

const STYLE: Style = Style { color: false, unicode: true, width: 100 };

/// A Service with a misspelt field after characters of one, two, three and four bytes, with CRLF and a BOM.
const AWKWARD: &str = "\u{feff}apiVersion: v1\r\nkind: Service\r\nmetadata: {name: a}\r\n\
                       spec: {externalName: \"aäあ😀\", selektor: {a: b}}\r\n";

/// Where `selektor` begins and ends in it, in characters from 1.
const AT: (usize, usize, usize) = (4, 30, 38);

fn awkward() -> Source {
    Source::new("k8s/with space,colon:and%/ä.yaml", AWKWARD)
}

fn render(format: Format, sources: &[Source]) -> (Report, String) {
    let report = lint(sources, &Config::default());
    let text = format.render(&report, sources, &Config::default(), STYLE);
    (report, text)
}

fn json(format: Format, sources: &[Source]) -> Value {
    serde_json::from_str(&render(format, sources).1).unwrap()
}

#[test]
fn kinds_that_are_passed_over_are_counted() {
    let object = |api_version: &str, kind: &str| {
        format!("---\napiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{any: 1}}\n")
    };
    let text = [
        object("example.com/v1", "Shop"),
        object("argoproj.io/v1alpha1", "Rollout"),
        object("example.com/v1", "Shop"),
        // Kubernetes' own, and yet none that is written into release sets.
        object("coordination.k8s.io/v1", "Lease"),
        // Known, or refused.
        object("v1", "ServiceAccount"),
        object("apps/v1", "Deploiment"),
    ];
    let sources = [Source::new("k8s.yaml", text.concat())];
    assert_eq!(
        json(Format::Json, &sources)["passedOver"],
        serde_json::json!([
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "count": 1},
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "count": 1},
            {"apiVersion": "example.com/v1", "kind": "Shop", "count": 2},
        ])
    );
    let (report, _) = render(Format::Human, &sources);
    assert!(report.passed_over_lines().ends_with("passed over 2 Shop of example.com/v1: its fields are not known\n"));
}

/// A finding that is in no object, with a message that is hard to carry.
fn with_hard_message(sources: &[Source]) -> Report {
    let mut report = lint(sources, &Config::default());
    let finding = report.findings.first_mut().unwrap();
    finding.place.object = None;
    finding.message = String::from("50 % of <a & \"b\">\r\nend: 1,\u{1}2\u{1b}]]>");
    report
}

#[test]
fn github_gets_one_escaped_command_a_finding() {
    let sources = [awkward()];
    let (line, column, end) = AT;
    let (_, text) = render(Format::Github, &sources);
    let file = "k8s/with space%2Ccolon%3Aand%25/ä.yaml";
    let start = format!("::error file={file},line={line},endLine={line},col={column},endColumn={end},");
    assert!(text.starts_with(&format!("{start}title=BG005 unknown-field::")), "{text}");
    assert!(text.ends_with("%0Ahelp: did you mean `selector`?\n"), "{text}");
    let report = with_hard_message(&sources);
    let log = Format::Sarif.render(&report, &sources, &Config::default(), STYLE);
    assert_sarif(&serde_json::from_str(&log).unwrap());
    let text = Format::Github.render(&report, &sources, &Config::default(), STYLE);
    assert_eq!(text.lines().count(), report.findings.len());
    assert!(text.contains("::50 %25 of <a & \"b\">%0D%0Aend: 1,"), "{text}");
}

#[test]
fn github_gets_no_columns_of_several_lines() {
    let sources = [Source::new("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selektor: 1\n")];
    let mut report = lint(&sources, &Config::default());
    report.findings[0].place.span.end = sources[0].text.len();
    let text = Format::Github.render(&report, &sources, &Config::default(), STYLE);
    assert!(text.starts_with("::error file=a.yaml,line=5,endLine=6,title="), "{text}");
}

#[test]
fn gitlab_gets_paths_lines_and_fingerprints() {
    let found = json(Format::Gitlab, &[awkward()]);
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["location"]["path"], "k8s/with space,colon:and%/ä.yaml");
    assert_eq!(found[0]["location"]["lines"], serde_json::json!({"begin": AT.0, "end": AT.0}));
    assert_eq!((&found[0]["check_name"], &found[0]["severity"]), (&"unknown-field".into(), &"critical".into()));
    assert_eq!(found[0]["fingerprint"].as_str().unwrap().len(), 32);
    let windows = json(Format::Gitlab, &[Source::new(r"C:\k8s\a.yaml", AWKWARD)]);
    assert_eq!(windows[0]["location"]["path"], "C:/k8s/a.yaml");
}

/// What is found in the bad fixtures, worth knowing included, and how a format of JSON says it.
fn every_bad_fixture(format: Format) -> (Report, Value) {
    let bad = super::files(&super::root().join("testdata/lint"), "bad");
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let sources: Vec<Source> = bad.iter().map(|path| Source::new(path.display().to_string(), text(path))).collect();
    let config = Config { pedantic: true, ..Config::default() };
    let report = lint(&sources, &config);
    let said = serde_json::from_str(&format.render(&report, &sources, &config, STYLE)).unwrap();
    (report, said)
}

/// What GitLab's own schema asks of each item, and what its documentation says of the values.
#[test]
fn gitlab_can_read_every_bad_fixture() {
    let (report, found) = every_bad_fixture(Format::Gitlab);
    let schema = serde_json::json!({"type": "array", "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {"type": "object", "required": ["path", "lines"], "properties": {
                "path": {"type": "string", "minLength": 1},
                "lines": {"type": "object", "required": ["begin"], "properties": {
                    "begin": {"type": "integer", "minimum": 1}, "end": {"type": "integer", "minimum": 1}}}}}},
    }});
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&found).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let found = found.as_array().unwrap();
    // GitLab keeps one finding of those that have the same fingerprint.
    let prints: std::collections::HashSet<_> = found.iter().map(|item| item["fingerprint"].as_str().unwrap()).collect();
    assert_eq!((found.len(), prints.len()), (report.findings.len(), report.findings.len()));
}

#[test]
fn fingerprints_survive_moved_lines() {
    let of = |text: &str| -> Vec<String> {
        let found = json(Format::Gitlab, &[Source::new("a.yaml", text)]);
        found.as_array().unwrap().iter().map(|item| item["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    let bad = super::root().join("testdata/lint/bg005-unknown-field/bad-a.yaml");
    let bad = std::fs::read_to_string(bad).unwrap();
    assert_eq!(of(&bad), of(&format!("# one more line\n---\n{}", bad.replace("\nspec:", "\n\nspec:  # here"))));
}

#[test]
fn junit_has_a_suite_a_file_and_a_test_a_finding() {
    let sources = [Source::new("clean.yaml", "a: 1\n"), awkward(), Source::new("broken.yaml", "a: b: c\n")];
    let (report, text) = render(Format::Junit, &sources);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let suites = xml.root_element();
    // What `junit-10.xsd` of Jenkins' xUnit plugin allows, and what it asks for.
    for node in xml.descendants().filter(roxmltree::Node::is_element) {
        let (allowed, needed): (&[&str], &[&str]) = match node.tag_name().name() {
            "testsuites" => (&["name", "tests", "failures", "errors"], &[]),
            "testsuite" => (&["name", "tests", "failures", "errors", "file"], &["name", "tests", "failures", "errors"]),
            "testcase" => (&["name", "classname"], &["name"]),
            "failure" => (&["type", "message"], &[]),
            other => panic!("{other} is in no schema of JUnit"),
        };
        assert!(node.attributes().all(|attribute| allowed.contains(&attribute.name())), "{text}");
        assert!(needed.iter().all(|name| node.has_attribute(*name)), "{text}");
    }
    assert_eq!((suites.attribute("tests"), suites.attribute("failures")), (Some("3"), Some("2")));
    let names: Vec<_> = suites.children().filter_map(|suite| suite.attribute("name")).collect();
    assert_eq!(names, ["clean.yaml", "k8s/with space,colon:and%/ä.yaml", "broken.yaml"]);
    let failures: Vec<_> = xml.descendants().filter(|node| node.has_tag_name("failure")).collect();
    assert_eq!(failures.len(), report.findings.len());
    assert_eq!(failures[0].attribute("message"), Some(report.findings[0].message.as_str()));
    assert!(failures[0].text().unwrap().contains("ä.yaml:4:30: error: "), "{text}");
    let case = failures[0].parent().unwrap();
    assert_eq!(case.attribute("classname"), Some(names[1]));
    assert_eq!(case.attribute("name"), Some("BG005 unknown-field: Service a, spec.selektor"));
}

#[test]
fn junit_carries_what_xml_cannot() {
    let sources = [awkward()];
    let text = Format::Junit.render(&with_hard_message(&sources), &sources, &Config::default(), STYLE);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let failure = xml.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("message"), Some("50 % of <a & \"b\">\r\nend: 1,\\u{1}2\\u{1b}]]>"));
}

#[test]
fn junit_fails_what_fails_the_run() {
    let warned = super::root().join("testdata/lint/bg402-missing-memory-limit/bad-a.yaml");
    let sources = [Source::new("a.yaml", std::fs::read_to_string(warned).unwrap())];
    let failures = |fail_on| {
        let config = Config { fail_on, ..Config::default() };
        let text = Format::Junit.render(&lint(&sources, &config), &sources, &config, STYLE);
        let xml = roxmltree::Document::parse(&text).unwrap();
        let count = xml.root_element().attribute("failures").unwrap().parse::<usize>().unwrap();
        assert_eq!(xml.descendants().filter(|node| node.has_tag_name("failure")).count(), count);
        count
    };
    assert_eq!((failures(FailOn::Error), failures(FailOn::Never)), (0, 0));
    assert!(failures(FailOn::Warning) > 0);
}

fn assert_sarif(log: &Value) {
    let schema = super::root().join("schemas/third-party/sarif-2.1.0.schema.json");
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    // Two patterns of the standard are no regular expressions; they are about a property that we do not write.
    for definition in ["run", "toolComponent"] {
        schema["definitions"][definition]["properties"]["language"].as_object_mut().unwrap().remove("pattern").unwrap();
    }
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{"results": 1}]})));
}

#[test]
fn sarif_is_valid_for_every_bad_fixture() {
    let (report, log) = every_bad_fixture(Format::Sarif);
    assert_sarif(&log);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report.findings.len());
    let descriptors = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(descriptors.len(), rules::ALL.len());
    for (result, finding) in results.iter().zip(&report.findings) {
        assert_eq!(
            descriptors[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()]["id"],
            result["ruleId"]
        );
        assert_eq!(result["relatedLocations"].as_array().map_or(0, Vec::len), finding.related.len());
    }
    let prints: std::collections::HashSet<_> =
        results.iter().map(|result| result["partialFingerprints"]["bluegreenLint/v1"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), results.len());
}

#[test]
fn sarif_counts_columns_in_characters() {
    let log = json(Format::Sarif, &[awkward()]);
    assert_sarif(&log);
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["exitCode"], 1);
    let result = &run["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    let (line, column, end) = AT;
    let region = serde_json::json!({"startLine": line, "startColumn": column, "endLine": line, "endColumn": end});
    assert_eq!(place["region"], region);
    assert_eq!(place["artifactLocation"]["uri"], "k8s/with%20space%2Ccolon%3Aand%25/%C3%A4.yaml");
    let object = &result["locations"][0]["logicalLocations"][0];
    assert_eq!(object["fullyQualifiedName"], "Service/a/spec.selektor");
}

#[test]
fn sarif_carries_fixes_file_by_file() {
    let sources = [awkward(), Source::new("b.yaml", "kind: x\n")];
    let mut report = lint(&sources, &Config::default());
    let span = report.findings[0].place.span;
    let edit = |source, span, replacement: &str| Edit { source, span, replacement: replacement.to_owned() };
    let insertion = Span { start: 4, end: 4 };
    let edits = vec![edit(0, span, "selector"), edit(1, insertion, "s"), edit(0, Span { start: 3, end: 3 }, "# ä\n")];
    report.findings[0].fix(Applicability::Safe, edits);
    let text = Format::Sarif.render(&report, &sources, &Config::default(), STYLE);
    let log: Value = serde_json::from_str(&text).unwrap();
    assert_sarif(&log);
    let fix = &log["runs"][0]["results"][0]["fixes"][0];
    let changes = fix["artifactChanges"].as_array().unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0]["replacements"][0]["insertedContent"]["text"], "selector");
    assert_eq!(changes[0]["replacements"][0]["deletedRegion"]["startColumn"], AT.1);
    let at_start = serde_json::json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1});
    assert_eq!(changes[0]["replacements"][1]["deletedRegion"], at_start);
    assert_eq!(changes[1]["artifactLocation"]["uri"], "b.yaml");
    assert_eq!(fix["properties"]["applicability"], "safe");
}

#[test]
fn an_empty_report_is_well_formed() {
    for sources in [vec![], vec![Source::new("a.yaml", "")]] {
        assert_eq!(render(Format::Github, &sources).1, "");
        assert_eq!(json(Format::Gitlab, &sources), serde_json::json!([]));
        let sarif = json(Format::Sarif, &sources);
        assert_sarif(&sarif);
        assert_eq!(sarif["runs"][0]["invocations"][0]["exitCode"], 0);
        let (_, junit) = render(Format::Junit, &sources);
        let xml = roxmltree::Document::parse(&junit).unwrap();
        let tests = xml.descendants().filter(|node| node.has_tag_name("testcase")).count();
        assert_eq!((tests, xml.root_element().attribute("failures")), (sources.len(), Some("0")));
        assert_eq!(json(Format::Json, &sources)["findings"], serde_json::json!([]));
    }
}

#[test]
fn what_a_chart_was_rendered_from_is_named() {
    let text = "---\n# Source: shop/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\n\
                spec: {selektor: {a: b}}\n";
    let sources = [Source::new("<stdin>", text)];
    let template = "shop/templates/service.yaml";
    for format in [Format::Human, Format::Concise, Format::Junit] {
        let (_, rendered) = render(format, &sources);
        let place = format!("{template} in {}:6:8", if format == Format::Junit { "&lt;stdin&gt;" } else { "<stdin>" });
        assert!(rendered.contains(&place), "{rendered}");
    }
    let finding = &json(Format::Json, &sources)["findings"][0];
    assert_eq!((finding["file"].as_str(), finding["template"].as_str()), (Some("<stdin>"), Some(template)));
    let artifact =
        &json(Format::Sarif, &sources)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(artifact["description"]["text"], format!("rendered from {template}"));
}
