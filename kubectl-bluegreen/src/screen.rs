//! How `status` looks: one screen for a set, one row for each of many, one line for a change on a pipe.
//! Words and paint only; what is true was found by `cmd/status.rs`.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::check::{CheckResult, Status as CheckStatus};
use crate::cluster::Resource;
use crate::cmd::status::{ColorStatus, Status};
use crate::paint::{Canvas, Part, bad, faint, good, in_color, strong, warn, wrapped};
use crate::plan::write_check;
use crate::release::Color;
use crate::routes::{KINDS, Why};
use crate::table::fitted;
use crate::traffic::tag;

/// How wide the labels on the left are.
const LABEL: usize = 16;
/// How far another machine's clock may be ahead until that is worth a word, in seconds.
const CLOCKS_DIFFER: i64 = 5;

/// One screen for a person, in a terminal of so many columns.
#[must_use]
pub fn screen(status: &Status, wide: bool, canvas: Canvas<'_>) -> String {
    parts(status, wide, canvas).into_iter().map(|(_, text)| text).collect()
}

/// The parts of that screen: what serves and what is moving stay longest where there is no room for all of them.
#[must_use]
pub fn parts(status: &Status, wide: bool, canvas: Canvas<'_>) -> Vec<Part> {
    let mut parts = vec![
        (0, format!("{}\n", wrapped(&headline(status), 2, canvas))),
        (9, "\n".to_owned()),
        (2, colors(status, wide, canvas)),
        (9, "\n".to_owned()),
    ];
    let mut field = |rank: u8, label: &str, value: &str| {
        let text = format!("{}{}\n", faint(format_args!("{label:<LABEL$}")), wrapped(value, LABEL, canvas));
        parts.push((rank, text));
    };
    field(6, "Active Service", &active_service(status));
    for (members, effect) in missing(status) {
        field(4, "Missing", &format!("{}: {effect}", warn(members)));
    }
    field(7, "Routes", &routes(status));
    field(5, "Last move", &last_move(status));
    if let Some(moving) = moving(status) {
        field(1, "Moving", &warn(moving));
    }
    for writer in &status.writers {
        field(4, "Also writes", &format!("{}: {}", warn(&writer.manager), writer.effect));
    }
    field(3, "Switch", &switch(status));
    field(3, "Rollback", &rollback(status));
    if wide && !status.checks.is_empty() {
        let mut text = "\n".to_owned();
        for check in &status.checks {
            let _ = write_check(&mut text, check, canvas);
        }
        parts.extend(text.split_inclusive('\n').map(|line| (8, line.to_owned())));
    }
    parts
}

/// One row for each set as parts of a screen: sets that are moving stay longest, and those that cannot be switched.
#[must_use]
pub fn rows(items: &[Status], wide: bool, canvas: Canvas<'_>) -> Vec<Part> {
    let rank = |status: &Status| if status.moving.is_some() { 1 } else { 2 + u8::from(status.can_switch) };
    let ranks = std::iter::once(0).chain(items.iter().map(rank));
    ranks.zip(overview(items, wide, canvas).split_inclusive('\n').map(str::to_owned)).collect()
}

/// One row for each set.
#[must_use]
pub fn overview(items: &[Status], wide: bool, canvas: Canvas<'_>) -> String {
    let heads = ["NAMESPACE", "SET", "ACTIVE", "BLUE", "GREEN", "SWITCH", "ROLLBACK", "LAST MOVE"];
    let mut rows = vec![heads.map(str::to_owned)];
    for status in items {
        let cell = |color: Color, of: &ColorStatus| {
            let Some(image) = &of.image else { return if of.deployment.is_some() { "?" } else { "-" }.to_owned() };
            let version = if wide { image.clone() } else { short(image) };
            let ready = format!("{version} {}/{}", of.replicas.ready, of.replicas.desired);
            if status.active == color.as_str() { in_color(color, ready) } else { ready }
        };
        let moving = if status.moving.is_some() { warn(" (moving)") } else { String::new() };
        rows.push([
            status.set.namespace.clone(),
            status.set.name.clone(),
            format!("{}{moving}", active_word(status)),
            cell(Color::Blue, &status.colors.blue),
            cell(Color::Green, &status.colors.green),
            short_switch(status),
            if status.can_rollback { good("ok") } else { "refused".to_owned() },
            match &status.words.last_move {
                Ok(Some(last)) => ago(status.at, last.at),
                Ok(None) => "-".to_owned(),
                Err(_) => bad("unreadable"),
            },
        ]);
    }
    fitted(&rows, &[7, 6, 5], canvas.columns)
}

/// One line for a change, the same for the same state.
#[must_use]
pub fn line(status: &Status) -> String {
    let color = |name: &str, of: &ColorStatus| match &of.image {
        Some(image) => format!("{name} {} {}/{}", short(image), of.replicas.ready, of.replicas.desired),
        None => format!("{name} -"),
    };
    let moving = match (&status.words.open, &status.words.holder) {
        (Some(open), Some(by)) => format!("; moving to {} by {by}", open.to),
        (Some(open), None) => format!("; {} to {} not finished", open.command, open.to),
        (None, Some(by)) => format!("; locked by {by}"),
        (None, None) => String::new(),
    };
    format!(
        "{}: active {}; {}; {}; endpoints {}; switch {}; rollback {}{moving}",
        status.set.name,
        anstream::adapter::strip_str(&active_word(status)),
        color("blue", &status.colors.blue),
        color("green", &status.colors.green),
        status.words.endpoints.map_or_else(|| "-".to_owned(), |count| count.to_string()),
        anstream::adapter::strip_str(&short_switch(status)),
        if status.can_rollback { "ok" } else { "refused" },
    )
}

fn headline(status: &Status) -> String {
    let of = format!("{} in namespace {}", strong(&status.set.name), status.set.namespace);
    if let Some(split) = status.split.filter(|split| split.is_partial()) {
        let part = |color: Color, of: &ColorStatus| {
            let version = of.image.as_deref().map(|image| format!(" ({})", short(image))).unwrap_or_default();
            format!("{} % {}", split.share(color), in_color(color, format!("{color}{version}")))
        };
        let (blue, green) = (part(Color::Blue, &status.colors.blue), part(Color::Green, &status.colors.green));
        return format!("{of}: {blue}, {green}, by {}", status.router);
    }
    match (&status.words.serves, status.active) {
        (Some((color, version)), _) if status.words.endpoints == Some(0) => {
            format!("{of}: {} is selected, and {}", in_color(*color, version), bad("NO POD SERVES"))
        }
        (Some((color, version)), _) => format!("{of}: {} serves", in_color(*color, strong(version))),
        (None, "both") => format!("{of}: the active Service selects {}", bad("BOTH colors")),
        (None, _) if status.services.active.is_some() => {
            format!("{of}: the active Service selects {}", bad("NO color"))
        }
        (None, _) => format!("{of}: {}", bad("there is no active Service")),
    }
}

fn colors(status: &Status, wide: bool, canvas: Canvas<'_>) -> String {
    let mut rows = vec![["", "COLOR", "DEPLOYMENT", "VERSION", "READY", "ENDPOINTS", "SERVICE"].map(str::to_owned)];
    for (color, of) in [(Color::Blue, &status.colors.blue), (Color::Green, &status.colors.green)] {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let serves = status.active == color.as_str();
        let image = of.image.as_deref().map(|image| if wide { of.images.join(", ") } else { short(image) });
        rows.push([
            if serves { strong("*") } else { " ".to_owned() },
            in_color(color, color),
            or_none(&of.deployment),
            image.unwrap_or_else(|| "-".to_owned()),
            ready(of),
            of.endpoints.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            or_none(&of.service),
        ]);
    }
    fitted(&rows, &[6, 2], canvas.columns)
}

fn ready(of: &ColorStatus) -> String {
    if of.deployment.is_none() {
        return "-".to_owned();
    }
    let replicas = of.replicas;
    let old = usize::try_from(replicas.desired.saturating_sub(replicas.updated)).unwrap_or_default();
    let rolling = if old > 0 { format!(" ({old} not updated)") } else { String::new() };
    let text = format!("{}/{}{rolling}", replicas.ready, replicas.desired);
    let enough = usize::try_from(replicas.desired).is_ok_and(|desired| replicas.ready >= desired);
    if enough && old == 0 { text } else { warn(text) }
}

fn active_service(status: &Status) -> String {
    let Some(active) = &status.services.active else { return bad("none") };
    let count = status.words.endpoints.unwrap_or_default();
    let endpoints = format!("{count} {}", if count == 1 { "endpoint" } else { "endpoints" });
    let endpoints = if count == 0 { bad(endpoints) } else { endpoints };
    format!("{active} selects {} ({endpoints})", status.words.selector)
}

/// What is missing, by what does not work for it.
fn missing(status: &Status) -> Vec<(String, &'static str)> {
    let mut by_effect: Vec<(String, &'static str)> = Vec::new();
    for missing in &status.missing {
        match by_effect.last_mut().filter(|(_, effect)| *effect == missing.effect) {
            Some((members, _)) => {
                let _ = write!(members, ", {}", missing.member);
            }
            None => by_effect.push((missing.member.clone(), missing.effect)),
        }
    }
    by_effect
}

/// What routes lead here. Kinds that could not be read are never called absent.
fn routes(status: &Status) -> String {
    let found = status.routes.found.iter();
    let found = found.map(|to| format!("{}/{} -> {}", to.kind.to_ascii_lowercase(), to.name, to.services.join(", ")));
    let found: Vec<String> = found.collect();
    let mut text = if found.is_empty() { "none seen".to_owned() } else { found.join("; ") };
    for (reason, words) in [(Why::NotAllowed, "reading them is not allowed"), (Why::NotServed, "not served here")] {
        let unknown = status.routes.unknown.iter().filter(|unknown| unknown.reason == reason);
        let kinds: Vec<Resource> = unknown.map(|unknown| unknown.kind).collect();
        // A family of which some kinds are known is not unknown.
        let is_whole = |kind: &Resource| KINDS.iter().all(|of| family(*of) != family(*kind) || kinds.contains(of));
        let name = |kind: &Resource| if is_whole(kind) { family(*kind) } else { kind.kind() };
        let mut names: Vec<&str> = kinds.iter().map(name).collect();
        names.dedup();
        if !names.is_empty() {
            let unknown = format!("unknown: {} ({words})", names.join(", "));
            let unknown = if reason == Why::NotAllowed { warn(unknown) } else { faint(unknown) };
            let _ = write!(text, "; {unknown}");
        }
    }
    text
}

/// What brings a kind of route, for people.
fn family(kind: Resource) -> &'static str {
    match kind {
        Resource::HttpRoutes | Resource::GrpcRoutes => "Gateway API",
        Resource::IngressRoutes | Resource::TraefikServices => "Traefik",
        Resource::VirtualServices => "Istio",
        other => other.kind(),
    }
}

fn last_move(status: &Status) -> String {
    match &status.words.last_move {
        Err(error) => bad(error),
        Ok(None) => "none yet".to_owned(),
        Ok(Some(last)) => {
            let result = last.result.as_deref().unwrap_or("not finished");
            format!("{} {}, {} by {}: {result}", last.command, last.moved(), ago(status.at, last.at), last.by)
        }
    }
}

fn moving(status: &Status) -> Option<String> {
    match (&status.words.open, &status.words.holder) {
        (Some(open), Some(by)) => {
            let since = ago(status.at, open.at);
            Some(format!("{by} began to move traffic to {} {since} (at: {})", open.to, open.step))
        }
        (Some(open), None) => Some(format!(
            "the {} to {} that {} began {} has not ended; finish it: {}, or go back: kubectl bluegreen rollback",
            open.command,
            open.to,
            open.by,
            ago(status.at, open.at),
            open.finish()
        )),
        (None, Some(by)) => Some(format!("{by} holds the lease: a move is about to begin, or has just ended")),
        (None, None) => None,
    }
}

fn active_word(status: &Status) -> String {
    if let Some(split) = status.split.filter(|split| split.is_partial()) {
        return format!("{}/{}", in_color(Color::Blue, split.blue), in_color(Color::Green, split.green));
    }
    match &status.words.serves {
        Some((color, _)) => in_color(*color, color),
        None => bad(status.active),
    }
}

/// The checks of a switch, by the color that it would go to.
fn by_target(status: &Status) -> Vec<(Color, Vec<&CheckResult>)> {
    let of = |color: Color| (color, status.checks.iter().filter(|check| check.color == color).collect::<Vec<_>>());
    Color::ALL.into_iter().map(of).filter(|(_, checks)| !checks.is_empty()).collect()
}

/// The names of the checks that ended in a way.
fn ids(checks: &[&CheckResult], wanted: CheckStatus) -> String {
    let ids: Vec<&str> = checks.iter().filter(|check| check.status == wanted).map(|check| check.id).collect();
    ids.join(", ")
}

fn short_switch(status: &Status) -> String {
    let first = status.checks.iter().find(|check| check.status == CheckStatus::Fail);
    match (first, status.can_switch) {
        (_, true) => good("ok"),
        (Some(first), false) => warn(format_args!("refused: {}", first.id)),
        (None, false) if status.checks.is_empty() => "-".to_owned(),
        (None, false) => warn("refused: journal"),
    }
}

fn switch(status: &Status) -> String {
    if let Err(error) = &status.words.last_move {
        return format!("{}: {error}", bad("refused"));
    }
    let to = |(color, checks): (Color, Vec<&CheckResult>)| {
        if let Some(first) = checks.iter().find(|check| check.status == CheckStatus::Fail) {
            let failed = ids(&checks, CheckStatus::Fail);
            return format!("to {color} {} by {failed}: {}", bad("refused"), first.message);
        }
        let mut text = format!("to {color} {}", good("would pass"));
        for (status, word) in [(CheckStatus::Warn, "warns"), (CheckStatus::Skip, "not judged")] {
            let ids = ids(&checks, status);
            if !ids.is_empty() {
                let _ = write!(text, "; {word}: {ids}");
            }
        }
        text
    };
    let answers: Vec<String> = by_target(status).into_iter().map(to).collect();
    if answers.is_empty() {
        return "not possible: it takes an active Service, and a color that does not serve".to_owned();
    }
    answers.join("; ")
}

fn rollback(status: &Status) -> String {
    match &status.words.rollback {
        Ok((to, how)) => format!("to {to} {}: {how}", good("would pass")),
        Err(words) => format!("{}: {words}", bad("refused")),
    }
}

/// The version of an image as it fits a table: a digest is cut as git cuts its own.
fn short(image: &str) -> String {
    let tag = tag(image);
    match tag.strip_prefix("sha256:") {
        Some(digest) if digest.len() > 12 => format!("sha256:{}", digest.chars().take(12).collect::<String>()),
        _ => tag.to_owned(),
    }
}

/// How long ago, as kubectl writes ages: `45s ago`, `12m ago`, `5h ago`, `3d ago`. What is still to come by our own clock
/// was written by another clock.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    let age = match seconds.unsigned_abs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    };
    if seconds < -CLOCKS_DIFFER { format!("{age} ahead of this machine's clock") } else { format!("{age} ago") }
}
