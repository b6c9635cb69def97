//! An offline linter for blue-green release sets: two Deployments and three Services.
//!
//! ```
//! use bluegreen_lint::{config::Config, lint, source::Source};
//!
//! let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selektor: {color: blue}}\n";
//! let sources = [Source::new("service.yaml", service)];
//! let report = lint(&sources, &Config::default());
//! assert_eq!(report.findings[0].rule.code, "BG005");
//! assert_eq!(report.findings[0].help.as_deref(), Some("did you mean `selector`?"));
//! ```
//!
//! The library reads no environment, prints nothing and never ends the process.

mod api;
pub mod baseline;
pub mod cli;
pub mod completion;
pub mod config;
pub mod diff;
mod edit;
pub mod files;
pub mod finding;
pub mod fix;
pub mod manifest;
pub mod model;
mod output;
pub mod pages;
mod parallel;
pub mod quantity;
pub mod report;
pub mod rule;
pub mod rules;
pub mod schemas;
pub mod set;
pub mod source;
pub mod suppress;
pub mod version;
pub mod yaml;

use std::collections::{BTreeMap, HashMap, HashSet};

use config::Config;
use finding::{Finding, Findings, Severity};
use manifest::{Identity, Place};
use model::{Member, Model};
use parallel::FEW_OBJECTS;
use report::{MemberSummary, PassedOver, Report, SetSummary};
use rule::Check;
use set::Color;
use source::{Role, Source};

/// Lints texts: reads the objects, finds the release sets, and asks every rule.
#[must_use]
pub fn lint(sources: &[Source], config: &Config) -> Report {
    let name = |at: usize| sources.get(at).map(|source| source.name.clone()).unwrap_or_default();
    let declared = config.layers.iter().flat_map(|layer| layer.file.sets.clone()).collect();
    let (manifests, said) = manifest::read_each(sources, |object| said_of(object, config));
    let mut model = Model::new(manifests, declared, name);
    if !config.layers.is_empty() {
        let meant = |source| config.layer(source).map(|layer| layer.meant_to_differ.clone());
        model.meant_to_differ = sources.iter().map(meant).collect();
    }
    let mut findings: Vec<Finding> = said.into_iter().flatten().collect();
    for finding in findings.iter().filter(|finding| finding.rule.code == "BG008") {
        model.distrust(&finding.place);
    }
    let sets: Vec<_> = model.sets().filter(|set| !set.is_uncertain()).collect();
    // Few objects leave little to do for each of the rules, however many rules there are.
    let rules_alone = if model.objects().len() <= FEW_OBJECTS { rules::ALL.len() } else { 0 };
    let of_sets = parallel::map(&sets, 1, |_, set| said_of_set(*set));
    let of_all = parallel::map(rules::ALL, rules_alone, |_, rule| said_of_all(rule, &model));
    findings.extend(of_sets.into_iter().chain(of_all).flatten());
    let mut suppressions = suppress::all(sources, config, &model);
    // What is merely hidden is asked for, too: a suppression of it is of use with `--pedantic`.
    let (mut findings, hidden) = by_severity(findings, sources, config);
    for finding in &hidden {
        for suppression in &mut suppressions {
            suppression.takes(finding, sources);
        }
    }
    drop_echoes(&mut findings);
    let suppressed = suppress::apply(&mut findings, &mut suppressions, sources);
    let mut about_suppressions = Vec::new();
    for &rule in rules::ALL {
        if let Check::Suppression(check) = rule.check {
            let mut found = Findings::new(rule, &mut about_suppressions);
            for suppression in &suppressions {
                check(suppression, &mut found);
            }
        }
    }
    findings.extend(by_severity(about_suppressions, sources, config).0);
    findings
        .sort_by(|a, b| (a.place.source, a.place.span, a.rule.code).cmp(&(b.place.source, b.place.span, b.rule.code)));
    let baselined = config.baseline.as_ref().map_or(0, |baseline| baseline.apply(&mut findings, sources));
    let files = sources.iter().filter(|source| source.role == Role::Manifest).count();
    let summary = report::Summary { suppressed, baselined, ..report::Summary::of(&findings) };
    let (sets, objects) = (set_summaries(&model), model.objects().len());
    let passed_over = if config.live { Vec::new() } else { passed_over(&model, config.kubernetes_version) };
    if objects > FEW_OBJECTS {
        // To give back so many small pieces of memory takes as long as some rules; nobody waits for it.
        rayon::spawn(move || drop(model));
    }
    Report { sets, files, objects, findings, summary, kubernetes_version: config.kubernetes_version, passed_over }
}

/// The kinds that are not compared with what the API server takes, with how many objects there are of each.
fn passed_over(model: &Model, version: version::Version) -> Vec<PassedOver> {
    let mut kinds: BTreeMap<(&str, &str), (&manifest::Object, usize)> = BTreeMap::new();
    for object in &model.manifests.objects {
        kinds.entry((&object.id.api_version, &object.id.kind)).or_insert((object, 0)).1 += 1;
    }
    let unknown = kinds.into_iter().filter(|(_, (object, _))| !api::knows(object, version));
    let passed_over = |((api_version, kind), (_, count)): ((&str, &str), (_, usize))| PassedOver {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        count,
    };
    unknown.map(passed_over).collect()
}

/// The findings that are reported, with the severity that they count, and those that are not.
fn by_severity(findings: Vec<Finding>, sources: &[Source], config: &Config) -> (Vec<Finding>, Vec<Finding>) {
    let (mut reported, mut hidden) = (Vec::new(), Vec::new());
    for finding in findings {
        match config.severity(finding.rule, finding.severity, sources.get(finding.place.source)) {
            Some(severity) => reported.push(Finding { severity, ..finding }),
            None => hidden.push(finding),
        }
    }
    (reported, hidden)
}

/// What is to be said of an object by itself.
fn said_of(object: &manifest::Object, config: &Config) -> Vec<Finding> {
    let mut findings = said_by_server(object, config);
    for &rule in rules::ALL {
        if let Check::Object(check) = rule.check {
            check(object, &mut Findings::new(rule, &mut findings));
        }
    }
    findings
}

/// What a rule has to say of everything.
fn said_of_all(rule: &'static rule::Rule, model: &Model) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = Findings::new(rule, &mut findings);
    match rule.check {
        Check::Text(check) => {
            model.manifests.problems.iter().for_each(|(at, problem)| check(*at, problem, &mut found));
        }
        Check::Model(check) => check(model, &mut found),
        _ => {}
    }
    findings
}

/// What is to be said of a set.
fn said_of_set(set: model::SetView<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let differences = rules::differences::of(set);
    for &rule in rules::ALL {
        let mut found = Findings::new(rule, &mut findings);
        match rule.check {
            Check::Set(check) => check(set, &mut found),
            Check::Differences(check) => check(set, &differences, &mut found),
            _ => {}
        }
    }
    findings
}

/// What the API server would say of an object, validated once for all the rules that report it.
fn said_by_server(object: &manifest::Object, config: &Config) -> Vec<Finding> {
    if config.live {
        return Vec::new();
    }
    let rule = |code| rules::ALL.iter().find(|rule| rule.code == code && matches!(rule.check, Check::Server));
    let finding = |defect: api::Defect| {
        let rule = rule(defect.code)?;
        let api::Defect { place, message, help, fix, .. } = defect;
        Some(Finding { rule, severity: rule.severity, message, help: Some(help), place, related: Vec::new(), fix })
    };
    api::validate(object, config.kubernetes_version).into_iter().filter_map(finding).collect()
}

/// Takes out differences between the colors at places where another rule has found what is wrong, or within them.
fn drop_echoes(findings: &mut Vec<Finding>) {
    let is_drift = |finding: &Finding| finding.rule.group() == "drift";
    let at = |place: &Place| (place.source, place.span);
    let causes: Vec<&Finding> =
        findings.iter().filter(|finding| !is_drift(finding) && finding.severity > Severity::Info).collect();
    let places = |finding: &&'_ Finding| -> Vec<Place> {
        let related = finding.related.iter().map(|related| related.place.clone());
        std::iter::once(finding.place.clone()).chain(related).collect()
    };
    let spans: HashSet<_> = causes.iter().map(|finding| at(&finding.place)).collect();
    let mut fields: HashMap<(usize, Option<Identity>), Vec<String>> = HashMap::new();
    // What a server refuses is often a whole object; a field that it does not know is that field.
    let is_field = |finding: &&&Finding| finding.rule.group() != "api" || finding.rule.code == "BG005";
    for place in causes.iter().filter(is_field).flat_map(places) {
        fields.entry((place.source, place.object)).or_default().push(place.path);
    }
    let is_within = |place: &Place| {
        let fields = fields.get(&(place.source, place.object.clone())).into_iter().flatten();
        let rest = fields.filter_map(|field| place.path.strip_prefix(field.as_str()).filter(|_| !field.is_empty()));
        rest.into_iter().any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let is_echo =
        |finding: &Finding| places(&finding).iter().any(|place| spans.contains(&at(place)) || is_within(place));
    let echoes: Vec<bool> = findings.iter().map(|finding| is_drift(finding) && is_echo(finding)).collect();
    let mut echoes = echoes.into_iter();
    findings.retain(|_| !echoes.next().unwrap_or_default());
}

fn set_summaries(model: &Model) -> Vec<SetSummary> {
    fn member<F>(member: Option<Member<'_, F>>) -> Option<MemberSummary> {
        let object = member?.object;
        Some(MemberSummary { id: object.id.clone(), source: object.source, at: object.name_span().start })
    }
    let summary = |set: model::SetView<'_>| SetSummary {
        name: set.set.name.clone(),
        namespace: set.set.namespace.clone(),
        color_label: set.set.color_label().map(str::to_owned),
        active: set.set.active,
        workloads: Color::ALL.map(|color| (color, member(set.workload(color)))),
        active_service: member(set.active_service()),
        color_services: Color::ALL.map(|color| (color, member(set.color_service(color)))),
    };
    model.sets().map(summary).collect()
}
