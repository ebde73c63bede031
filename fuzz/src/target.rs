//! What is given inputs.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;

/// Something that reads what others wrote. A panic in `run` is a failure.
pub(crate) struct FuzzTarget {
    pub(crate) name: &'static str,
    /// What its inputs are made of.
    pub(crate) words: &'static [&'static str],
    /// What to begin with, beside its folder in the corpus.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads an input; inputs of which it says the same are taken to be alike.
    pub(crate) run: fn(&[u8]) -> u64,
}

impl FuzzTarget {
    /// Everything to begin with.
    pub(crate) fn all_seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = (self.seeds)();
        seeds.extend(files(&format!("fuzz/corpus/{}", self.name)));
        seeds.push(Vec::new());
        seeds
    }
}

/// The contents of the files in a directory of this repository, in the order of their names.
pub(crate) fn files(directory: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in a repository");
    let listed = fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
    let mut paths: Vec<_> = listed.map(|it| it.path()).filter(|it| it.is_file()).collect();
    paths.sort();
    paths.into_iter().map(|it| fs::read(&it).expect("it was just listed")).collect()
}

/// A number that is the same for what is the same.
pub(crate) fn likeness(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
