//! ha-lang
