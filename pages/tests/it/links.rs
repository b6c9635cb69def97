//! Links inside the documentation lead somewhere.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::all_pages;

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let (mut found, mut heading) = (BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
            Event::End(TagEnd::Heading(_)) => {
                let text = heading.take().unwrap_or_default().to_lowercase().replace(' ', "-");
                found.insert(text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect());
            }
            _ => {}
        }
    }
    found
}

/// The values of an attribute in a page of the site.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let before = format!(" {attribute}=\"");
    page.split(before.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
#[ignore = "needs the site: mdbook build"]
fn links_of_the_site_lead_somewhere() {
    let site = pages::root().join("target/site");
    let is_page = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "html");
    // The page of everything and that of what is not there lead nowhere that the others do not.
    let is_own = |path: &std::path::PathBuf| !path.ends_with("print.html") && !path.ends_with("404.html");
    let mut count = 0;
    for path in super::files(&site).into_iter().filter(is_page).filter(is_own) {
        let page = std::fs::read_to_string(&path).unwrap();
        for link in [values(&page, "href"), values(&page, "src")].concat() {
            if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let mut target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if target.is_dir() {
                target.push("index.html");
            }
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            if !anchor.is_empty() && is_page(&target) {
                let there = std::fs::read_to_string(&target).unwrap();
                assert!(values(&there, "id").contains(&anchor), "{}: {link} names nothing", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 1000, "{count} links only");
}

#[test]
fn links_lead_somewhere() {
    let (pages, root) = (all_pages(), pages::root());
    let mut count = 0;
    for (path, text) in &pages {
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
                continue;
            };
            if dest_url.contains("://") || dest_url.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let folder = std::path::Path::new(path).parent().unwrap();
            let target = if file.is_empty() { root.join(path) } else { root.join(folder).join(file) };
            assert!(target.exists(), "{path}: {dest_url} leads nowhere");
            if !anchor.is_empty() {
                let page = std::fs::read_to_string(&target).unwrap();
                assert!(anchors(&page).contains(anchor), "{path}: {dest_url} names no heading");
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count} links only");
}
