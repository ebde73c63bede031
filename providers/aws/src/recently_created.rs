//! What this run has just made. Other parts of AWS may not know it for a while; that anything else
//! is not there is meant.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::wait::PROPAGATION;

/// The names of what was just made, and since when it is there.
#[derive(Debug, Default)]
pub(crate) struct RecentlyCreated(Mutex<BTreeMap<String, Instant>>);

impl RecentlyCreated {
    /// Takes note that this was made now, or may have been by an earlier try.
    pub(crate) fn add(&self, name: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Instant::now());
    }

    /// Whether this was made so short a while ago that AWS may not know it everywhere.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.is_younger(name, PROPAGATION)
    }

    fn is_younger(&self, name: &str, age: Duration) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).is_some_and(|made| made.elapsed() < age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_just_made_is_young() {
        let young = RecentlyCreated::default();
        young.add("sg-1");
        assert!(young.has("sg-1") && !young.has("sg-2"));
        assert!(!young.is_younger("sg-1", Duration::ZERO));
    }
}
