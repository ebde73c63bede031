//! What a mongod that runs says of itself, and what of it changes without a restart.

use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::doc;

use super::oplog::{OPLOG_SIZE, oplog_size};
use super::wait::ExpectedState;
use super::{Mongod, MongodFiles, text};
use crate::certificate::{expiry, membership};
use crate::conf::{number, setting, without};
use crate::machine::Machine;
use crate::member::MemberClient;
use crate::release::{ROTATES, ReleaseSeries, is_version, would_not_start};

/// What only a member is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberInternals {
    /// The release whose way of storing data it follows; none before its set is initiated.
    pub(crate) compatibility: Option<String>,
    /// How large its oplog may become, in megabytes; none before its set is initiated.
    pub(crate) oplog: Option<u64>,
    /// Whether the certificate that it uses is another than that in its file.
    pub(crate) uses_another_certificate: bool,
}

impl<M: Machine> Mongod<'_, M> {
    /// What it says of itself to a member; nothing where it knows none by the certificate in its
    /// file.
    pub(crate) async fn inside(&self) -> MemberInternals {
        let Ok(access) = self.as_itself().await else { return MemberInternals::default() };
        let Ok(member) = MemberClient::new(&self.endpoint, &access) else {
            return MemberInternals::default();
        };
        let (oplog, compatibility, expires) =
            tokio::join!(oplog_size(&member), compatibility(&member), certificate_in_use(&member));
        member.close().await;
        let in_file =
            self.files_there().await.ok().and_then(|it| expiry(&text(it.certificate.as_deref())));
        let uses_another_certificate =
            in_file.zip(expires).is_some_and(|(file, used)| file != used);
        MemberInternals { compatibility, oplog, uses_another_certificate }
    }

    /// Brings what is there to what should be without a restart; answers whether that is possible.
    pub(super) async fn change_online(
        &self,
        before: &MongodFiles,
        attempt: &Attempt,
    ) -> Result<bool, Error> {
        if !self.restart_changes_nothing(before) {
            return Ok(false);
        }
        let certificates = (&before.certificate, &before.authority)
            != (&self.files.certificate, &self.files.authority);
        if certificates || self.inside().await.uses_another_certificate {
            if !self.rotate(before, attempt).await? {
                return Ok(false);
            }
        } else if !self.running_version().await.is_ok_and(|it| is_version(self.version, &it)) {
            return Ok(false);
        }
        self.put(&self.files).await?;
        self.wait_until(ExpectedState::AsItWas, attempt).await?;
        self.fit_oplog(attempt).await?;
        Ok(true)
    }

    /// Whether the configuration of now is that of before, but for what mongod does not look at
    /// again when it starts.
    fn restart_changes_nothing(&self, before: &MongodFiles) -> bool {
        let rest =
            |it: &Option<Vec<u8>>| it.as_deref().map(|it| without(&text(Some(it)), OPLOG_SIZE));
        before.certificate.is_some()
            && before.authority.is_some()
            && rest(&before.config) == rest(&self.files.config)
    }

    /// Refuses to stop a mongod that could not be started as it should be, or that the others would
    /// not know again.
    pub(super) async fn refuse_what_would_not_come_back(
        &self,
        before: &MongodFiles,
    ) -> Result<(), Error> {
        let Ok(running) = self.running_version().await else { return Ok(()) };
        let inside = self.inside().await;
        let refused = |attempted: String, cause: String| {
            Error::new(attempted, cause)
                .help("mongod was left running as it was")
                .outcome(CallOutcome::Refused)
        };
        if let Some(why) = would_not_start(self.version, &running, inside.compatibility.as_deref())
        {
            return Err(refused(format!("change the version of mongod on {}", self.endpoint), why));
        }
        let (was, is) =
            (text(before.certificate.as_deref()), text(self.files.certificate.as_deref()));
        let overridden = setting(&text(before.config.as_deref()), OVERRIDE).is_some();
        let rotates = ReleaseSeries::from_version(&running).is_ok_and(|it| it >= ROTATES);
        if membership(&was) == membership(&is)
            || overridden
            || rotates
            || inside.compatibility.is_none()
        {
            return Ok(());
        }
        Err(refused(
            format!("change the certificate of mongod on {}", self.endpoint),
            OTHERS_WOULD_NOT_KNOW_IT.to_owned(),
        ))
    }

    /// The text of mongod.conf as it is in force: with the oplog's size as it is, where it says
    /// one.
    pub(crate) fn config_in_force(&self, config: &str, inside: &MemberInternals) -> String {
        match (number(config, OPLOG_SIZE), inside.oplog) {
            (Some(said), Some(actual)) if said != actual => {
                crate::conf::with_number(config, OPLOG_SIZE, actual)
            }
            _ => config.to_owned(),
        }
    }
}

const OVERRIDE: &str = "setParameter.tlsX509ClusterAuthDNOverride";

/// Why the organization of members does not change by itself before 5.0.
pub(crate) const OTHERS_WOULD_NOT_KNOW_IT: &str = "before MongoDB 5.0 a member takes another certificate by a restart only, and the \
     others would not know one of another organization, organizational unit or domain component for theirs: the set would be left \
     one short. Go in three applies: say the new name as `tlsX509ClusterAuthDNOverride` in `set_parameter` of every member's \
     configuration; then change the certificates and the authority, with the old name as the override; then take the override out. \
     Or upgrade to 5.0 first";

/// The feature compatibility version that a member stores its data by.
async fn compatibility(member: &MemberClient) -> Option<String> {
    let answer =
        member.run(doc! { "getParameter": 1, "featureCompatibilityVersion": 1 }).await.ok()?;
    Some(
        answer
            .get_document("featureCompatibilityVersion")
            .ok()?
            .get_str("version")
            .ok()?
            .to_owned(),
    )
}

/// Until when the certificate that a member uses is valid, in seconds since 1970.
async fn certificate_in_use(member: &MemberClient) -> Option<i64> {
    let answer =
        member.run(doc! { "serverStatus": 1, "repl": 0, "metrics": 0, "wiredTiger": 0, "tcmalloc": 0, "locks": 0 }).await.ok()?;
    let expires = answer
        .get_document("security")
        .ok()?
        .get_datetime("SSLServerCertificateExpirationDate")
        .ok()?;
    Some(expires.timestamp_millis() / 1000)
}
