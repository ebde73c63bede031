//! A host as it is, in the words of its arguments.

use ha_provider::{Error, RecordedResource, ResourceReading, Secret};

use super::{MongodbHost, ProcessBlock};
use crate::MongodbProvider;
use crate::authority::ClientAccess;
use crate::machine::{self, Machine, ServiceStatus};
use crate::mongod::{MemberInternals, Mongod, text};
use crate::release::is_version;

/// Looks at files and processes, and asks a running mongod who it is; runs nothing.
pub(super) async fn look(
    mongodb: &MongodbProvider,
    known: &RecordedResource<MongodbHost>,
) -> ResourceReading<MongodbHost> {
    match seen(mongodb, known).await {
        Ok(reading) => reading,
        Err(error) => ResourceReading::Unchecked(error.to_string()),
    }
}

/// What a process that runs says of itself.
#[derive(Default)]
struct ProcessReport {
    program: Option<String>,
    /// Its version, where it is not the one that was asked for.
    version: Option<String>,
    inside: MemberInternals,
    runs: bool,
    remarks: Vec<String>,
}

async fn seen(
    mongodb: &MongodbProvider,
    known: &RecordedResource<MongodbHost>,
) -> Result<ResourceReading<MongodbHost>, Error> {
    let recorded = &known.arguments;
    let machine = recorded.machine()?;
    let mongod = recorded.mongod(&machine);
    let mut remarks = Vec::new();
    if !mongod.marked(&known.outputs.instance).await? {
        if machine.is_empty(&mongod.layout.data()).await? {
            return Ok(ResourceReading::Gone);
        }
        remarks.push(format!(
            "`{}` does not say that `{}` is ours",
            mongod.layout.marker(),
            mongod.layout.root()
        ));
    }
    let there = mongod.files_there().await?;
    if let (Some(authority), Some(certificate)) = (&there.authority, &there.certificate) {
        let access = ClientAccess::with_bundle(&text(Some(authority)), &text(Some(certificate)))?;
        mongodb.remember(&mongod.endpoint, access);
    }
    let said = said(recorded, &mongod).await?;
    remarks.extend(said.remarks);
    let mut certificate = text(there.certificate.as_deref());
    if said.inside.uses_another_certificate {
        remarks.push(format!(
            "mongod on {} uses another certificate than the one in its file",
            mongod.endpoint
        ));
        certificate.clear();
    }
    let program = said.program.unwrap_or_else(|| machine.mongod.clone());
    let arguments = MongodbHost {
        host: recorded.host.clone(),
        port: recorded.port,
        replica_set: recorded.replica_set.clone(),
        version: said.version.unwrap_or_else(|| recorded.version.clone()),
        config: mongod.config_in_force(&text(there.config.as_deref()), &said.inside),
        certificate_pem: Secret(certificate),
        ca_certificate_pem: text(there.authority.as_deref()),
        running: said.runs,
        keep_data: recorded.keep_data,
        file_permissions: mongod.permissions_there().await?,
        log_rotation: mongod.rotates().await?
            || (!recorded.log_rotation && mongod.has_other_rotation().await?),
        process: recorded
            .process
            .as_ref()
            .map(|it| ProcessBlock { root: it.root.clone(), mongod: program }),
    };
    let mut outputs = recorded.outputs(&machine, &known.outputs.instance).with(said.inside);
    // One that does not run stores its data as it did.
    if !said.runs {
        outputs
            .feature_compatibility_version
            .clone_from(&known.outputs.feature_compatibility_version);
        outputs.oplog_size_mb.clone_from(&known.outputs.oplog_size_mb);
    }
    Ok(ResourceReading::Found { arguments, outputs, remarks })
}

async fn said(
    recorded: &MongodbHost,
    mongod: &Mongod<'_, machine::LocalProcess>,
) -> Result<ProcessReport, Error> {
    let endpoint = &mongod.endpoint;
    let stopped = |why: String| {
        let remarks = if recorded.running {
            vec![format!("mongod on {endpoint} is not running: {why}")]
        } else {
            Vec::new()
        };
        ProcessReport { remarks, ..ProcessReport::default() }
    };
    let program = match mongod.machine.service().await? {
        ServiceStatus::Stopped(why) => return Ok(stopped(why)),
        ServiceStatus::Running { program, .. } => program,
    };
    let (ending, version, inside) =
        tokio::join!(mongod.is_ending(), mongod.running_version(), mongod.inside());
    if ending {
        return Ok(stopped("it is shutting down".to_owned()));
    }
    let mut said =
        ProcessReport { program: Some(program), inside, runs: true, ..ProcessReport::default() };
    match version {
        Ok(actual) if is_version(&recorded.version, &actual) => {}
        Ok(actual) => said.version = Some(actual),
        Err(why) => {
            said.remarks.push(format!("mongod on {endpoint} runs and does not answer: {why}"))
        }
    }
    Ok(said)
}
