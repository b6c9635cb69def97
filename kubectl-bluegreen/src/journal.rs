//! The record of moves, kept on the active Service itself: who moved what, when, and whether it ended well.
//! Pure: builds and reads the annotation's text, and writes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::plain::{is_plain, plain};
use crate::release::{Color, PerColor, Split};

/// The annotation that holds the journal.
pub const ANNOTATION: &str = "kubectl-bluegreen.dev/journal";
/// The format that this version writes.
const VERSION: u32 = 1;
/// The way back of a release that went wrong, as the journal calls it.
pub const PUT_BACK: &str = "put-back";
/// How a move ended that another one has taken the place of.
const INTERRUPTED: &str = "interrupted";
/// How many moves are kept.
const MAX_ENTRIES: usize = 20;
/// How long the text may become, in bytes. Twenty moves take about 12 KiB.
const MAX_BYTES: usize = 64 << 10;
/// What the API server allows for all annotations of an object together, names and values, in bytes.
const ALL_ANNOTATIONS_MAX_BYTES: usize = 256 << 10;
/// How long a word of an entry may be, in bytes: a user and a host, a command, how it ended.
const MAX_WORD_BYTES: usize = 1 << 10;
/// How much is said of what cannot be read, in characters.
const MAX_REASON: usize = 200;

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The selector was written; whether traffic followed is not recorded yet.
    Moving,
    /// The move has ended; `result` says how.
    Closed,
}

/// A value for each color, as it is written in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Colors<T> {
    /// Blue's.
    pub blue: T,
    /// Green's.
    pub green: T,
}

impl<T> Colors<T> {
    /// Makes one of a function of the color.
    pub fn new(of: impl FnMut(Color) -> T) -> Self {
        let PerColor { blue, green } = PerColor::new(of);
        Self { blue, green }
    }

    /// The value of a color.
    pub fn of(&self, color: Color) -> &T {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }
}

/// What a put-back needs besides the color: the objects that a move changes, as they were before the first step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Before {
    /// The color that got a share beside the one that served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// The name of that color's Service, which routes were made to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_service: Option<String>,
    /// Parts of routes: by `HTTPRoute/shop`, then by JSON pointer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, BTreeMap<String, Value>>,
    /// The selector of the active Service, where it was widened to both colors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<BTreeMap<String, String>>,
    /// The size of the color that got a share, where it was sized for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The autoscaler that was given another floor for the share; what its own is, stands on itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<String>,
    /// What a newer version of this tool wrote besides.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Before {
    /// Whether there is nothing to put back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a share was written into routes of a kind, such as `HTTPRoute`.
    #[must_use]
    pub fn has_routes_of(&self, kind: &str) -> bool {
        self.routes.keys().any(|route| route.split('/').next() == Some(kind))
    }
}

/// One move of traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Names the move.
    pub id: String,
    /// When the selector was written, by the clock of the machine that did it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// Who did it: `user@host`.
    pub by: String,
    /// The command: `switch`, `rollback`.
    pub command: String,
    /// The color that served before; nothing when that was not exactly one.
    pub from: Option<Color>,
    /// The color that serves after.
    pub to: Color,
    /// The share of each color after the move.
    pub split: Split,
    /// What realizes the split.
    pub router: String,
    /// The images of each color at that time.
    pub images: Colors<Vec<String>>,
    /// The size of each color at that time.
    pub replicas: Colors<i32>,
    /// What a put-back needs besides the selector; empty for a move of the selector alone.
    #[serde(default, skip_serializing_if = "Before::is_empty")]
    pub before: Before,
    /// How far it has come.
    pub phase: Phase,
    /// The step that was reached.
    pub step: String,
    /// The checks that were let pass by name.
    #[serde(default)]
    pub accepted: Vec<String>,
    /// How it ended; nothing while it goes on.
    #[serde(default)]
    pub result: Option<String>,
    /// What a newer version of this tool wrote besides.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Entry {
    /// What it moved, in words: `blue -> green`, `blue -> green 10 %`, or `all to blue` where a share came back.
    #[must_use]
    pub fn moved(&self) -> String {
        if self.from == Some(self.to) {
            return format!("all to {}", self.to);
        }
        let from = self.from.map_or("?", Color::as_str);
        let share = if self.split.is_partial() { format!(" {} %", self.split.share(self.to)) } else { String::new() };
        format!("{from} -> {}{share}", self.to)
    }

    /// The command that brings it to its end where it has not ended: a share stays a share.
    #[must_use]
    pub fn finish(&self) -> String {
        let share = if self.split.is_partial() { format!(" {}", self.split.share(self.to)) } else { String::new() };
        format!("kubectl bluegreen switch {}{share}", self.to)
    }
}

/// The record of moves, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// The format.
    pub version: u32,
    /// The moves, the oldest first.
    pub entries: Vec<Entry>,
    /// What a newer version of this tool wrote besides.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { version: VERSION, entries: Vec::new(), more: Map::new() }
    }
}

/// The annotation is there and is not a journal.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the annotation {ANNOTATION} of service/{service} cannot be read: {reason}")]
pub struct Unreadable {
    /// The Service.
    pub service: String,
    /// What is wrong with it.
    pub reason: String,
    /// The way out.
    pub help: String,
}

/// What can be read of a journal of any version.
#[derive(Deserialize)]
struct Format {
    version: u32,
}

impl Journal {
    /// Reads the journal of a Service; an empty one when it has none.
    pub fn of(service: &Service) -> Result<Self, Unreadable> {
        let text = service.metadata.annotations.as_ref().and_then(|annotations| annotations.get(ANNOTATION));
        let Some(text) = text else { return Ok(Self::default()) };
        let named = |name: &Option<String>| name.clone().unwrap_or_default();
        let (called, namespace) = (named(&service.metadata.name), named(&service.metadata.namespace));
        let unreadable = |reason: String, help: String| Unreadable {
            service: called.clone(),
            reason: plain(&reason, MAX_REASON),
            help,
        };
        let foreign = |reason: String| {
            let remove = format!("kubectl annotate service {called} -n {namespace} {ANNOTATION}-");
            unreadable(reason, format!("if nobody needs it any more, remove it: {remove}"))
        };
        // First the format: what a newer one has besides is not known.
        let Format { version } = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
        if version > VERSION {
            let reason = format!("it has format {version}, and this version of kubectl-bluegreen knows {VERSION}");
            return Err(unreadable(reason, "move this set with the newer version that wrote it".to_owned()));
        }
        let journal: Self = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
        match journal.flaw() {
            Some(flaw) => Err(foreign(flaw)),
            None => Ok(journal),
        }
    }

    /// What no version of this tool writes, if there is such: somebody else has.
    fn flaw(&self) -> Option<String> {
        if self.version == 0 {
            return Some("there is no format 0".to_owned());
        }
        let words = |entry: &Entry| {
            let optional = entry.result.iter().chain(&entry.accepted).chain(&entry.images.blue);
            let fixed = [&entry.id, &entry.by, &entry.command, &entry.router, &entry.step];
            let bad = |text: &&String| !is_plain(text) || text.len() > MAX_WORD_BYTES;
            fixed.into_iter().chain(optional).chain(&entry.images.green).find(bad).cloned()
        };
        let found = self.entries.iter().enumerate().find_map(|(at, entry)| Some((at + 1, words(entry)?)));
        found.map(|(at, word)| format!("entry {at} has what is no name: {}", plain(&word, 60)))
    }

    /// The text of the annotation.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The text of the annotation for a Service: without the oldest moves where there is no room for all of them.
    #[must_use]
    pub fn text_for(mut self, service: &Service) -> String {
        let others = service.metadata.annotations.iter().flatten().filter(|(key, _)| *key != ANNOTATION);
        let taken: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        let room = ALL_ANNOTATIONS_MAX_BYTES.saturating_sub(taken + ANNOTATION.len()).min(MAX_BYTES);
        loop {
            let text = self.to_text();
            if text.len() <= room || self.entries.len() <= 1 {
                return text;
            }
            self.entries.remove(0);
        }
    }

    /// The last move.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The last move, if it has not ended.
    #[must_use]
    pub fn open(&self) -> Option<&Entry> {
        self.last().filter(|entry| entry.phase == Phase::Moving)
    }

    /// The last move, if it left something to put back: it has not ended, or both colors have a share since.
    #[must_use]
    pub fn ongoing(&self) -> Option<&Entry> {
        let last = self.last().filter(|entry| !entry.before.is_empty());
        last.filter(|entry| entry.phase == Phase::Moving || entry.split.is_partial())
    }

    /// The shares that the last move and those that it goes on from have brought to a color, as far as they are kept: every
    /// list that a share was given to has one of these. Only that of the last move once it has ended.
    #[must_use]
    pub fn shares_given(&self, color: Color) -> Vec<u8> {
        let mut shares = Vec::new();
        for entry in self.entries.iter().rev() {
            shares.extend(entry.split.is_partial().then(|| entry.split.share(color)));
            let was_cut_off = matches!(entry.result.as_deref(), Some(INTERRUPTED | PUT_BACK));
            if entry.phase == Phase::Closed && !was_cut_off {
                break;
            }
        }
        shares
    }

    /// The journal with one more move; an earlier one that never ended is closed as interrupted, and the oldest are
    /// dropped. Only the last one keeps what a put-back needs.
    #[must_use]
    pub fn with(mut self, entry: Entry) -> Self {
        self.entries.iter_mut().for_each(|earlier| earlier.before = Before::default());
        for open in self.entries.iter_mut().filter(|entry| entry.phase == Phase::Moving) {
            open.phase = Phase::Closed;
            let result = if entry.command == PUT_BACK { PUT_BACK } else { INTERRUPTED };
            open.result = Some(result.to_owned());
        }
        self.entries.push(entry);
        let excess = self.entries.len().saturating_sub(MAX_ENTRIES);
        self.entries.drain(..excess);
        self
    }

    /// The journal with the last move as it is now known, or with one more.
    #[must_use]
    pub fn put(mut self, entry: Entry) -> Self {
        match self.entries.last_mut().filter(|last| last.id == entry.id && last.phase == Phase::Moving) {
            Some(last) => *last = entry,
            None => return self.with(entry),
        }
        self
    }

    /// The journal with something more to know of a move, where there is something.
    #[must_use]
    pub fn noted<T: Serialize>(mut self, id: &str, what: &str, notes: &[T]) -> Self {
        for entry in self.entries.iter_mut().filter(|entry| entry.id == id && !notes.is_empty()) {
            entry.more.insert(what.to_owned(), serde_json::json!(notes));
        }
        self
    }

    /// The journal with a move ended.
    #[must_use]
    pub fn closed(mut self, id: &str, result: &str) -> Self {
        for entry in self.entries.iter_mut().filter(|entry| entry.id == id) {
            entry.phase = Phase::Closed;
            "closed".clone_into(&mut entry.step);
            entry.result = Some(result.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_that_a_list_can_have_are_those_of_the_moves_that_it_went_through() {
        let share = |green: u8, phase| Entry {
            split: Split::giving(Color::Green, green),
            ..entry(&format!("{green}-{phase:?}"), phase)
        };
        let journal = |entries: Vec<Entry>| entries.into_iter().fold(Journal::default(), Journal::with);
        let given = |entries: Vec<Entry>| journal(entries).shares_given(Color::Green);
        let (done, open) = (Phase::Closed, Phase::Moving);
        assert!(given(vec![]).is_empty());
        assert_eq!(given(vec![share(10, done)]), [10]);
        assert_eq!(given(vec![share(10, done), share(50, done)]), [50]);
        assert_eq!(given(vec![share(10, done), share(50, open)]), [50, 10]);
        assert_eq!(given(vec![share(10, done), share(50, open), share(25, open)]), [25, 50, 10]);
        assert_eq!(given(vec![share(10, done), share(0, open)]), [10]);
        assert_eq!(given(vec![share(10, open), share(0, open)]), [10]);
        assert!(given(vec![share(10, done), share(0, done), share(0, open)]).is_empty());
        // A move of the selector in between says nothing of the routes that were to follow.
        assert_eq!(given(vec![share(10, done), share(100, open), share(0, open)]), [10]);
        let put_back = |share: Entry| Entry { command: PUT_BACK.to_owned(), ..share };
        assert_eq!(given(vec![share(10, done), put_back(share(50, open)), put_back(share(0, open))]), [50, 10]);
    }

    fn entry(id: &str, phase: Phase) -> Entry {
        Entry {
            id: id.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            by: "ann@laptop".to_owned(),
            command: "switch".to_owned(),
            from: Some(Color::Blue),
            to: Color::Green,
            split: Split::all(Color::Green),
            router: "service".to_owned(),
            images: Colors::new(|color| vec![format!("shop:{color}")]),
            replicas: Colors::new(|_| 2),
            before: Before::default(),
            phase,
            step: "selector".to_owned(),
            accepted: Vec::new(),
            result: None,
            more: Map::new(),
        }
    }

    fn service(text: &str) -> Service {
        let mut service = Service::default();
        service.metadata.name = Some("shop".to_owned());
        service.metadata.namespace = Some("n".to_owned());
        service.metadata.annotations = Some([(ANNOTATION.to_owned(), text.to_owned())].into());
        service
    }

    #[test]
    fn a_journal_survives_its_text() {
        let journal = Journal::default().with(entry("a", Phase::Closed)).with(entry("b", Phase::Moving));
        assert_eq!(Journal::of(&service(&journal.to_text())), Ok(journal.clone()));
        assert_eq!(journal.open().map(|entry| entry.id.as_str()), Some("b"));
        assert_eq!(journal.closed("b", "done").open(), None);
        assert_eq!(Journal::of(&Service::default()), Ok(Journal::default()));
    }

    #[test]
    fn only_the_last_twenty_are_kept_and_one_is_open() {
        let journal = (0..30).fold(Journal::default(), |journal, n| journal.with(entry(&n.to_string(), Phase::Moving)));
        assert_eq!(journal.entries.len(), 20);
        assert_eq!(journal.entries[0].id, "10");
        assert_eq!(journal.entries.iter().filter(|entry| entry.phase == Phase::Moving).count(), 1);
    }

    #[test]
    fn what_a_newer_version_added_is_kept() {
        let mut value = serde_json::to_value(Journal::default().with(entry("a", Phase::Closed))).unwrap();
        value["entries"][0]["color-of-the-sky"] = "blue".into();
        value["entries"][0]["before"] = serde_json::json!({"moon": [1]});
        value["signed-by"] = serde_json::json!({"key": 7});
        let journal = Journal::of(&service(&value.to_string())).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&journal.to_text()).unwrap(), value);
        let text = journal.with(entry("b", Phase::Moving)).closed("b", "done").to_text();
        assert!(text.contains("color-of-the-sky") && text.contains("signed-by"), "{text}");
    }

    #[test]
    fn what_a_newer_version_wrote_otherwise_is_left_to_it() {
        let text = r#"{"version": 2, "moves": {"a": "compressed"}}"#;
        let error = Journal::of(&service(text)).unwrap_err();
        assert!(error.reason.contains("format 2") && error.help.contains("newer version"), "{error:?}");
    }

    #[test]
    fn what_is_no_journal_is_not_trusted() {
        let of_entry = |change: &dyn Fn(&mut Value)| {
            let mut value = serde_json::to_value(Journal::default().with(entry("a", Phase::Closed))).unwrap();
            change(&mut value["entries"][0]);
            value.to_string()
        };
        let texts = [
            "",
            "{}",
            "[]",
            "mine",
            "\u{1b}[2J",
            r#"{"version": 0, "entries": []}"#,
            r#"{"version": -1}"#,
            r#"{"version": 1, "entries": [{"id": 3}]}"#,
            r#"{"version": 1, "version": 1, "entries": []}"#,
        ];
        let deep = format!(r#"{{"version": 1, "entries": {}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let entries = [
            of_entry(&|entry| entry["to"] = "red".into()),
            of_entry(&|entry| entry["to"] = "\u{1b}[2Jgreen".into()),
            of_entry(&|entry| entry["from"] = 7.into()),
            of_entry(&|entry| entry["at"] = "yesterday".into()),
            of_entry(&|entry| entry["phase"] = "\u{1b}[31mpaused".into()),
            of_entry(&|entry| entry["by"] = "ann\u{1b}]0;owned\u{7}@laptop".into()),
            of_entry(&|entry| entry["result"] = "done\u{202e}".into()),
            of_entry(&|entry| entry["by"] = "x".repeat(2000).into()),
            of_entry(&|entry| entry["images"]["blue"] = serde_json::json!(["shop\n:1"])),
            of_entry(&|entry| entry["split"] = serde_json::json!({"blue": 200, "green": 156})),
            of_entry(&|entry| entry["split"] = serde_json::json!({"blue": 50, "green": 51})),
            of_entry(&|entry| entry["replicas"]["blue"] = "two".into()),
            deep,
        ];
        for text in texts.into_iter().map(str::to_owned).chain(entries) {
            let error = Journal::of(&service(&text)).unwrap_err();
            let words = error.to_string();
            assert!(words.contains("service/shop") && is_plain(&words) && words.chars().count() < 400, "{words}");
            assert!(
                error.help.contains("kubectl annotate service shop -n n kubectl-bluegreen.dev/journal-"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn the_oldest_moves_go_where_there_is_no_room() {
        let long = |n: usize| Entry {
            images: Colors::new(|_| (0..10).map(|at| format!("{n}{}", at.to_string().repeat(1000))).collect()),
            ..entry(&n.to_string(), Phase::Closed)
        };
        let journal = (0..20).fold(Journal::default(), |journal, n| journal.with(long(n)));
        let mut service = service(&journal.to_text());
        let text = journal.clone().text_for(&service);
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        service.metadata.annotations = Some([("other".to_owned(), "x".repeat(235 << 10))].into());
        let text = journal.clone().text_for(&service);
        assert!(text.len() <= 21 << 10, "{}", text.len());
        service.metadata.annotations = Some([(ANNOTATION.to_owned(), text)].into());
        assert_eq!(Journal::of(&service).unwrap().last(), journal.last(), "the last move is always kept");
    }
}
