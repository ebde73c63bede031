//! One kind, one file.

pub(crate) mod mongodb_config;
pub(crate) mod mongodb_host;
pub(crate) mod mongodb_replica_set;
pub(crate) mod mongodb_uri;
pub(crate) mod mongodb_user;
