//! Against a real PostgreSQL server, asked as an operator of RDS asks: over TLS only, with SCRAM,
//! as a master user that is no superuser. What came of it is looked at with `psql`, by the server's
//! own superuser or by the role that was made.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod cluster;
mod connections;
mod databases;
mod extensions;
mod imports;
mod losses;
mod objections;
mod project;
mod replacements;
mod roles;
mod states;
mod versions;

use ha_value::{Object, Value};

fn object(given: &[(&str, Value)]) -> Object {
    given.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

fn list(given: &[&str]) -> Value {
    Value::tuple(given.iter().map(|it| Value::from(*it)))
}
