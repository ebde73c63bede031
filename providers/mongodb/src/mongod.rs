//! One mongod on one machine: claimed, brought to what it should be, looked at, and taken away.

mod key_rotation;
mod online_changes;
mod oplog;
mod permissions;
mod shutdown;
mod wait;

use std::time::{Duration, Instant};

use ha_provider::{Attempt, CallOutcome, Error};

use self::wait::ExpectedState;
use crate::authority::ClientAccess;
use crate::error::cause;
use crate::layout::FileLayout;
use crate::machine::{Machine, ServiceStatus};
use crate::member::MemberClient;
use crate::release::is_version;

pub(crate) use self::online_changes::MemberInternals;
pub(crate) use self::online_changes::OTHERS_WOULD_NOT_KNOW_IT;
pub(crate) use self::oplog::{OPLOG_SIZE, is_too_small};
pub(crate) use self::permissions::FilePermissions;

/// A mongod as it should be, and the machine that it should be on.
#[derive(Debug)]
pub(crate) struct Mongod<'a, M> {
    pub(crate) machine: &'a M,
    pub(crate) layout: &'a FileLayout,
    /// `host:port`.
    pub(crate) endpoint: String,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) program: &'a str,
    pub(crate) version: &'a str,
    pub(crate) files: MongodFiles,
    pub(crate) permissions: &'a FilePermissions,
    /// Whether a configuration for logrotate lies beside.
    pub(crate) log_rotation: bool,
}

/// The files that mongod reads.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MongodFiles {
    pub(crate) config: Option<Vec<u8>>,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for MongodFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files(…)")
    }
}

/// What is owed while a mongod is stopped that is to run.
pub(crate) const START: &str = "start";
const PORT_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

impl<M: Machine> Mongod<'_, M> {
    /// Makes the root ours, or finds that an earlier try did. What is there already and not ours
    /// stays untouched.
    pub(crate) async fn claim(&self, token: &str) -> Result<(), Error> {
        let (layout, attempted) =
            (self.layout, format!("set up mongod in `{}`", self.layout.root()));
        let marker = layout.marker();
        if self.marked(token).await? {
            return Ok(());
        }
        let elsewhere = "choose another `root`, or move what is there out of the way yourself: `ha` neither takes it over nor deletes it";
        if self.machine.read(&marker).await?.is_some() {
            let cause = format!(
                "the data folder `{}` belongs to a mongodb_host that this state does not have (`{marker}` says so)",
                layout.data()
            );
            return Err(Error::new(attempted, cause).help(elsewhere).outcome(CallOutcome::Refused));
        }
        if !self.machine.is_empty(&layout.data()).await? {
            let cause = format!(
                "the data folder `{}` exists already and is not in the state",
                layout.data()
            );
            return Err(Error::new(attempted, cause).help(elsewhere).outcome(CallOutcome::Refused));
        }
        for path in [layout.conf(), layout.certificate(), layout.authority()] {
            if self.machine.read(&path).await?.is_some() {
                let cause = format!("`{path}` exists already and is not in the state");
                return Err(Error::new(attempted, cause)
                    .help(elsewhere)
                    .outcome(CallOutcome::Refused));
            }
        }
        self.machine.make_folder(layout.root()).await?;
        if self.machine.put_new(&marker, token.as_bytes(), 0o600).await? {
            return Ok(());
        }
        let cause = format!("another `ha` has just claimed `{}`", layout.root());
        Err(Error::new(attempted, cause).help(elsewhere).outcome(CallOutcome::Refused))
    }

    /// Whether the creation with this token made what is here.
    pub(crate) async fn marked(&self, token: &str) -> Result<bool, Error> {
        Ok(self.machine.read(&self.layout.marker()).await?.is_some_and(|it| it == token.as_bytes()))
    }

    /// Sees that mongod runs as it should, with a restart only where one is needed and the set can
    /// bear it.
    pub(crate) async fn bring_up(&self, attempt: &Attempt) -> Result<(), Error> {
        self.check_program().await?;
        self.put_what_mongod_does_not_read().await?;
        let before = self.files_there().await?;
        let expected = loop {
            let ServiceStatus::Running { process, program, replaced } =
                self.settled(attempt).await?
            else {
                break match self.machine.is_empty(&self.layout.data()).await? {
                    true => ExpectedState::Answering,
                    false => ExpectedState::AsItWas,
                };
            };
            let same_program = !replaced && program == self.program;
            let prepared = match same_program && self.change_online(&before, attempt).await? {
                true => return attempt.end_obligation(START, &self.described()).await,
                false => self.stopped_for_a_restart(&before, attempt).await,
            };
            match prepared {
                Ok(expected) => break expected,
                // It was on its way out already.
                Err(_) if self.has_ended(process).await? => {}
                Err(error) => return Err(error),
            }
        };
        self.refuse_taken_port().await?;
        // Files change only while mongod is down: killed in between, the next look finds it stopped
        // and starts it, and never a running one that is older than its files.
        self.put(&self.files).await?;
        if let Err(error) = self.start(attempt).await {
            return Err(self.back_to(before, error, attempt).await);
        }
        attempt.end_obligation(START, &self.described()).await?;
        self.wait_until(expected, attempt).await?;
        self.fit_oplog(attempt).await
    }

    /// Stops a mongod that is to be started again with other files, or by another program.
    async fn stopped_for_a_restart(
        &self,
        before: &MongodFiles,
        attempt: &Attempt,
    ) -> Result<ExpectedState, Error> {
        self.refuse_what_would_not_come_back(before).await?;
        let expected = self.pass_gate(attempt).await?;
        attempt.begin_obligation(START, &self.described()).await?;
        self.shut_down(attempt).await?;
        Ok(expected)
    }

    /// Starts mongod again after a run that was killed has stopped it, with the files it ran with
    /// before that. One that runs still may be about to end.
    pub(crate) async fn start_again(&self, attempt: &Attempt) -> Result<(), Error> {
        let found = match self.settled(attempt).await? {
            ServiceStatus::Running { process, .. } => process,
            ServiceStatus::Stopped(_) => return self.start_as_it_was(attempt).await,
        };
        match self.wait_until(ExpectedState::AsItWas, attempt).await {
            Err(_) if self.has_ended(found).await? => self.start_as_it_was(attempt).await,
            waited => waited,
        }
    }

    async fn start_as_it_was(&self, attempt: &Attempt) -> Result<(), Error> {
        self.refuse_taken_port().await?;
        self.put(&self.files).await?;
        self.start(attempt).await?;
        self.wait_until(ExpectedState::AsItWas, attempt).await
    }

    /// Stops mongod, where the set can bear it.
    pub(crate) async fn bring_down(&self, attempt: &Attempt) -> Result<(), Error> {
        if let ServiceStatus::Running { .. } = self.machine.service().await? {
            self.pass_gate(attempt).await?;
            self.shut_down(attempt).await?;
        }
        attempt.end_obligation(START, &self.described()).await
    }

    /// For a person: `mongod on b:27017`.
    fn described(&self) -> String {
        format!("mongod on {}", self.endpoint)
    }

    /// Puts the files that are not as they should be while mongod is down.
    pub(crate) async fn put_files(&self) -> Result<(), Error> {
        self.put_what_mongod_does_not_read().await?;
        self.put(&self.files).await
    }

    /// Folders, permissions and what is for others than mongod: all that may change while it runs.
    async fn put_what_mongod_does_not_read(&self) -> Result<(), Error> {
        for folder in self.layout.folders() {
            self.machine.make_folder(&folder).await?;
        }
        self.put_rotation().await?;
        self.put_permissions().await
    }

    /// What is there of the files.
    pub(crate) async fn files_there(&self) -> Result<MongodFiles, Error> {
        Ok(MongodFiles {
            config: self.machine.read(&self.layout.conf()).await?,
            certificate: self.machine.read(&self.layout.certificate()).await?,
            authority: self.machine.read(&self.layout.authority()).await?,
        })
    }

    /// The version of the mongod that runs, asked as anybody may.
    pub(crate) async fn running_version(&self) -> Result<String, String> {
        let access = self.anonymous().map_err(|it| it.to_string())?;
        let member = MemberClient::new(&self.endpoint, &access).map_err(|it| cause(&it))?;
        let version = member.version().await.map_err(|it| cause(&it));
        member.close().await;
        version
    }

    /// The error of a creation that came to nothing, after what it made was taken away again: the
    /// next try, which knows nothing of this one, finds the place as this one did.
    pub(crate) async fn given_back(&self, error: Error, attempt: &Attempt) -> Error {
        if error.outcome != CallOutcome::Refused {
            return error;
        }
        let taken_away = async {
            self.end(attempt).await?;
            self.erase_but_logs().await
        };
        match taken_away.await {
            Ok(()) => error,
            // What is left is taken up by the next try.
            Err(left) => error.help(left.to_string()).outcome(CallOutcome::Unknown),
        }
    }

    /// Removes everything that was made here, data last but for the marker.
    pub(crate) async fn erase(&self) -> Result<(), Error> {
        self.machine.remove(&self.layout.logs()).await?;
        self.erase_but_logs().await
    }

    /// The same, but for the logs, in which a mongod that did not start says why.
    pub(crate) async fn erase_but_logs(&self) -> Result<(), Error> {
        let layout = self.layout;
        for path in [layout.certificate(), layout.authority(), layout.conf(), layout.rotation()] {
            self.machine.remove(&format!("{path}.new")).await?;
            self.machine.remove(&path).await?;
        }
        self.machine.remove(&layout.data()).await?;
        self.machine.remove(&format!("{}.new", layout.marker())).await?;
        self.machine.remove(&layout.marker()).await?;
        for folder in layout.folders().iter().rev() {
            self.machine.remove_if_empty(folder).await?;
        }
        self.machine.remove_if_empty(layout.root()).await
    }

    async fn check_program(&self) -> Result<(), Error> {
        let ran = self.machine.run(&[self.program, "--version"], Duration::from_secs(60)).await?;
        let attempted = format!("use `{}` on {}", self.program, self.machine.described());
        if !ran.succeeded {
            return Err(Error::new(
                attempted,
                ran.output.lines().take(3).collect::<Vec<_>>().join("; "),
            )
            .outcome(CallOutcome::Refused));
        }
        let actual =
            ran.output.lines().find_map(|it| it.strip_prefix("db version v")).map(str::trim);
        match actual {
            Some(actual) if is_version(self.version, actual) => Ok(()),
            Some(actual) => Err(Error::new(
                attempted,
                format!("it is version {actual}, and `version` says {}", self.version),
            )
            .help("install the version that was asked for, or ask for the one that is installed")
            .outcome(CallOutcome::Refused)),
            None => Err(Error::new(
                attempted,
                "its `--version` does not say `db version`, so it is no mongod",
            )
            .outcome(CallOutcome::Refused)),
        }
    }

    async fn refuse_taken_port(&self) -> Result<(), Error> {
        let since = Instant::now();
        loop {
            let Some(owner) = self.machine.listener(self.host, self.port).await? else {
                return Ok(());
            };
            // A process that is ending lets go of its memory first and of its sockets last.
            if since.elapsed() > PORT_LIMIT {
                return Err(Error::new(
                    format!("start mongod on {}", self.endpoint),
                    format!("port {} is taken by {owner}", self.port),
                )
                .help("stop that program, or choose another port")
                .outcome(CallOutcome::Refused));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn put(&self, files: &MongodFiles) -> Result<(), Error> {
        let there = self.files_there().await?;
        let layout = self.layout;
        let each = [
            (
                layout.authority(),
                &files.authority,
                &there.authority,
                self.permissions.of_authority(),
            ),
            (
                layout.certificate(),
                &files.certificate,
                &there.certificate,
                self.permissions.of_certificate(),
            ),
            (layout.conf(), &files.config, &there.config, self.permissions.of_config()),
        ];
        for (path, wanted, there, mode) in each {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| Some(*wanted) != there.as_ref()) {
                self.machine.put(&path, wanted, mode).await?;
            }
        }
        Ok(())
    }

    async fn put_rotation(&self) -> Result<(), Error> {
        let path = self.layout.rotation();
        match (self.log_rotation, self.rotates().await?) {
            (true, false) => self.machine.put(&path, self.rotation().as_bytes(), 0o600).await,
            (false, _) => self.machine.remove(&path).await,
            (true, true) => Ok(()),
        }
    }

    /// Whether the configuration for logrotate is there as it should be.
    pub(crate) async fn rotates(&self) -> Result<bool, Error> {
        Ok(self
            .machine
            .read(&self.layout.rotation())
            .await?
            .is_some_and(|it| it == self.rotation().as_bytes()))
    }

    /// Whether there is one at all.
    pub(crate) async fn has_other_rotation(&self) -> Result<bool, Error> {
        Ok(self.machine.read(&self.layout.rotation()).await?.is_some())
    }

    /// `logRotate: reopen` needs somebody who moves the file and says so.
    fn rotation(&self) -> String {
        let (log, lock) = (self.layout.log(), self.layout.lock());
        format!(
            "# Rendered by ha. Read by logrotate when it lies in (or is linked from) /etc/logrotate.d.\n\
             \"{log}\" {{\n    daily\n    rotate 14\n    maxsize 200M\n    missingok\n    notifempty\n    compress\n    \
             delaycompress\n    sharedscripts\n    postrotate\n        test ! -s \"{lock}\" || kill -USR1 \"$(cat \"{lock}\")\"\n    \
             endscript\n}}\n"
        )
    }

    async fn start(&self, attempt: &Attempt) -> Result<(), Error> {
        attempt.progress("starting mongod");
        self.machine.start(&|message| attempt.progress(message)).await
    }

    /// A start that failed must not cost the set a member: what ran before runs again, if it can.
    async fn back_to(&self, before: MongodFiles, error: Error, attempt: &Attempt) -> Error {
        let stopped = format!("mongod on {} is stopped now", self.endpoint);
        if before == self.files || before.config.is_none() || self.put(&before).await.is_err() {
            return error.help(stopped);
        }
        match self.start(attempt).await {
            Ok(()) => {
                let error = error.help(format!(
                    "the files of before were put back, and mongod on {} runs with them",
                    self.endpoint
                ));
                match attempt.end_obligation(START, &self.described()).await {
                    Ok(()) => error,
                    Err(unwritten) => error.help(unwritten.to_string()),
                }
            }
            Err(_) => {
                error.help(format!("{stopped}; it does not start with the files of before either"))
            }
        }
    }

    fn anonymous(&self) -> Result<ClientAccess, Error> {
        ClientAccess::anonymous(&text(self.files.authority.as_deref()))
    }

    /// With the certificate that the running mongod was started with.
    async fn as_itself(&self) -> Result<ClientAccess, Error> {
        let there = self.files_there().await?;
        let authority = there.authority.as_ref().or(self.files.authority.as_ref());
        let certificate = there.certificate.as_ref().or(self.files.certificate.as_ref());
        ClientAccess::with_bundle(
            &text(authority.map(Vec::as_slice)),
            &text(certificate.map(Vec::as_slice)),
        )
    }
}

/// A file as text; empty where there is none.
pub(crate) fn text(content: Option<&[u8]>) -> String {
    String::from_utf8_lossy(content.unwrap_or_default()).into_owned()
}
