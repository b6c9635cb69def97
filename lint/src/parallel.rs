//! Work on many things at once, on all processors.
//! Few things are worked on by the thread that asks: to start and wake others takes longer than that.

use rayon::prelude::*;

/// So few objects leave so little to do that one thread does it.
pub(crate) const FEW_OBJECTS: usize = 32;

/// Applies `work` to each item and its index, in order; with at most `few` items on this thread alone.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], few: usize, work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    if items.len() <= few {
        return items.iter().enumerate().map(|(at, item)| work(at, item)).collect();
    }
    items.par_iter().enumerate().map(|(at, item)| work(at, item)).collect()
}
