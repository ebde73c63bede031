//! What must be read before planning can go on.

use ha_state_model::ProviderName;
use ha_value::{Address, Object};

use crate::evaluation::timeouts::OperationTimeout;

/// A data source that must be read before planning can go on, or something that is to be taken over
/// or looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRequest {
    /// The data source.
    pub address: Address,
    /// Who is asked.
    pub provider: ProviderName,
    /// With these settings.
    pub settings: Object,
    /// What is asked, without marks, which only what is looked for still has; of something to be
    /// taken over what the configuration says of it, as far as it is known.
    pub arguments: Object,
    /// The id by which something is looked for that is to be taken over; none for a data source.
    pub import: Option<String>,
    /// Set when it is an instance of which nothing is recorded, and that may be there.
    pub seek: Option<DiscoveryMethod>,
    /// Whether a `check` block alone asks for it, so that planning goes on without an answer.
    pub for_check: bool,
    /// How long it may take to read a data source.
    pub limit: Option<OperationTimeout>,
}

/// How something is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryMethod {
    /// Its provider is asked.
    Ask,
    /// Its provider cannot be asked, for this reason: it is taken to be where its name says.
    Suppose(String),
}
