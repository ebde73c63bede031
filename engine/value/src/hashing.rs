//! Tables by hash for names and addresses. The standard hash is made to withstand whoever chooses
//! keys by the answers he gets, which no one can whose configuration is read once; it costs several
//! times as much.

/// What makes the hash of a table. It differs from process to process.
pub type TableHasher = foldhash::fast::RandomState;

/// A table by hash.
pub type HashMap<K, V> = std::collections::HashMap<K, V, TableHasher>;

/// A set by hash.
pub type HashSet<T> = std::collections::HashSet<T, TableHasher>;
