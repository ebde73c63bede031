//! How a mongod is stopped: gently while its set needs it, and for good.

use std::time::{Duration, Instant};

use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::{Document, doc};

use super::wait::ExpectedState;
use super::{Mongod, POLL};
use crate::availability_gate;
use crate::error::{cause, failed};
use crate::machine::{Machine, ServiceStatus, StopMode};
use crate::member::{MemberClient, code, is_passing};
use crate::replica_set_status::NOT_YET_INITIALIZED;

/// mongod hands its reads over for a moment before it closes; no one has to wait longer.
const QUIESCE: i32 = 1;
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(120);
const DESTROY_LIMIT: Duration = Duration::from_secs(20);

/// ShutdownInProgress, InterruptedAtShutdown.
const SHUTTING_DOWN: [i32; 2] = [91, 11600];

impl<M: Machine> Mongod<'_, M> {
    /// Stops mongod for good, however the set stands.
    pub(crate) async fn end(&self, attempt: &Attempt) -> Result<(), Error> {
        let ServiceStatus::Running { process, .. } = self.machine.service().await? else {
            return Ok(());
        };
        attempt.progress("shutting mongod down");
        if !self.ask_to_shut_down(doc! { "shutdown": 1, "force": true, "timeoutSecs": 0 }).await {
            self.machine.end(StopMode::Ask).await?;
        }
        if self.wait_gone(DESTROY_LIMIT).await? {
            return Ok(());
        }
        attempt.progress("mongod does not end; killing it");
        self.machine.end(StopMode::Kill).await?;
        match self.wait_gone(DESTROY_LIMIT).await? {
            true => Ok(()),
            false => Err(Error::new(
                format!("stop mongod on {}", self.endpoint),
                format!("process {process} survives SIGKILL"),
            )
            .help("it hangs in the kernel, most likely on its disk; look at `dmesg`")),
        }
    }

    /// Stops mongod as gently as it goes.
    pub(super) async fn shut_down(&self, attempt: &Attempt) -> Result<(), Error> {
        attempt.progress("stopping mongod");
        if !self.ask_to_shut_down(doc! { "shutdown": 1, "timeoutSecs": QUIESCE }).await {
            self.machine.end(StopMode::Ask).await?;
        }
        match self.wait_gone(STOP_LIMIT).await? {
            true => Ok(()),
            false => {
                let cause = format!("it does not end within {} s", STOP_LIMIT.as_secs());
                Err(Error::new(format!("stop mongod on {}", self.endpoint), cause)
                    .help(format!("see `{}`", self.layout.log())))
            }
        }
    }

    /// Whether it is about to end: it answers for some seconds more, to have clients and the other
    /// members look elsewhere.
    pub(crate) async fn is_ending(&self) -> bool {
        let Ok(access) = self.as_itself().await else { return false };
        let Ok(member) = MemberClient::new(&self.endpoint, &access) else { return false };
        let under_way = doc! { "currentOp": 1, "command.shutdown": { "$exists": true } };
        let (hello, operations) = tokio::join!(member.hello(), member.run(under_way));
        member.close().await;
        let says_so =
            hello.is_err_and(|it| code(&it).is_some_and(|it| SHUTTING_DOWN.contains(&it)));
        let was_asked =
            || operations.is_ok_and(|it| it.get_array("inprog").is_ok_and(|it| !it.is_empty()));
        says_so || was_asked()
    }

    /// Whether a process has ended, or is ending and then has.
    pub(super) async fn has_ended(&self, process: i32) -> Result<bool, Error> {
        let is_it = |it: &ServiceStatus| matches!(it, ServiceStatus::Running { process: now, .. } if *now == process);
        if !is_it(&self.machine.service().await?) {
            return Ok(true);
        }
        let listens = self.machine.listener(self.host, self.port).await?.is_some();
        Ok((!listens || self.is_ending().await) && self.wait_gone(STOP_LIMIT).await?)
    }

    /// Waits until the set can spare it; answers what it is to be again.
    pub(super) async fn pass_gate(&self, attempt: &Attempt) -> Result<ExpectedState, Error> {
        let attempted = format!("ask mongod on {} how its replica set stands", self.endpoint);
        let access = self.as_itself().await?;
        let member = MemberClient::new(&self.endpoint, &access)
            .map_err(|it| failed(&attempted, &self.endpoint, &it))?;
        let answer = member.run(doc! { "replSetGetStatus": 1 }).await;
        let passed = match answer {
            Ok(_) => availability_gate::pass(&member, &self.endpoint, &access, attempt)
                .await
                .map(|()| ExpectedState::Serving),
            Err(error) if code(&error) == Some(NOT_YET_INITIALIZED) => Ok(ExpectedState::Answering),
            // A certificate that has run out is fixed by this very restart, and whoever holds a
            // connection keeps it.
            Err(error)
                if ["certificate", "fatal alert"].iter().any(|it| cause(&error).contains(it)) =>
            {
                Ok(ExpectedState::AsItWas)
            }
            // Where it does not listen it serves no one.
            Err(error) if cause(&error).contains("Connection refused") => {
                Ok(ExpectedState::AsItWas)
            }
            Err(error) => Err(failed(attempted, &self.endpoint, &error)
                .help("mongod was left running")
                .outcome(CallOutcome::Refused)),
        };
        member.close().await;
        passed
    }

    /// Whether mongod took the command. It closes the connection instead of answering.
    async fn ask_to_shut_down(&self, command: Document) -> bool {
        let Ok(access) = self.as_itself().await else { return false };
        let Ok(member) = MemberClient::new(&self.endpoint, &access) else { return false };
        let taken = match member.run(doc! { "ping": 1 }).await {
            Ok(_) => match member.run(command).await {
                Ok(_) => true,
                Err(error) => code(&error).is_none() && is_passing(&error),
            },
            Err(_) => false,
        };
        member.close().await;
        taken
    }

    async fn wait_gone(&self, limit: Duration) -> Result<bool, Error> {
        let since = Instant::now();
        while let ServiceStatus::Running { .. } = self.machine.service().await? {
            if since.elapsed() > limit {
                return Ok(false);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    }
}
