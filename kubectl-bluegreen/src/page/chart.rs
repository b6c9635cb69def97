//! Draws what changed over time: shares, ready pods, metrics; once for a wide page and once for a phone.
//! Draws what was kept, and invents nothing between: where nothing is known there is no line.

use std::time::Duration;

use super::html::Html;
use crate::analysis::short;
use crate::release::Color;
use crate::trail::{Event, Trail};

/// The widths of the two drawings, in units of about a pixel, with the class that shows the one or the other.
const SIZES: [(&str, f64); 2] = [("wide", 720.0), ("narrow", 350.0)];
/// The room for the labels of the vertical axis.
const LEFT: f64 = 46.0;
/// The room that the last label of the time needs.
const RIGHT: f64 = 16.0;
/// The room above a panel.
const ABOVE: f64 = 8.0;
/// The room above a panel with words above it.
const ABOVE_WORDS: f64 = 20.0;
/// The room below a panel, for the labels of the time.
const BELOW: f64 = 20.0;
/// How many points of a curve are drawn at most.
const POINTS_MAX: usize = 400;
/// The steps of the labels of the time, in seconds.
const TICKS: [f64; 15] =
    [0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0];

/// A point: when, and what; nothing where it was not known.
type Point = (f64, Option<f64>);

/// One panel: a time axis, a value axis and what is drawn between.
struct Panel {
    above: f64,
    width: f64,
    height: f64,
    end: f64,
    max: f64,
}

impl Panel {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds / self.end).clamp(0.0, 1.0) * (self.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.above + (1.0 - (value / self.max).clamp(0.0, 1.0)) * self.height
    }

    fn open(&self, html: &mut Html, class: &'static str, title: &str) {
        html.raw("<svg class=\"").text(class).raw("\" role=\"img\" viewBox=\"0 0 ").number(self.width).raw(" ");
        html.number(self.above + self.height + BELOW).raw("\"><title>").text(title).raw("</title>");
        html.raw("<defs><pattern id=\"").text(class).raw("-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V6\"/></pattern></defs>");
    }

    fn axes(&self, html: &mut Html, values: &[(f64, String)]) {
        for (value, label) in values {
            let y = self.y(*value);
            html.raw("<path class=\"axis\" d=\"").path(&[(LEFT, y), (self.width - RIGHT, y)]).raw("\"/>");
            html.raw("<text text-anchor=\"end\" x=\"").number(LEFT - 6.0).raw("\" y=\"").number(y + 4.0);
            html.element("\">", label, "</text>");
        }
        let room = (self.width - LEFT - RIGHT) / 70.0;
        let step = TICKS.into_iter().find(|step| self.end / step <= room).unwrap_or(self.end);
        let mut at = 0.0;
        while at <= self.end {
            let x = self.x(at);
            html.raw("<text text-anchor=\"middle\" x=\"").number(x).raw("\" y=\"");
            html.number(self.above + self.height + 15.0).element("\">", clock(at), "</text>");
            at += step;
        }
    }

    /// A value that stays until the next one, as stretches without gaps.
    fn steps(&self, points: &[Point]) -> Vec<Vec<(f64, f64)>> {
        let mut stretches: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut before = None;
        let ends = points.iter().skip(1).map(|(at, _)| *at).chain([self.end]);
        for ((from, value), to) in points.iter().zip(ends) {
            if let Some(value) = value {
                let (y, line) = (self.y(*value), [*from, to].map(|at| self.x(at)));
                let pieces = line.map(|x| (x, y));
                match stretches.last_mut().filter(|_| before.is_some()) {
                    Some(stretch) => stretch.extend(pieces),
                    None => stretches.push(pieces.to_vec()),
                }
            }
            before = *value;
        }
        stretches
    }

    fn line(html: &mut Html, class: &'static str, points: &[(f64, f64)]) {
        if let [(x, y)] = points {
            html.raw("<circle class=\"").raw(class).raw("\" r=\"2\" cx=\"").number(*x).raw("\" cy=\"").number(*y);
            html.raw("\"/>");
        } else {
            html.raw("<path class=\"line ").raw(class).raw("\" d=\"").path(points).raw("\"/>");
        }
    }
}

/// Seconds as people say them.
pub(super) fn clock(seconds: f64) -> String {
    let whole = seconds.round();
    let (hours, minutes, rest) = ((whole / 3600.0).floor(), (whole / 60.0).floor() % 60.0, whole % 60.0);
    match seconds {
        _ if hours > 0.0 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ if seconds >= 120.0 => format!("{minutes}:{rest:02}"),
        _ if seconds >= 10.0 || (seconds - whole).abs() < 0.005 => format!("{whole} s"),
        _ => format!("{seconds:.1} s"),
    }
}

fn seconds(at: Duration) -> f64 {
    at.as_secs_f64()
}

fn end(trail: &Trail) -> f64 {
    let last = trail.moments.last().map_or(0.0, |moment| seconds(moment.at));
    trail.took.map_or(last, seconds).max(0.1)
}

/// The shares of the traffic and the ready pods over time; says when nothing of it was seen.
pub(super) fn traffic(html: &mut Html, trail: &Trail) {
    let shares = |color| trail.shares(color).map(|(at, share)| (seconds(at), share.map(f64::from))).collect::<Vec<_>>();
    #[expect(clippy::cast_precision_loss, reason = "a number of pods")]
    let ready = |color| trail.ready(color).map(|(at, pods)| (seconds(at), Some(pods as f64))).collect::<Vec<_>>();
    let [share_blue, share_green] = Color::ALL.map(shares);
    let [ready_blue, ready_green] = Color::ALL.map(ready);
    if share_blue.is_empty() && ready_blue.is_empty() {
        html.raw("<p class=\"faint\">Nothing was seen of the traffic before it ended.</p>");
        return;
    }
    html.raw("<p class=\"legend\"><span><svg class=\"key\" viewBox=\"0 0 26 12\"><rect class=\"fill-blue\" width=\"26\" height=\"12\"/></svg>blue</span><span><svg class=\"key\" viewBox=\"0 0 26 12\"><defs><pattern id=\"key-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V6\"/></pattern></defs><rect class=\"fill-green\" width=\"26\" height=\"12\"/><rect fill=\"url(#key-hatch)\" width=\"26\" height=\"12\"/></svg>green</span></p>");
    html.raw("<h3>Share of the traffic, as the Service and its routes say it</h3>");
    for (class, width) in SIZES {
        let panel = Panel { above: ABOVE_WORDS, width, height: 110.0, end: end(trail), max: 100.0 };
        panel.open(html, class, "Share of the traffic of each color over time");
        area(html, &panel, &share_blue, false, "fill-blue", None);
        area(html, &panel, &share_blue, true, "fill-green", Some(class));
        panel.axes(html, &[(0.0, "0".to_owned()), (50.0, "50".to_owned()), (100.0, "100 %".to_owned())]);
        changes(html, &panel, &share_green);
        html.raw("</svg>");
    }
    html.raw("<h3>Ready pods</h3><p class=\"legend\"><span><svg class=\"key\" viewBox=\"0 0 26 12\"><path class=\"line line-blue\" d=\"M0 6H26\"/></svg>blue</span><span><svg class=\"key\" viewBox=\"0 0 26 12\"><path class=\"line line-green dashed\" d=\"M0 6H26\"/></svg>green</span></p>");
    let most = ready_blue.iter().chain(&ready_green).filter_map(|(_, pods)| *pods).fold(1.0, f64::max);
    for (class, width) in SIZES {
        let panel = Panel { above: ABOVE, width, height: 70.0, end: end(trail), max: most * 1.15 };
        panel.open(html, class, "Ready pods of each color over time");
        panel.axes(html, &[(0.0, "0".to_owned()), (most, most.to_string())]);
        // Side by side where they are equal.
        for (points, class, by) in [(&ready_blue, "line-blue", -1.2), (&ready_green, "line-green dashed", 1.2)] {
            for mut stretch in panel.steps(points) {
                for (_, y) in &mut stretch {
                    *y += by;
                }
                Panel::line(html, class, &stretch);
            }
        }
        html.raw("</svg>");
    }
}

/// The area of a color: blue's below its share, green's above it.
fn area(
    html: &mut Html,
    panel: &Panel,
    share: &[Point],
    above: bool,
    class: &'static str,
    hatch: Option<&'static str>,
) {
    let edge = panel.y(if above { 100.0 } else { 0.0 });
    for mut stretch in panel.steps(share) {
        let (Some((from, _)), Some((to, _))) = (stretch.first().copied(), stretch.last().copied()) else { continue };
        stretch.extend([(to, edge), (from, edge)]);
        html.raw("<path class=\"").raw(class).raw("\" d=\"").path(&stretch).raw("Z\"/>");
        if let Some(hatch) = hatch {
            html.raw("<path fill=\"url(#").text(hatch).raw("-hatch)\" d=\"").path(&stretch).raw("Z\"/>");
        }
    }
}

/// What green's share became, above where it did; of those that would overlap, the last one.
fn changes(html: &mut Html, panel: &Panel, green: &[Point]) {
    let mut shown: Vec<(f64, f64)> = Vec::new();
    for (at, share) in green {
        let (x, Some(share)) = (panel.x(*at), share) else { continue };
        // The last one may have to stand to the left of its place.
        let room = if shown.len() < 2 { 66.0 } else { 36.0 };
        if shown.last().is_some_and(|(last, _)| x - last < room) {
            shown.pop();
        }
        shown.push((x, *share));
    }
    for (number, (x, share)) in shown.iter().enumerate() {
        let at_the_end = *x > panel.width - RIGHT - 66.0;
        html.raw("<text class=\"label\" y=\"13\" text-anchor=\"").raw(if at_the_end { "end" } else { "start" });
        html.raw("\" x=\"").number(if at_the_end { panel.width } else { *x }).raw("\">");
        html.raw(if number == 0 { "green " } else { "" }).text(share).raw(" %</text>");
    }
}

/// A curve for each metric that has something to show.
pub(super) fn metrics(html: &mut Html, trail: &Trail) {
    let measured = || {
        trail.moments.iter().filter_map(|moment| match &moment.event {
            Event::Measured(results) => Some((seconds(moment.at), results)),
            _ => None,
        })
    };
    let mut names: Vec<&str> = Vec::new();
    for result in measured().flat_map(|(_, results)| results) {
        let has_something = result.limit.is_some() || result.new.is_some_and(|new| new != 0.0);
        if has_something && !names.contains(&result.name.as_str()) {
            names.push(&result.name);
        }
    }
    for name in names {
        let of = |value: fn(&crate::analysis::MetricResult) -> Option<f64>| {
            let found = measured().filter_map(|(at, results)| {
                let result = results.iter().find(|result| result.name == name)?;
                Some((at, value(result).filter(|value| value.is_finite())))
            });
            thinned(found.collect())
        };
        let (new, old, limit) = (of(|result| result.new), of(|result| result.old), of(|result| result.limit));
        html.element("<h3>", name, "</h3>");
        html.raw("<p class=\"legend\"><span><svg class=\"key\" viewBox=\"0 0 26 12\"><path class=\"line line-green\" d=\"M0 6H26\"/></svg>new version</span><span><svg class=\"key\" viewBox=\"0 0 26 12\"><path class=\"line line-blue dashed\" d=\"M0 6H26\"/></svg>old version</span>");
        if limit.iter().any(|(_, limit)| limit.is_some()) {
            html.raw("<span><svg class=\"key\" viewBox=\"0 0 26 12\"><path class=\"limit\" d=\"M0 6H26\"/></svg>limit</span>");
        }
        html.raw("</p>");
        let values = || [&new, &old, &limit].into_iter().flatten().filter_map(|(_, value)| *value);
        let most = values().fold(0.0, f64::max);
        let top = if most > 0.0 { most } else { 1.0 };
        for (class, width) in SIZES {
            let panel = Panel { above: ABOVE_WORDS, width, height: 80.0, end: end(trail), max: top * 1.1 };
            panel.open(html, class, name);
            panel.axes(html, &[(0.0, "0".to_owned()), (top, short(top))]);
            let limits = panel.steps(&limit);
            for stretch in &limits {
                html.raw("<path class=\"limit\" d=\"").path(stretch).raw("\"/>");
            }
            let last = limit.iter().rev().find_map(|(_, limit)| *limit);
            if let (Some(limit), Some((x, y))) = (last, limits.last().and_then(|stretch| stretch.first())) {
                html.raw("<text class=\"over\" x=\"").number(*x).raw("\" y=\"").number(y - 4.0);
                html.raw("\">limit ").text(short(limit)).raw("</text>");
            }
            for (points, class) in [(&old, "line-blue dashed"), (&new, "line-green")] {
                let known = |points: &[Point]| -> Vec<(f64, f64)> {
                    points.iter().filter_map(|(at, value)| Some((panel.x(*at), panel.y((*value)?)))).collect()
                };
                let stretches = points.split(|(_, value)| value.is_none()).filter(|stretch| !stretch.is_empty());
                stretches.for_each(|stretch| Panel::line(html, class, &known(stretch)));
            }
            html.raw("</svg>");
        }
    }
}

/// Not more points than can be seen: of neighbors the highest.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let many = points.len().div_ceil(POINTS_MAX);
    if many <= 1 {
        return points;
    }
    let highest = |points: &[Point]| {
        points.iter().copied().max_by(|(_, one), (_, other)| one.unwrap_or(-1.0).total_cmp(&other.unwrap_or(-1.0)))
    };
    points.chunks(many).filter_map(highest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_say_them() {
        for (seconds, shown) in
            [(0.0, "0 s"), (0.5, "0.5 s"), (1.0, "1 s"), (90.0, "90 s"), (125.4, "2:05"), (3661.0, "1:01:01")]
        {
            assert_eq!(clock(seconds), shown);
        }
    }

    #[test]
    fn where_nothing_is_known_there_is_no_line() {
        let panel = Panel { above: 20.0, width: 162.0, height: 100.0, end: 10.0, max: 100.0 };
        let stretches = panel.steps(&[(0.0, Some(100.0)), (2.0, None), (4.0, Some(0.0)), (6.0, Some(50.0))]);
        let first = vec![(46.0, 20.0), (66.0, 20.0)];
        let second = vec![(86.0, 120.0), (106.0, 120.0), (106.0, 70.0), (146.0, 70.0)];
        assert_eq!(stretches, [first, second]);
    }

    #[test]
    fn a_long_curve_keeps_its_peaks() {
        let points: Vec<Point> = (0..5000).map(|at| (f64::from(at), Some(if at == 777 { 9.0 } else { 0.0 }))).collect();
        let thin = thinned(points);
        assert!(thin.len() <= POINTS_MAX && thin.contains(&(777.0, Some(9.0))));
        assert_eq!(thinned(vec![(1.0, None)]), [(1.0, None)]);
    }
}
