//! ha-aws
