//! ha-mongodb
