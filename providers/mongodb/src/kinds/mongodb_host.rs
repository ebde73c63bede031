//! Machines that run mongod.

mod checks;
mod impact;
mod observed;
mod refusals;

use futures::future::join_all;
use ha_provider::{
    Attempt, CallOutcome, CreatedResource, DiscoveryTarget, Error, ExistingResource, Immutable,
    OwnedResource, OwnershipMark, RecordedResource, Resource, ResourceHooks, ResourceReading,
    Secret, Volatile, known_text,
};
use ha_value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::checks::{
    AddressArguments, CertificateArguments, ConfigArguments, MachineArguments, PermissionArguments,
    ProcessArguments, ReplicaSetArguments, RootArguments, SignatureArguments, VersionArguments,
};
use self::impact::impact;
use self::observed::look;
use crate::MongodbProvider;
use crate::certificate::{not_signed_by, unfit_for};
use crate::layout::FileLayout;
use crate::machine::{self, Machine};
use crate::mongod::{FilePermissions, MemberInternals, Mongod, MongodFiles, START, text};
use crate::names::{endpoint, plain_host};

/// A machine that runs mongod, with its configuration, its certificates and its data. Members of
/// one replica set are changed one at a time, and none is stopped while the set needs it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbHost {
    /// The name under which clients and the other members reach it; its certificate must carry this
    /// name.
    host: Immutable<String>,
    /// The port that it listens on, as in `config`.
    #[serde(default = "mongod_port")]
    port: Immutable<u16>,
    /// The replica set that it is to be a member of, as in `config`.
    replica_set: Immutable<String>,
    /// The version that is to run, such as `6.0.5`; `6.0` is content with every `6.0.x`.
    version: String,
    /// The text of mongod.conf; see `mongodb_config`.
    config: String,
    /// The member's certificate and its key in one text.
    certificate_pem: Secret<String>,
    /// The certificate of the authority that signed the members' certificates.
    ca_certificate_pem: String,
    /// Whether mongod is to run.
    #[serde(default = "yes")]
    running: bool,
    /// Whether data, logs and configuration stay when this is destroyed.
    #[serde(default = "yes")]
    keep_data: bool,
    /// Who may read what is put on the machine.
    #[serde(default)]
    file_permissions: FilePermissions,
    /// Whether a configuration for logrotate is put on the machine; mongod then opens its log again
    /// when it is moved.
    #[serde(default = "yes")]
    log_rotation: bool,
    /// A mongod on the machine that `ha` runs on: for trying things out and for tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessBlock>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct ProcessBlock {
    /// The folder that the guide's paths (`/mongo/data`, `/etc/mongod.conf`, …) are put below.
    root: Immutable<String>,
    /// The path of the mongod program, or of one that becomes mongod in the end and hands its
    /// arguments on.
    mongod: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbHostOutputs {
    /// `host:port`, for connection strings.
    endpoint: String,
    /// What `mongodb_replica_set.members` takes.
    member: MemberOutput,
    /// Where mongod.conf is.
    config_path: String,
    /// Where the data is.
    data_path: String,
    /// Where the log is.
    log_path: String,
    /// What the marker file in its folder says.
    instance: String,
    /// The release whose way of storing data it follows, when last seen; the next release starts
    /// only with that of the one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    feature_compatibility_version: Option<Volatile<String>>,
    /// How large its oplog may become, in megabytes, when last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    oplog_size_mb: Option<Volatile<u64>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct MemberOutput {
    /// `host:port`.
    host: String,
    /// How the machine is reached.
    machine: String,
}

fn mongod_port() -> Immutable<u16> {
    Immutable(27017)
}

fn yes() -> bool {
    true
}

impl Resource for MongodbHost {
    const KIND: &'static str = "mongodb_host";
    type Provider = MongodbProvider;
    type Outputs = MongodbHostOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .unique_as(&["host", "port"], |it: AddressArguments| {
                endpoint(&plain_host(&it.host), it.port)
            })
            .check(|it: MachineArguments| it.problems())
            .check(|it: VersionArguments| it.problems())
            .check(|it: CertificateArguments| it.problems())
            .check(|it: SignatureArguments| it.problems())
            .check(|it: ConfigArguments| it.problems())
            .check(|it: PermissionArguments| it.problems())
            .predict("endpoint", |it: AddressArguments| endpoint(&it.host, it.port))
            .predict("member", |it: ProcessArguments| MemberOutput {
                host: endpoint(&it.host, it.port),
                machine: it.process.as_ref().map_or("none", |_| "process").to_owned(),
            })
            .predict("config_path", |it: RootArguments| it.process.layout().conf())
            .predict("data_path", |it: RootArguments| it.process.layout().data())
            .predict("log_path", |it: RootArguments| it.process.layout().log())
            .refuse(refusals::of_version)
            .refuse(refusals::of_oplog)
            .impact(impact)
            .group(|it: ReplicaSetArguments| Some(it.replica_set))
    }

    async fn create(
        &self,
        _: &MongodbProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        self.refuse_unfit_certificate()?;
        let machine = self.machine()?;
        let mongod = self.mongod(&machine);
        mongod.claim(attempt.token()).await?;
        let made = match self.running {
            true => mongod.bring_up(attempt).await,
            false => mongod.put_files().await,
        };
        if let Err(error) = made {
            return Err(mongod.given_back(error, attempt).await);
        }
        let outputs = self.outputs(&machine, attempt.token());
        Ok(CreatedResource { id: outputs.endpoint.clone(), outputs })
    }

    const LISTED: bool = true;

    /// It is known by the marker in its folder.
    async fn list_owned(
        _: &MongodbProvider,
        sought: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        let looks = join_all(sought.iter().map(marked)).await;
        let found: Vec<Option<OwnedResource>> = looks.into_iter().collect::<Result<_, _>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn read(
        mongodb: &MongodbProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        Ok(join_all(known.iter().map(|it| look(mongodb, it))).await)
    }

    async fn update(
        &self,
        _: &MongodbProvider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<MongodbHostOutputs, Error> {
        self.refuse_unfit_certificate()?;
        let machine = self.machine()?;
        let mongod = self.mongod(&machine);
        if !mongod.marked(&before.outputs.instance).await? {
            return Err(not_ours(
                format!("change mongod on {}", mongod.endpoint),
                &mongod.layout.marker(),
            ));
        }
        if self.running {
            mongod.bring_up(attempt).await?;
        } else {
            mongod.bring_down(attempt).await?;
            mongod.put_files().await?;
        }
        let inside = if self.running { mongod.inside().await } else { MemberInternals::default() };
        Ok(self.outputs(&machine, &before.outputs.instance).with(inside))
    }

    async fn finish_obligation(
        _: &MongodbProvider,
        recorded: &RecordedResource<Self>,
        verb: &str,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let host = &recorded.arguments;
        let machine = host.machine()?;
        let mongod = host.mongod(&machine);
        let attempted = format!("{verb} mongod on {}", mongod.endpoint);
        if verb != START {
            return Err(Error::new(attempted, "this version of `ha` does not know how")
                .outcome(CallOutcome::Refused));
        }
        if !mongod.marked(&recorded.outputs.instance).await? {
            return Err(not_ours(attempted, &mongod.layout.marker()));
        }
        mongod.start_again(attempt).await
    }

    async fn delete(
        _: &MongodbProvider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let host = &recorded.arguments;
        let machine = host.machine()?;
        let mongod = host.mongod(&machine);
        mongod.end(attempt).await?;
        if host.keep_data {
            return Ok(());
        }
        if mongod.marked(&recorded.outputs.instance).await? {
            return mongod.erase().await;
        }
        match machine.is_empty(&mongod.layout.data()).await? {
            true => Ok(()),
            false => Err(Error::new(
                format!("delete the data of mongod on {}", mongod.endpoint),
                format!("`{}` does not say that `{}` is ours", mongod.layout.marker(), mongod.layout.data()),
            )
            .help("mongod is stopped; look at the folder and remove it yourself, then take this host out of the state")
            .outcome(CallOutcome::Refused)),
        }
    }
}

impl MongodbHost {
    fn machine(&self) -> Result<machine::LocalProcess, Error> {
        match &self.process {
            Some(it) => {
                Ok(machine::LocalProcess { layout: it.layout(), mongod: it.mongod.clone() })
            }
            None => Err(Error::new(
                format!("reach {}", self.host),
                "the configuration does not say how",
            )
            .outcome(CallOutcome::Refused)),
        }
    }

    fn mongod<'a>(
        &'a self,
        machine: &'a machine::LocalProcess,
    ) -> Mongod<'a, machine::LocalProcess> {
        Mongod {
            machine,
            layout: &machine.layout,
            endpoint: endpoint(&self.host, *self.port),
            host: &self.host,
            port: *self.port,
            program: &machine.mongod,
            version: &self.version,
            files: MongodFiles {
                config: Some(self.config.clone().into_bytes()),
                certificate: Some(self.certificate_pem.as_bytes().to_vec()),
                authority: Some(self.ca_certificate_pem.clone().into_bytes()),
            },
            permissions: &self.file_permissions,
            log_rotation: self.log_rotation,
        }
    }

    fn outputs(&self, machine: &machine::LocalProcess, instance: &str) -> MongodbHostOutputs {
        let endpoint = endpoint(&self.host, *self.port);
        MongodbHostOutputs {
            member: MemberOutput { host: endpoint.clone(), machine: "process".to_owned() },
            endpoint,
            config_path: machine.layout.conf(),
            data_path: machine.layout.data(),
            log_path: machine.layout.log(),
            instance: instance.to_owned(),
            feature_compatibility_version: None,
            oplog_size_mb: None,
        }
    }

    /// Said before anything is touched, also where the plan could not know the certificate yet.
    fn refuse_unfit_certificate(&self) -> Result<(), Error> {
        let mut reasons = unfit_for(&self.host, &self.certificate_pem);
        reasons.extend(not_signed_by(&self.ca_certificate_pem, &self.certificate_pem));
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Error::new(format!("use the certificate of {}", *self.host), reasons.join("; "))
            .help("fix the certificate's arguments; nothing was changed")
            .outcome(CallOutcome::Refused))
    }
}

impl MongodbHostOutputs {
    fn with(self, inside: MemberInternals) -> Self {
        let MemberInternals { compatibility, oplog, .. } = inside;
        Self {
            feature_compatibility_version: compatibility.map(Volatile),
            oplog_size_mb: oplog.map(Volatile),
            ..self
        }
    }
}

fn not_ours(attempted: String, marker: &str) -> Error {
    Error::new(attempted, format!("`{marker}` does not say that the folder is ours"))
        .help("somebody moved or replaced the folder; put it back, or take this host out of the state")
        .outcome(CallOutcome::Refused)
}

impl ProcessBlock {
    fn layout(&self) -> FileLayout {
        FileLayout::new(&self.root)
    }
}

/// What is in the folder that a host would be in, where it says that it is one.
async fn marked(sought: &DiscoveryTarget) -> Result<Option<OwnedResource>, Error> {
    let process = sought.arguments.get("process").and_then(Value::as_object);
    let root = process.and_then(|it| known_text(it, "root"));
    let port = sought
        .arguments
        .get("port")
        .and_then(|it| if let Value::Number(it) = it { it.as_i64() } else { None });
    let port = port.and_then(|it| u16::try_from(it).ok());
    let (Some(host), Some(port), Some(root)) = (sought.text("host"), port, root) else {
        return Ok(None);
    };
    let layout = FileLayout::new(root);
    let machine = machine::LocalProcess { layout: layout.clone(), mongod: String::new() };
    let Some(marker) = machine.read(&layout.marker()).await? else { return Ok(None) };
    let known = ExistingResource::by(endpoint(host, port)).output("instance", text(Some(&marker)));
    Ok(Some(OwnedResource {
        known,
        trace: OwnershipMark { address: sought.address.in_plain_letters(), state: None },
    }))
}
