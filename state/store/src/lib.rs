//! Reads and writes states, so that a kill or a failure at any point loses nothing.
//!
//! A state is a sequence of numbered [`Frame`](ha_state_model::Frame)s. It is stored as a
//! *checkpoint* of all frames up to a number, and a *journal* of the later ones. A step writes its
//! intent before its first call and its result after its last; each is on disk before the step
//! continues. After a kill, everything that was acknowledged is there when the state is next
//! opened, and what had only begun is known to have begun.
//!
//! Everything is sealed with a data key for each session, which is sealed with the state's
//! [`StateKey`]. [`Store`] hides where the bytes are; [`LocalStore`] has them in files.

mod backend;
mod checkpoint;
mod companion;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod envelope;
mod error;
mod file_header;
mod heartbeat;
mod journal;
mod json;
mod key;
mod keyring;
mod lineage;
mod local;
mod local_backend;
mod lock;
mod lock_info;
mod memory;
mod open;
mod passphrase;
mod redacting;
mod session;
mod store;
mod unsent_journal;
mod writer;

pub use backend::{Backend, BackendContext, BackendDescription, BackendRegistry};
pub use companion::{CompanionFile, CreatedDirectories};
pub use error::{StateError, StateErrorReason};
pub use heartbeat::{LeaseHeartbeat, LeaseRenewal, RenewFunction};
pub use json::{from_json, to_json};
pub use key::{KeyedDigest, StateKey, keyed_digest, open, seal, sealed_with};
pub use keyring::{DiscoveredKey, KeyName, KeyPolicy, KeyProvider, KeyRing, NewKey};
pub use lineage::new_lineage;
pub use local::LocalStore;
pub use local_backend::{LocalBackend, LocalBackendSettings};
pub use lock_info::LockInfo;
pub use memory::MemoryStore;
pub use open::{addresses, lineage_of, moved_to, open_for_reading, open_with_key};
pub use passphrase::{PassphraseKeys, PassphrasePurpose};
pub use redacting::{RedactingStore, RedactionMask};
pub use store::{
    JournalExtent, JournalSegment, Lease, LeaseGuard, LockStatus, LockedStore, Store, StoreContents,
};
pub use unsent_journal::UnsentJournalStore;
pub use writer::{OpenOptions, StateWriter, open_for_writing};
