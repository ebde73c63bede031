//! ha-postgresql
