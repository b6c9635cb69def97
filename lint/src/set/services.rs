//! Which Services belong to a set, and which of them users reach.
//! What a Service selects decides; its name only where that leaves a choice.

use std::collections::{HashMap, HashSet};

use super::pairing::{is_version, nearness};
use super::reading::{color_of, readings};
use super::{Active, Color, Facts, Labels, PerColor, ReleaseSet, Route, Service, Workload, same_namespace, selects};

/// Words that say that users reach a Service.
const ACTIVE_WORDS: [&str; 8] = ["active", "live", "prod", "production", "main", "stable", "primary", "current"];
/// Words that say that users do not reach a Service, or not first.
const OTHER_WORDS: [&str; 24] = [
    "preview",
    "test",
    "testing",
    "staging",
    "stage",
    "idle",
    "standby",
    "inactive",
    "passive",
    "canary",
    "next",
    "candidate",
    "smoke",
    "qa",
    "dev",
    "headless",
    "metrics",
    "monitoring",
    "internal",
    "prometheus",
    "peers",
    "discovery",
    "all",
    "both",
];
/// Words that say what a thing is, not whose.
const KIND_WORDS: [&str; 12] = [
    "deployment",
    "deployments",
    "deploy",
    "rollout",
    "statefulset",
    "sts",
    "service",
    "svc",
    "lb",
    "loadbalancer",
    "app",
    "set",
];

/// Gives every set its Services.
pub(super) fn assign(facts: &Facts, sets: &mut [ReleaseSet]) {
    let index = Index::new(facts);
    let lost = index.lost(facts);
    let kin = Kin::new(facts, sets);
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); sets.len()];
    for &service in &lost {
        let Some(fact) = facts.services.get(service) else { continue };
        let related = kin.of(fact).into_iter().filter_map(|at| Some((relation(facts, sets.get(at)?, fact), at)));
        let is_home = |at: usize| {
            let namespace = fact.namespace.as_deref();
            let mut members = sets.get(at).into_iter().flat_map(|set| members(facts, set));
            members.any(|workload| same_namespace(workload.namespace.as_deref(), namespace))
        };
        let related = related.filter(|(score, _)| *score > 0);
        let best = related.max_by_key(|&(score, at)| (is_home(at), score, std::cmp::Reverse(at)));
        if let Some(list) = best.and_then(|(_, at)| near.get_mut(at)) {
            list.push(service);
        }
    }
    for (set, near) in sets.iter_mut().zip(near) {
        let mut candidates: Vec<usize> = index.reaching(facts, set);
        candidates.extend(near);
        candidates.sort_unstable();
        candidates.dedup();
        Assignment::new(facts, &index, set, candidates).apply(set);
    }
}

/// The Services by each pair of their selectors, so that a set finds its own without looking at all.
struct Index<'f> {
    by_pair: HashMap<(&'f str, &'f str), Vec<usize>>,
    labels: HashMap<(&'f str, &'f str), Vec<usize>>,
    routes: HashMap<&'f str, Vec<&'f Route>>,
}

impl<'f> Index<'f> {
    fn new(facts: &'f Facts) -> Self {
        let mut labels: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for (at, workload) in facts.workloads.iter().enumerate() {
            for (key, value) in &workload.labels {
                labels.entry((key, value)).or_default().push(at);
            }
        }
        let by_pair = by_rarest_pair(facts);
        let mut routes: HashMap<&str, Vec<&Route>> = HashMap::new();
        for route in &facts.routes {
            for backend in &route.backends {
                routes.entry(backend).or_default().push(route);
            }
        }
        Self { by_pair, labels, routes }
    }

    /// The routes to a Service.
    fn routes_to(&self, service: &str) -> &[&'f Route] {
        self.routes.get(service).map_or(&[], Vec::as_slice)
    }

    /// The Services that select a workload of the set.
    fn reaching(&self, facts: &Facts, set: &ReleaseSet) -> Vec<usize> {
        let mut found = Vec::new();
        for workload in members(facts, set) {
            let pairs =
                workload.labels.iter().filter_map(|(key, value)| self.by_pair.get(&(key.as_str(), value.as_str())));
            found.extend(
                pairs.flatten().filter(|&&at| facts.services.get(at).is_some_and(|service| reaches(service, workload))),
            );
        }
        found
    }

    /// The Services with a selector that selects nothing at all.
    fn lost(&self, facts: &Facts) -> Vec<usize> {
        let selects_some = |service: &Service| {
            let pairs =
                service.selector.iter().filter_map(|(key, value)| self.labels.get(&(key.as_str(), value.as_str())));
            let fewest = pairs.min_by_key(|workloads| workloads.len());
            fewest
                .into_iter()
                .flatten()
                .any(|&at| facts.workloads.get(at).is_some_and(|workload| reaches(service, workload)))
        };
        let with_selector = facts.services.iter().enumerate().filter(|(_, service)| !service.selector.is_empty());
        with_selector.filter(|(_, service)| !selects_some(service)).map(|(at, _)| at).collect()
    }
}

fn members<'f>(facts: &'f Facts, set: &ReleaseSet) -> impl Iterator<Item = &'f Workload> {
    let indices: Vec<usize> = set.workloads.iter().filter_map(|(_, index)| *index).collect();
    indices.into_iter().filter_map(|index| facts.workloads.get(index))
}

/// Whether a Service selects the pods of a workload.
pub(super) fn reaches(service: &Service, workload: &Workload) -> bool {
    same_namespace(service.namespace.as_deref(), workload.namespace.as_deref())
        && selects(&service.selector, &workload.labels)
}

/// The Services, each by the one pair of its selector that the fewest workloads carry: enough to find it by, and no
/// label that all share leads to all of them.
pub(super) fn by_rarest_pair(facts: &Facts) -> HashMap<(&str, &str), Vec<usize>> {
    let mut carriers: HashMap<(&str, &str), usize> = HashMap::new();
    for (key, value) in facts.workloads.iter().flat_map(|workload| &workload.labels) {
        *carriers.entry((key, value)).or_default() += 1;
    }
    let mut services: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (at, service) in facts.services.iter().enumerate() {
        let pairs = service.selector.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        if let Some(pair) = pairs.min_by_key(|pair| carriers.get(pair).copied().unwrap_or_default()) {
            services.entry(pair).or_default().push(at);
        }
    }
    services
}

/// The sets by what a Service that selects nothing may have in common with them, so that it need not ask all.
struct Kin<'f> {
    by_label: HashMap<(&'f str, &'f str), Vec<usize>>,
    by_word: HashMap<String, Vec<usize>>,
}

/// So many sets with one label are asked; a label that more have says nothing.
const MAX_KIN: usize = 64;

impl<'f> Kin<'f> {
    fn new(facts: &'f Facts, sets: &[ReleaseSet]) -> Self {
        let mut kin = Self { by_label: HashMap::new(), by_word: HashMap::new() };
        for (at, set) in sets.iter().enumerate() {
            for workload in members(facts, set) {
                for (key, value) in &workload.labels {
                    push(kin.by_label.entry((key, value)).or_default(), at);
                }
                if let Some(word) = own_words(&workload.name).into_iter().next() {
                    push(kin.by_word.entry(word).or_default(), at);
                }
            }
        }
        kin
    }

    fn of(&self, service: &Service) -> Vec<usize> {
        let by_label =
            service.selector.iter().filter_map(|(key, value)| self.by_label.get(&(key.as_str(), value.as_str())));
        let by_word = split(&service.name).filter_map(|word| self.by_word.get(&word));
        let mut found: Vec<usize> = by_label.chain(by_word.collect::<Vec<_>>()).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn push(bucket: &mut Vec<usize>, at: usize) {
    if bucket.len() < MAX_KIN && bucket.last() != Some(&at) {
        bucket.push(at);
    }
}

/// How much a Service that selects nothing looks like a member of the set; 0 when it does not.
fn relation(facts: &Facts, set: &ReleaseSet, service: &Service) -> i32 {
    let mut best = 0;
    for workload in members(facts, set) {
        let elsewhere = !same_namespace(service.namespace.as_deref(), workload.namespace.as_deref());
        if elsewhere && !selects(&service.selector, &workload.labels) {
            continue;
        }
        let is_color = |value: &String| value.parse::<Color>().is_ok();
        let same = |key: &String, value: &String| workload.labels.get(key) == Some(value);
        let identity = service.selector.iter().filter(|(key, value)| same(key, value) && !is_color(value)).count();
        let colors = service.selector.iter().filter(|(key, value)| same(key, value) && is_color(value)).count();
        let known_keys = service.selector.keys().filter(|key| workload.labels.contains_key(*key)).count();
        let by_name = named_alike(&service.name, &workload.name);
        if identity == 0 && !by_name {
            continue;
        }
        let score = 8 * identity + 4 * colors + 2 * known_keys + 4 * usize::from(by_name);
        let near = nearness(&service.origin, &workload.origin);
        best = best.max(i32::try_from(score).unwrap_or(i32::MAX / 2) + near);
    }
    best
}

/// Whether two names have all the words in common that are neither colors nor kinds of things.
fn named_alike(service: &str, workload: &str) -> bool {
    let own = own_words(workload);
    let words: HashSet<String> = split(service).collect();
    !own.is_empty() && own.iter().all(|word| words.contains(word))
}

fn split(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase)
}

/// The words of a name without colors and the kinds of workloads, which make a set's name.
fn name_words(name: &str) -> Vec<String> {
    let is_kind =
        |word: &str| matches!(word, "deployment" | "deployments" | "deploy" | "rollout" | "statefulset" | "sts");
    split(name).filter(|word| word.parse::<Color>().is_err() && !is_kind(word)).collect()
}

/// The words of a name that say whose it is.
fn own_words(name: &str) -> Vec<String> {
    let says_whose =
        |word: &String| word.parse::<Color>().is_err() && !KIND_WORDS.contains(&word.as_str()) && !is_version(word);
    split(name).filter(says_whose).collect()
}

/// How near a Service's file is to those of the set's workloads.
fn nearness_to(facts: &Facts, set: &ReleaseSet, service: &Service) -> i32 {
    members(facts, set).map(|workload| nearness(&service.origin, &workload.origin)).max().unwrap_or_default()
}

/// A Service as a candidate for a place in a set.
struct Candidate {
    at: usize,
    selects: PerColor<bool>,
    named: Option<Color>,
    score: i32,
    /// How near its file is to those of the workloads.
    near: i32,
}

struct Assignment<'f> {
    facts: &'f Facts,
    index: &'f Index<'f>,
    candidates: Vec<Candidate>,
}

impl<'f> Assignment<'f> {
    fn new(facts: &'f Facts, index: &'f Index<'f>, set: &ReleaseSet, services: Vec<usize>) -> Self {
        let mut assignment = Self { facts, index, candidates: Vec::new() };
        let names: HashSet<&str> =
            services.iter().filter_map(|&at| Some(facts.services.get(at)?.name.as_str())).collect();
        let stem: HashSet<String> = members(facts, set).flat_map(|workload| own_words(&workload.name)).collect();
        for at in services {
            let Some(service) = facts.services.get(at) else { continue };
            let selects = PerColor::new(|color| {
                let workload = set.workloads.get(color).and_then(|index| facts.workloads.get(index));
                workload.is_some_and(|workload| reaches(service, workload))
            });
            let named = color_of(&service.name).or_else(|| glued_color(&service.name, &names));
            let score = assignment.score(set, service, selects, &stem);
            let new = Candidate { at, selects, named, score, near: nearness_to(facts, set, service) };
            // Services of one name are one in the cluster: the one that is meant is the nearest.
            let id = |at: usize| facts.services.get(at).map(|service| (&service.namespace, &service.name));
            match assignment.candidates.iter_mut().find(|known| id(known.at) == id(at)) {
                Some(known) if (known.near, known.score) < (new.near, new.score) => *known = new,
                Some(_) => {}
                None => assignment.candidates.push(new),
            }
        }
        assignment
    }

    /// How likely it is that users reach this Service.
    fn score(&self, set: &ReleaseSet, service: &Service, selects: PerColor<bool>, stem: &HashSet<String>) -> i32 {
        let mut score = match (selects.blue, selects.green) {
            (true, false) | (false, true) => 100,
            (true, true) => 40,
            (false, false) => 10,
        };
        let words: Vec<String> = split(&service.name).filter(|word| !stem.contains(word)).collect();
        let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        score += 30 * i32::from(says(&ACTIVE_WORDS)) - 50 * i32::from(says(&OTHER_WORDS));
        let own: HashSet<String> = own_words(&service.name).into_iter().collect();
        score += 20 * i32::from(own == *stem);
        let routes = self.index.routes_to(&service.name).iter();
        let mut namespaces = routes.map(|route| route.namespace.as_deref());
        let routed = namespaces.any(|namespace| same_namespace(namespace, service.namespace.as_deref()));
        score + 15 * i32::from(routed) + nearness_to(self.facts, set, service)
    }

    fn service(&self, candidate: &Candidate) -> Option<&'f Service> {
        self.facts.services.get(candidate.at)
    }

    fn apply(self, set: &mut ReleaseSet) {
        for color in Color::ALL {
            let of_color = self.candidates.iter().filter(|candidate| candidate.named == Some(color));
            let best = of_color.max_by_key(|c| (usize::from(*c.selects.get(color)), c.score, std::cmp::Reverse(c.at)));
            *set.color_services.get_mut(color) = best.map(|candidate| candidate.at);
        }
        let unnamed = || self.candidates.iter().filter(|candidate| candidate.named.is_none());
        let recorded = |c: &Candidate| self.service(c).is_some_and(|service| service.recorded);
        let best = unnamed().max_by_key(|c| (recorded(c), c.score, std::cmp::Reverse(c.at)));
        let Some(best) = best.filter(|best| self.can_be_active(set, best)) else { return };
        set.active_service = Some(best.at);
        set.active = match (best.selects.blue, best.selects.green) {
            (true, true) => Some(Active::Both),
            (true, false) => Some(Active::One(Color::Blue)),
            (false, true) => Some(Active::One(Color::Green)),
            (false, false) => None,
        };
        // A preview Service without a color in its name serves the color that it selects.
        for color in Color::ALL {
            let only = |c: &&Candidate| c.at != best.at && *c.selects.get(color) && !*c.selects.get(color.other());
            if set.color_services.get(color).is_none() {
                *set.color_services.get_mut(color) =
                    unnamed().filter(only).filter(|c| self.is_preview(c)).map(|c| c.at).next();
            }
        }
        let is_more = |c: &&Candidate| {
            let one = c.selects.blue != c.selects.green;
            let lost = || !c.selects.blue && self.service(c).is_some_and(|service| self.names_color(set, service));
            c.at != best.at && !self.is_preview(c) && (one || lost())
        };
        set.more_services = unnamed().filter(is_more).map(|c| c.at).collect();
        let is_shared = |c: &&Candidate| c.at != best.at && !self.is_preview(c) && c.selects.blue && c.selects.green;
        set.shared_services = unnamed().filter(is_shared).map(|c| c.at).collect();
    }

    fn is_preview(&self, candidate: &Candidate) -> bool {
        self.service(candidate)
            .is_some_and(|service| split(&service.name).any(|word| OTHER_WORDS.contains(&word.as_str())))
    }

    /// A Service that selects both colors, or neither, is the active one only where nothing says otherwise.
    fn can_be_active(&self, set: &ReleaseSet, best: &Candidate) -> bool {
        let one = best.selects.blue != best.selects.green;
        let Some(service) = self.service(best) else { return false };
        if service.recorded && best.selects.blue && best.selects.green {
            return true;
        }
        let routed_colors =
            set.color_services.iter().filter_map(|(_, at)| self.facts.services.get((*at)?)).any(|color| {
                self.index.routes_to(&color.name).iter().any(|route| !route.backends.contains(&service.name))
            });
        if one {
            return set.workloads.iter().all(|(_, at)| at.is_some()) || self.names_color(set, service);
        }
        let routed = !self.index.routes_to(&service.name).is_empty();
        !routed_colors && (routed || !self.is_preview(best))
    }

    /// Whether the selector uses a label by which all of the set's workloads say their colors.
    fn names_color(&self, set: &ReleaseSet, service: &Service) -> bool {
        members(self.facts, set).all(|workload| {
            let colored = |key: &String| workload.labels.get(key).is_some_and(|value| color_of(value).is_some());
            service.selector.keys().any(colored)
        })
    }
}

/// A color that is glued to other letters counts when the Service of the other color is there, too.
fn glued_color(name: &str, names: &HashSet<&str>) -> Option<Color> {
    let glued = readings(name).into_iter().find(|reading| {
        let other = reading.skeleton.replacen('*', reading.color.other().as_str(), 1);
        !reading.whole && names.iter().any(|name| name.eq_ignore_ascii_case(&other))
    });
    glued.map(|reading| reading.color)
}

/// What the set is called: the words that its workloads have in common, or the active Service's, or a shared label.
pub(super) fn set_name(facts: &Facts, set: &ReleaseSet) -> String {
    let names: Vec<Vec<String>> = members(facts, set).map(|workload| name_words(&workload.name)).collect();
    let first = names.first().cloned().unwrap_or_default();
    let common: Vec<String> = first.into_iter().filter(|word| names.iter().all(|name| name.contains(word))).collect();
    let service = set.active_service.and_then(|at| facts.services.get(at)).map(|service| own_words(&service.name));
    let service: Vec<String> =
        service.unwrap_or_default().into_iter().filter(|word| !ACTIVE_WORDS.contains(&word.as_str())).collect();
    let shared = || {
        let mut templates = members(facts, set).map(|workload| &workload.labels);
        let first: Labels = templates.next().cloned().unwrap_or_default();
        let rest: Vec<&Labels> = templates.collect();
        let same = first.into_iter().filter(|(key, value)| rest.iter().all(|labels| labels.get(key) == Some(value)));
        same.map(|(_, value)| value).find(|value| color_of(value).is_none())
    };
    [common, service]
        .into_iter()
        .find(|words| !words.is_empty())
        .map_or_else(|| shared().unwrap_or_else(|| "blue-green".to_owned()), |words| words.join("-"))
}
