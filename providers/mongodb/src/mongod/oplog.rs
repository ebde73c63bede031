//! The oplog's size: made at the set's initiation, changed while mongod runs.

use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::doc;

use super::{Mongod, text};
use crate::conf::number;
use crate::error::failed;
use crate::machine::Machine;
use crate::member::{self, MemberClient};

/// Where mongod.conf says how large it is to be.
pub(crate) const OPLOG_SIZE: &str = "replication.oplogSizeMB";
/// mongod makes smaller ones, and changes none to less.
const SMALLEST_CHANGE: u64 = 990;

impl<M: Machine> Mongod<'_, M> {
    /// Gives the oplog the size that mongod.conf says. mongod itself looks at that only once, when
    /// it makes the oplog.
    pub(super) async fn fit_oplog(&self, attempt: &Attempt) -> Result<(), Error> {
        let Some(wanted) = number(&text(self.files.config.as_deref()), OPLOG_SIZE) else {
            return Ok(());
        };
        let attempted = format!("change the size of the oplog of mongod on {}", self.endpoint);
        let access = self.as_itself().await?;
        let member = MemberClient::new(&self.endpoint, &access)
            .map_err(|it| failed(&attempted, &self.endpoint, &it))?;
        let fitted = match oplog_size(&member).await {
            Some(actual) if actual != wanted => {
                if let Some(why) = is_too_small(actual, wanted) {
                    member.close().await;
                    return Err(Error::new(attempted, why).outcome(CallOutcome::Refused));
                }
                attempt.progress(&format!("changing the oplog from {actual} to {wanted} MB"));
                // Before 6.0 the size has to be a floating-point number; later releases take both.
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "sizes in megabytes are far below the limit"
                )]
                let command = doc! { "replSetResizeOplog": 1, "size": wanted as f64 };
                member.run(command).await.map(drop)
            }
            _ => Ok(()),
        };
        member.close().await;
        fitted.map_err(|error| failed(attempted, &self.endpoint, &error))
    }
}

/// Why an oplog of one size cannot be changed to another, where it cannot.
pub(crate) fn is_too_small(actual: u64, wanted: u64) -> Option<String> {
    (actual != wanted && wanted < SMALLEST_CHANGE).then(|| {
        format!(
            "the oplog has {actual} MB, and mongod changes none to less than {SMALLEST_CHANGE} MB, which {wanted} MB is: say what \
             it has, or {SMALLEST_CHANGE} MB or more"
        )
    })
}

/// How large a member's oplog may become, in megabytes; none where there is no oplog yet.
pub(super) async fn oplog_size(member: &MemberClient) -> Option<u64> {
    let statistics = member.run_on("local", doc! { "collStats": "oplog.rs" }).await.ok()?;
    let bytes = member::number(&statistics, "maxSize").filter(|it| *it > 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size is positive and far below the limit"
    )]
    Some((bytes / 1024.0 / 1024.0).round() as u64)
}
