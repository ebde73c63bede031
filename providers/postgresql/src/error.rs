//! What PostgreSQL's errors mean, and which of them are transient.

use std::error::Error as _;
use std::io;

use ha_provider::{CallOutcome, Error};
use tokio_postgres::error::SqlState;

/// An attempt that PostgreSQL answered with an error, or did not answer.
pub(crate) fn failed(attempted: impl Into<String>, error: &tokio_postgres::Error) -> Error {
    let attempted = attempted.into();
    let Some(answer) = error.as_db_error() else {
        let failed = Error::from_error(attempted, error);
        return match tls_fault(error) {
            Some(fault) => failed.help(tls_help(fault)),
            None => failed,
        };
    };
    let mut failed = Error::new(attempted, answer.message())
        .code(answer.code().code())
        .outcome(CallOutcome::Refused);
    failed.causes.extend(answer.detail().map(|it| it.replace('\n', "; ")));
    // The server's hint is to use `CASCADE`, which no argument here has as its name. The callers
    // add what to do about dependent objects.
    if let Some(hint) =
        answer.hint().filter(|_| *answer.code() != SqlState::DEPENDENT_OBJECTS_STILL_EXIST)
    {
        failed = failed.help(hint);
    }
    match help(answer.code()) {
        Some(help) => failed.help(help),
        None => failed,
    }
}

fn help(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::INVALID_PASSWORD => {
            "the server knows another password for this user; compare the provider's `password`"
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "no line of the server's pg_hba.conf allows this connection; where it lists only `hostssl`, `sslmode` must not be \
             `disable`"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "the provider's `username` may not do this; on RDS use the master user, elsewhere a role with CREATEROLE and CREATEDB, or a \
             superuser for what only one may do"
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            "all connections are in use; pg_stat_activity lists them; close some, or raise max_connections"
        }
        SqlState::INVALID_CATALOG_NAME => {
            "there is no such database; compare the provider's `database`"
        }
        SqlState::DUPLICATE_OBJECT | SqlState::DUPLICATE_DATABASE => {
            "it is not on record here: if another block of this configuration has that name, order the two by steps; else give this one \
             another name, or import that one"
        }
        SqlState::OBJECT_IN_USE => "close the connections to it; pg_stat_activity names them",
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "this server only follows another; after a fail-over, wait and try again"
        }
        SqlState::UNDEFINED_FILE => {
            "the server does not have this extension; `SELECT name FROM pg_available_extensions` lists those it has"
        }
        SqlState::LOCK_NOT_AVAILABLE => {
            "another session holds a lock on it; pg_locks and pg_stat_activity show which one"
        }
        _ => return None,
    })
}

/// Whether a failure to connect is transient: during a fail-over, a restart, or before a new DNS
/// name is known everywhere.
pub(crate) fn passes(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        return [
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
        ]
        .contains(code);
    }
    if tls_fault(error).is_some() {
        return false;
    }
    match find::<io::Error>(error) {
        Some(error) => error.kind() != io::ErrorKind::InvalidInput,
        None => error.is_closed(),
    }
}

/// The TLS error that is the cause, if one is.
fn tls_fault(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let io = find::<io::Error>(error)?;
    io.get_ref()?.downcast_ref()
}

fn tls_help(fault: &rustls::Error) -> &'static str {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    match fault {
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "the server's certificate is of another authority; compare the provider's `ca_certificate` or `sslrootcert`"
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "the server's certificate is for other names; give the `host` that it names, or use `sslmode = \"verify-ca\"`"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "the server's certificate has expired, or the clock of this machine is wrong"
        }
        _ => "compare `sslmode` and the server's TLS settings",
    }
}

fn find<T: std::error::Error + 'static>(error: &tokio_postgres::Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(found) = source.downcast_ref() {
            return Some(found);
        }
        next = source.source();
    }
    None
}
