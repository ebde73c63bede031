//! Logs connections and statements, without names, strings and parameters.

use std::future::Future;

use ha_provider::RemoteCall;
use tokio_postgres::Error;

use crate::connect::OpenError;

const SERVICE: &str = "postgresql";

/// Waits for a connection and logs it.
pub(crate) async fn connecting<T>(
    server: &str,
    opening: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    let call = RemoteCall { service: SERVICE, server, operation: "connect" };
    call.logged(opening, |it| if let OpenError::Failed(error) = it { code(error) } else { None })
        .await
}

/// Waits for the answer to a statement and logs it.
pub(crate) async fn running<T>(
    server: &str,
    operation: &str,
    asking: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    RemoteCall { service: SERVICE, server, operation }.logged(asking, code).await
}

fn code(error: &Error) -> Option<String> {
    error.code().map(|it| it.code().to_owned())
}

/// The keywords that a statement begins with: `ALTER ROLE`. What follows may be a name or a secret,
/// so it is not logged.
pub(crate) fn operation(statement: &str) -> String {
    let is_keyword = |word: &&str| word.len() > 1 && word.bytes().all(|it| it.is_ascii_uppercase());
    statement.split_whitespace().take_while(is_keyword).take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keywords_are_logged() {
        assert_eq!(operation("SELECT rolname FROM pg_roles WHERE oid = $1"), "SELECT");
        assert_eq!(operation(r#"ALTER ROLE "app" PASSWORD 'SCRAM-SHA-256$4096'"#), "ALTER ROLE");
        assert_eq!(operation("SET lock_timeout = '60s'; SET x = 'HUSH HUSH'"), "SET");
    }
}
