//! Targets of fuzzing.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// A reader of untrusted input. A panic in `run` is a failure.
pub(crate) struct FuzzTarget {
    pub(crate) name: &'static str,
    /// Words that mutations insert.
    pub(crate) words: &'static [&'static str],
    /// Seeds beside those in the target's folder of the corpus.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads an input and returns a digest of the result; inputs with equal digests count as
    /// equivalent.
    pub(crate) run: fn(&[u8]) -> u64,
}

impl FuzzTarget {
    /// Returns all seeds.
    pub(crate) fn all_seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = (self.seeds)();
        seeds.extend(files(&format!("fuzz/corpus/{}", self.name)));
        seeds.push(Vec::new());
        seeds
    }
}

/// Returns the contents of the files in a directory of this repository, ordered by name.
pub(crate) fn files(directory: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in a repository");
    let listed = fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
    let mut paths: Vec<_> = listed.map(|it| it.path()).filter(|it| it.is_file()).collect();
    paths.sort();
    paths.into_iter().map(|it| fs::read(&it).expect("it was just listed")).collect()
}

/// Returns a digest of a value.
pub(crate) fn likeness(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
