//! A picture of the plugin's modules: which uses which, made from the `use` lines of its sources.
//! Arrows that follow from others are left out, so that the layers can be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::Problem;
use crate::tree::{PLUGIN, sources};

/// Modules and what they use.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The size of a box and the space around it, in pixels.
const BOX: (usize, usize) = (104, 26);
const GAP: (usize, usize) = (16, 44);

/// `docs/modules.svg`.
///
/// # Errors
/// When the sources cannot be read.
pub fn picture(root: &Path) -> Result<String, Problem> {
    let mut graph = Graph::new();
    for source in sources(root, PLUGIN)? {
        let own = module(&source.path);
        let used = graph.entry(own.clone()).or_default();
        // What tests use says nothing of the layers.
        let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for prefix in ["crate::", "kubectl_bluegreen::"] {
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
    Ok(draw(&graph))
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

/// The layer of each module: those that use nothing are in layer 0. Modules that use each other share one.
fn layers(graph: &Graph, reach: &BTreeMap<&String, BTreeSet<String>>) -> BTreeMap<String, usize> {
    let mut layers: BTreeMap<String, usize> = graph.keys().map(|name| (name.clone(), 0)).collect();
    for _ in 0..graph.len() {
        for (name, used) in graph {
            let is_above = |other: &&String| reach.get(other).is_some_and(|reached| !reached.contains(name));
            let highest = used.iter().filter(is_above).filter_map(|other| layers.get(other)).max();
            if let (Some(highest), Some(layer)) = (highest.copied(), layers.get_mut(name)) {
                *layer = (*layer).max(highest + 1);
            }
        }
    }
    layers
}

fn draw(graph: &Graph) -> String {
    let reach: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|name| (name, reachable(graph, name))).collect();
    let layers = layers(graph, &reach);
    let count = layers.values().max().map_or(0, |highest| highest + 1);
    let mut rows: Vec<Vec<&String>> = vec![Vec::new(); count];
    for (name, layer) in &layers {
        rows.get_mut(count - 1 - layer).into_iter().for_each(|row| row.push(name));
    }
    let widest = rows.iter().map(Vec::len).max().unwrap_or_default();
    let (width, height) = (widest * (BOX.0 + GAP.0) + GAP.0, count * (BOX.1 + GAP.1));
    let mut places = BTreeMap::new();
    for (row, names) in rows.iter().enumerate() {
        let left = (width - (names.len() * (BOX.0 + GAP.0) - GAP.0)) / 2;
        for (column, name) in names.iter().enumerate() {
            places.insert((*name).clone(), (left + column * (BOX.0 + GAP.0), GAP.1 / 2 + row * (BOX.1 + GAP.1)));
        }
    }
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Modules of kubectl-bluegreen: those above use those below</title>\n\
         <style>rect{{fill:#eef3fb;stroke:#5b7db1}}path{{fill:none;stroke:#8a94a6;stroke-width:1}}text{{fill:#1c2733;text-anchor:middle}}\
         @media(prefers-color-scheme:dark){{rect{{fill:#1f2a3a;stroke:#7f9fd1}}text{{fill:#e4e9f0}}path{{stroke:#6b7687}}}}</style>\n"
    );
    for (name, used) in graph {
        for other in used.iter().filter(|other| !follows(graph, &reach, name, other)) {
            let (Some(from), Some(to)) = (places.get(name), places.get(other)) else { continue };
            let (x1, y1, x2, y2) = (from.0 + BOX.0 / 2, from.1 + BOX.1, to.0 + BOX.0 / 2, to.1);
            let middle = usize::midpoint(y1, y2);
            let _ = writeln!(text, "<path d=\"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}\"/>");
        }
    }
    for (name, (x, y)) in &places {
        let (width, height) = BOX;
        let (middle, line) = (x + width / 2, y + height / 2 + 4);
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/><text x=\"{middle}\" y=\"{line}\">{name}</text>"
        );
    }
    text + "</svg>\n"
}

/// Whether an arrow follows from others: the module also uses something that leads there.
fn follows(graph: &Graph, reach: &BTreeMap<&String, BTreeSet<String>>, name: &str, other: &str) -> bool {
    let leads = |through: &&String| {
        through.as_str() != other
            && reach.get(through).is_some_and(|reached| reached.contains(other) && !reached.contains(name))
    };
    graph.get(name).is_some_and(|used| used.iter().any(|through| leads(&through)))
}
