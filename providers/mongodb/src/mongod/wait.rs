//! How a mongod that was started is waited for.

use std::time::{Duration, Instant};

use ha_provider::{Attempt, CallOutcome, Error};

use super::shutdown::STOP_LIMIT;
use super::{Mongod, POLL};
use crate::error::{cause, failed};
use crate::machine::{Machine, ServiceStatus};
use crate::member::MemberClient;
use crate::release::is_version;

/// One that has not listened for this long never will, or has more to fix than anybody waits for
/// unasked.
const START_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const REJOIN_LIMIT: Duration = Duration::from_secs(30 * 60);
/// A member that has just started says for a moment that it is in no set.
const LOADING: Duration = Duration::from_secs(3);

/// What a mongod is waited for to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedState {
    /// It answers.
    Answering,
    /// It serves in a set, if it is in one.
    AsItWas,
    /// It serves in a set.
    Serving,
}

impl<M: Machine> Mongod<'_, M> {
    /// What became of mongod, once one that has only just been started (by an earlier try, perhaps)
    /// listens, and one that is ending has ended.
    pub(super) async fn settled(&self, attempt: &Attempt) -> Result<ServiceStatus, Error> {
        let since = Instant::now();
        loop {
            let service = self.machine.service().await?;
            if matches!(service, ServiceStatus::Stopped(_)) || attempt.is_cancelled() {
                return Ok(service);
            }
            let (what, limit) = match self.machine.listener(self.host, self.port).await?.is_some() {
                true if self.is_ending().await => ("end", STOP_LIMIT),
                true => return Ok(service),
                false => ("listen", START_LIMIT),
            };
            if since.elapsed() > limit {
                return Ok(service);
            }
            attempt.progress(&format!("waiting for mongod to {what}"));
            tokio::time::sleep(POLL).await;
        }
    }

    pub(super) async fn wait_until(
        &self,
        expected: ExpectedState,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let attempted = format!("bring mongod on {} up", self.endpoint);
        let access = self.anonymous()?;
        let member = MemberClient::new(&self.endpoint, &access)
            .map_err(|it| failed(&attempted, &self.endpoint, &it))?;
        let up = self.watch(&member, expected, &attempted, attempt).await;
        member.close().await;
        up
    }

    async fn watch(
        &self,
        member: &MemberClient,
        expected: ExpectedState,
        attempted: &str,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let (since, limit) = (Instant::now(), attempt.patience(REJOIN_LIMIT));
        let help = format!("its own words are in `{}`", self.layout.log());
        loop {
            let waiting = match member.hello().await {
                Ok(hello) if hello.serves() => break,
                Ok(_) if expected == ExpectedState::Answering => break,
                Ok(hello)
                    if hello.set.is_none()
                        && expected == ExpectedState::AsItWas
                        && since.elapsed() > LOADING =>
                {
                    break;
                }
                Ok(_) => "it is catching up with its replica set".to_owned(),
                Err(error) if since.elapsed() > ANSWER_LIMIT => {
                    return Err(failed(attempted, &self.endpoint, &error).help(help));
                }
                Err(error) => cause(&error),
            };
            if let ServiceStatus::Stopped(why) = self.machine.service().await? {
                return Err(Error::new(
                    attempted,
                    format!("it started and went away again: {why}"),
                )
                .help(help));
            }
            if since.elapsed() > limit {
                return Err(Error::new(attempted, waiting).help(help));
            }
            if attempt.is_cancelled() {
                return Err(Error::new(attempted, "stopped on request while it catches up")
                    .outcome(CallOutcome::Interrupted));
            }
            attempt.progress(&format!("waiting for mongod on {}: {waiting}", self.endpoint));
            tokio::time::sleep(POLL * 2).await;
        }
        let actual = member.version().await.map_err(|it| failed(attempted, &self.endpoint, &it))?;
        match is_version(self.version, &actual) {
            true => Ok(()),
            false => Err(Error::new(
                attempted,
                format!("it says that it is version {actual}, and `version` is {}", self.version),
            )),
        }
    }
}
