//! Whose the repository is, in the pages and examples that name where releases come from.
//! The manifest of the workspace says it; nothing else is changed here.

use std::path::Path;

use crate::Problem;

/// The repository, as the manifest of the workspace says it.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
/// What stands before `OWNER/NAME` where that is the repository.
const BEFORE: [&str; 4] = ["ghcr.io/", "github.com/", "uses: ", "--repo "];
/// The pages that name it.
const PAGES: [&str; 8] = [
    "docs/ci/README.md",
    "docs/ci/bluegreen.gitlab-ci.yml",
    "docs/ci/github.md",
    "docs/ci/jenkins.md",
    "docs/ci/pre-commit.md",
    "docs/ci/tekton.md",
    "docs/install.md",
    "docs/security.md",
];

/// These pages with the owner that the manifest says.
///
/// # Errors
/// When a page cannot be read, or the manifest names no repository.
pub fn pages(root: &Path) -> Result<Vec<(String, String)>, Problem> {
    let mut parts = REPOSITORY.rsplit('/');
    let (Some(name), Some(owner)) = (parts.next(), parts.next()) else {
        return Err(Problem(format!("`repository` in Cargo.toml is no OWNER/NAME: {REPOSITORY}")));
    };
    let page = |path: &str| {
        #[expect(clippy::disallowed_methods, reason = "the page is written by hand, all but the owner")]
        let text = std::fs::read_to_string(root.join(path)).map_err(|error| Problem(format!("{path}: {error}")))?;
        Ok((path.to_owned(), owned(&text, owner, name)))
    };
    PAGES.into_iter().map(page).collect()
}

/// A text in which the repository called `name` is the owner's.
fn owned(text: &str, owner: &str, name: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let called = format!("/{name}");
    let mut parts = text.split(&called).peekable();
    while let Some(part) = parts.next() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let start = part.trim_end_matches(is_name);
        let is_owner = start.len() < part.len() && BEFORE.iter().any(|before| start.ends_with(before));
        if parts.peek().is_none() {
            whole.push_str(part);
            break;
        }
        whole.push_str(if is_owner { start } else { part });
        whole.push_str(if is_owner { owner } else { "" });
        whole.push_str(&called);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::owned;

    #[test]
    fn only_the_repository_gets_another_owner() {
        let text = "uses: OWNER/shop@v1, ghcr.io/a-b/shop:v1, docs/shop, https://github.com/x/other, --repo me/shop";
        let expected = "uses: ann/shop@v1, ghcr.io/ann/shop:v1, docs/shop, https://github.com/x/other, --repo ann/shop";
        assert_eq!(owned(text, "ann", "shop"), expected);
    }
}
