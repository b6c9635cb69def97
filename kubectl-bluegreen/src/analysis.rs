//! The metrics of a new version under users, where a Prometheus is named.
//! Pure: makes queries of settings and judges what came back; `execute` asks.

use bluegreen_lint::config::release::{Analysis as Setting, MetricCheck};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::ask::Source;
use crate::error::Error;

mod series;
use series::Series;

/// How many requests a color must have had before anything is said of them.
const MIN_REQUESTS: f64 = 20.0;

/// The metrics that are watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Where they are.
    pub source: Source,
    /// What is looked at.
    pub metrics: Vec<Metric>,
}

impl Analysis {
    /// The results while there is no answer.
    #[must_use]
    pub fn unknown(&self) -> Vec<MetricResult> {
        let unknown = |metric: &Metric| MetricResult {
            name: metric.name.clone(),
            message: "there was no answer".to_owned(),
            ..MetricResult::default()
        };
        self.metrics.iter().map(unknown).collect()
    }
}

/// One metric with its limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What it is called.
    pub name: String,
    /// The query, with its placeholders.
    query: String,
    /// The query for the number of requests; nothing for a metric that is not about requests.
    requests: Option<String>,
    /// Whether it is a share of the requests, so that no series at all means none of them.
    is_share: bool,
    max: Option<f64>,
    times_old: Option<f64>,
    min_requests: f64,
}

/// What was asked for one color: the value, and the number of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The value; nothing when there is no series.
    pub value: Option<f64>,
    /// The number of requests; nothing when the metric is not about requests.
    pub requests: Option<f64>,
}

/// How a metric looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct MetricResult {
    /// The metric.
    pub name: String,
    /// The value of the new color.
    pub new: Option<f64>,
    /// The value of the color that served before, over the same time.
    pub old: Option<f64>,
    /// The number of requests that the new color had.
    pub requests: Option<f64>,
    /// What the new value may be at most; nothing where there is no limit, or not yet.
    #[serde(skip)]
    pub limit: Option<f64>,
    /// Whether it is within its limits; nothing when too little is known.
    pub ok: Option<bool>,
    /// What it is compared with, in words.
    pub message: String,
}

/// The metrics that the settings ask for; nothing where they name no Prometheus.
///
/// # Errors
/// When a setting makes no sense.
pub fn of(setting: &Setting) -> Result<Option<Analysis>, Error> {
    let usage = |message: &str| Error::Usage {
        message: format!("`analysis` {message}"),
        help: "see `analysis` in .bluegreen.yaml and in schemas/config.schema.json".to_owned(),
    };
    let source = match (&setting.prometheus.url, &setting.prometheus.service) {
        (None, None) if setting.checks.is_empty() => return Ok(None),
        (Some(url), None) => Source::Url(url.clone()),
        (None, Some(service)) => Source::Service {
            namespace: service.namespace.clone(),
            name: service.name.clone(),
            port: service.port.to_string(),
        },
        _ => return Err(usage("must name one Prometheus: its url, or its service")),
    };
    if setting.checks.is_empty() {
        return Err(usage("names a Prometheus and no checks"));
    }
    let min_requests = setting.min_requests.map_or(MIN_REQUESTS, f64::from);
    let metric = |check: &MetricCheck| {
        metric(check, min_requests)
            .ok_or_else(|| usage("has a check that is not one of errorRate, latency and query, or that has no limit"))
    };
    Ok(Some(Analysis { source, metrics: setting.checks.iter().map(metric).collect::<Result<_, _>>()? }))
}

fn metric(check: &MetricCheck, min_requests: f64) -> Option<Metric> {
    let (max, times_old) = (check.max, check.times_old);
    max.or(times_old)?;
    let named = |words: String| check.name.clone().unwrap_or(words);
    match (check.error_rate, check.latency, &check.query) {
        (Some(of), None, None) => Some(Metric {
            name: named("error rate".to_owned()),
            query: format!("({}) / ({})", Series::of(of).errors(), Series::of(of).requests()),
            requests: Some(Series::of(of).requests()),
            is_share: true,
            max,
            times_old,
            min_requests,
        }),
        (None, Some(of), None) => {
            let quantile = check.quantile.unwrap_or(0.99);
            Some(Metric {
                name: named(format!("latency p{}", quantile * 100.0)),
                query: Series::of(of).latency(quantile),
                requests: Some(Series::of(of).requests()),
                is_share: false,
                max,
                times_old,
                min_requests,
            })
        }
        (None, None, Some(query)) => Some(Metric {
            name: named(query.clone()),
            query: query.clone(),
            requests: None,
            is_share: false,
            max,
            times_old,
            min_requests,
        }),
        _ => None,
    }
}

/// What stands for a color in queries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The namespace.
    pub namespace: String,
    /// The color.
    pub color: String,
    /// Its Deployment.
    pub deployment: String,
    /// The Service by which its users come: the active one, or its color Service.
    pub service: String,
    /// The active Service.
    pub active: String,
    /// The ports of the set's Services, by their numbers and their names.
    pub ports: Vec<String>,
    /// Its pods.
    pub pods: Vec<String>,
}

impl Names {
    /// What ingress-nginx calls the canary that leads to it, as a pattern; nothing where users come without one.
    fn canary(&self) -> String {
        let Self { namespace, service, .. } = self;
        if *service == self.active { String::new() } else { format!("{namespace}-{service}-[a-z0-9-]+") }
    }
}

impl Metric {
    /// The queries for a color over some seconds: for the value, and for the number of requests.
    #[must_use]
    pub fn queries(&self, of: &Names, seconds: u64) -> (String, Option<String>) {
        let fill = |query: &str| {
            [
                ("$namespace", of.namespace.as_str()),
                ("$color", &of.color),
                ("$deployment", &of.deployment),
                ("$service", &of.service),
                ("$active", &of.active),
                ("$canary", &of.canary()),
                ("$ports", &of.ports.join("|")),
                ("$pods", &of.pods.join("|")),
                ("$window", &format!("{seconds}s")),
            ]
            .into_iter()
            .fold(query.to_owned(), |query, (name, value)| query.replace(name, value))
        };
        (fill(&self.query), self.requests.as_deref().map(fill))
    }

    /// Whether the new color is within the limits.
    #[must_use]
    pub fn judge(&self, new: Reading, old: Reading) -> MetricResult {
        let enough = |reading: Reading| reading.requests.is_none_or(|requests| requests >= self.min_requests);
        let value = |reading: Reading| {
            let none = self.is_share && reading.requests.is_some_and(|requests| requests > 0.0);
            reading.value.or(none.then_some(0.0))
        };
        let compared = self
            .times_old
            .zip(value(old).filter(|value| !value.is_nan() && enough(old)))
            .map(|(times, old)| (times, old, times * old));
        let result = |ok: Option<bool>, message: String| MetricResult {
            name: self.name.clone(),
            new: value(new),
            old: value(old),
            requests: new.requests,
            limit: self.max.into_iter().chain(compared.map(|(.., limit)| limit)).reduce(f64::min),
            ok,
            message,
        };
        let Some(has) = value(new) else { return result(None, "there is no such series".to_owned()) };
        if has.is_nan() {
            return result(None, "the answer is not a number".to_owned());
        }
        if !enough(new) {
            let message =
                format!("{:.0} of {:.0} requests needed", new.requests.unwrap_or_default(), self.min_requests);
            return result(None, message);
        }
        if let Some(max) = self.max.filter(|max| has > *max) {
            return result(Some(false), format!("{} is more than {}", short(has), short(max)));
        }
        if let Some((times, old, _)) = compared.filter(|(.., limit)| has > *limit) {
            return result(
                Some(false),
                format!("{} is more than {times} times {}, the old color's", short(has), short(old)),
            );
        }
        if self.max.is_none() && compared.is_none() {
            return result(None, "the old color has too few requests to compare with".to_owned());
        }
        result(Some(true), format!("{} is within its limits", short(has)))
    }
}

/// A number with as many digits as anybody reads.
pub(crate) fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The number in an answer of Prometheus, which may be one that is none; nothing when there is no series.
#[must_use]
pub fn number(answer: &Value) -> Option<f64> {
    let result = answer.pointer("/data/result")?;
    let value = if answer.pointer("/data/resultType").and_then(Value::as_str) == Some("scalar") {
        result.get(1)
    } else {
        result.pointer("/0/value/1")
    };
    value?.as_str()?.parse().ok()
}

/// The results as a small table.
#[must_use]
pub fn table(results: &[MetricResult]) -> String {
    let cell = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), short);
    let mut lines = vec![format!("       {:<16} {:>10} {:>10} {:>9}", "metric", "new", "old", "requests")];
    for result in results {
        let mark = match result.ok {
            Some(true) => "ok  ",
            Some(false) => "FAIL",
            None => "skip",
        };
        let requests = result.requests.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}"));
        let (new, old) = (cell(result.new), cell(result.old));
        lines.push(format!("  {mark} {:<16} {new:>10} {old:>10} {requests:>9}  {}", result.name, result.message));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use bluegreen_lint::config::release::Convention;

    use super::*;

    fn error_rate(max: Option<f64>, times_old: Option<f64>) -> Metric {
        let check = MetricCheck { error_rate: Some(Convention::Http), max, times_old, ..MetricCheck::default() };
        metric(&check, MIN_REQUESTS).unwrap()
    }

    fn reading(value: Option<f64>, requests: f64) -> Reading {
        Reading { value, requests: Some(requests) }
    }

    #[test]
    fn nothing_is_said_before_there_are_enough_requests() {
        let metric = error_rate(Some(0.01), None);
        assert_eq!(metric.judge(reading(Some(1.0), 19.0), Reading::default()).ok, None);
        assert_eq!(metric.judge(reading(Some(0.3), 20.0), Reading::default()).ok, Some(false));
        assert_eq!(metric.judge(reading(Some(0.01), 20.0), Reading::default()).ok, Some(true));
        // No error has ever been counted: there is no such series.
        assert_eq!(metric.judge(reading(None, 20.0), Reading::default()).ok, Some(true));
        assert_eq!(metric.judge(Reading::default(), Reading::default()).ok, None);
        // What is not a number is no share, and says nothing.
        assert_eq!(metric.judge(reading(Some(f64::NAN), 100.0), Reading::default()).ok, None);
        assert_eq!(metric.judge(reading(Some(f64::INFINITY), 100.0), Reading::default()).ok, Some(false));
    }

    #[test]
    fn the_old_color_is_the_measure_while_it_has_users() {
        let metric = error_rate(None, Some(2.0));
        assert_eq!(metric.judge(reading(Some(0.05), 100.0), reading(Some(0.02), 100.0)).ok, Some(false));
        assert_eq!(metric.judge(reading(Some(0.04), 100.0), reading(Some(0.02), 100.0)).ok, Some(true));
        assert_eq!(metric.judge(reading(Some(0.05), 100.0), reading(Some(0.02), 3.0)).ok, None);
    }

    #[test]
    fn queries_are_about_the_pods_of_one_color() {
        let names =
            Names { namespace: "shop".to_owned(), pods: vec!["a".to_owned(), "b".to_owned()], ..Names::default() };
        let (query, requests) = error_rate(Some(0.1), None).queries(&names, 30);
        let total = "sum(increase(http_requests_total{namespace=\"shop\",pod=~\"a|b\",code!=\"\"}[30s]))";
        assert!(requests.unwrap().starts_with(total) && query.contains("code=~\"5..|5xx\""), "{query}");
        assert!(!query.contains('$'), "{query}");
    }

    #[test]
    fn answers_are_numbers_or_nothing() {
        let answer = |result: &str| serde_json::from_str::<Value>(&format!("{{\"data\":{result}}}")).unwrap();
        assert_eq!(number(&answer(r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"0.5"]}]}"#)), Some(0.5));
        assert_eq!(number(&answer(r#"{"resultType":"scalar","result":[1,"2"]}"#)), Some(2.0));
        assert_eq!(number(&answer(r#"{"resultType":"vector","result":[]}"#)), None);
        assert!(number(&answer(r#"{"resultType":"vector","result":[{"value":[1,"NaN"]}]}"#)).unwrap().is_nan());
        let infinite = number(&answer(r#"{"resultType":"vector","result":[{"value":[1,"+Inf"]}]}"#));
        assert_eq!(infinite, Some(f64::INFINITY));
    }
}
