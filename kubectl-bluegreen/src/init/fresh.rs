//! `init --new`: the five resources of a release set that is not there yet.
//! Pure; the manifests are text first, so that what is printed is what a person would have written.

use std::fmt::Write as _;

use bluegreen_lint::config::Config;
use bluegreen_lint::manifest;
use bluegreen_lint::report::Report;
use bluegreen_lint::source::Source;
use serde_json::Value;

use super::{Mark, digest};
use crate::check::rollout_has_ended;
use crate::cluster::{ObjectRef, Resource};
use crate::error::Error;
use crate::journal::Colors;
use crate::observed::{Observed, name};
use crate::plan::{Action, Plan, Planner, SetRef, Step};
use crate::release::Color;

/// What the sources are called in findings.
const SOURCE: &str = "init --new";

/// A release set that is not there yet.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// What it is called: its active Service, and the first part of all other names.
    pub name: String,
    /// The image that both colors start with.
    pub image: String,
    /// The port on which the container listens.
    pub port: u16,
    /// The path that tells whether it is ready; without it an open port has to do.
    pub probe: Option<String>,
    /// The namespace; nothing leaves it to whoever applies the manifests.
    pub namespace: Option<String>,
}

impl Fresh {
    /// The manifests.
    #[must_use]
    pub fn manifests(&self) -> String {
        let mut text = String::new();
        for (color, replicas) in [(Color::Blue, 2), (Color::Green, 0)] {
            text.push_str(&self.deployment(color, replicas));
            text.push_str("---\n");
        }
        let services = [
            (self.name.clone(), Color::Blue, "# Users reach this one; a switch changes the color in its selector.\n"),
            (format!("{}-blue", self.name), Color::Blue, "# For tests of blue, whoever serves.\n"),
            (format!("{}-green", self.name), Color::Green, "# For tests of green before users see it.\n"),
        ];
        let services = services.map(|(called, color, why)| format!("{why}{}", self.service(&called, color)));
        text + &services.join("---\n")
    }

    fn metadata(&self, called: &str, color: Option<Color>) -> String {
        let app = &self.name;
        let mut text = format!("metadata:\n  name: {called}\n");
        if let Some(namespace) = &self.namespace {
            let _ = writeln!(text, "  namespace: {namespace}");
        }
        let _ = write!(text, "  labels:\n    app: {app}\n");
        if let Some(color) = color {
            let _ = writeln!(text, "    color: {color}");
        }
        text
    }

    fn deployment(&self, color: Color, replicas: u8) -> String {
        let Self { name: app, image, port, probe, .. } = self;
        let metadata = self.metadata(&format!("{app}-{color}"), Some(color));
        let probe = match probe {
            Some(path) => format!("httpGet:\n              path: {path}\n              port: http"),
            None => "tcpSocket:\n              port: http".to_owned(),
        };
        format!(
            "apiVersion: apps/v1
kind: Deployment
{metadata}spec:
  replicas: {replicas}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      app: {app}
      color: {color}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      labels:
        app: {app}
        color: {color}
    spec:
      terminationGracePeriodSeconds: 30
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app: {app}
              color: {color}
      containers:
        - name: {app}
          image: {image}
          ports:
            - name: http
              containerPort: {port}
          startupProbe:
            {probe}
            periodSeconds: 2
            failureThreshold: 30
          readinessProbe:
            {probe}
            periodSeconds: 2
            failureThreshold: 2
          livenessProbe:
            {probe}
            periodSeconds: 10
            failureThreshold: 6
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          lifecycle:
            preStop:
              sleep:
                seconds: 5
"
        )
    }

    fn service(&self, called: &str, color: Color) -> String {
        let app = &self.name;
        let metadata = self.metadata(called, None);
        format!(
            "apiVersion: v1
kind: Service
{metadata}spec:
  type: ClusterIP
  selector:
    app: {app}
    color: {color}
  ports:
    - name: http
      port: 80
      targetPort: http
"
        )
    }

    fn source(&self) -> [Source; 1] {
        [Source::new(SOURCE, self.manifests())]
    }

    /// What the linter says of the manifests.
    #[must_use]
    pub fn lint(&self) -> Report {
        bluegreen_lint::lint(&self.source(), &Config::default())
    }

    /// The objects, each with a mark by which they are known again.
    #[must_use]
    pub fn objects(&self) -> Vec<(ObjectRef, Value)> {
        let object = |object: &manifest::Object| {
            let is = |resource: &Resource| resource.kind() == object.id.kind;
            let resource = [Resource::Deployments, Resource::Services].into_iter().find(is)?;
            let namespace = self.namespace.clone().unwrap_or_default();
            let mut body = object.root().to_json();
            let digest = digest(&body);
            Mark { from: format!("--new {}", self.name), digest, ..Mark::default() }.put(&mut body);
            Some((ObjectRef::new(resource, namespace, &object.id.name), body))
        };
        manifest::read(&self.source()).objects.iter().filter_map(object).collect()
    }

    fn set(&self) -> SetRef {
        SetRef {
            name: self.name.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            color_label: Some("color".to_owned()),
            service: self.name.clone(),
            color_services: Colors::default(),
            ports: Vec::new(),
            deployments: Colors::new(|color| Some(format!("{}-{color}", self.name))),
        }
    }
}

impl Planner for Fresh {
    fn plan(&self, observed: &Observed) -> Result<Plan, Error> {
        let mut steps = Vec::new();
        for (object, body) in self.objects() {
            match there(observed, &object, &body) {
                Some(true) => {}
                Some(false) => {
                    let message = format!("{object} exists already in namespace {}", object.namespace);
                    let help = "nothing that exists is overwritten: take another name, or adopt what runs with --from deployment/NAME";
                    return Err(Error::Forbidden { message, help: help.to_owned() });
                }
                None => {
                    let title = format!("create {object}");
                    steps.push(Step::new("create", title, Action::Create(object, body)));
                }
            }
        }
        let blue = format!("{}-blue", self.name);
        let mut there = observed.deployments.items.iter();
        let ready = there.find(|deployment| name(&deployment.metadata) == blue).is_some_and(rollout_has_ended);
        let set = self.set();
        let title = if steps.is_empty() && ready {
            format!("the release set {} is there already in namespace {}", set.name, set.namespace)
        } else {
            let title = format!("wait until deployment/{blue} is rolled out and all its pods are ready");
            steps.push(Step::new("rollout", title, Action::AwaitRollout(Color::Blue)));
            let selector = [("app".to_owned(), self.name.clone()), ("color".to_owned(), "blue".to_owned())].into();
            let title = format!("wait until exactly its ready pods are the endpoints of service/{}", self.name);
            let action = Action::AwaitEndpoints { color: Color::Blue, selector };
            steps.push(Step::new("endpoints", title, action));
            format!("Create the release set {} in namespace {}: blue serves {}", set.name, set.namespace, self.image)
        };
        let notes = steps.first().map(|_| {
            let mut notes = vec!["green has no pods until the first release".to_owned()];
            if self.probe.is_none() {
                notes.push("a pod counts as ready when its port is open; --probe PATH asks it over HTTP".to_owned());
            }
            notes
        });
        let notes = notes.unwrap_or_default();
        let again = format!("kubectl bluegreen init --new {} --image {} --port {}", self.name, self.image, self.port);
        Ok(Plan { notes, steps, again: Some(again), ..Plan::without_steps("init", set, Color::Blue, title) })
    }
}

/// An object of that name, and whether this very command has made it.
fn there(observed: &Observed, object: &ObjectRef, body: &Value) -> Option<bool> {
    let here = |namespace: &Option<String>| namespace.as_deref() == Some(&object.namespace);
    let metadata = match object.resource {
        Resource::Services => observed
            .services
            .items
            .iter()
            .map(|service| &service.metadata)
            .find(|m| name(m) == object.name && here(&m.namespace)),
        _ => observed
            .deployments
            .items
            .iter()
            .map(|deployment| &deployment.metadata)
            .find(|m| name(m) == object.name && here(&m.namespace)),
    }?;
    let mark = metadata.annotations.as_ref().and_then(|annotations| annotations.get(super::MADE_FROM));
    Some(mark.and_then(|text| serde_json::from_str(text).ok()) == Mark::of(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bluegreen_lint::config::FailOn;

    fn fresh(probe: Option<&str>) -> Fresh {
        Fresh {
            name: "shop".to_owned(),
            image: "registry.example.com/shop:1.0".to_owned(),
            port: 8080,
            probe: probe.map(str::to_owned),
            namespace: None,
        }
    }

    #[test]
    fn the_linter_has_nothing_against_what_is_made() {
        for probe in [None, Some("/ready")] {
            for namespace in [None, Some("web".to_owned())] {
                let fresh = Fresh { namespace, ..fresh(probe) };
                let config = Config { pedantic: true, fail_on: FailOn::Info, ..Config::default() };
                let report = bluegreen_lint::lint(&fresh.source(), &config);
                let found: Vec<_> = report.findings.iter().map(|f| (f.rule.code, &f.message)).collect();
                assert!(found.is_empty(), "{found:?}");
                assert_eq!((report.sets.len(), report.objects), (1, 5));
                assert_eq!(fresh.objects().len(), 5);
            }
        }
    }

    #[test]
    fn an_image_that_moves_is_said() {
        let report = Fresh { image: "nginx".to_owned(), ..fresh(None) }.lint();
        assert!(report.findings.iter().all(|finding| finding.rule.code == "BG503"), "{:?}", report.findings);
        assert_eq!(report.findings.len(), 2);
    }
}
