//! ha-tls
