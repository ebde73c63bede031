//! One rule that lets out.

use crate::security_rule::{Direction, SecurityGroupRule};

/// A rule that lets out.
pub(crate) type EgressRule = SecurityGroupRule<Egress>;

/// What makes it so.
pub(crate) enum Egress {}

impl Direction for Egress {
    const KIND: &'static str = "aws_vpc_security_group_egress_rule";
    const OUT: bool = true;
}
