//! Pictures of the modules of both programs: which use which, made from the `use` lines of their sources.
//! Modules that use each other, if only by way of others, stand in one box. Arrows that follow from others are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::Problem;
use crate::tree::{LINTER, PLUGIN, sources};

/// Modules and what they use.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The size of a name and the space around boxes, in pixels.
const NAME: (usize, usize) = (104, 26);
const GAP: (usize, usize) = (20, 44);
/// How many names stand side by side in a box.
const COLUMNS: usize = 6;

/// `docs/modules.svg` and `docs/lint-modules.svg`.
///
/// # Errors
/// When the sources cannot be read.
pub fn pictures(root: &Path) -> Result<[(String, String); 2], Problem> {
    let plugin = draw("kubectl-bluegreen", &graph(root, PLUGIN, "kubectl_bluegreen::")?);
    let linter = draw("bluegreen-lint", &graph(root, LINTER, "bluegreen_lint::")?);
    Ok([("docs/modules.svg".to_owned(), plugin), ("docs/lint-modules.svg".to_owned(), linter)])
}

fn graph(root: &Path, folder: &str, from_main: &str) -> Result<Graph, Problem> {
    let mut graph = Graph::new();
    for source in sources(root, folder)? {
        let own = module(&source.path);
        let used = graph.entry(own.clone()).or_default();
        // What tests use says nothing of the layers.
        let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for prefix in ["crate::", from_main] {
                for (at, _) in line.match_indices(prefix) {
                    let name = line.get(at + prefix.len()..).unwrap_or_default();
                    let name = name.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default();
                    if !name.is_empty() && name != own {
                        used.insert(name.to_owned());
                    }
                }
            }
        }
    }
    graph.remove("lib");
    let known: BTreeSet<String> = graph.keys().cloned().collect();
    for used in graph.values_mut() {
        used.retain(|name| known.contains(name));
    }
    Ok(graph)
}

/// `cmd/switch.rs` is part of `cmd`; the trait and what is behind it are told apart.
fn module(path: &str) -> String {
    let path = path.trim_end_matches(".rs");
    path.split('/').next().unwrap_or(path).to_owned()
}

/// Everything that can be reached from a module.
fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&String> = graph.get(from).into_iter().flatten().collect();
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(graph.get(name).into_iter().flatten());
        }
    }
    found
}

/// The modules that use each other, by the first of them, and which of these groups uses which.
fn groups(graph: &Graph) -> (BTreeMap<String, Vec<String>>, Graph) {
    let reach: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|name| (name, reachable(graph, name))).collect();
    let reaches = |from: &String, to: &String| reach.get(from).is_some_and(|reached| reached.contains(to));
    let first = |name: &String| {
        let group = graph.keys().find(|other| *other == name || (reaches(name, other) && reaches(other, name)));
        group.unwrap_or(name).clone()
    };
    let (mut members, mut between) = (BTreeMap::<String, Vec<String>>::new(), Graph::new());
    for (name, used) in graph {
        let group = first(name);
        let of_group = between.entry(group.clone()).or_default();
        of_group.extend(used.iter().map(first).filter(|other| *other != group));
        members.entry(group).or_default().push(name.clone());
    }
    (members, between)
}

/// The layer of each group: those that use nothing are in layer 0.
fn layers(between: &Graph) -> BTreeMap<String, usize> {
    let mut layers: BTreeMap<String, usize> = between.keys().map(|name| (name.clone(), 0)).collect();
    for _ in 0..between.len() {
        for (name, used) in between {
            let highest = used.iter().filter_map(|other| layers.get(other)).max();
            if let (Some(highest), Some(layer)) = (highest.copied(), layers.get_mut(name)) {
                *layer = (*layer).max(highest + 1);
            }
        }
    }
    layers
}

/// The width and the height of a box of so many names.
fn size(names: usize) -> (usize, usize) {
    (names.min(COLUMNS) * NAME.0, names.div_ceil(COLUMNS) * NAME.1)
}

fn draw(program: &str, graph: &Graph) -> String {
    let (members, between) = groups(graph);
    let layers = layers(&between);
    let count = layers.values().max().map_or(0, |highest| highest + 1);
    let mut rows: Vec<Vec<(&String, (usize, usize))>> = vec![Vec::new(); count];
    for (group, layer) in &layers {
        let size = size(members.get(group).map_or(1, Vec::len));
        rows.get_mut(count - 1 - layer).into_iter().for_each(|row| row.push((group, size)));
    }
    let wide = |row: &Vec<(&String, (usize, usize))>| row.iter().map(|(_, size)| size.0 + GAP.0).sum::<usize>() + GAP.0;
    let width = rows.iter().map(wide).max().unwrap_or_default();
    let (mut places, mut top) = (BTreeMap::new(), GAP.1 / 2);
    for row in &rows {
        let mut left = (width - wide(row)) / 2 + GAP.0;
        for (group, size) in row {
            places.insert(*group, ((left, top), *size));
            left += size.0 + GAP.0;
        }
        top += row.iter().map(|(_, size)| size.1).max().unwrap_or_default() + GAP.1;
    }
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {top}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Modules of {program}: each uses those that its arrows lead to</title>\n\
         <defs><marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" class=\"tip\"/></marker></defs>\n\
         <style>rect{{fill:#eef3fb;stroke:#5b7db1}}.use{{fill:none;stroke:#8a94a6;stroke-width:1;marker-end:url(#to)}}.tip{{fill:#8a94a6}}text{{fill:#1c2733;text-anchor:middle}}\
         @media(prefers-color-scheme:dark){{rect{{fill:#1f2a3a;stroke:#7f9fd1}}text{{fill:#e4e9f0}}.use{{stroke:#6b7687}}.tip{{fill:#6b7687}}}}</style>\n"
    );
    for (group, used) in &between {
        for other in used.iter().filter(|other| !follows(&between, group, other)) {
            let (Some((from, size)), Some((to, other))) = (places.get(group), places.get(other)) else { continue };
            let (x1, y1, x2, y2) = (from.0 + size.0 / 2, from.1 + size.1, to.0 + other.0 / 2, to.1);
            let middle = usize::midpoint(y1, y2);
            let _ = writeln!(text, "<path class=\"use\" d=\"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}\"/>");
        }
    }
    for (group, ((x, y), (width, height))) in &places {
        let _ = writeln!(text, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>");
        for (at, name) in members.get(*group).into_iter().flatten().enumerate() {
            let (x, y) = (x + at % COLUMNS * NAME.0 + NAME.0 / 2, y + at / COLUMNS * NAME.1 + NAME.1 / 2 + 4);
            let _ = writeln!(text, "<text x=\"{x}\" y=\"{y}\">{name}</text>");
        }
    }
    text + "</svg>\n"
}

/// Whether an arrow follows from others: the group also uses something that leads there.
fn follows(between: &Graph, group: &str, other: &str) -> bool {
    let leads = |through: &String| through != other && reachable(between, through).contains(other);
    between.get(group).is_some_and(|used| used.iter().any(leads))
}
