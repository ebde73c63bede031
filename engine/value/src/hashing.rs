//! Hash tables for names and addresses. The standard hasher resists attackers who choose keys by
//! observing the program's answers. A configuration is read once and gives no such answers, so a
//! hasher that costs a fraction of the time is safe here.

/// The hasher of these tables, seeded per process: the order of iteration is not reproducible.
pub type TableHasher = foldhash::fast::RandomState;

/// A hash map with the fast hasher.
pub type HashMap<K, V> = std::collections::HashMap<K, V, TableHasher>;

/// A hash set with the fast hasher.
pub type HashSet<T> = std::collections::HashSet<T, TableHasher>;
