//! Objects to release sets: which workloads are the colors, which Services belong to them, which label tells them apart.
//! Sees facts only, never files or spans, so that manifests and live objects are understood by the same code.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

mod color_label;
mod declared;
mod pairing;
mod reading;
mod services;

/// Labels or a selector.
pub type Labels = BTreeMap<String, String>;

/// One of the two environments of a release set.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Color {
    /// Blue.
    Blue,
    /// Green.
    Green,
}

impl Color {
    /// Both colors, blue first.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The other color.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// `blue` or `green`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no color.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no color: a release set has `blue` and `green`")]
pub struct UnknownColor(pub String);

impl TryFrom<String> for Color {
    type Error = UnknownColor;

    fn try_from(text: String) -> Result<Self, UnknownColor> {
        text.parse()
    }
}

impl FromStr for Color {
    type Err = UnknownColor;

    fn from_str(text: &str) -> Result<Self, UnknownColor> {
        let matching = Self::ALL.into_iter().find(|color| color.as_str().eq_ignore_ascii_case(text));
        matching.ok_or_else(|| UnknownColor(text.to_owned()))
    }
}

/// Something for each color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerColor<T> {
    /// Blue's.
    pub blue: T,
    /// Green's.
    pub green: T,
}

impl<T> PerColor<T> {
    /// Makes one of a function of the color.
    pub fn new(mut of: impl FnMut(Color) -> T) -> Self {
        Self { blue: of(Color::Blue), green: of(Color::Green) }
    }

    /// The one of a color.
    #[must_use]
    pub fn get(&self, color: Color) -> &T {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }

    /// The one of a color, to change.
    pub fn get_mut(&mut self, color: Color) -> &mut T {
        match color {
            Color::Blue => &mut self.blue,
            Color::Green => &mut self.green,
        }
    }

    /// Both, blue first.
    pub fn iter(&self) -> impl Iterator<Item = (Color, &T)> {
        [(Color::Blue, &self.blue), (Color::Green, &self.green)].into_iter()
    }
}

/// What is to be known of a workload.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Whether it can be a color: a Deployment, a `StatefulSet` or a Rollout. The others only count as foreign.
    pub can_be_color: bool,
    /// Its kind.
    pub kind: String,
    /// Whether its controller keeps both colors of it, as Argo Rollouts' does with the strategy `blueGreen`.
    pub is_whole: bool,
    /// Its namespace; nothing where whoever applies it decides.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The file that it was read from; empty for a live object.
    pub origin: String,
    /// The labels of its pod template.
    pub labels: Labels,
    /// Its own selector's `matchLabels`.
    pub selector: Labels,
    /// The images of its containers.
    pub images: Vec<String>,
}

/// What is to be known of a Service.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Its namespace; nothing where whoever applies it decides.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The file that it was read from; empty for a live object.
    pub origin: String,
    /// Its selector; empty for a Service without one.
    pub selector: Labels,
    /// Whether it carries the record of moves: then it is the active one, also while it selects both colors.
    pub recorded: bool,
}

/// An Ingress, `HTTPRoute`, `VirtualService` or the like.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Its namespace; nothing where whoever applies it decides.
    pub namespace: Option<String>,
    /// The names of the Services that it sends traffic to.
    pub backends: Vec<String>,
    /// The names of the Services whose own traffic it takes over.
    pub fronts: Vec<String>,
    /// Whether it splits the traffic behind one Service by itself (a mesh's subsets).
    pub subsets: bool,
}

/// A release set that cannot be inferred: what is given here holds, the rest is inferred as always.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Declared {
    /// What the set is called.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The namespace of its members; any if it is left out.
    pub namespace: Option<String>,
    /// The label key whose value tells the colors apart.
    pub color_label: Option<String>,
    /// The name of the workload that is blue.
    #[schemars(length(min = 1))]
    pub blue: String,
    /// The name of the workload that is green.
    #[schemars(length(min = 1))]
    pub green: String,
    /// The name of the Service that users reach.
    pub active_service: Option<String>,
    /// The name of blue's Service.
    pub blue_service: Option<String>,
    /// The name of green's Service.
    pub green_service: Option<String>,
}

/// All that discovery looks at. Members of a set are indices into these lists.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The workloads.
    pub workloads: Vec<Workload>,
    /// The Services.
    pub services: Vec<Service>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The sets that somebody declared.
    pub declared: Vec<Declared>,
}

/// Which color the active Service selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// Pods of one color only.
    One(Color),
    /// Pods of both colors.
    Both,
}

/// A release set: what of its five members is there, and how the colors are told apart.
#[derive(Clone, Debug, Default)]
pub struct ReleaseSet {
    /// What the members' names have in common, such as `shop` of `shop-blue` and `shop-green`.
    pub name: String,
    /// The namespace of the members, where one of them says it.
    pub namespace: Option<String>,
    /// The label keys whose values tell the colors apart, the one that the active Service uses first. Empty when no label does.
    pub color_labels: Vec<String>,
    /// The workload of each color.
    pub workloads: PerColor<Option<usize>>,
    /// The Service that users reach.
    pub active_service: Option<usize>,
    /// The Service of each color, for tests.
    pub color_services: PerColor<Option<usize>>,
    /// The Services that users reach as well, such as one for another protocol: they select one color, or were meant to.
    pub more_services: Vec<usize>,
    /// The other Services that select both colors and are not named for tests or the like.
    pub shared_services: Vec<usize>,
    /// Whether somebody declared it: then its colors need not be in its members' names.
    pub is_declared: bool,
    /// What the active Service selects; nothing when it selects neither color, or there is none.
    pub active: Option<Active>,
}

impl ReleaseSet {
    /// The label key that tells the colors apart.
    #[must_use]
    pub fn color_label(&self) -> Option<&str> {
        self.color_labels.first().map(String::as_str)
    }
}

/// Whether two objects can be in one namespace: equal, or one of them does not say.
#[must_use]
pub fn same_namespace(a: Option<&str>, b: Option<&str>) -> bool {
    a == b || a.is_none() || b.is_none()
}

/// Whether a selector selects pods with these labels. An empty selector selects nothing, as for a Service.
#[must_use]
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The selector with only the color exchanged: every color label of it gets the value of the target's pod template.
///
/// Other labels stay, also where the templates differ in them; what that means is for a check to say.
#[must_use]
pub fn exchange_color(selector: &Labels, color_labels: &[String], target: &Labels) -> Labels {
    let exchange = |key: &String, value: &String| {
        let exchanged = color_labels.contains(key).then(|| target.get(key)).flatten();
        (key.clone(), exchanged.unwrap_or(value).clone())
    };
    selector.iter().map(|(key, value)| exchange(key, value)).collect()
}

/// The color that a text names by a whole word, such as `shop-blue` or `Green_2`; nothing for none, or both.
#[must_use]
pub fn color_named(text: &str) -> Option<Color> {
    reading::color_of(text)
}

/// The same text with the other color in the place of its own: `shop-blue-svc` gives `shop-green-svc`.
#[must_use]
pub fn counterpart(text: &str) -> Option<String> {
    reading::counterpart(text)
}

/// How near two files are, from 0 (elsewhere) to 12 (one file).
pub(crate) fn nearness(a: &str, b: &str) -> i32 {
    pairing::nearness(a, b)
}

/// Finds the release sets, in the order of their namespaces and names.
#[must_use]
pub fn discover(facts: &Facts) -> Vec<ReleaseSet> {
    let pairs = pairing::pair(facts);
    let (mut sets, declarations): (Vec<ReleaseSet>, Vec<Option<usize>>) = pairs
        .into_iter()
        .map(|(workloads, declaration)| {
            let namespace = workloads.iter().find_map(|(_, index)| facts.workloads.get((*index)?)?.namespace.clone());
            (ReleaseSet { namespace, workloads, ..ReleaseSet::default() }, declaration)
        })
        .unzip();
    services::assign(facts, &mut sets);
    for (set, declaration) in sets.iter_mut().zip(declarations) {
        set.color_labels = color_label::infer(facts, set);
        set.name = services::set_name(facts, set);
        if let Some(declared) = declaration.and_then(|at| facts.declared.get(at)) {
            declared::apply(facts, declared, set);
        }
        if set.namespace.is_none() {
            set.namespace = set.active_service.and_then(|index| facts.services.get(index)?.namespace.clone());
        }
    }
    sets.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    sets
}

#[cfg(test)]
mod tests;
