//! Release sets that somebody declared, because neither names nor labels tell.
//! What is declared holds; it does not judge whether it makes sense.

use super::pairing::nearness;
use super::{Active, Color, Declared, Facts, PerColor, ReleaseSet, Workload, same_namespace, selects};

/// The workloads of each declared set that is there, with the index of its declaration. Where directories hold the same
/// names, each blue one goes with the green one that is nearest.
pub(super) fn pairs(facts: &Facts) -> Vec<(PerColor<Option<usize>>, usize)> {
    let mut found = Vec::new();
    for (at, declared) in facts.declared.iter().enumerate() {
        let named = |name: &str| -> Vec<(usize, &Workload)> {
            let workloads = facts.workloads.iter().enumerate();
            let all = workloads.filter(|(_, workload)| {
                workload.can_be_color && workload.name == name && is_in(declared, workload.namespace.as_deref())
            });
            all.collect()
        };
        let blues = named(&declared.blue);
        let mut greens = named(&declared.green);
        for (blue, of_blue) in &blues {
            let together = |green: &&(usize, &Workload)| {
                same_namespace(green.1.namespace.as_deref(), of_blue.namespace.as_deref())
            };
            let nearest =
                greens.iter().filter(together).max_by_key(|(_, green)| nearness(&green.origin, &of_blue.origin));
            let green = nearest.map(|(green, _)| *green);
            greens.retain(|(at, _)| Some(*at) != green);
            found.push((PerColor { blue: Some(*blue), green }, at));
        }
        found.extend(greens.into_iter().map(|(green, _)| (PerColor { blue: None, green: Some(green) }, at)));
    }
    found
}

/// Gives a set what its declaration says: its name, its Services, and its color label.
pub(super) fn apply(facts: &Facts, declared: &Declared, set: &mut ReleaseSet) {
    set.is_declared = true;
    set.name.clone_from(&declared.name);
    let workload = |set: &ReleaseSet, color: Color| set.workloads.get(color).and_then(|at| facts.workloads.get(at));
    let origin = Color::ALL.iter().find_map(|color| workload(set, *color)).map_or("", |workload| &workload.origin);
    let service = |name: &Option<String>| {
        let name = name.as_ref()?;
        let services = facts.services.iter().enumerate();
        let named =
            services.filter(|(_, service)| service.name == *name && is_in(declared, service.namespace.as_deref()));
        named.max_by_key(|(_, service)| nearness(&service.origin, origin)).map(|(at, _)| at)
    };
    if declared.active_service.is_some() {
        set.active_service = service(&declared.active_service);
    }
    for (color, name) in [(Color::Blue, &declared.blue_service), (Color::Green, &declared.green_service)] {
        if name.is_some() {
            *set.color_services.get_mut(color) = service(name);
        }
    }
    // What has a place of its own is no further Service for users.
    let placed = [set.active_service, set.color_services.blue, set.color_services.green];
    set.more_services.retain(|at| !placed.contains(&Some(*at)));
    set.shared_services.retain(|at| !placed.contains(&Some(*at)));
    let selector = set.active_service.and_then(|at| facts.services.get(at)).map(|service| &service.selector);
    let selected = |color| {
        workload(set, color).zip(selector).is_some_and(|(workload, selector)| selects(selector, &workload.labels))
    };
    set.active = match (selected(Color::Blue), selected(Color::Green)) {
        (true, true) => Some(Active::Both),
        (true, false) => Some(Active::One(Color::Blue)),
        (false, true) => Some(Active::One(Color::Green)),
        (false, false) => None,
    };
    if let Some(label) = &declared.color_label {
        set.color_labels.retain(|other| other != label);
        set.color_labels.insert(0, label.clone());
    }
}

fn is_in(declared: &Declared, namespace: Option<&str>) -> bool {
    same_namespace(declared.namespace.as_deref(), namespace)
}
