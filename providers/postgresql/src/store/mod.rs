//! States in PostgreSQL: `backend "postgres"`.

mod connection;
mod connection_text;
mod locked;
mod settings;
mod tables;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use ha_provider::Error;
use ha_state_store::{
    Backend, BackendContext, LockInfo, LockStatus, LockedStore, StateError, StateErrorReason,
    Store, StoreContents,
};
use tokio::runtime::Runtime;

use self::connection::StoreConnection;
use self::locked::LockedPostgresStore;
pub use self::settings::PostgresSettings;
use self::settings::StoreDatabase;
use self::tables::{LockRow as Row, StateTables};

/// States in PostgreSQL.
#[derive(Debug)]
pub struct PostgresBackend;

impl Backend for PostgresBackend {
    const NAME: &'static str = "postgres";
    type Settings = PostgresSettings;

    fn open(
        settings: PostgresSettings,
        surroundings: &BackendContext,
    ) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(PostgresStore::new(&settings, surroundings.environment.as_deref())?))
    }
}

/// The name of the state outside of named workspaces.
const USUAL: &str = "default";

/// A state in the tables of a database.
pub struct PostgresStore {
    rooms: DatabaseConnection,
}

/// The connection settings and the tables.
#[derive(Clone)]
struct DatabaseConnection {
    quarters: Arc<BlockingRuntime>,
    connection_settings: StoreDatabase,
    tables: StateTables,
    place: String,
    /// The lease of the lock, in seconds.
    lease: u32,
}

/// A runtime for blocking calls.
struct BlockingRuntime(Option<Runtime>);

impl BlockingRuntime {
    fn new() -> Result<Self, Error> {
        let made = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build();
        let made =
            made.map_err(|error| Error::from_error("start what talks to PostgreSQL", &error))?;
        Ok(Self(Some(made)))
    }

    /// The result of the work. Blocks, also inside of another runtime.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let runtime = self.0.as_ref().expect("it is taken only at the end");
        runtime.spawn(async move {
            // The caller blocks on the channel.
            let _ = answer.send(work.await);
        });
        answered.recv().expect("the work does not panic")
    }
}

impl Drop for BlockingRuntime {
    fn drop(&mut self) {
        // No task is running, and a blocking shutdown panics inside of another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl PostgresStore {
    /// The state of a workspace. Opens no connection.
    ///
    /// # Errors
    /// When the settings make no sense together.
    pub fn new(settings: &PostgresSettings, environment: Option<&str>) -> Result<Self, Error> {
        let connection_settings = settings.connection_settings()?;
        let name = environment.unwrap_or(USUAL).to_owned();
        let place = format!(
            "`{}`, state `{name}` in schema `{}`",
            connection_settings.target, settings.schema_name
        );
        let tables = StateTables {
            schema: settings.schema_name.clone(),
            name,
            makes_schema: !settings.skip_schema_creation,
            makes_tables: !settings.skip_table_creation,
        };
        Ok(Self {
            rooms: DatabaseConnection {
                quarters: Arc::new(BlockingRuntime::new()?),
                connection_settings,
                tables,
                place,
                lease: settings.lease(),
            },
        })
    }

    /// Runs one query on a connection of its own.
    fn ask<T: Send + 'static, F>(
        &self,
        ask: impl FnOnce(StoreConnection, StateTables) -> F + Send + 'static,
    ) -> Result<T, StateError>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let DatabaseConnection { quarters, connection_settings, tables, .. } = self.rooms.clone();
        quarters
            .wait(async move { ask(StoreConnection::open(&connection_settings).await?, tables).await })
            .map_err(away)
    }
}

impl Store for PostgresStore {
    fn place(&self) -> String {
        self.rooms.place.clone()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        self.ask(|connection, tables| async move { tables.load(&connection).await })
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        Ok(self.holding()?.filter(|it| !it.is_over()).map(|it| it.holder))
    }

    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        let row = self.ask(|connection, tables| async move { tables.held(&connection).await })?;
        Ok(row.map(|row| LockStatus {
            left: Some(Duration::from_secs(row.left)),
            holder: row.holder,
        }))
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        Ok(Box::new(LockedPostgresStore::take(self.rooms.clone(), holder)?))
    }

    /// Terraform stores a state as a row of its table `states`, by default in the schema
    /// `terraform_remote_state`.
    fn state_of_terraform(&self) -> Option<String> {
        let place = format!(
            "Terraform's state `{}` in `{}`",
            self.rooms.tables.name, self.rooms.connection_settings.target
        );
        let found = self.ask(|connection, tables| async move {
            Ok(tables.state_of_terraform(&connection).await?)
        });
        found.is_ok_and(|it| it).then_some(place)
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        let wanted = id.to_owned();
        let taken_away: Result<(), Option<Row>> = self.ask(|connection, tables| async move {
            match tables.take_away(&connection, &wanted).await? {
                true => Ok(Ok(())),
                false => Ok(Err(tables.held(&connection).await?)),
            }
        })?;
        taken_away
            .map_err(|row| StateError::not_locked_by(&self.place(), id, row.map(|it| it.holder)))
    }
}

/// The store could not be reached, or refused.
fn away(error: Error) -> StateError {
    StateError::new(StateErrorReason::Store, error)
}
