//! The page about one release set that a team keeps beside its manifests: what there is, what to type, what is checked.
//! Makes text of what was observed and linted; reads and writes no file, and knows no clock.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use bluegreen_lint::config::release::SmokeTest;
use bluegreen_lint::report::{MemberSummary, SetSummary};
use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use crate::check::{self, Means, Question};
use crate::cmd::status::Status;
use crate::error::Error;
use crate::manifests::Manifests;
use crate::observed::{Labels, SetView, name, selector, shown, template_labels};
use crate::release::Color;
use crate::router::{Choice, Router};
use crate::smoke;
use crate::traffic::version;

/// What the page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Guide<'g> {
    /// The set, as it would be with both colors running.
    pub set: &'g SetView<'g>,
    /// The manifests that it comes from.
    pub manifests: &'g Manifests,
    /// The smoke tests of the settings.
    pub tests: &'g [SmokeTest],
    /// The command that makes this page.
    pub made_by: &'g str,
}

impl Guide<'_> {
    /// The page, as Markdown. The same manifests give the same page.
    ///
    /// # Errors
    /// When a smoke test of the settings makes no sense.
    pub fn page(&self) -> Result<String, Error> {
        let set = self.set.name();
        let mut page = format!("<!-- Made by: {} -->\n\n# Blue-green releases of {set}\n", self.made_by);
        let status = Status::new(self.set, 0);
        self.members(&mut page, &status);
        self.diagram(&mut page, &status);
        match (self.set.active_service(), self.target()) {
            (Some(service), Some(target)) => {
                self.commands(&mut page, target);
                self.way_back(&mut page, service);
                self.tests(&mut page, target)?;
                self.checks(&mut page, target);
            }
            _ => page.push_str("\nUntil one Service selects one of two colors, there is nothing to switch.\n"),
        }
        self.findings(&mut page);
        Ok(page)
    }

    /// The color that a switch would go to.
    fn target(&self) -> Option<Color> {
        self.set.active().map(Color::other).filter(|color| self.set.deployment(*color).is_some())
    }

    fn members(&self, page: &mut String, status: &Status) {
        let view = self.set;
        let serves = view.active().map_or_else(String::new, |color| {
            format!(" By these manifests, traffic goes to {} at first.", version(view, color))
        });
        let labels = view.set.color_labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let told = if labels.is_empty() { String::new() } else { format!(" The colors are told apart by {labels}.") };
        let _ = write!(page, "\n{}{serves}{told}\n", opening(status));
        page.push_str("\n| | object | selector, or labels of its pods | written in |\n|---|---|---|---|\n");
        let summary = self.summary();
        let mut row = |role: String, object: Option<String>, labels: &Labels, member: Option<&MemberSummary>| {
            let Some(object) = object else { return };
            let place = member.map_or_else(String::new, |member| format!("`{}`", self.place(member.source, member.at)));
            let _ = writeln!(page, "| {role} | {object} | {} | {place} |", code(labels));
        };
        let of = |service: &Service| format!("Service `{}`", name(&service.metadata));
        for color in Color::ALL {
            let deployment = view.deployment(color);
            let labels = deployment.map(template_labels).cloned().unwrap_or_default();
            let object = deployment.map(|deployment| {
                let images = view.images(color).into_iter().map(|image| format!("`{image}`")).collect::<Vec<_>>();
                format!("Deployment `{}`, {}", name(&deployment.metadata), images.join(", "))
            });
            row(color.to_string(), object, &labels, summary.and_then(|set| pick(&set.workloads, color)));
        }
        let active = view.active_service();
        let labels = active.map(selector).cloned().unwrap_or_default();
        row("active".to_owned(), active.map(of), &labels, summary.and_then(|set| set.active_service.as_ref()));
        for color in Color::ALL {
            let service = view.color_service(color);
            let labels = service.map(selector).cloned().unwrap_or_default();
            let member = summary.and_then(|set| pick(&set.color_services, color));
            row(format!("{color}, for tests"), service.map(of), &labels, member);
        }
        for missing in &status.missing {
            let _ = write!(page, "\nNo {}: {}.\n", missing.member, missing.effect);
        }
    }

    /// The set in the manifests, where the linter's summary has it.
    fn summary(&self) -> Option<&SetSummary> {
        let wanted = self.set.active_service().map(|service| name(&service.metadata));
        let active = |set: &&SetSummary| set.active_service.as_ref().map(|member| member.id.name.as_str()) == wanted;
        self.manifests.report.sets.iter().filter(|set| set.name == self.set.name()).find(active)
    }

    fn place(&self, source: usize, at: usize) -> String {
        let Some(source) = self.manifests.sources.get(source) else { return String::new() };
        format!("{}:{}", in_short(Path::new(&*source.name)), source.position(at).line)
    }

    fn diagram(&self, page: &mut String, status: &Status) {
        let view = self.set;
        page.push_str("\n## Where traffic goes\n\n```mermaid\nflowchart LR\n");
        let mut nodes = String::new();
        let mut edges = String::new();
        let named = |service: Option<&Service>| service.map(|service| name(&service.metadata).to_owned());
        if let Some(active) = view.active_service() {
            node(&mut nodes, "active", &format!("Service {}", name(&active.metadata)), &shown(selector(active)));
            let mut routed = false;
            for (at, route) in status.routes.found.iter().enumerate() {
                node(&mut nodes, &format!("route{at}"), &format!("{} {}", route.kind, route.name), "");
                let _ = writeln!(edges, "  users([users]) --> route{at}");
                for (id, service) in [
                    ("active", named(Some(active))),
                    ("blueService", named(view.color_service(Color::Blue))),
                    ("greenService", named(view.color_service(Color::Green))),
                ] {
                    if service.is_some_and(|service| route.services.contains(&service)) {
                        let _ = writeln!(edges, "  route{at} --> {id}");
                        routed |= id == "active";
                    }
                }
            }
            if !routed {
                edges.push_str("  users([users]) --> active\n");
            }
        }
        for color in Color::ALL {
            let Some(deployment) = view.deployment(color) else { continue };
            let labels = template_labels(deployment);
            let told: Labels =
                labels.clone().into_iter().filter(|(key, _)| view.set.color_labels.contains(key)).collect();
            node(&mut nodes, color.as_str(), &format!("Deployment {}", name(&deployment.metadata)), &shown(&told));
            match view.active() {
                _ if view.active_service().is_none() => {}
                Some(active) if active != color => {
                    let _ = writeln!(edges, "  active -. after a switch .-> {color}");
                }
                _ => {
                    let _ = writeln!(edges, "  active ==> {color}");
                }
            }
            if let Some(service) = view.color_service(color) {
                let id = format!("{color}Service");
                node(&mut nodes, &id, &format!("Service {}", name(&service.metadata)), &shown(selector(service)));
                let _ = writeln!(edges, "  {id} --> {color}");
            }
        }
        let _ = writeln!(page, "{nodes}{edges}```");
        if self.target().is_none() {
            return;
        }
        page.push_str(
            "\nA switch changes one thing, the color in the selector of the active Service. Connections that are open then \
             stay on the old color until they end.\n",
        );
    }

    /// The options that say which set is meant.
    fn options(&self) -> String {
        let mut options = String::new();
        if let Some(namespace) = self.manifests.namespace() {
            let _ = write!(options, " -n {namespace}");
        }
        if self.manifests.report.sets.len() > 1 {
            let _ = write!(options, " --app {}", self.set.name());
        }
        options
    }

    fn commands(&self, page: &mut String, idle: Color) {
        let options = self.options();
        let mut lines = vec![
            (format!("status{options}"), "what serves, what is ready, whether a switch would pass".to_owned()),
            (
                format!("deploy VERSION{options}"),
                "the new version to the idle color, tested, then all traffic".to_owned(),
            ),
            (format!("smoke {idle}{options}"), format!("ask every pod of {idle}, without a route")),
            (format!("switch {idle}{options}"), format!("all traffic to {idle}, which runs already")),
            (format!("cleanup {idle}{options}"), format!("no pods for {idle}, once the other color serves")),
            (format!("history{options}"), "who moved what, when, and how it ended".to_owned()),
        ];
        let router = Router::choose(self.set, Choice::Auto, None).ok();
        if let Some(router) = router {
            let share = format!("in steps, by the router `{}`, watched for a minute each", router.id);
            lines.insert(2, (format!("deploy VERSION --steps 10,50,100{options}"), share));
        }
        page.push_str("\n## What to type\n\n| command | |\n|---|---|\n");
        for (command, what) in lines {
            let _ = writeln!(page, "| `kubectl bluegreen {command}` | {what} |");
        }
        if router.is_none() {
            page.push_str(
                "\nNothing in these manifests can split the traffic: a share of it needs a route that can, or `--router replicas`.\n",
            );
        }
    }

    fn way_back(&self, page: &mut String, service: &Service) {
        let _ = write!(
            page,
            "\n## The way back\n\n```sh\nkubectl bluegreen rollback{} --yes\n```\n\nAll traffic goes to the color that served \
             before the last release, from any step of it. The old color keeps running until `cleanup`. Without the plugin, \
             all users of the Service by hand:\n\n```sh\n",
            self.options()
        );
        let namespace = self.manifests.namespace().map_or_else(String::new, |namespace| format!(" -n {namespace}"));
        for color in Color::ALL {
            let patch = json!([{"op": "replace", "path": "/spec/selector", "value": self.set.selector_for(color)}]);
            let _ = writeln!(
                page,
                "kubectl patch service {}{namespace} --type json -p '{patch}'   # {color}",
                name(&service.metadata)
            );
        }
        page.push_str("```\n");
        let routes = self.set.observed.routes.to(self.set.namespace(), name(&service.metadata));
        let routes: BTreeSet<String> = routes.map(|(route, _)| format!("`{route}`")).collect();
        if !routes.is_empty() {
            let routes = routes.into_iter().collect::<Vec<_>>().join(", ");
            let _ = writeln!(
                page,
                "\nDuring a share that is not all: who comes in by {routes} goes where its weights say. Put these back as they \
                 are in the manifests, too, and delete the Ingress of a canary that the release has made."
            );
        }
    }

    fn tests(&self, page: &mut String, idle: Color) -> Result<(), Error> {
        let tests = smoke::tests(self.set, idle, &[], self.tests)?;
        page.push_str("\n## Tests before users come\n\n");
        if tests.is_empty() {
            page.push_str(
                "None: the pods have no readiness probe that could be asked, and `.bluegreen.yaml` names none.\n",
            );
            return Ok(());
        }
        page.push_str("Every ready pod of the idle color is asked, through the API server, before traffic moves:\n\n");
        for test in tests {
            let _ = writeln!(page, "- {}", test.name);
        }
        Ok(())
    }

    fn checks(&self, page: &mut String, target: Color) {
        let question = Question { set: self.set, target, percent: 100, way_back: false, means: Means::Selector };
        let _ = write!(
            page,
            "\n## Checks before traffic moves\n\nThe last column is what they say of these manifests, for a switch to {target} with both colors running.\n\n\
             | check | refuses when | here |\n|---|---|---|\n"
        );
        let results = check::run(&question, &[]);
        for (check, result) in check::ALL.iter().zip(results) {
            let here = match result.status {
                _ if check.id == "permissions" => "asked in the cluster".to_owned(),
                check::Status::Pass => result.message,
                check::Status::Warn => format!("**warns**: {}", result.message),
                check::Status::Fail => format!("**refuses**: {}", result.message),
                check::Status::Skip => format!("not judged: {}", result.message),
            };
            let _ = writeln!(page, "| `{}` | {} | {} |", check.id, check.refuses, cell(&here));
        }
    }

    fn findings(&self, page: &mut String) {
        let report = &self.manifests.report;
        let _ = write!(page, "\n## What the linter says\n\n{}.\n", report.summary_line());
        if report.findings.is_empty() {
            return;
        }
        page.push_str("\n| | rule | where | |\n|---|---|---|---|\n");
        for finding in &report.findings {
            let place = self.place(finding.place.source, finding.place.span.start);
            let (severity, rule) = (finding.severity, finding.rule);
            let _ =
                writeln!(page, "| {severity} | {} {} | `{place}` | {} |", rule.code, rule.name, cell(&finding.message));
        }
    }
}

fn opening(status: &Status) -> &'static str {
    if status.missing.is_empty() {
        "Two Deployments run side by side, and one Service decides which of them users reach."
    } else {
        "Two Deployments are meant to run side by side, with one Service that decides which of them users reach."
    }
}

fn pick(members: &[(Color, Option<MemberSummary>); 2], color: Color) -> Option<&MemberSummary> {
    members.iter().find(|(of, _)| *of == color).and_then(|(_, member)| member.as_ref())
}

/// A box of the diagram: what it is, and in a second line what it selects or carries.
fn node(nodes: &mut String, id: &str, what: &str, labels: &str) {
    let second = if labels.is_empty() { String::new() } else { format!("<br>{labels}") };
    let _ = writeln!(nodes, "  {id}[\"{what}{second}\"]");
}

fn code(labels: &Labels) -> String {
    let labels = labels.iter().map(|(key, value)| format!("`{key}={value}`"));
    labels.collect::<Vec<_>>().join(" ")
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// A path as short as it can be said, the same on every system: `./k8s/` is `k8s`.
pub(crate) fn in_short(path: &Path) -> String {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let short: PathBuf = parts.collect();
    if short.as_os_str().is_empty() { ".".to_owned() } else { short.to_string_lossy().replace('\\', "/") }
}
