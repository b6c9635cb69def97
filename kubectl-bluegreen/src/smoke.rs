//! Smoke tests: what is asked of the pods of a color before users reach them, and whether an answer is good.
//! Pure: makes tests of settings and of the pod template, and judges answers; `execute` sends.

use std::collections::BTreeMap;
use std::time::Duration;

use bluegreen_lint::config::release::{Port, SmokeTest, Statuses};
use k8s_openapi::api::core::v1::{Container, PodTemplateSpec, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::check::pods;
use crate::cli::duration;
use crate::cluster::ask::{Answer, Call};
use crate::error::Error;
use crate::observed::{SetView, lasting_containers, name, port_called};
use crate::prepare::template;
use crate::release::Color;
use crate::traffic::tag;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a command may take.
const COMMAND_WITHIN: Duration = Duration::from_mins(1);
/// The statuses that the kubelet's own probes call good.
const GOOD: std::ops::Range<u16> = 200..400;

/// One test, ready to be sent to any pod of the color.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What it is called.
    pub name: String,
    /// The port of the pod.
    pub port: u16,
    /// What is sent.
    pub call: Call,
    /// How long it may take.
    pub within: Duration,
    /// How often each pod is asked.
    pub repeat: u32,
    /// How many of these may fail.
    pub may_fail: u32,
    /// What is expected.
    expected: Expected,
}

/// What is expected of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
struct Expected {
    statuses: Vec<u16>,
    contains: Option<String>,
    json: BTreeMap<String, Value>,
    below: Option<Duration>,
}

/// How a test went on one pod.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct TestResult {
    /// The test.
    pub name: String,
    /// The pod.
    pub pod: String,
    /// Whether it passed; nothing when it was left out.
    pub ok: Option<bool>,
    /// How often the pod was asked.
    pub asked: u32,
    /// How many answers were not good.
    pub failed: u32,
    /// What the last answer was, and of those that were not good the last one.
    pub message: String,
    /// How long the slowest answer took, in milliseconds.
    pub millis: u64,
}

/// The tests of a color: those of `--smoke`, else those of the settings, else what its readiness probes ask.
///
/// # Errors
/// When a setting is no test.
pub fn tests(set: &SetView<'_>, color: Color, paths: &[String], settings: &[SmokeTest]) -> Result<Vec<Test>, Error> {
    let Some(template) = set.deployment(color).and_then(template) else { return Ok(Vec::new()) };
    let served = target_port(set, template);
    if !paths.is_empty() {
        let test = |path: &String| SmokeTest { path: Some(path.clone()), ..SmokeTest::default() };
        return paths.iter().map(|path| of_setting(&test(path), set, color, template, served)).collect();
    }
    if !settings.is_empty() {
        return settings.iter().map(|setting| of_setting(setting, set, color, template, served)).collect();
    }
    let containers = template.spec.iter().flat_map(lasting_containers);
    let asked = containers.filter_map(|container| of_probe(container, container.readiness_probe.as_ref()?));
    let asked: Vec<Test> = asked.collect();
    // A probe that runs a command inside the pod has said its word: without any to ask, a connection is better than nothing.
    let connect = || served.map(|port| plain(format!("connect to port {port}"), port, Call::Connect));
    Ok(if asked.is_empty() { connect().into_iter().collect() } else { asked })
}

fn plain(name: String, port: u16, call: Call) -> Test {
    Test { name, port, call, within: ANSWER_WITHIN, repeat: 1, may_fail: 0, expected: Expected::default() }
}

fn of_setting(
    setting: &SmokeTest,
    set: &SetView<'_>,
    color: Color,
    template: &PodTemplateSpec,
    served: Option<u16>,
) -> Result<Test, Error> {
    let called = setting.name.clone().unwrap_or_default();
    let usage = |message: String| Error::Usage {
        message: format!(
            "a smoke test{} {message}",
            if called.is_empty() { String::new() } else { format!(" ({called})") }
        ),
        help: "see `smoke` in .bluegreen.yaml and in schemas/config.schema.json".to_owned(),
    };
    let port = match setting.tcp.as_ref().or(setting.port.as_ref()) {
        None => {
            served.ok_or_else(|| usage("has no port, and the active Service has none that the pods know".to_owned()))?
        }
        Some(Port::Number(port)) => *port,
        Some(Port::Name(port)) => {
            port_named(template, port).ok_or_else(|| usage(format!("names port {port}, which no container has")))?
        }
    };
    let time = |text: &Option<String>| text.as_deref().map(duration).transpose().map_err(&usage);
    let call = match (&setting.path, &setting.tcp, &setting.command) {
        (Some(path), None, None) if path.starts_with('/') => Call::Http {
            method: setting.method.clone().unwrap_or_else(|| "GET".to_owned()),
            path: path.clone(),
            headers: setting.headers.clone(),
            tls: setting.tls,
        },
        (Some(path), None, None) => return Err(usage(format!("has the path {path}: it must begin with /"))),
        (None, Some(_), None) => Call::Connect,
        (None, None, Some(argv)) => Call::Command { argv: argv.clone(), env: environment(set, color, setting.tls) },
        _ => return Err(usage("must have exactly one of path, tcp and command".to_owned())),
    };
    let what = match &call {
        Call::Http { method, path, .. } => format!("{method} {path}"),
        Call::Connect => format!("connect to port {port}"),
        Call::Command { argv, .. } => argv.join(" "),
    };
    let patience = if matches!(call, Call::Command { .. }) { COMMAND_WITHIN } else { ANSWER_WITHIN };
    let statuses = match &setting.status {
        None => Vec::new(),
        Some(Statuses::One(status)) => vec![*status],
        Some(Statuses::Several(statuses)) => statuses.clone(),
    };
    let expected = Expected {
        statuses,
        contains: setting.contains.clone(),
        json: setting.json.clone(),
        below: time(&setting.below)?,
    };
    let (repeat, may_fail) = (setting.repeat.unwrap_or(1).max(1), setting.may_fail.unwrap_or(0));
    let within = time(&setting.timeout)?.unwrap_or(patience);
    Ok(Test { name: setting.name.clone().unwrap_or(what), port, call, within, repeat, may_fail, expected })
}

/// What a command finds in its environment besides the address.
fn environment(set: &SetView<'_>, color: Color, tls: bool) -> BTreeMap<String, String> {
    let images = set.images(color);
    let version = images.first().map(|image| tag(image).to_owned()).unwrap_or_default();
    [
        ("BLUEGREEN_COLOR", color.to_string()),
        ("BLUEGREEN_NAMESPACE", set.namespace().to_owned()),
        ("BLUEGREEN_SET", set.name().to_owned()),
        ("BLUEGREEN_VERSION", version),
        ("BLUEGREEN_SCHEME", if tls { "https" } else { "http" }.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The readiness probe's own request.
fn of_probe(container: &Container, probe: &Probe) -> Option<Test> {
    let number = |port: &IntOrString| match port {
        IntOrString::Int(port) => u16::try_from(*port).ok(),
        IntOrString::String(name) => of_container(container, name),
    };
    if let Some(get) = &probe.http_get {
        let path = get.path.clone().filter(|path| path.starts_with('/')).unwrap_or_else(|| "/".to_owned());
        let headers = get.http_headers.iter().flatten().map(|header| (header.name.clone(), header.value.clone()));
        let call = Call::Http {
            method: "GET".to_owned(),
            path: path.clone(),
            headers: headers.collect(),
            tls: get.scheme.as_deref() == Some("HTTPS"),
        };
        return Some(plain(format!("GET {path}, as the readiness probe"), number(&get.port)?, call));
    }
    let port = number(&probe.tcp_socket.as_ref()?.port)?;
    Some(plain(format!("connect to port {port}, as the readiness probe"), port, Call::Connect))
}

fn of_container(container: &Container, called: &str) -> Option<u16> {
    let mut ports = container.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref() == Some(called))?;
    u16::try_from(port.container_port).ok()
}

fn port_named(template: &PodTemplateSpec, called: &str) -> Option<u16> {
    u16::try_from(port_called(template.spec.as_ref()?, called, "TCP")?.container_port).ok()
}

/// The port of the pods that the active Service sends to first.
fn target_port(set: &SetView<'_>, template: &PodTemplateSpec) -> Option<u16> {
    let port = set.active_service()?.spec.as_ref()?.ports.as_ref()?.first()?;
    match &port.target_port {
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(called)) => port_named(template, called),
        None => u16::try_from(port.port).ok(),
    }
}

impl Test {
    /// The same test for one pod: a command is told its name.
    #[must_use]
    pub fn call_for(&self, pod: &k8s_openapi::api::core::v1::Pod) -> Call {
        let mut call = self.call.clone();
        if let Call::Command { env, .. } = &mut call {
            env.insert("BLUEGREEN_POD".to_owned(), name(&pod.metadata).to_owned());
        }
        call
    }

    /// Whether an answer is good, and what it was.
    ///
    /// # Errors
    /// What is not as it should be.
    pub fn judge(&self, answer: &Answer) -> Result<String, String> {
        if let Some(error) = &answer.error {
            return Err(error.clone());
        }
        let Expected { statuses, contains, json, below } = &self.expected;
        let said = excerpt(&answer.body);
        match self.call {
            Call::Command { .. } if answer.status != 0 => return Err(format!("ended with {}{said}", answer.status)),
            Call::Connect | Call::Command { .. } => {}
            Call::Http { .. } => {
                let good =
                    if statuses.is_empty() { GOOD.contains(&answer.status) } else { statuses.contains(&answer.status) };
                if !good {
                    return Err(format!("answered {}{said}", answer.status));
                }
            }
        }
        if let Some(text) = contains.as_ref().filter(|text| !answer.body.contains(text.as_str())) {
            return Err(format!("the answer does not contain {text:?}{said}"));
        }
        if !json.is_empty() {
            let body: Value = serde_json::from_str(&answer.body).map_err(|_| format!("the answer is no JSON{said}"))?;
            for (pointer, wanted) in json {
                let has = body.pointer(pointer);
                if has != Some(wanted) {
                    let has = has.map_or_else(|| "missing".to_owned(), Value::to_string);
                    return Err(format!("{pointer} is {has}, expected {wanted}"));
                }
            }
        }
        if let Some(limit) = below.filter(|limit| u128::from(answer.millis) >= limit.as_millis()) {
            return Err(format!("took {} ms, and may take {} ms", answer.millis, limit.as_millis()));
        }
        Ok(match self.call {
            Call::Connect => format!("connected in {} ms", answer.millis),
            Call::Http { .. } => format!("{} in {} ms", answer.status, answer.millis),
            Call::Command { .. } => format!("ended well in {} ms", answer.millis),
        })
    }
}

/// How many characters of an answer are shown.
const EXCERPT_MAX: usize = 120;

/// The first words of an answer.
fn excerpt(body: &str) -> String {
    let line: String = body.trim().chars().take(EXCERPT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

/// One line for each test, and one for each pod on which it did not pass.
#[must_use]
pub fn summary(results: &[TestResult]) -> String {
    let mut names: Vec<&str> = results.iter().map(|result| result.name.as_str()).collect();
    names.dedup();
    let mut lines = Vec::new();
    for called in names {
        let of: Vec<&TestResult> = results.iter().filter(|result| result.name == called).collect();
        let pods = pods(of.len());
        let slowest = of.iter().map(|result| result.millis).max().unwrap_or_default();
        let bad: Vec<&&TestResult> = of.iter().filter(|result| result.ok == Some(false)).collect();
        if of.iter().all(|result| result.ok.is_none()) {
            lines.push(format!("  skip {called}: {}", of.first().map_or("", |result| result.message.as_str())));
        } else if bad.is_empty() {
            lines.push(format!("  ok   {called}: {pods}, slowest {slowest} ms"));
        } else {
            lines.push(format!("  FAIL {called}: {} of {pods}", bad.len()));
            let line = |result: &&TestResult| {
                let TestResult { pod, asked, failed, message, .. } = result;
                let times = if *asked > 1 { format!(" ({failed} of {asked} times)") } else { String::new() };
                format!("         {pod}{times}: {message}")
            };
            lines.extend(bad.into_iter().map(line));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(expected: Expected) -> Test {
        let call = Call::Http { method: "GET".to_owned(), path: "/".to_owned(), headers: BTreeMap::new(), tls: false };
        Test { expected, ..plain("home".to_owned(), 80, call) }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned(), millis: 20, ..Answer::default() }
    }

    #[test]
    fn an_answer_is_judged_by_all_that_is_expected() {
        let any = http(Expected::default());
        assert_eq!(any.judge(&answer(204, "")).unwrap(), "204 in 20 ms");
        assert_eq!(any.judge(&answer(500, "out of\norder")).unwrap_err(), "answered 500: out of order");
        let refused = Answer { error: Some("connection refused".to_owned()), ..Answer::default() };
        assert_eq!(any.judge(&refused).unwrap_err(), "connection refused");
        let only = http(Expected { statuses: vec![201], ..Expected::default() });
        assert!(only.judge(&answer(200, "")).is_err() && only.judge(&answer(201, "")).is_ok());
        let text = http(Expected { contains: Some("shop".to_owned()), ..Expected::default() });
        assert!(text.judge(&answer(200, "the shop")).is_ok() && text.judge(&answer(200, "no")).is_err());
        let json = http(Expected { json: [("/db/ok".to_owned(), true.into())].into(), ..Expected::default() });
        assert!(json.judge(&answer(200, r#"{"db":{"ok":true}}"#)).is_ok());
        assert_eq!(json.judge(&answer(200, r#"{"db":{"ok":1}}"#)).unwrap_err(), "/db/ok is 1, expected true");
        assert!(json.judge(&answer(200, "<html>")).unwrap_err().contains("no JSON"));
        let fast = http(Expected { below: Some(Duration::from_millis(20)), ..Expected::default() });
        assert_eq!(fast.judge(&answer(200, "")).unwrap_err(), "took 20 ms, and may take 20 ms");
        let command = plain("c".to_owned(), 80, Call::Command { argv: vec!["true".to_owned()], env: BTreeMap::new() });
        assert!(command.judge(&answer(0, "")).is_ok());
        assert_eq!(command.judge(&answer(3, "no shop")).unwrap_err(), "ended with 3: no shop");
    }

    #[test]
    fn the_summary_names_the_pods_that_fail() {
        let result = |name: &str, pod: &str, ok: bool| TestResult {
            name: name.to_owned(),
            pod: pod.to_owned(),
            ok: Some(ok),
            asked: 1,
            failed: u32::from(!ok),
            message: "answered 500".to_owned(),
            millis: 7,
        };
        let text =
            summary(&[result("a", "p", true), result("a", "q", true), result("b", "p", true), result("b", "q", false)]);
        assert_eq!(text, "  ok   a: 2 pods, slowest 7 ms\n  FAIL b: 1 of 2 pods\n         q: answered 500");
    }
}
