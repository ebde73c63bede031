//! Every way to keep states that the program knows.

use ha_state::{Backends, Local};

/// All of them, by name.
pub(crate) fn backends() -> Backends {
    Backends::new().with::<Local>().with::<ha_aws::S3>().with::<ha_postgresql::Postgres>()
}
