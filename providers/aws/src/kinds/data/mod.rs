//! Data sources and documents.

pub(crate) mod aws_ami;
pub(crate) mod aws_availability_zones;
pub(crate) mod aws_caller_identity;
pub(crate) mod aws_iam_policy_document;
pub(crate) mod aws_region;
pub(crate) mod aws_subnets;
pub(crate) mod aws_vpc;
