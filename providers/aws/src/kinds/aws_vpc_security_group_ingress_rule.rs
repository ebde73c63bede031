//! One rule that lets in.

use crate::security_rule::{Direction, SecurityGroupRule};

/// A rule that lets in.
pub(crate) type IngressRule = SecurityGroupRule<Ingress>;

/// What makes it so.
pub(crate) enum Ingress {}

impl Direction for Ingress {
    const KIND: &'static str = "aws_vpc_security_group_ingress_rule";
    const OUT: bool = false;
}
