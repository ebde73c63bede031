//! The tables, and all that is asked of them:
//!
//! - `ha_states`, one row for each state: who holds its lock, and how often it was taken so far. Whoever took it writes
//!   only while that number is still theirs, which is looked at in the very statement that writes;
//! - `ha_journal`, one row for each segment;
//! - `ha_checkpoints`, the last few checkpoints.

use std::time::Duration;

use ha_provider::Error;
use ha_state_store::{JournalExtent, JournalSegment, LockInfo, StoreContents};
use tokio_postgres::error::SqlState;

use super::connection::{StatementError, StoreConnection};

/// How many checkpoints are retained, for a manual rollback.
const CHECKPOINTS: i64 = 5;
/// The first half of the numbers of our advisory locks: "ha".
const ADVISORY: i32 = 0x6861;

/// The default schema of Terraform's `pg` backend.
const TERRAFORM: &str = "terraform_remote_state";

/// How often a terminated session is polled.
const ENDING: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// The lock is free, or its lease has expired.
const FREE: &str = "(holder IS NULL OR heard + lease * interval '1 second' < clock_timestamp())";

/// The tables of one state.
#[derive(Clone)]
pub(super) struct StateTables {
    pub(super) schema: String,
    /// The state's name.
    pub(super) name: String,
    pub(super) makes_schema: bool,
    pub(super) makes_tables: bool,
}

/// Who holds a lock.
pub(super) struct LockRow {
    pub(super) holder: LockInfo,
    /// The lease in seconds, counted from its last renewal.
    pub(super) lease: u64,
    /// The seconds that are left of the lease; zero where it has expired.
    pub(super) left: u64,
}

/// The result of a write.
pub(super) enum WriteOutcome {
    Done,
    /// The lock was lost: another process holds it, or none.
    LockLost,
    /// There is a segment of this number, with these bytes.
    Taken(Vec<u8>),
}

impl StateTables {
    fn table(&self, name: &str) -> String {
        format!("\"{}\".ha_{name}", self.schema)
    }

    /// Creates missing tables. The advisory lock serialises processes that do so concurrently.
    pub(super) async fn make(&self, connection: &StoreConnection) -> Result<(), StatementError> {
        let (states, journal, checkpoints) =
            (self.table("states"), self.table("journal"), self.table("checkpoints"));
        let there = connection.rows("SELECT to_regclass($1) IS NOT NULL", &[&states]).await?;
        if there.first().is_some_and(|it| it.get(0)) {
            return Ok(());
        }
        let schema = format!("CREATE SCHEMA IF NOT EXISTS \"{}\";", self.schema);
        let tables = format!(
            "CREATE TABLE IF NOT EXISTS {states} (name text PRIMARY KEY, taken bigint NOT NULL DEFAULT 0, holder text, holder_id text, \
             session integer, lease bigint, heard timestamptz);
             CREATE TABLE IF NOT EXISTS {journal} (name text, number bigint, bytes bytea NOT NULL, PRIMARY KEY (name, number));
             CREATE TABLE IF NOT EXISTS {checkpoints} (name text, written bigint GENERATED ALWAYS AS IDENTITY, \
             number bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), bytes bytea NOT NULL, \
             PRIMARY KEY (name, written));"
        );
        let made = [(self.makes_schema, schema), (self.makes_tables, tables)];
        let made: String = made.into_iter().filter(|(makes, _)| *makes).map(|(_, it)| it).collect();
        if made.is_empty() {
            return Ok(());
        }
        connection
            .run(&format!("BEGIN; SELECT pg_advisory_xact_lock({ADVISORY}, 0); {made} COMMIT"))
            .await
    }

    /// The whole state in one snapshot.
    pub(super) async fn load(&self, connection: &StoreConnection) -> Result<StoreContents, Error> {
        match self.try_load(connection).await {
            // The tables do not exist: nothing was ever written.
            Err(StatementError::Refused(_, code))
                if code == SqlState::UNDEFINED_TABLE || code == SqlState::INVALID_SCHEMA_NAME =>
            {
                Ok(StoreContents::default())
            }
            done => Ok(done?),
        }
    }

    async fn try_load(
        &self,
        connection: &StoreConnection,
    ) -> Result<StoreContents, StatementError> {
        connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let newest = format!(
            "SELECT bytes FROM {} WHERE name = $1 ORDER BY written DESC LIMIT 1",
            self.table("checkpoints")
        );
        let checkpoint = connection.rows(&newest, &[&self.name]).await?.pop().map(|it| it.get(0));
        let all = format!(
            "SELECT number, bytes FROM {} WHERE name = $1 ORDER BY number",
            self.table("journal")
        );
        let segment = |row: tokio_postgres::Row| JournalSegment {
            number: row.get::<_, i64>(0).cast_unsigned(),
            bytes: row.get(1),
        };
        let segments =
            connection.rows(&all, &[&self.name]).await?.into_iter().map(segment).collect();
        connection.run("COMMIT").await?;
        Ok(StoreContents { checkpoint, segments })
    }

    /// Whether Terraform has a state of this name with records in the same schema, or in its
    /// default one.
    pub(super) async fn state_of_terraform(
        &self,
        connection: &StoreConnection,
    ) -> Result<bool, StatementError> {
        for schema in [self.schema.as_str(), TERRAFORM] {
            let table = format!("\"{schema}\".states");
            let there = connection.rows("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?;
            if there.first().is_some_and(|it| it.get(0)) {
                let query = format!(
                    "SELECT FROM {table} WHERE name = $1 AND data LIKE '%\"resources\"%\"instances\"%'"
                );
                if !connection.rows(&query, &[&self.name]).await?.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Who holds the lock.
    pub(super) async fn held(
        &self,
        connection: &StoreConnection,
    ) -> Result<Option<LockRow>, Error> {
        let query = format!(
            "SELECT holder, lease, ceil(lease - extract(epoch FROM clock_timestamp() - heard))::bigint FROM {} \
             WHERE name = $1 AND holder IS NOT NULL",
            self.table("states")
        );
        let row = match connection.rows(&query, &[&self.name]).await {
            Err(StatementError::Refused(_, code))
                if code == SqlState::UNDEFINED_TABLE || code == SqlState::INVALID_SCHEMA_NAME =>
            {
                return Ok(None);
            }
            rows => rows?.pop(),
        };
        let Some(row) = row else { return Ok(None) };
        let what = || format!("read who holds the lock of the state `{}`", self.name);
        let holder =
            serde_json::from_str(row.get(0)).map_err(|error| Error::from_error(what(), &error))?;
        Ok(Some(LockRow {
            holder,
            lease: row.get::<_, i64>(1).cast_unsigned(),
            left: u64::try_from(row.get::<_, i64>(2)).unwrap_or_default(),
        }))
    }

    /// Acquires the lock, also from a holder whose lease has expired: that one can write no more,
    /// because its fencing number is outdated, and its session is ended where that is allowed.
    /// Returns the new fencing number; none when the lock is held.
    pub(super) async fn take(
        &self,
        connection: &StoreConnection,
        holder: &LockInfo,
        lease: u32,
    ) -> Result<Option<i64>, StatementError> {
        let row = format!(
            "INSERT INTO {} (name) VALUES ($1) ON CONFLICT DO NOTHING",
            self.table("states")
        );
        connection.execute(&row, &[&self.name]).await?;
        let mut taken = self.take_row(connection, holder, lease).await;
        // A session that stopped inside of a statement still holds the row lock.
        let is_kept = matches!(&taken, Err(StatementError::Refused(_, code)) if *code == SqlState::LOCK_NOT_AVAILABLE);
        if is_kept && self.is_free(connection).await? {
            self.show_out(connection).await;
            taken = self.take_row(connection, holder, lease).await;
        }
        let taken = taken?;
        if taken.is_some() && !self.guard(connection).await? {
            self.show_out(connection).await;
            self.guard(connection).await?;
        }
        Ok(taken)
    }

    /// Whether the lock is free or its lease has expired. Does not block.
    async fn is_free(&self, connection: &StoreConnection) -> Result<bool, StatementError> {
        let free = format!("SELECT FROM {} WHERE name = $1 AND {FREE}", self.table("states"));
        Ok(!connection.rows(&free, &[&self.name]).await?.is_empty())
    }

    async fn take_row(
        &self,
        connection: &StoreConnection,
        holder: &LockInfo,
        lease: u32,
    ) -> Result<Option<i64>, StatementError> {
        let text = serde_json::to_string(holder).expect("a holder is plain text");
        let take = format!(
            "UPDATE {} SET taken = taken + 1, holder = $2, holder_id = $3, session = pg_backend_pid(), lease = $4, \
             heard = clock_timestamp() WHERE name = $1 AND {FREE} RETURNING taken",
            self.table("states")
        );
        let taken =
            connection.rows(&take, &[&self.name, &text, &holder.id, &i64::from(lease)]).await?;
        Ok(taken.first().map(|it| it.get(0)))
    }

    /// Acquires the advisory lock that marks the holder's session; false where another session has
    /// it.
    async fn guard(&self, connection: &StoreConnection) -> Result<bool, StatementError> {
        let query = format!("SELECT pg_try_advisory_lock({ADVISORY}, hashtext($1))");
        Ok(connection
            .rows(&query, &[&self.whole_name()])
            .await?
            .first()
            .is_some_and(|it| it.get(0)))
    }

    fn whole_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Renews the fencing number of a lock that is held: a statement begun under the old number has
    /// taken effect by now, or never will. Returns the new number; none when the lock is lost.
    pub(super) async fn take_again(
        &self,
        connection: &StoreConnection,
        id: &str,
    ) -> Result<Option<i64>, StatementError> {
        let take = format!(
            "UPDATE {} SET taken = taken + 1 WHERE name = $1 AND holder_id = $2 RETURNING taken",
            self.table("states")
        );
        let taken = connection.rows(&take, &[&self.name, &id]).await?;
        Ok(taken.first().map(|it| it.get(0)))
    }

    /// Renews the lease; false when the lock is lost.
    pub(super) async fn renew(
        &self,
        connection: &StoreConnection,
        id: &str,
    ) -> Result<bool, StatementError> {
        let renew = format!(
            "UPDATE {} SET heard = clock_timestamp(), session = pg_backend_pid() WHERE name = $1 AND holder_id = $2",
            self.table("states")
        );
        Ok(connection.execute(&renew, &[&self.name, &id]).await? == 1)
    }

    /// Renews on a new connection, which guards the lock from then on where the old one is lost.
    pub(super) async fn renew_anew(
        &self,
        connection: &StoreConnection,
        id: &str,
    ) -> Result<bool, StatementError> {
        let mine = self.renew(connection, id).await?;
        if mine {
            self.guard(connection).await?;
        }
        Ok(mine)
    }

    /// Releases the lock, if it is still held.
    pub(super) async fn give_back(
        &self,
        connection: &StoreConnection,
        id: &str,
    ) -> Result<(), StatementError> {
        let give = format!(
            "UPDATE {} SET holder = NULL, holder_id = NULL, session = NULL WHERE name = $1 AND holder_id = $2",
            self.table("states")
        );
        connection.execute(&give, &[&self.name, &id]).await?;
        connection.run("SELECT pg_advisory_unlock_all()").await
    }

    /// Breaks the lock of the holder with this id and ends its session; false where the lock is not
    /// theirs.
    pub(super) async fn take_away(
        &self,
        connection: &StoreConnection,
        id: &str,
    ) -> Result<bool, Error> {
        let take = format!(
            "UPDATE {0} AS it SET taken = it.taken + 1, holder = NULL, holder_id = NULL, session = NULL \
             FROM {0} AS was WHERE it.name = was.name AND it.name = $1 AND it.holder_id = $2 RETURNING was.session",
            self.table("states")
        );
        let row = match connection.rows(&take, &[&self.name, &id]).await {
            Err(StatementError::Refused(_, code))
                if code == SqlState::UNDEFINED_TABLE || code == SqlState::INVALID_SCHEMA_NAME =>
            {
                None
            }
            rows => rows?.pop(),
        };
        let Some(row) = row else { return Ok(false) };
        self.end(connection, row.get(0)).await?;
        Ok(true)
    }

    /// Ends the sessions that are marked as a holder's, except this one. Without the right to end
    /// them they remain, but their fencing number keeps them from writing.
    async fn show_out(&self, connection: &StoreConnection) {
        let others =
            format!("SELECT pid FROM pg_locks WHERE pid <> pg_backend_pid() AND {}", guards("$1"));
        let Ok(others) = connection.rows(&others, &[&self.whole_name()]).await else { return };
        for session in others {
            let _ = self.end(connection, session.get(0)).await;
        }
    }

    /// Ends a session that guards the lock. The advisory lock is checked first, because the process
    /// number of an ended session may have been reused.
    async fn end(
        &self,
        connection: &StoreConnection,
        session: Option<i32>,
    ) -> Result<(), StatementError> {
        let guards = format!("FROM pg_locks WHERE pid = $1 AND {}", guards("$2"));
        connection
            .rows(
                &format!("SELECT pg_terminate_backend(pid) {guards}"),
                &[&session, &self.whole_name()],
            )
            .await?;
        for _ in 0..ENDING {
            if connection
                .rows(&format!("SELECT {guards}"), &[&session, &self.whole_name()])
                .await?
                .is_empty()
            {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Appends a segment.
    pub(super) async fn append(
        &self,
        on: &StoreConnection,
        taken: i64,
        number: u64,
        bytes: &[u8],
    ) -> Result<WriteOutcome, StatementError> {
        let append = format!(
            "WITH mine AS (SELECT FROM {} WHERE name = $1 AND taken = $2 FOR SHARE) \
             INSERT INTO {} (name, number, bytes) SELECT $1, $3, $4 FROM mine",
            self.table("states"),
            self.table("journal")
        );
        let number = number.cast_signed();
        match on.execute(&append, &[&self.name, &taken, &number, &bytes]).await {
            Ok(0) => Ok(WriteOutcome::LockLost),
            Ok(_) => Ok(WriteOutcome::Done),
            Err(StatementError::Refused(_, code)) if code == SqlState::UNIQUE_VIOLATION => {
                let there = format!(
                    "SELECT bytes FROM {} WHERE name = $1 AND number = $2",
                    self.table("journal")
                );
                let there = on.rows(&there, &[&self.name, &number]).await?;
                Ok(WriteOutcome::Taken(there.first().map(|it| it.get(0)).unwrap_or_default()))
            }
            Err(failed) => Err(failed),
        }
    }

    /// Removes the segments of the journal that are not retained.
    pub(super) async fn cut(
        &self,
        on: &StoreConnection,
        taken: i64,
        kept: Option<JournalExtent>,
    ) -> Result<WriteOutcome, StatementError> {
        let (segment, length) = kept.map_or((-1, 0), |it| (it.segment.cast_signed(), it.length));
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        let cut = format!(
            "WITH mine AS (SELECT FROM {} WHERE name = $1 AND taken = $2 FOR SHARE), \
             gone AS (DELETE FROM {journal} WHERE name = $1 AND (number > $3 OR number = $3 AND $4 = 0) AND EXISTS (SELECT FROM mine)), \
             cut AS (UPDATE {journal} SET bytes = substring(bytes FROM 1 FOR $4) \
             WHERE name = $1 AND number = $3 AND $4 > 0 AND length(bytes) > $4 AND EXISTS (SELECT FROM mine)) \
             SELECT FROM mine",
            self.table("states"),
            journal = self.table("journal")
        );
        let mine = on.rows(&cut, &[&self.name, &taken, &segment, &length]).await?;
        Ok(if mine.is_empty() { WriteOutcome::LockLost } else { WriteOutcome::Done })
    }

    /// Replaces the journal with a checkpoint.
    pub(super) async fn checkpoint(
        &self,
        on: &StoreConnection,
        taken: i64,
        number: u64,
        bytes: &[u8],
    ) -> Result<WriteOutcome, StatementError> {
        let replace = format!(
            "WITH mine AS (SELECT FROM {} WHERE name = $1 AND taken = $2 FOR SHARE), \
             new AS (INSERT INTO {checkpoints} (name, number, bytes) SELECT $1, $3, $4 FROM mine), \
             gone AS (DELETE FROM {} WHERE name = $1 AND EXISTS (SELECT FROM mine)), \
             old AS (DELETE FROM {checkpoints} WHERE name = $1 AND EXISTS (SELECT FROM mine) AND written <= \
             (SELECT written FROM {checkpoints} WHERE name = $1 ORDER BY written DESC OFFSET {} LIMIT 1)) \
             SELECT FROM mine",
            self.table("states"),
            self.table("journal"),
            CHECKPOINTS - 1,
            checkpoints = self.table("checkpoints")
        );
        let mine = on.rows(&replace, &[&self.name, &taken, &number.cast_signed(), &bytes]).await?;
        Ok(if mine.is_empty() { WriteOutcome::LockLost } else { WriteOutcome::Done })
    }
}

/// That a row of `pg_locks` is our mark for the state of the name that this parameter has.
fn guards(parameter: &str) -> String {
    format!(
        "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND classid::bigint = {ADVISORY} AND objid::bigint = (hashtext({parameter})::bigint & 4294967295)"
    )
}
