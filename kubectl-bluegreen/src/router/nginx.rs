//! ingress-nginx: one canary Ingress beside each Ingress that names the active Service, with the share as its weight.
//! Leaves the Ingresses themselves as they are; canaries that somebody else made are never touched.

use serde_json::{Map, Value, json};

use super::{Ask, Given, Means, Refusal, Router, Stage, ends, ends_to_give, map_port, no_port, tell};
use crate::cluster::{ObjectRef, Resource};
use crate::journal::Before;
use crate::observed::{MANAGED_BY, SetView, TOOL, name};
use crate::plan::{Action, Change, Step};
use crate::release::Color;
use crate::routes::Route;
use crate::weights::{Ends, list};

pub(super) const ROUTER: Router = Router {
    id: "nginx",
    covers: "what enters through ingress-nginx, by a canary beside each Ingress that names the active Service",
    means: Means::ColorService,
    routes: |set| mains(set).iter().map(ToString::to_string).collect(),
    share,
    plan,
};

const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
/// The same as a segment of a JSON pointer.
const WEIGHT_POINTER: &str = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight";
/// How an Ingress said its class before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";
/// What is to be known of this router.
const RETIRED: &str =
    "ingress-nginx is retired: no releases and no security fixes since March 2026; the Gateway API is its successor";

fn ingresses<'s>(set: &'s SetView<'_>) -> impl Iterator<Item = &'s Route> {
    let known = set.observed.routes.known.iter();
    known.filter(|route| route.resource == Resource::Ingresses && route.namespace == set.namespace())
}

fn annotation<'r>(route: &'r Route, key: &str) -> Option<&'r str> {
    route.object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// The Ingresses of this controller that name the active Service in a rule.
fn mains<'s>(set: &'s SetView<'_>) -> Vec<&'s Route> {
    let active = set.active_service().map_or("", |service| name(&service.metadata));
    let is_nginx = |route: &Route| {
        let class = route.object.pointer("/spec/ingressClassName").and_then(Value::as_str);
        class.or_else(|| annotation(route, CLASS)).is_some_and(|class| class.contains("nginx"))
    };
    let mains = ingresses(set).filter(|route| !route.canary && is_nginx(route));
    mains.filter(|route| !rules(route, active, |path| Ok(path.clone())).unwrap_or_default().is_empty()).collect()
}

/// The canaries that this tool made for a color: by its label, or by the name that it has written down, whoever has changed
/// the rest of them since.
fn ours<'s>(set: &'s SetView<'_>, ends: Ends<'_>, before: &Before) -> Vec<&'s Route> {
    let own = |route: &&Route| {
        let label = route.object.pointer("/metadata/labels").and_then(|labels| labels.get(MANAGED_BY)?.as_str());
        let to_color = route.canary && route.backends.iter().any(|backend| backend.service == ends.color);
        match (label == Some(TOOL), before.routes.contains_key(&route.key())) {
            (true, written) => written || to_color,
            (false, written) => written && to_color,
        }
    };
    ingresses(set).filter(own).collect()
}

fn share(set: &SetView<'_>, color: Color) -> Option<u8> {
    let before = set.ongoing().map(|entry| entry.before).unwrap_or_default();
    let own = ours(set, ends(set, color, &before)?, &before);
    own.into_iter().map(weight).max().filter(|weight| *weight > 0)
}

/// The share that a canary takes, in percent.
fn weight(canary: &Route) -> u8 {
    annotation(canary, WEIGHT).and_then(|weight| weight.parse().ok()).unwrap_or_default()
}

/// The rules of an Ingress with only the paths that lead to a Service, each changed.
fn rules(route: &Route, service: &str, change: impl Fn(&Value) -> Result<Value, String>) -> Result<Vec<Value>, String> {
    let mut rules = Vec::new();
    for rule in list(&route.object, "/spec/rules") {
        let leads = |path: &&Value| path.pointer("/backend/service/name").is_some_and(|name| name == service);
        let paths: Result<Vec<Value>, String> = list(rule, "/http/paths").iter().filter(leads).map(&change).collect();
        let paths = paths?;
        if !paths.is_empty() {
            let mut rule = rule.clone();
            rule.as_object_mut().map(|rule| rule.insert("http".to_owned(), json!({"paths": paths})));
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn plan(ask: &Ask<'_>) -> Result<Stage, Refusal> {
    let Ask { set, color, share, before, .. } = *ask;
    let mut stage = Stage { before: before.clone(), ..Stage::default() };
    if share == 0 {
        let own = ends(set, color, before).map(|ends| ours(set, ends, before)).unwrap_or_default();
        let given = own.iter().enumerate();
        let given: Vec<Given> =
            given.map(|(at, canary)| Given { before: weight(canary), after: 0, step: Some(at) }).collect();
        stage.steps = own.into_iter().map(delete).collect();
        tell(&mut stage.steps, &given, color);
        return Ok(stage);
    }
    let ends = ends_to_give(ask, "an Ingress")?;
    stage.before.color_service = Some(ends.color.to_owned());
    let (own, mut given) = (ours(set, ends, before), Vec::new());
    stage.notes.push(RETIRED.to_owned());
    for main in mains(set) {
        let called = format!("{}-{color}-canary", main.name);
        let to_color = |path: &Value| {
            let mut path = path.clone();
            if let Some(backend) = path.pointer_mut("/backend/service") {
                let port = if backend.pointer("/port/name").is_some() { "/port/name" } else { "/port/number" };
                let mapped = map_port(set, color, backend.pointer(port).unwrap_or(&Value::Null))?;
                // A named port may be one that has no name there.
                let key = if mapped.is_string() { "name" } else { "number" };
                *backend = json!({"name": ends.color, "port": {key: mapped}});
            }
            Ok(path)
        };
        let rules = rules(main, ends.active, to_color).map_err(|message| no_port(ends, message))?;
        let made = own.iter().find(|canary| canary.name == called);
        if let Some(taken) = ingresses(set).find(|route| route.name == called && made.is_none()) {
            return Err(Refusal::new(
                format!("{taken} is there already, and this tool did not make it"),
                "the share needs an Ingress of that name: rename it, or delete it",
            ));
        }
        let foreign = ingresses(set).find(|route| route.canary && route.name != called && shares_host(route, &rules));
        if let Some(foreign) = foreign {
            return Err(Refusal::new(
                format!("{foreign} is a canary of the same hosts already"),
                "the controller takes one canary for a host and a path: delete that one first",
            ));
        }
        stage.before.routes.entry(format!("{}/{called}", Resource::Ingresses.kind())).or_default();
        let object = ObjectRef::new(Resource::Ingresses, set.namespace(), &called);
        let steps = stage.steps.len();
        match made {
            None => {
                let title = format!("create {object}: {share} % of {main} to service/{}", ends.color);
                let body = canary(main, &called, set.namespace(), share, &rules);
                stage.steps.push(Step::new("route", title, Action::Create(object, body)));
            }
            Some(canary) => {
                let mut operations = Vec::new();
                if annotation(canary, WEIGHT) != Some(&share.to_string()) {
                    operations.push(json!({"op": "add", "path": WEIGHT_POINTER, "value": share.to_string()}));
                }
                if list(&canary.object, "/spec/rules") != rules.as_slice() {
                    operations.push(json!({"op": "replace", "path": "/spec/rules", "value": rules}));
                }
                let version = canary.object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                let title = format!("patch {object}: {share} % of {main} to service/{}", ends.color);
                if !operations.is_empty() {
                    let change = Change::new(object, version.unwrap_or_default(), operations);
                    stage.steps.push(Step::new("route", title, Action::Patch(change)));
                }
            }
        }
        let step = (stage.steps.len() > steps).then_some(steps);
        given.push(Given { before: made.map_or(0, |canary| weight(canary)), after: share, step });
        if main.object.pointer("/spec/defaultBackend/service/name").is_some_and(|name| name == ends.active) {
            stage.notes.push(format!("the default backend of {main} has no canary: it stays where it is"));
        }
    }
    tell(&mut stage.steps, &given, color);
    Ok(stage)
}

fn delete(canary: &Route) -> Step {
    let uid = canary.object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    let object = ObjectRef::new(canary.resource, &canary.namespace, &canary.name);
    Step::new("route", format!("delete {canary}"), Action::Delete(object, uid.to_owned()))
}

fn shares_host(route: &Route, rules: &[Value]) -> bool {
    let host = |rule: &Value| rule.get("host").cloned().unwrap_or_default();
    list(&route.object, "/spec/rules").iter().any(|rule| rules.iter().any(|ours| host(ours) == host(rule)))
}

/// The canary of an Ingress: the same class, the paths that lead to the active Service, and the share.
fn canary(main: &Route, called: &str, namespace: &str, share: u8, rules: &[Value]) -> Value {
    let mut annotations = Map::new();
    annotations.insert(CANARY.to_owned(), "true".into());
    annotations.insert(WEIGHT.to_owned(), share.to_string().into());
    annotations.extend(annotation(main, CLASS).map(|class| (CLASS.to_owned(), class.into())));
    let mut spec = Map::new();
    let class = main.object.pointer("/spec/ingressClassName").cloned();
    spec.extend(class.map(|class| ("ingressClassName".to_owned(), class)));
    spec.insert("rules".to_owned(), rules.into());
    json!({
        "apiVersion": Resource::Ingresses.api_version(),
        "kind": Resource::Ingresses.kind(),
        "metadata": {"name": called, "namespace": namespace, "labels": {MANAGED_BY: TOOL}, "annotations": annotations},
        "spec": spec,
    })
}
