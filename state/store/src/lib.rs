//! What is known of the things that `ha` made, and how that is never lost.
//!
//! A state is a row of numbered [`Frame`]s, folded. They are kept as a *checkpoint* of all up to
//! some number, and a
//! *journal* of those since. A step writes its intent before its first call and its result after its last; each is
//! on disk before anything goes on. Whatever kills the process, what was acknowledged is there when
//! the state is next opened, and what was only begun is known to have been begun.
//!
//! Everything is sealed: with a data key for each session, and that with the state's [`StateKey`].
//! Where the bytes are kept is behind [`Store`]; [`LocalStore`] keeps them in files.

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
