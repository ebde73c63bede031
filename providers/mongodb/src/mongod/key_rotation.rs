//! Certificates taken into use while mongod goes on running.

use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::doc;

use super::{Mongod, MongodFiles};
use crate::error::failed;
use crate::machine::Machine;
use crate::member::{MemberClient, code};

/// The server's code for a command that it does not know; those before 5.0 do not know this one.
const NO_COMMAND: i32 = 59;

impl<M: Machine> Mongod<'_, M> {
    /// Takes new certificates into use; answers whether this mongod can. Whoever is connected stays
    /// so: when it is the authority that changes, the members keep the connections they have to
    /// each other until all of them have followed, which they could not after a restart.
    pub(super) async fn rotate(
        &self,
        before: &MongodFiles,
        attempt: &Attempt,
    ) -> Result<bool, Error> {
        let Ok(access) = self.as_itself().await else { return Ok(false) };
        let Ok(member) = MemberClient::new(&self.endpoint, &access) else { return Ok(false) };
        let rotated = self.rotate_by(&member, before, attempt).await;
        member.close().await;
        rotated
    }

    async fn rotate_by(
        &self,
        member: &MemberClient,
        before: &MongodFiles,
        attempt: &Attempt,
    ) -> Result<bool, Error> {
        // Who is to say so must be known before the files change. One whose certificate has run out
        // is not.
        if member.run(doc! { "connectionStatus": 1 }).await.is_err() {
            return Ok(false);
        }
        attempt.progress("taking new certificates into use");
        self.put(&self.files).await?;
        let Err(error) = member.run(doc! { "rotateCertificates": 1 }).await else {
            return Ok(true);
        };
        // It goes on with those that it has; its files must be the same.
        self.put(before).await?;
        match code(&error) {
            Some(NO_COMMAND) => Ok(false),
            _ => Err(failed("take new certificates into use", &self.endpoint, &error)
                .help(format!(
                    "mongod goes on with those of before; its own words are in `{}`",
                    self.layout.log()
                ))
                .outcome(CallOutcome::Refused)),
        }
    }
}
