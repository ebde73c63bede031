//! A single egress rule of a security group.

use crate::security_rule::{RuleDirection, SecurityGroupRule};

/// The egress direction.
pub(crate) type EgressRule = SecurityGroupRule<EgressDirection>;

/// A single egress rule of a security group.
pub(crate) enum EgressDirection {}

impl RuleDirection for EgressDirection {
    const KIND: &'static str = "aws_vpc_security_group_egress_rule";
    const OUT: bool = true;
}
