//! One rule that lets out.

use crate::security_rule::{RuleDirection, SecurityGroupRule};

/// A rule that lets out.
pub(crate) type EgressRule = SecurityGroupRule<EgressDirection>;

/// What makes it so.
pub(crate) enum EgressDirection {}

impl RuleDirection for EgressDirection {
    const KIND: &'static str = "aws_vpc_security_group_egress_rule";
    const OUT: bool = true;
}
