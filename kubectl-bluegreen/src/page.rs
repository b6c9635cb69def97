//! A page about one move: what was done and seen, who did it, and how it ended. One file that needs no other.
//! Pure, and shows what was kept; neither asks nor writes.

use std::time::Duration;

use jiff::Timestamp;

use crate::analysis::{MetricResult, short};
use crate::check::{CheckResult, Status};
use crate::cmd::rehearse::Rehearsal;
use crate::release::Color;
use crate::report::{Outcome, Report, StepReport};
use crate::smoke::TestResult;
use crate::trail::{Event, Trail};

mod chart;
mod html;

use html::Html;

/// What is known before a move begins.
#[derive(Clone, Debug)]
pub struct Head {
    /// The command.
    pub command: &'static str,
    /// Where.
    pub namespace: String,
    /// `user@host`.
    pub by: String,
    /// When it began.
    pub began: Timestamp,
}

/// The page while the end of the move is not known: what stays when the program is killed.
#[must_use]
pub fn unfinished(head: &Head) -> String {
    let mut html = top(head.command, "not ended");
    html.element(
        "<h1>",
        head.command,
        "</h1><div class=\"result warn\"><p><strong class=\"word\">… Not ended</strong></p>",
    );
    html.raw("<p>The command has begun and has not said how it ended. If it does not run any more, it was killed: what is true now says <code>kubectl bluegreen status</code>, and the same command goes on where it was.</p></div>");
    html.raw("<dl>");
    fact(&mut html, "Namespace", &head.namespace);
    fact(&mut html, "By", &head.by);
    fact(&mut html, "Began", moment(head.began));
    html.raw("</dl>").raw(BOTTOM);
    html.finish()
}

/// The page about a move that has ended, one way or another.
#[must_use]
pub fn page(head: &Head, report: &Report, trail: &Trail, rehearsal: Option<&Rehearsal>) -> String {
    let set = report.set.as_ref().map_or("no set", |set| set.name.as_str());
    let (word, ..) = verdict(report);
    let mut html = top(&format!("{} {set}", report.command), word);
    html.raw("<h1>").text(report.command).raw(" ").text(set).raw("</h1>");
    let title = trail.moments.iter().find_map(|moment| match &moment.event {
        Event::Planned(title) if !title.is_empty() => Some(title),
        _ => None,
    });
    if let Some(title) = title {
        html.element("<p class=\"faint\">", title, "</p>");
    }
    if rehearsal.is_some() {
        html.raw("<p>A rehearsal on a cluster in memory: nothing real was touched, and all times are those of the simulation.</p>");
    }
    result(&mut html, report, rehearsal);
    facts(&mut html, head, report, trail, rehearsal);
    html.raw("<h2>Traffic</h2>");
    chart::traffic(&mut html, trail);
    html.raw("<h2>Steps</h2>");
    steps(&mut html, report, trail);
    checks(&mut html, &report.checks);
    tests(&mut html, &report.tests);
    analysis(&mut html, &report.analysis, trail);
    if let Some(back) = rehearsal.and_then(|rehearsal| rehearsal.rollback.as_ref()) {
        html.raw("<h2>The way back, played on a copy</h2><p>")
            .text(outcome(back.outcome).0)
            .raw(": traffic was back after ");
        html.element("", format_args!("{:.2} s", back.seconds_to_endpoints), ", and everything was done after ");
        html.element("", format_args!("{:.1} s", back.seconds), ".</p>");
        let whole: f64 = back.steps.iter().map(|step| step.seconds).sum();
        let mut passed = 0.0;
        html.raw("<ol class=\"steps\">");
        for one in &back.steps {
            step(&mut html, one, Some(passed), whole);
            passed += one.seconds;
        }
        html.raw("</ol>");
    }
    said(&mut html, trail);
    html.raw(BOTTOM);
    html.finish()
}

const BOTTOM: &str = concat!(
    "<p class=\"faint\" style=\"margin-top:2.5rem\">kubectl-bluegreen ",
    env!("CARGO_PKG_VERSION"),
    "</p></main></body></html>\n"
);

/// Everything before the first heading. Even markup that slipped through could load nothing and run nothing.
fn top(title: &str, word: &str) -> Html {
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/><title>");
    html.text(title).raw(": ").text(word).raw("</title><style>\n").raw(include_str!("page/style.css"));
    html.raw("</style></head><body><main>\n");
    html
}

/// The word for an outcome, and the class that colors it.
fn outcome(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Done => ("✓ Done", "good"),
        Outcome::NothingToDo => ("✓ Nothing to do", "good"),
        Outcome::Planned => ("Dry run: nothing was changed", "warn"),
        Outcome::Refused => ("✗ Refused", "bad"),
        Outcome::Failed => ("✗ Failed", "bad"),
        Outcome::PutBack => ("✗ Failed, and put back", "bad"),
        Outcome::Busy => ("✗ Refused: somebody else is moving this set", "bad"),
        Outcome::TimedOut => ("✗ Not there in time", "bad"),
        Outcome::Interrupted => ("✗ Cut off", "bad"),
    }
}

/// How a command ended. What became of the traffic is for the error to say.
fn verdict(report: &Report) -> (&'static str, &'static str) {
    let code = report.error.as_ref().map_or("", |error| error.code.as_str());
    match (report.outcome, code) {
        (Outcome::Interrupted, "bluegreen::put_back") => ("✗ Cut off, and put back", "bad"),
        (Outcome::PutBack, "bluegreen::put_back") => outcome(Outcome::PutBack),
        (Outcome::PutBack, _) => outcome(Outcome::Failed),
        (_, "bluegreen::after_move") => ("✗ Failed on the way", "bad"),
        (known, _) => outcome(known),
    }
}

fn result(html: &mut Html, report: &Report, rehearsal: Option<&Rehearsal>) {
    let (word, class) = verdict(report);
    html.raw("<div class=\"result ").raw(class).raw("\"><p class=\"word\"><strong>").text(word).raw("</strong></p>");
    let to = report.to.map_or("", Color::as_str);
    match (report.outcome, report.observed.or(report.split).filter(|split| split.is_partial()), report.to) {
        (Outcome::Done, Some(split), Some(color)) => {
            html.raw("<p>").text(to).raw(" has ").text(split.share(color)).raw(" % of the traffic.</p>");
        }
        (Outcome::Done, None, Some(_)) => {
            html.raw("<p>").text(to).raw(" serves.</p>");
        }
        _ => {}
    }
    if let Some(error) = &report.error {
        html.element("<p>", &error.message, "</p>");
        if let Some(help) = &error.help {
            html.element("<p><span class=\"faint\">The way on:</span> ", help, "</p>");
        }
    }
    if let Some(users) = rehearsal.and_then(|rehearsal| rehearsal.users) {
        html.raw("<p>Simulated users meanwhile: ").text(users.requests).raw(" requests, ").text(users.errors);
        html.raw(" answered with an error, ").text(users.lost).raw(" lost.</p>");
    }
    html.raw("</div>");
}

fn fact(html: &mut Html, name: &'static str, value: impl std::fmt::Display) {
    html.raw("<dt>").raw(name).raw("</dt>").element("<dd>", value, "</dd>");
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn facts(html: &mut Html, head: &Head, report: &Report, trail: &Trail, rehearsal: Option<&Rehearsal>) {
    html.raw("<dl>");
    fact(html, "Namespace", report.set.as_ref().map_or(&head.namespace, |set| &set.namespace));
    fact(html, "By", &head.by);
    fact(html, "Began", moment(rehearsal.map_or(head.began, |rehearsal| rehearsal.began)));
    fact(html, "Took", chart::clock(trail.took.unwrap_or_default().as_secs_f64()));
    let shares: Vec<Option<u8>> = trail.shares(Color::Green).map(|(_, share)| share).collect();
    let told = |green: &Option<u8>| match green {
        None => "cannot be told".to_owned(),
        Some(0) => "blue".to_owned(),
        Some(100) => "green".to_owned(),
        Some(green) => format!("blue {} %, green {green} %", 100 - green),
    };
    shares.first().iter().for_each(|share| fact(html, "Served at first", told(share)));
    shares.last().iter().for_each(|share| fact(html, "Served at last", told(share)));
    for (color, name) in Color::ALL.into_iter().zip(["Blue runs", "Green runs"]) {
        let Some((before, after)) = trail.images(color).filter(|(_, after)| !after.is_empty()) else { continue };
        let (before, after) = (before.join(", "), after.join(", "));
        fact(html, name, if before == after { after } else { format!("{after}, before {before}") });
    }
    report.id.iter().for_each(|id| fact(html, "In the journal", id));
    fact(html, "Requests", report.requests);
    fact(html, "Exit status", report.status as u8);
    html.raw("</dl>");
}

/// The steps below the plan that they belong to, each at its time.
fn steps(html: &mut Html, report: &Report, trail: &Trail) {
    let whole = trail.took.unwrap_or_default().as_secs_f64();
    let (mut open, mut pending) = (false, None);
    for moment in &trail.moments {
        match &moment.event {
            Event::Planned(title) => pending = Some(title).filter(|title| !title.is_empty()),
            Event::Stepped(one) => {
                if let Some(title) = pending.take() {
                    html.raw(if open { "</ol>" } else { "" }).element("<h3>", title, "</h3><ol class=\"steps\">");
                    open = true;
                }
                if !std::mem::replace(&mut open, true) {
                    html.raw("<ol class=\"steps\">");
                }
                let began = moment.at.saturating_sub(Duration::try_from_secs_f64(one.seconds).unwrap_or_default());
                step(html, one, Some(began.as_secs_f64()), whole);
            }
            _ => {}
        }
    }
    html.raw(if open { "</ol>" } else { "" });
    let mut left = report.steps.iter().filter(|step| step.status == "planned").peekable();
    if left.peek().is_some() {
        html.raw("<h3>Planned, and not reached</h3><ol class=\"steps\">");
        left.for_each(|one| step(html, one, None, whole));
        html.raw("</ol>");
    } else if !open {
        html.raw("<p class=\"faint\">None.</p>");
    }
}

fn step(html: &mut Html, step: &StepReport, began: Option<f64>, whole: f64) {
    let (mark, class) = match step.status {
        "done" => ("✓", "good"),
        "failed" => ("✗", "bad"),
        _ => ("·", "faint"),
    };
    html.raw("<li class=\"").raw(class).raw("\"><span class=\"word\" title=\"").text(step.status).raw("\">").raw(mark);
    html.raw("</span>").element("<span>", &step.title, "</span><span class=\"time\">");
    let Some(began) = began else {
        html.raw("</span></li>");
        return;
    };
    html.text(format_args!("{:.2} s", step.seconds)).raw("</span><span class=\"bar\"><i style=\"left:");
    let percent = |seconds: f64| if whole > 0.0 { (seconds / whole * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    let left = percent(began).min(99.0);
    html.number(left).raw("%;width:").number(percent(step.seconds).min(100.0 - left)).raw("%\"></i></span></li>");
}

fn checks(html: &mut Html, checks: &[CheckResult]) {
    if checks.is_empty() {
        return;
    }
    let rank = |check: &&CheckResult| match check.status {
        Status::Fail => 0,
        Status::Warn => 1,
        Status::Skip => 2,
        Status::Pass => 3,
    };
    let mut sorted: Vec<&CheckResult> = checks.iter().collect();
    sorted.sort_by_key(rank);
    html.raw("<h2>Checks</h2><table class=\"stacked\"><tbody>");
    for check in sorted {
        let (word, class) = match check.status {
            Status::Pass => ("✓ ok", "good"),
            Status::Warn => ("! warn", "warn"),
            Status::Fail => ("✗ FAIL", "bad"),
            Status::Skip => ("· skip", "faint"),
        };
        html.raw("<tr class=\"").raw(class).raw("\"><td class=\"word\">").raw(word).element(
            "</td><td class=\"id\"><code>",
            check.id,
            "</code></td>",
        );
        html.raw("<td>").text(check.color).raw(": ").text(&check.message);
        if let Some(help) = &check.help {
            html.element("<br/><span class=\"faint\">", help, "</span>");
        }
        html.raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn good(ok: Option<bool>) -> (&'static str, &'static str) {
    match ok {
        Some(true) => ("✓ ok", "good"),
        Some(false) => ("✗ FAIL", "bad"),
        None => ("· skip", "faint"),
    }
}

fn tests(html: &mut Html, tests: &[TestResult]) {
    if tests.is_empty() {
        return;
    }
    html.raw("<h2>Smoke tests</h2><table class=\"stacked\"><thead><tr><th></th><th>test</th><th>pod</th><th class=\"n\">asked</th><th class=\"n\">bad</th><th class=\"n\">slowest</th><th>answer</th></tr></thead><tbody>");
    for test in tests {
        let (word, class) = good(test.ok);
        html.raw("<tr class=\"").raw(class).raw("\"><td class=\"word\">").raw(word).raw("</td>");
        html.element("<td>", &test.name, "</td>").element("<td>", &test.pod, "</td>");
        html.element("<td class=\"n\" data-is=\"asked\">", test.asked, "</td>");
        html.element("<td class=\"n\" data-is=\"bad\">", test.failed, "</td>");
        html.element("<td class=\"n\" data-is=\"slowest\">", format_args!("{} ms", test.millis), "</td>");
        html.element("<td>", &test.message, "</td></tr>");
    }
    html.raw("</tbody></table>");
}

fn analysis(html: &mut Html, results: &[MetricResult], trail: &Trail) {
    let was_watched = trail.moments.iter().any(|moment| matches!(moment.event, Event::Measured(_)));
    if results.is_empty() || !was_watched {
        return;
    }
    html.raw("<h2>What was watched under users</h2>");
    chart::metrics(html, trail);
    html.raw("<h3>At the end</h3><table class=\"stacked\"><thead><tr><th></th><th>metric</th><th class=\"n\">new</th><th class=\"n\">old</th><th class=\"n\">requests</th><th></th></tr></thead><tbody>");
    let cell = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), short);
    for result in results {
        let (word, class) = good(result.ok);
        html.raw("<tr class=\"").raw(class).raw("\"><td class=\"word\">").raw(word).raw("</td>");
        html.element("<td>", &result.name, "</td>");
        html.element("<td class=\"n\" data-is=\"new\">", cell(result.new), "</td>");
        html.element("<td class=\"n\" data-is=\"old\">", cell(result.old), "</td>");
        html.element(
            "<td class=\"n\" data-is=\"requests\">",
            result.requests.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}")),
            "</td>",
        );
        html.element("<td>", &result.message, "</td></tr>");
    }
    html.raw("</tbody></table>");
}

/// Everything that was said meanwhile.
fn said(html: &mut Html, trail: &Trail) {
    html.raw("<h2>What was said</h2><pre>");
    for moment in &trail.moments {
        let Event::Said(text) = &moment.event else { continue };
        let text = text.trim_matches('\n');
        if !text.is_empty() {
            html.text(text).raw("\n");
        }
    }
    html.raw("</pre>");
}
