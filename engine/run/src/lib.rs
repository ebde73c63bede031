//! ha-run
