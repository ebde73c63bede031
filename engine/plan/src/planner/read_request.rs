//! What must be read before planning can go on.

use ha_state_model::ProviderName;
use ha_value::{Address, Object};

use crate::evaluation::timeouts::OperationTimeout;

/// A read that planning needs: of a data source, of an object to import, or the search for an
/// object.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRequest {
    /// The instance.
    pub address: Address,
    /// The provider to ask.
    pub provider: ProviderName,
    /// The settings of the provider.
    pub settings: Object,
    /// The arguments of the data source, without marks. For an import, the configured arguments
    /// that are known; for a search, those with their marks.
    pub arguments: Object,
    /// The id of an import; none for other reads.
    pub import: Option<String>,
    /// How to search for the object of an instance without a record; none for other reads.
    pub seek: Option<DiscoveryMethod>,
    /// Whether only a `check` block needs the answer, so that an error is a warning.
    pub for_check: bool,
    /// The limit for the read.
    pub limit: Option<OperationTimeout>,
}

/// How an object is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryMethod {
    /// The provider is asked.
    Ask,
    /// The provider cannot be asked, for this reason; the object is assumed to exist under its
    /// name.
    Suppose(String),
}
