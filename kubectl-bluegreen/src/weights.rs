//! Weighted lists of backends in routes: what share a color has, and the lists that give it another one.
//! Arithmetic on raw objects; which routes lead to a set, and what is waited for, is for `router`.

use serde_json::{Map, Value};

use crate::cluster::Resource;
use crate::routes::Route;

/// The largest weight that every kind of route takes: the Gateway API's.
const MAX_WEIGHT: u64 = 1_000_000;
/// The largest weight that is reckoned with: sums and percentages of thousands of them are whole numbers of 64 bits.
const MAX_READ: u64 = 1_000_000_000_000;

/// How a kind of route writes its weighted backends. All of them call the weight `weight`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The kinds.
    pub(crate) resources: &'static [Resource],
    /// The lists of a route, as JSON pointers.
    pub(crate) lists: fn(&Value) -> Vec<String>,
    /// The Service that an entry names.
    pub(crate) service: fn(&Value) -> Option<Named<'_>>,
    /// Lets an entry name another Service.
    pub(crate) rename: fn(&mut Value, &str),
    /// Where an entry has its port.
    pub(crate) port: &'static str,
    /// What the weights of a list sum up to, where that is fixed; then an entry without a weight counts only alone.
    pub(crate) sum: Option<u64>,
}

/// The name of a Service, and its namespace where it is said.
pub(crate) type Named<'v> = (&'v str, Option<&'v str>);

/// The two Services between which a share moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends<'e> {
    /// Their namespace.
    pub(crate) namespace: &'e str,
    /// The Service of the color that serves: the active one.
    pub(crate) active: &'e str,
    /// The Service of the color that gets a share.
    pub(crate) color: &'e str,
}

/// What moves have written to lists.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The shares of the color, one of which every list has that was written to.
    pub(crate) shares: Vec<u8>,
    /// Whether the last move has ended: then no list is still to be written to.
    pub(crate) ended: bool,
}

/// The entries of a list.
pub(crate) fn list<'v>(object: &'v Value, pointer: &str) -> &'v [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// JSON pointers to a list inside each item of another one: `/spec/rules`, `backendRefs` gives `/spec/rules/0/backendRefs`.
pub(crate) fn inside(object: &Value, outer: &str, inner: &str) -> Vec<String> {
    let items = list(object, outer).iter().enumerate();
    items.filter(|(_, item)| item.get(inner).is_some()).map(|(at, _)| format!("{outer}/{at}/{inner}")).collect()
}

/// The name and the namespace of an entry that is a plain reference to a Service.
pub(crate) fn reference(entry: &Value) -> Option<Named<'_>> {
    let is_service = entry.get("kind").is_none_or(|kind| kind == "Service");
    let core = entry.get("group").is_none_or(|group| group == "");
    let name = entry.get("name").and_then(Value::as_str).filter(|_| is_service && core)?;
    Some((name, entry.get("namespace").and_then(Value::as_str)))
}

/// Lets a plain reference name another Service.
pub(crate) fn rename_reference(entry: &mut Value, service: &str) {
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("name".to_owned(), service.into());
    }
}

fn with_weight(entry: &Value, weight: u64) -> Value {
    let mut entry = entry.as_object().cloned().unwrap_or_default();
    entry.insert("weight".to_owned(), weight.into());
    entry.into()
}

fn without_weight(entry: &Value) -> Value {
    let entry = entry.as_object().into_iter().flatten().filter(|(key, _)| *key != "weight");
    entry.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into()
}

impl Shape {
    /// The weight of an entry of a list.
    fn weight(&self, list: &[Value], entry: &Value) -> u64 {
        let silent = u64::from(self.sum.is_none() || list.len() == 1);
        entry.get("weight").and_then(Value::as_u64).map_or(silent, |weight| weight.min(MAX_READ))
    }

    fn names(&self, entry: &Value, ends: Ends<'_>, service: &str) -> bool {
        let named = (self.service)(entry);
        named.is_some_and(|(name, namespace)| name == service && namespace.is_none_or(|ns| ns == ends.namespace))
    }

    /// The lists of a route that send users to the active Service, as pointers.
    pub(crate) fn lists_to(&self, route: &Route, ends: Ends<'_>) -> Vec<String> {
        let serves = |pointer: &String| self.leads(list(&route.object, pointer), ends);
        (self.lists)(&route.object).into_iter().filter(serves).collect()
    }

    /// Whether a list sends users to the active Service.
    pub(crate) fn leads(&self, list: &[Value], ends: Ends<'_>) -> bool {
        self.total(list, ends, ends.active) > 0
    }

    /// The weights of a Service in a list together.
    fn total(&self, list: &[Value], ends: Ends<'_>, service: &str) -> u64 {
        list.iter().filter(|entry| self.names(entry, ends, service)).map(|entry| self.weight(list, entry)).sum()
    }

    /// Whether a list names the color's Service, at any weight.
    pub(crate) fn has_color(&self, list: &[Value], ends: Ends<'_>) -> bool {
        list.iter().any(|entry| self.names(entry, ends, ends.color))
    }

    /// The share of the color in what a list sends to the set, in percent.
    pub(crate) fn share(&self, list: &[Value], ends: Ends<'_>) -> u8 {
        let (color, active) = (self.total(list, ends, ends.color), self.total(list, ends, ends.active));
        percent(color, color + active)
    }

    /// A list that gives the color a share of what went to the active Service; all others keep theirs.
    ///
    /// # Errors
    /// What `port` says: the color's Service has no such port.
    pub(crate) fn giving(
        &self,
        original: &[Value],
        ends: Ends<'_>,
        share: u8,
        port: impl Fn(&Value) -> Result<Value, String>,
    ) -> Result<Vec<Value>, String> {
        let weight = |entry: &Value| self.weight(original, entry);
        let common = original.iter().map(weight).fold(0, gcd).max(1);
        let (to_color, to_active) = (u64::from(share), u64::from(100 - share.min(100)));
        let mut list: Vec<(Value, u64)> = Vec::new();
        let mut given = 0;
        for entry in original {
            let units = weight(entry) / common;
            let is_active = self.names(entry, ends, ends.active);
            given += if is_active { units * to_color } else { 0 };
            list.push((entry.clone(), units * if is_active { to_active } else { 100 }));
        }
        if let Some((_, units)) = list.iter_mut().find(|(entry, _)| self.names(entry, ends, ends.color)) {
            *units += given;
        } else {
            let active = original.iter().filter(|entry| self.names(entry, ends, ends.active) && weight(entry) > 0);
            for entry in active {
                list.push((self.copy(entry, ends.color, &port)?, weight(entry) / common * to_color));
            }
        }
        let weights = match self.sum {
            Some(sum) => apportioned(&list.iter().map(|(_, units)| *units).collect::<Vec<_>>(), sum),
            None => fitted(&list.iter().map(|(_, units)| *units).collect::<Vec<_>>()),
        };
        Ok(list.iter().zip(weights).map(|((entry, _), weight)| with_weight(entry, weight)).collect())
    }

    /// A list with the color's Service added at weight 0.
    ///
    /// # Errors
    /// What `port` says.
    pub(crate) fn naming(
        &self,
        now: &[Value],
        ends: Ends<'_>,
        port: impl Fn(&Value) -> Result<Value, String>,
    ) -> Result<Vec<Value>, String> {
        let mut list = now.to_vec();
        let weight = |entry: &Value| self.weight(now, entry);
        for entry in now.iter().filter(|entry| self.names(entry, ends, ends.active) && weight(entry) > 0) {
            list.push(with_weight(&self.copy(entry, ends.color, &port)?, 0));
        }
        Ok(list)
    }

    /// A copy of the active Service's entry with another name, and the port that is the same one there.
    fn copy(
        &self,
        entry: &Value,
        service: &str,
        port: impl Fn(&Value) -> Result<Value, String>,
    ) -> Result<Value, String> {
        let mut copy = entry.clone();
        (self.rename)(&mut copy, service);
        if let Some(place) = copy.pointer_mut(self.port) {
            *place = port(place)?;
        }
        Ok(copy)
    }

    /// The recorded list that each list of a route has come from. Rules are added, moved and taken out while a share is
    /// given, so that a place says little: what counts is which backends a list names besides the color's, and how much each
    /// of them gets. Only of a route that is `ours` can somebody have changed a list since, which then is known by its place.
    pub(crate) fn recognized<'r>(
        &self,
        lists: &[(String, &[Value])],
        recorded: impl Iterator<Item = (&'r str, &'r [Value])>,
        ours: bool,
        ends: Ends<'_>,
    ) -> Vec<Option<&'r [Value]>> {
        let mut free: Vec<(&str, &[Value])> = recorded.collect();
        let mut found = vec![None; lists.len()];
        // Where a recorded place holds no share any more, the others have moved, too: then their order says more.
        let has_share = |place: &str| lists.iter().any(|(at, now)| at == place && self.has_color(now, ends));
        let moved = free.iter().any(|(place, _)| !has_share(place));
        for step in 0..if ours { 4 } else { 2 } {
            let known = lists.iter().zip(&mut found);
            let unknown = known.filter(|((_, now), found)| found.is_none() && self.has_color(now, ends));
            for ((pointer, now), found) in unknown {
                let is_it = |(place, record): &(&str, &[Value])| match step {
                    0 => {
                        self.is_alike(now, record, ends)
                            && self.proportions(now, ends) == self.proportions(record, ends)
                    }
                    1 => self.is_alike(now, record, ends),
                    2 => place == pointer && self.leads(record, ends),
                    _ => self.leads(now, ends) && self.leads(record, ends),
                };
                let here = free.iter().position(|known| is_it(known) && (moved || known.0 == pointer));
                let at = here.or_else(|| free.iter().position(is_it));
                *found = at.map(|at| free.remove(at).1);
            }
        }
        found
    }

    /// Whether two lists name the same backends in the same way, weights and a color that was added since aside.
    pub(crate) fn is_alike(&self, now: &[Value], recorded: &[Value], ends: Ends<'_>) -> bool {
        let named_before = self.has_color(recorded, ends);
        let bare = |list: &[Value]| -> Vec<Value> {
            let kept = list.iter().filter(|entry| named_before || !self.names(entry, ends, ends.color));
            kept.map(without_weight).collect()
        };
        bare(now) == bare(recorded)
    }

    /// How much each other backend gets beside the set, whichever color has it.
    fn proportions(&self, list: &[Value], ends: Ends<'_>) -> Vec<u64> {
        let is_other = |entry: &&Value| !self.names(entry, ends, ends.active) && !self.names(entry, ends, ends.color);
        let others = list.iter().filter(is_other).map(|entry| self.weight(list, entry));
        let of_set = self.total(list, ends, ends.active) + self.total(list, ends, ends.color);
        lowest(others.chain([of_set]).collect())
    }

    /// The weights of the entries of the active Service, wide enough to be multiplied.
    fn own(&self, list: &[Value], ends: Ends<'_>) -> Vec<u128> {
        let own = list.iter().filter(|entry| self.names(entry, ends, ends.active));
        own.map(|entry| self.weight(list, entry).into()).collect()
    }

    /// Whether each entry of the active Service gets in one list the part of all of them that it gets in the other, give or
    /// take what a fixed sum rounds away; or the color has everything.
    fn keeps_own(&self, now: &[Value], list: &[Value], ends: Ends<'_>) -> bool {
        let (now, list) = (self.own(now, ends), self.own(list, ends));
        let (all_now, all): (u128, u128) = (now.iter().sum(), list.iter().sum());
        let rounded = if self.sum.is_some() { all } else { 0 };
        let is_kept = |(now, then): (&u128, &u128)| (now * all).abs_diff(then * all_now) <= rounded;
        all_now == 0 || (now.len() == list.len() && now.iter().zip(&list).all(is_kept))
    }

    /// The weights of a list in the least whole numbers.
    fn reduced(&self, list: &[Value]) -> Vec<u64> {
        lowest(list.iter().map(|entry| self.weight(list, entry)).collect())
    }

    /// The lists that a recorded one is made into for these shares; what its ports are is left open.
    fn shared(
        &self,
        recorded: &[Value],
        ends: Ends<'_>,
        shares: impl Iterator<Item = u8>,
    ) -> impl Iterator<Item = Vec<Value>> {
        shares.filter_map(move |share| self.giving(recorded, ends, share, |port| Ok(port.clone())).ok())
    }

    /// Whether a list is what this tool has made of a recorded one.
    pub(crate) fn is_written(&self, now: &[Value], recorded: &[Value], ends: Ends<'_>, written: &Written) -> bool {
        if !self.leads(recorded, ends) {
            return now == recorded;
        }
        let weights = self.reduced(now);
        let is_it = |made: &[Value]| self.reduced(made) == weights;
        let named = || self.naming(recorded, ends, |port| Ok(port.clone())).is_ok_and(|named| is_it(&named));
        let shares = written.shares.iter().copied();
        self.is_alike(now, recorded, ends)
            && (self.shared(recorded, ends, shares).any(|made| is_it(&made))
                || (!written.ended && (is_it(recorded) || named())))
    }

    /// Whether the other backends of a list get what they got when it was recorded, whatever share the color has by now, and
    /// each entry of the active Service its part of what is left to it.
    pub(crate) fn keeps_others(&self, now: &[Value], recorded: &[Value], ends: Ends<'_>) -> bool {
        let others = self.proportions(now, ends);
        let as_now = |list: &[Value]| self.proportions(list, ends) == others && self.keeps_own(now, list, ends);
        // Rounded weights say it less exactly.
        self.is_alike(now, recorded, ends)
            && (as_now(recorded) || self.shared(recorded, ends, 1..=99).any(|made| as_now(&made)))
    }

    /// What a list was before the color got a share: what was recorded, or, where somebody has changed since what the others
    /// or some of the entries of the active Service get, the list as it is now without the share, which goes to these entries
    /// in their proportions.
    pub(crate) fn original(&self, now: &[Value], recorded: &[Value], ends: Ends<'_>) -> Vec<Value> {
        if !self.has_color(now, ends) {
            return now.to_vec();
        }
        if self.keeps_others(now, recorded, ends) {
            return recorded.to_vec();
        }
        let named_before = self.has_color(recorded, ends);
        // Whoever has taken the active Service out, or all weight from it, has left its users to the color alone.
        let is_named = now.iter().any(|entry| self.names(entry, ends, ends.active));
        let own = recorded.iter().find(|entry| self.names(entry, ends, ends.active)).filter(|_| !is_named);
        let (left, kept) = (self.total(now, ends, ends.color), self.total(now, ends, ends.active));
        let mut first = kept == 0;
        let mut list: Vec<(Value, u64)> = Vec::new();
        for entry in now.iter().chain(own) {
            let weight = self.weight(now, entry);
            let units = match (self.names(entry, ends, ends.color), self.names(entry, ends, ends.active)) {
                (true, _) if named_before => 0,
                (true, _) => continue,
                (false, true) if kept == 0 => u64::from(std::mem::take(&mut first)) * left,
                (false, true) => weight.saturating_mul(kept + left),
                (false, false) => weight.saturating_mul(kept.max(1)),
            };
            list.push((entry.clone(), units));
        }
        let units: Vec<u64> = list.iter().map(|(_, units)| *units).collect();
        let weights = match self.sum {
            Some(sum) if units.iter().any(|units| *units > 0) => apportioned(&units, sum),
            _ => fitted(&lowest(units)),
        };
        list.iter().zip(weights).map(|((entry, _), weight)| with_weight(entry, weight)).collect()
    }
}

/// A part of a whole in percent, rounded; a part that is there is at least 1 and never everything.
pub(crate) fn percent(part: u64, whole: u64) -> u8 {
    if part == 0 || whole == 0 {
        return 0;
    }
    if part == whole {
        return 100;
    }
    u8::try_from((part * 200 + whole) / (whole * 2)).unwrap_or(100).clamp(1, 99)
}

/// The same proportions in the least whole numbers.
fn lowest(weights: Vec<u64>) -> Vec<u64> {
    let common = weights.iter().copied().fold(0, gcd).max(1);
    weights.into_iter().map(|weight| weight / common).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Weights in the same proportions that no API refuses: none that is there becomes 0.
fn fitted(weights: &[u64]) -> Vec<u64> {
    let largest = weights.iter().copied().max().unwrap_or_default();
    if largest <= MAX_WEIGHT {
        return weights.to_vec();
    }
    let part = |weight: u64| u128::from(weight) * u128::from(MAX_WEIGHT) / u128::from(largest);
    let scaled = |weight: u64| u64::try_from(part(weight)).unwrap_or(MAX_WEIGHT).max(u64::from(weight > 0));
    weights.iter().map(|weight| scaled(*weight)).collect()
}

/// Weights in nearly the same proportions with a fixed sum: the largest remainders are rounded up.
fn apportioned(weights: &[u64], sum: u64) -> Vec<u64> {
    let (all, wide) = (weights.iter().copied().map(u128::from).sum::<u128>().max(1), u128::from(sum));
    let part = |weight: u64| u64::try_from(u128::from(weight) * wide / all).unwrap_or(sum);
    let mut parts: Vec<u64> = weights.iter().copied().map(part).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(weights.get(*at).map(|weight| u128::from(*weight) * wide % all)));
    let missing = sum - parts.iter().sum::<u64>();
    for at in order.into_iter().take(usize::try_from(missing).unwrap_or_default()) {
        parts.get_mut(at).into_iter().for_each(|part| *part += 1);
    }
    parts
}
