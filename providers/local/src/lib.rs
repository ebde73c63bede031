//! ha-local
