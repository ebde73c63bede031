//! States in S3: `backend "s3"`.

mod bucket;
mod entry;
mod lock;
mod locked;
mod log_index;
mod settings;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use ha_provider::{Error, UnsupportedNames};
use ha_state_store::{
    Backend, BackendContext, LockInfo, LockStatus, LockedStore, StateError, Store, StoreContents,
};
use tokio::runtime::Runtime;

use self::bucket::StateBucket;
use self::entry::LogIndex;
use self::lock::StateLock;
use self::locked::LockedS3Store;
use self::log_index::{StateLog, away};
pub use self::settings::S3Settings;
use crate::call_log::CallLog;
use crate::provider::shared;
use crate::unsupported;

/// States in S3.
#[derive(Debug)]
pub struct S3Backend;

impl Backend for S3Backend {
    const NAME: &'static str = "s3";
    type Settings = S3Settings;
    const UNSUPPORTED: &'static [UnsupportedNames] = unsupported::BACKEND;

    fn open(settings: S3Settings, surroundings: &BackendContext) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(S3Store::new(settings, surroundings.environment.as_deref())?))
    }
}

/// A state in a bucket: a log of objects below the state's name, and a lock beside them.
pub struct S3Store {
    settings: S3Settings,
    name: String,
    rooms: OnceLock<BucketConnection>,
    opening: Mutex<()>,
}

/// The connection to the bucket, made at the first call.
#[derive(Clone)]
struct BucketConnection {
    quarters: Arc<BlockingRuntime>,
    log: StateLog,
    lock: StateLock,
    /// The retained objects, as last read.
    trail: Arc<Mutex<Option<LogIndex>>>,
}

/// A runtime for calls that block their caller.
struct BlockingRuntime(Option<Runtime>);

impl BlockingRuntime {
    fn new() -> Result<Self, StateError> {
        let made = tokio::runtime::Builder::new_multi_thread()
            // One thread is enough: the callers wait for each result, and calls spend their time on
            // the network.
            .worker_threads(1)
            .thread_name("s3")
            .enable_all()
            .build();
        let made =
            made.map_err(|error| away(Error::from_error("start the runtime for S3", &error)))?;
        Ok(Self(Some(made)))
    }

    /// The result of the work. Blocks, and may be called inside another runtime.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let runtime = self.0.as_ref().expect("the runtime is taken only when it is dropped");
        // The work runs on the runtime's own thread, because `block_on` panics inside another
        // runtime.
        runtime.spawn(async move {
            // The caller waits for this message.
            let _ = answer.send(work.await);
        });
        answered.recv().expect("the work does not panic")
    }
}

impl Drop for BlockingRuntime {
    fn drop(&mut self) {
        // No work is left, and a blocking shutdown would panic inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl S3Store {
    /// The state with these settings. Makes no call.
    ///
    /// # Errors
    /// When the settings contradict each other.
    pub fn new(settings: S3Settings, environment: Option<&str>) -> Result<Self, Error> {
        settings.check()?;
        let name = settings.name(environment);
        Ok(Self { settings, name, rooms: OnceLock::new(), opening: Mutex::new(()) })
    }

    fn rooms(&self) -> Result<BucketConnection, StateError> {
        // The lock makes concurrent first calls share one connection.
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = self.rooms.get() {
            return Ok(made.clone());
        }
        let quarters = Arc::new(BlockingRuntime::new()?);
        let access = self.settings.access();
        let region = || away(access.no_region());
        let shared = quarters.wait({
            let access = access.clone();
            async move { shared(&access).await }
        });
        let shared = shared.map_err(away)?;
        shared.region().ok_or_else(region)?;
        let endpoint = self.settings.endpoint().map(str::to_owned);
        let path_style = self.settings.use_path_style.unwrap_or(shared.endpoint_url().is_some());
        let mut config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(path_style);
        if endpoint.is_some() {
            // Services other than AWS support fewer checksums.
            config = config.request_checksum_calculation(
                aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired,
            );
        }
        let S3Settings { bucket, encrypt, kms_key_id, .. } = &self.settings;
        let client =
            aws_sdk_s3::Client::from_conf(config.interceptor(CallLog { service: "s3" }).build());
        let bucket = StateBucket {
            client,
            name: bucket.clone(),
            encrypt: *encrypt,
            kms_key_id: kms_key_id.clone(),
        };
        let log = StateLog { bucket: bucket.clone(), name: self.name.clone(), place: self.place() };
        let lock = StateLock {
            bucket,
            name: format!("{}.lock", self.name),
            place: self.place(),
            lease: self.settings.lease(),
        };
        Ok(self
            .rooms
            .get_or_init(|| BucketConnection { quarters, log, lock, trail: Arc::default() })
            .clone())
    }
}

/// Maximum number of Terraform workspaces that are listed.
const WORKSPACES: usize = 50;

/// Whether an object is a Terraform state with resources.
async fn holds_resources(bucket: &StateBucket, name: &str) -> bool {
    let Ok(Some(found)) = bucket.get(name, None).await else { return false };
    let state: Option<serde_json::Value> = serde_json::from_slice(&found.bytes).ok();
    state.as_ref().and_then(|it| it.get("resources")?.as_array()).is_some_and(|it| !it.is_empty())
}

impl Store for S3Store {
    fn place(&self) -> String {
        let place = format!("`s3://{}/{}`", self.settings.bucket, self.name);
        match self.settings.endpoint() {
            // Buckets of two services may have the same name, so the endpoint is part of the
            // location.
            Some(endpoint) => format!("{place} at {endpoint}"),
            None => place,
        }
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        let BucketConnection { quarters, log, trail, .. } = self.rooms()?;
        let read = quarters.wait(async move { log.read().await })?;
        *trail.lock().unwrap_or_else(PoisonError::into_inner) = Some(read.trail);
        Ok(read.loaded)
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        Ok(self.holding()?.filter(|it| !it.is_over()).map(|it| it.holder))
    }

    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        let BucketConnection { quarters, lock, .. } = self.rooms()?;
        quarters.wait(async move { lock.holding().await })
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        Ok(Box::new(LockedS3Store::take(self.rooms()?, holder)?))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        let BucketConnection { quarters, lock, .. } = self.rooms()?;
        let id = id.to_owned();
        quarters.wait(async move { lock.take_away(&id).await })
    }

    /// Terraform stores its state as the object with the state's name, and `ha` stores objects
    /// below that name. Terraform's workspaces are where environments are here; a command without
    /// an environment may mean one of them.
    fn state_of_terraform(&self) -> Option<String> {
        let BucketConnection { quarters, log, .. } = self.rooms().ok()?;
        let (name, folder) = (self.name.clone(), self.settings.folder_of_environments());
        let is_of_environment = name != self.settings.name(None);
        quarters.wait(async move {
            let bucket = log.bucket;
            if holds_resources(&bucket, &name).await {
                return Some(format!("`s3://{}/{name}`", bucket.name));
            }
            let folders = if is_of_environment {
                Vec::new()
            } else {
                bucket.folders(&folder).await.unwrap_or_default()
            };
            for of_workspace in folders.iter().take(WORKSPACES).map(|it| format!("{it}{name}")) {
                if holds_resources(&bucket, &of_workspace).await {
                    return Some(format!("`s3://{}/{of_workspace}`", bucket.name));
                }
            }
            None
        })
    }

    fn advice(&self) -> Option<String> {
        let BucketConnection { quarters, log, .. } = self.rooms().ok()?;
        let bucket = log.bucket;
        let name = bucket.name.clone();
        let is_versioned = quarters.wait(async move { bucket.is_versioned().await.ok() })?;
        let advice = format!(
            "the bucket `{name}` retains no earlier versions of its objects: turn its versioning on, so that an object that is deleted by mistake can be restored"
        );
        (!is_versioned).then_some(advice)
    }
}
