//! Which two workloads are one release set's colors.
//! Looks at names, template labels, files and color Services; never at one fixed label key or name pattern.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::reading::{Reading, are_counterparts, color_of, readings};
use super::services::{by_rarest_pair, reaches};
use super::{Color, Facts, PerColor, Service, Workload, same_namespace, selects};

type Pair = PerColor<Option<usize>>;

/// In each bucket only so many of a color are compared, so that a thousand equal labels cost a thousand, not a million.
const MAX_BUCKET: usize = 64;

/// Answers with the workloads of each set, by index, and with the index of its declaration where it has one.
pub(super) fn pair(facts: &Facts) -> Vec<(Pair, Option<usize>)> {
    let declared = super::declared::pairs(facts);
    let used = declared.iter().flat_map(|(pair, _)| [pair.blue, pair.green]).flatten().collect();
    let mut pairing = Pairing { facts, used, pairs: Vec::new() };
    pairing.by_buckets(|workload| own_words(workload, workload.namespace.as_deref().unwrap_or("")), score);
    pairing.by_buckets(|workload| own_words(workload, "*"), score_across_namespaces);
    pairing.by_buckets(file_words, score_by_file);
    pairing.by_color_services();
    pairing.singles();
    let declared = declared.into_iter().map(|(pair, declaration)| (pair, Some(declaration)));
    declared.chain(pairing.pairs.into_iter().map(|pair| (pair, None))).collect()
}

struct Pairing<'f> {
    facts: &'f Facts,
    used: HashSet<usize>,
    pairs: Vec<Pair>,
}

impl<'f> Pairing<'f> {
    fn free(&self) -> impl Iterator<Item = (usize, &'f Workload)> {
        let workloads = self.facts.workloads.iter().enumerate();
        workloads.filter(|(index, workload)| workload.can_be_color && !self.used.contains(index))
    }

    fn workload(&self, index: usize) -> Option<&'f Workload> {
        self.facts.workloads.get(index)
    }

    /// Pairs those whose words meet in a bucket, the best matches first.
    fn by_buckets(
        &mut self,
        words: impl Fn(&Workload) -> Vec<(String, Color)>,
        score: impl Fn(&Workload, &Workload) -> Option<i32>,
    ) {
        let mut buckets: BTreeMap<String, PerColor<Vec<usize>>> = BTreeMap::new();
        for (index, workload) in self.free() {
            for (word, color) in words(workload) {
                let bucket = buckets.entry(word).or_default().get_mut(color);
                if bucket.len() < MAX_BUCKET && bucket.last() != Some(&index) {
                    bucket.push(index);
                }
            }
        }
        let mut candidates = Vec::new();
        let mut seen = HashSet::new();
        for bucket in buckets.values() {
            let pairs = bucket.blue.iter().flat_map(|&blue| bucket.green.iter().map(move |&green| (blue, green)));
            for (blue, green) in pairs.filter(|pair| pair.0 != pair.1 && seen.insert(*pair)) {
                let scored = self.workload(blue).zip(self.workload(green)).and_then(|(b, g)| score(b, g));
                candidates.extend(scored.map(|score| (score, blue, green)));
            }
        }
        candidates.sort_by_key(|&(score, blue, green)| (std::cmp::Reverse(score), blue, green));
        for (_, blue, green) in candidates {
            self.take(blue, green);
        }
    }

    fn take(&mut self, blue: usize, green: usize) {
        if !self.used.contains(&blue) && !self.used.contains(&green) {
            self.used.extend([blue, green]);
            self.pairs.push(Pair { blue: Some(blue), green: Some(green) });
        }
    }

    /// Workloads that say no color themselves, each selected by a Service that does.
    fn by_color_services(&mut self) {
        if self.free().next().is_none() {
            return;
        }
        let mut blues: BTreeMap<(Option<&str>, String), &Service> = BTreeMap::new();
        let services = || self.facts.services.iter().filter(|service| !service.selector.is_empty());
        let named = |service: &Service, color: Color| -> Option<Reading> {
            readings(&service.name).into_iter().find(|reading| reading.whole && reading.color == color)
        };
        for service in services() {
            if let Some(reading) = named(service, Color::Blue) {
                blues.insert((service.namespace.as_deref(), reading.skeleton), service);
            }
        }
        let mut carriers: HashMap<(&str, &str), Vec<(usize, &Workload)>> = HashMap::new();
        for (index, workload) in self.free() {
            for (key, value) in &workload.labels {
                carriers.entry((key, value)).or_default().push((index, workload));
            }
        }
        let mut found = Vec::new();
        for green in services() {
            let Some(reading) = named(green, Color::Green) else { continue };
            let Some(blue) = blues.get(&(green.namespace.as_deref(), reading.skeleton)) else { continue };
            let only = |service: &Service| {
                let lists = service.selector.iter().map(|(key, value)| carriers.get(&(key.as_str(), value.as_str())));
                let fewest = lists.min_by_key(|list| list.map_or(0, Vec::len)).flatten();
                let mut selected = fewest.into_iter().flatten().filter(|(_, workload)| {
                    same_namespace(workload.namespace.as_deref(), service.namespace.as_deref())
                        && selects(&service.selector, &workload.labels)
                });
                selected.next().filter(|_| selected.next().is_none()).map(|(index, _)| *index)
            };
            found.extend(only(blue).zip(only(green)).filter(|(blue, green)| blue != green));
        }
        for (blue, green) in found {
            self.take(blue, green);
        }
    }

    /// What is left and carries exactly a color in a label is half of a set whose other half is not here, unless its
    /// controller keeps both halves in one object.
    fn singles(&mut self) {
        let mut taken = Taken::new(self.facts);
        self.used.iter().filter_map(|index| self.workload(*index)).for_each(|workload| taken.add(workload));
        let mut found: Vec<(usize, Pair)> = Vec::new();
        for (index, workload) in self.free().filter(|(_, workload)| !workload.is_whole) {
            let label = workload.labels.values().find_map(|value| value.parse::<Color>().ok());
            let Some(color) = color_of(&workload.name).or(label) else { continue };
            let is_colored = label.is_some() || taken.is_chosen_by_color(workload, color);
            if is_colored && !taken.has_name(workload) && !taken.is_served_with(workload) {
                let mut pair = Pair::default();
                *pair.get_mut(color) = Some(index);
                taken.add(workload);
                found.push((index, pair));
            }
        }
        for (index, pair) in found {
            self.used.insert(index);
            self.pairs.push(pair);
        }
    }
}

/// The workloads that are in sets already, by what another one may share with them.
struct Taken<'f> {
    facts: &'f Facts,
    /// The Services by one pair of their selectors.
    services: HashMap<(&'f str, &'f str), Vec<usize>>,
    names: HashMap<&'f str, Vec<Option<&'f str>>>,
    served: HashSet<usize>,
}

impl<'f> Taken<'f> {
    fn new(facts: &'f Facts) -> Self {
        let services = by_rarest_pair(facts);
        Self { facts, services, names: HashMap::new(), served: HashSet::new() }
    }

    /// Whether a Service that is itself of no color selects a workload by a label that names its color.
    fn is_chosen_by_color(&self, workload: &Workload, color: Color) -> bool {
        let services = self.services_of(workload).into_iter().filter_map(|at| self.facts.services.get(at));
        let mut shared = services.filter(|service| color_of(&service.name).is_none());
        shared.any(|service| service.selector.values().any(|value| color_of(value) == Some(color)))
    }

    fn services_of(&self, workload: &Workload) -> Vec<usize> {
        let lists =
            workload.labels.iter().filter_map(|(key, value)| self.services.get(&(key.as_str(), value.as_str())));
        let selecting = |at: &usize| self.facts.services.get(*at).is_some_and(|service| reaches(service, workload));
        lists.flatten().copied().filter(selecting).collect()
    }

    fn add(&mut self, workload: &'f Workload) {
        let services = self.services_of(workload);
        self.served.extend(services);
        self.names.entry(&workload.name).or_default().push(workload.namespace.as_deref());
    }

    /// Whether one of them has the same name.
    fn has_name(&self, workload: &Workload) -> bool {
        let namespaces = self.names.get(workload.name.as_str());
        namespaces
            .is_some_and(|all| all.iter().any(|namespace| same_namespace(*namespace, workload.namespace.as_deref())))
    }

    /// Whether a Service that selects this workload also selects one of them: then it is another variant of that set,
    /// such as a canary.
    fn is_served_with(&self, workload: &Workload) -> bool {
        self.services_of(workload).iter().any(|service| self.served.contains(service))
    }
}

/// The buckets of a workload by its name, and by each label that names a color together with each other label.
fn own_words(workload: &Workload, namespace: &str) -> Vec<(String, Color)> {
    let mut words = Vec::new();
    let name = unversioned(&workload.name);
    let versioned = readings(&workload.name).into_iter().filter(|_| name.len() < workload.name.len());
    for reading in readings(name).into_iter().chain(versioned) {
        words.push((format!("name {namespace} {}", reading.skeleton), reading.color));
    }
    for (key, value) in &workload.labels {
        for reading in readings(value) {
            let others = workload.labels.iter().filter(|(other, _)| *other != key);
            let others: Vec<_> = others.map(|(other, value)| format!("{other}={}", colorless(value))).collect();
            if others.is_empty() {
                words.push((format!("label {namespace} {key} {}", reading.skeleton), reading.color));
            }
            for other in others {
                words.push((format!("label {namespace} {key} {} {other}", reading.skeleton), reading.color));
            }
        }
    }
    words
}

fn file_words(workload: &Workload) -> Vec<(String, Color)> {
    readings(&workload.origin).into_iter().map(|reading| (reading.skeleton, reading.color)).collect()
}

/// A text with `*` for the first color that it names.
fn colorless(text: &str) -> String {
    readings(text).into_iter().next().map_or_else(|| text.to_owned(), |reading| reading.skeleton)
}

/// How well two workloads of one namespace match as blue and green; nothing when they do not.
fn score(blue: &Workload, green: &Workload) -> Option<i32> {
    if blue.kind != green.kind {
        return None;
    }
    let exact = are_counterparts(&blue.name, &green.name);
    let by_name = exact.or_else(|| are_counterparts(unversioned(&blue.name), unversioned(&green.name)));
    let by_label = blue.labels.iter().filter_map(|(key, value)| are_counterparts(value, green.labels.get(key)?)).max();
    let both_named = color_of(&blue.name).is_some() && color_of(&green.name).is_some();
    let same_image = images(blue).iter().any(|image| images(green).contains(image));
    if by_name.is_none() && (by_label != Some(true) || (both_named && !same_image) || names_disagree(blue, green)) {
        return None;
    }
    if by_name == Some(false) && by_label.is_none() && !same_image {
        return None;
    }
    let mut score = match by_name {
        Some(true) => 40,
        Some(false) => 25,
        None => 0,
    };
    score += match by_label {
        Some(true) => 30,
        Some(false) => 20,
        None => 0,
    };
    // Of several versions of both colors those of one version belong together.
    score -= 5 * i32::from(by_name != exact);
    Some(score + i32::from(same_image) * 6 + alike(blue, green) + nearness(&blue.origin, &green.origin))
}

/// Whether a name says the color that the other workload would have to be.
fn names_disagree(blue: &Workload, green: &Workload) -> bool {
    color_of(&blue.name) == Some(Color::Green) || color_of(&green.name) == Some(Color::Blue)
}

fn score_across_namespaces(blue: &Workload, green: &Workload) -> Option<i32> {
    let (of_blue, of_green) = (blue.namespace.as_deref(), green.namespace.as_deref());
    let colored = of_blue.zip(of_green).is_some_and(|(b, g)| are_counterparts(b, g).is_some());
    let (near_blue, near_green) = (directory(&blue.origin), directory(&green.origin));
    let together =
        !blue.origin.is_empty() && (near_blue == near_green || are_counterparts(near_blue, near_green).is_some());
    let possible = same_namespace(of_blue, of_green) || colored || together;
    possible.then(|| score(blue, green)).flatten()
}

/// Files named for the colors, with workloads in them that are the same thing.
fn score_by_file(blue: &Workload, green: &Workload) -> Option<i32> {
    let same_name = unversioned(&blue.name) == unversioned(&green.name);
    let possible = blue.kind == green.kind
        && are_counterparts(&blue.origin, &green.origin).is_some()
        && same_namespace(blue.namespace.as_deref(), green.namespace.as_deref())
        && (same_name || alike(blue, green) > 0);
    possible.then(|| alike(blue, green) + i32::from(same_name) * 20)
}

/// How many labels are the same, colors aside, from -10 (none) to 20 (all).
fn alike(blue: &Workload, green: &Workload) -> i32 {
    let keys: HashSet<&String> = blue.labels.keys().chain(green.labels.keys()).collect();
    let value = |workload: &Workload, key: &String| workload.labels.get(key).map(|value| colorless(value));
    let colored =
        |key: &&&String| [blue, green].iter().any(|w| w.labels.get(**key).is_some_and(|v| v.parse::<Color>().is_ok()));
    let others: Vec<_> = keys.iter().filter(|key| !colored(key)).collect();
    let same = others.iter().filter(|key| value(blue, key) == value(green, key)).count();
    match (same, others.len()) {
        (_, 0) => 0,
        (0, _) => -10,
        (same, all) => i32::try_from(20 * same / all).unwrap_or_default(),
    }
}

/// The images without tag, digest and color.
fn images(workload: &Workload) -> Vec<String> {
    let bare = |image: &String| {
        let image = image.split('@').next().unwrap_or_default();
        let (path, name) = image.rsplit_once('/').map_or(("", image), |(path, name)| (path, name));
        let name = name.split(':').next().unwrap_or_default();
        format!("{path}/{}", colorless(name))
    };
    workload.images.iter().map(bare).collect()
}

/// A name without a version at its end: `shop-v2` gives `shop`.
fn unversioned(name: &str) -> &str {
    name.rsplit_once(['-', '_']).filter(|(_, word)| is_version(word)).map_or(name, |(rest, _)| rest)
}

/// Whether a word of a name is a version: `v2` or `1.4`.
pub(super) fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// How near two files are, from 0 (elsewhere) to 12 (one file); files named for the two colors are near as well.
pub(super) fn nearness(a: &str, b: &str) -> i32 {
    if a == b {
        return 12;
    }
    let counterparts = are_counterparts(a, b).or_else(|| are_counterparts(b, a)).is_some();
    if counterparts {
        return 11;
    }
    if directory(a) == directory(b) {
        return 8;
    }
    let (a, b) = (directory(a).split('/'), directory(b).split('/'));
    let common = a.clone().zip(b.clone()).take_while(|(a, b)| a == b).count();
    let apart = a.count().max(b.count()) - common;
    i32::try_from(6_usize.saturating_sub(2 * apart)).unwrap_or_default()
}
