//! The stores of this crate pass the conformance tests.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ha_state_store::conformance::{StoreUnderTest, check};
use ha_state_store::{LocalStore, MemoryStore, RedactingStore, Store};

struct Memory(Mutex<BTreeMap<String, MemoryStore>>);

impl StoreUnderTest for Memory {
    fn store(&self, name: &str) -> Box<dyn Store> {
        Box::new(self.0.lock().unwrap().entry(name.to_owned()).or_default().clone())
    }

    fn has_leases(&self) -> bool {
        true
    }
}

struct Local(tempfile::TempDir);

impl StoreUnderTest for Local {
    fn store(&self, name: &str) -> Box<dyn Store> {
        let directory = self.0.path().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Box::new(LocalStore::new(directory))
    }

    fn has_leases(&self) -> bool {
        false
    }
}

#[test]
fn the_memory_store_conforms() {
    check(&Memory(Mutex::default()));
}

/// Behind which everything is as it was.
struct Masked(Memory);

impl StoreUnderTest for Masked {
    fn store(&self, name: &str) -> Box<dyn Store> {
        Box::new(RedactingStore::new(self.0.store(name), std::sync::Arc::new(str::to_owned)))
    }

    fn has_leases(&self) -> bool {
        true
    }
}

#[test]
fn the_redacting_store_conforms() {
    check(&Masked(Memory(Mutex::default())));
}

#[test]
fn the_local_store_conforms() {
    check(&Local(tempfile::tempdir().unwrap()));
}
