//! A single ingress rule of a security group.

use crate::security_rule::{RuleDirection, SecurityGroupRule};

/// The ingress direction.
pub(crate) type IngressRule = SecurityGroupRule<IngressDirection>;

/// A single ingress rule of a security group.
pub(crate) enum IngressDirection {}

impl RuleDirection for IngressDirection {
    const KIND: &'static str = "aws_vpc_security_group_ingress_rule";
    const OUT: bool = false;
}
