//! One rule that lets in.

use crate::security_rule::{RuleDirection, SecurityGroupRule};

/// A rule that lets in.
pub(crate) type IngressRule = SecurityGroupRule<IngressDirection>;

/// What makes it so.
pub(crate) enum IngressDirection {}

impl RuleDirection for IngressDirection {
    const KIND: &'static str = "aws_vpc_security_group_ingress_rule";
    const OUT: bool = false;
}
