//! ha-plan
