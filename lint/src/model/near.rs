//! Names that are one edit away from another one, found without comparing all with all.
//! Knows texts only.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Names by what is left of them without one of their characters: two that are one edit apart have that in common.
#[derive(Debug, Default)]
pub(crate) struct Near<'n> {
    by_variant: HashMap<u64, Vec<(usize, &'n str)>>,
}

/// The API server takes no longer names.
const MAX_CHARS: usize = 253;

impl<'n> Near<'n> {
    /// Takes in names with what they are the names of.
    pub(crate) fn new(names: impl Iterator<Item = (usize, &'n str)>) -> Self {
        let mut by_variant: HashMap<u64, Vec<(usize, &str)>> = HashMap::new();
        for (at, name) in names {
            for variant in variants(name) {
                by_variant.entry(variant).or_default().push((at, name));
            }
        }
        Self { by_variant }
    }

    /// What has a name that one inserted, lost, exchanged or swapped character makes of this one. A number that differs
    /// is meant: `shop-2` is not `shop-1` misspelt.
    #[must_use]
    pub(crate) fn to(&self, name: &str) -> Vec<usize> {
        let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        let found = variants(name).filter_map(|variant| self.by_variant.get(&variant)).flatten();
        let is_near = |other: &str| strsim::damerau_levenshtein(other, name) == 1 && letters(other) != letters(name);
        let mut near: Vec<usize> = found.filter(|(_, other)| is_near(other)).map(|(at, _)| *at).collect();
        near.sort_unstable();
        near.dedup();
        near
    }
}

/// Hashes of the name, and of what is left of it without each of its characters.
fn variants(name: &str) -> impl Iterator<Item = u64> {
    let shorter = name.char_indices().take(MAX_CHARS).map(move |(at, c)| {
        let (before, after) = name.split_at(at);
        hash([before, after.get(c.len_utf8()..).unwrap_or_default()])
    });
    shorter.chain([hash([name, ""])])
}

fn hash(parts: [&str; 2]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.iter().flat_map(|part| part.bytes()).for_each(|byte| byte.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_near_and_two_are_not() {
        let names = ["shop-blue", "shop-green", "cart-1"];
        let near = Near::new(names.into_iter().enumerate());
        for name in ["shop-bluee", "shop-blu", "shop-bleu", "shop-blau", "hop-blue"] {
            let expected: Vec<usize> = if name == "shop-blau" { vec![] } else { vec![0] };
            assert_eq!(near.to(name), expected, "{name}");
        }
        assert_eq!(near.to("shop-gren"), [1]);
        assert_eq!(near.to("shop-blue"), [] as [usize; 0]);
        assert_eq!(near.to("cart-2"), [] as [usize; 0]);
    }
}
