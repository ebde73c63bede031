//! Objects that this run has created recently. Other parts of AWS may not know them for a while:
//! a missing one is then waited for, and for any other object it is an error.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::wait::PROPAGATION;

/// The names of recently created objects, and when they were created.
#[derive(Debug, Default)]
pub(crate) struct RecentlyCreated(Mutex<BTreeMap<String, Instant>>);

impl RecentlyCreated {
    /// Records that an object was created now, or perhaps by an earlier try.
    pub(crate) fn add(&self, name: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Instant::now());
    }

    /// Whether an object was created so recently that AWS may not show it everywhere.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.is_more_recent_than(name, PROPAGATION)
    }

    fn is_more_recent_than(&self, name: &str, age: Duration) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).is_some_and(|made| made.elapsed() < age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_created_object_is_recent() {
        let recent = RecentlyCreated::default();
        recent.add("sg-1");
        assert!(recent.has("sg-1") && !recent.has("sg-2"));
        assert!(!recent.is_more_recent_than("sg-1", Duration::ZERO));
    }
}
