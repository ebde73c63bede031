//! A state in PostgreSQL under its lock.

use std::sync::{Arc, Mutex, PoisonError};

use ha_provider::Error;
use ha_state_store::{
    JournalExtent, Lease, LeaseHeartbeat, LeaseRenewal, LockInfo, LockedStore, RenewFunction,
    StateError,
};

use super::connection::{StatementError, StoreConnection};
use super::tables::{self, StateTables, WriteOutcome};
use super::{DatabaseConnection, away};

/// How often a write is tried when its connection is lost.
const TRIES: u32 = 3;
/// How often the holder of the lock is queried, and the time between.
const LOOKS: u32 = 20;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// A state in PostgreSQL under its lock.
pub(super) struct LockedPostgresStore {
    rooms: DatabaseConnection,
    heart: LeaseHeartbeat,
    /// The session that has the advisory lock.
    session: SharedConnection,
    /// The connection that writes.
    connection: Option<Arc<StoreConnection>>,
    /// The lock's id.
    id: String,
    /// The current fencing number.
    taken: i64,
}

type SharedConnection = Arc<Mutex<Option<Arc<StoreConnection>>>>;

impl LockedPostgresStore {
    /// Acquires the lock and fences off the previous holder.
    pub(super) fn take(rooms: DatabaseConnection, holder: &LockInfo) -> Result<Self, StateError> {
        let lasting = std::time::Duration::from_secs(rooms.lease.into());
        let ((session, connection, taken), heart) = LeaseHeartbeat::start(lasting, || {
            let id = holder.id.clone();
            let (connection_settings, tables, lease, holder) = (
                rooms.connection_settings.clone(),
                rooms.tables.clone(),
                rooms.lease,
                holder.clone(),
            );
            let taken = rooms.quarters.wait(async move {
                let session = StoreConnection::open(&connection_settings).await?;
                tables.make(&session).await?;
                match tables.take(&session, &holder, lease).await? {
                    Some(taken) => Ok(Ok((Arc::new(session), taken))),
                    None => Ok(Err(named(&tables, &session).await?)),
                }
            });
            let (session, taken) = taken.map_err(away)?.map_err(|row| {
                let seconds = row.as_ref().map_or(rooms.lease.into(), |it| it.lease);
                StateError::leased(&rooms.place, row.map(|it| it.holder), seconds)
            })?;
            let connection = session.clone();
            let session: SharedConnection = Arc::new(Mutex::new(Some(session)));
            Ok(((session.clone(), connection, taken), renewing(&rooms, session, id.clone())))
        })?;
        Ok(Self {
            rooms,
            heart,
            session,
            connection: Some(connection),
            id: holder.id.clone(),
            taken,
        })
    }

    fn lost(&self) -> StateError {
        StateError::lock_taken(&self.rooms.place, None)
    }

    /// Writes, on another connection where one is lost. Writes are idempotent, so a repeated one
    /// has no second effect.
    fn write<F>(
        &mut self,
        number: u64,
        write: impl Fn(StateTables, Arc<StoreConnection>, i64) -> F,
    ) -> Result<WriteOutcome, StateError>
    where
        F: Future<Output = Result<WriteOutcome, StatementError>> + Send + 'static,
    {
        if !self.heart.beats()? {
            return Err(self.lost());
        }
        let mut last = None;
        for _ in 0..TRIES {
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => match self.connect_again() {
                    Ok(Some(connection)) => connection,
                    Ok(None) => return Err(self.lost()),
                    Err(error) => {
                        last = Some(error);
                        continue;
                    }
                },
            };
            match self.rooms.quarters.wait(write(
                self.rooms.tables.clone(),
                connection.clone(),
                self.taken,
            )) {
                Ok(WriteOutcome::LockLost) => return Err(self.lost()),
                Ok(wrote) => {
                    self.connection = Some(connection);
                    return Ok(wrote);
                }
                Err(StatementError::Refused(error, _)) => return Err(away(error)),
                Err(StatementError::Lost(error)) => last = Some(away(error)),
            }
        }
        Err(last.unwrap_or_else(|| StateError::taken(&self.rooms.place, number)))
    }

    /// A new connection and a new fencing number: a write in flight on the lost connection must not
    /// take effect after the writes that follow. None when the lock is lost.
    fn connect_again(&mut self) -> Result<Option<Arc<StoreConnection>>, StateError> {
        let (connection_settings, tables, id) =
            (self.rooms.connection_settings.clone(), self.rooms.tables.clone(), self.id.clone());
        let opened = self.rooms.quarters.wait(async move {
            let connection = StoreConnection::open(&connection_settings).await?;
            let taken = tables.take_again(&connection, &id).await?;
            Ok::<_, Error>(taken.map(|it| (connection, it)))
        });
        let Some((connection, taken)) = opened.map_err(away)? else { return Ok(None) };
        self.taken = taken;
        Ok(Some(Arc::new(connection)))
    }
}

/// The holder of the lock. One that acquired it a moment ago may not have written its name yet.
async fn named(
    tables: &StateTables,
    session: &StoreConnection,
) -> Result<Option<tables::LockRow>, Error> {
    for _ in 0..LOOKS {
        if let Some(row) = tables.held(session).await? {
            return Ok(Some(row));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}

/// Renews the lease: on the lock's session, or on another where that is lost.
fn renewing(rooms: &DatabaseConnection, session: SharedConnection, id: String) -> RenewFunction {
    let DatabaseConnection { quarters, connection_settings, tables, .. } = rooms.clone();
    Box::new(move || {
        let open = session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (connection_settings, tables, id) =
            (connection_settings.clone(), tables.clone(), id.clone());
        let renewed = quarters.wait(async move {
            if let Some(open) = open
                && let Ok(mine) = tables.renew(&open, &id).await
            {
                return Ok::<_, Error>((open, mine));
            }
            let open = StoreConnection::open(&connection_settings).await?;
            let mine = tables.renew_anew(&open, &id).await?;
            Ok((Arc::new(open), mine))
        });
        let (open, mine) = renewed.map_err(away)?;
        *session.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok(if mine { LeaseRenewal::Renewed } else { LeaseRenewal::Lost })
    })
}

impl LockedStore for LockedPostgresStore {
    fn lease(&self) -> Lease {
        self.heart.lease()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.write(0, move |tables, on, taken| async move { tables.cut(&on, taken, kept).await })
            .map(|_| ())
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let content: Arc<[u8]> = bytes.into();
        let wrote = self.write(number, move |tables, on, taken| {
            let content = content.clone();
            async move { tables.append(&on, taken, number, &content).await }
        });
        match wrote? {
            // An earlier try took effect, and only its answer was lost.
            WriteOutcome::Taken(there) if there != bytes => {
                Err(StateError::taken(&self.rooms.place, number))
            }
            _ => Ok(()),
        }
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        self.resume(None).map(|()| true)
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let content: Arc<[u8]> = bytes.into();
        let wrote = self.write(number, move |tables, on, taken| {
            let content = content.clone();
            async move { tables.checkpoint(&on, taken, number, &content).await }
        });
        wrote.map(|_| ())
    }
}

impl Drop for LockedPostgresStore {
    fn drop(&mut self) {
        // A lock that is not released expires with its lease, so a failure delays only the next
        // run.
        self.heart.stop();
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let DatabaseConnection { quarters, tables, connection_settings, .. } = self.rooms.clone();
        let id = self.id.clone();
        quarters.wait(async move {
            if let Some(session) = session
                && tables.give_back(&session, &id).await.is_ok()
            {
                return;
            }
            if let Ok(another) = StoreConnection::open(&connection_settings).await {
                let _ = tables.give_back(&another, &id).await;
            }
        });
    }
}
