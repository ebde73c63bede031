//! Whom AWS takes us for.

use ha_provider::{Data, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Aws;

/// The account and user that the credentials are of.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CallerIdentity {}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The account's number.
    id: String,
    /// The account's number.
    account_id: String,
    /// Amazon's name for the user or role.
    arn: String,
    /// What tells the user or role from others.
    user_id: String,
}

impl Data for CallerIdentity {
    const KIND: &'static str = "aws_caller_identity";
    type Provider = Aws;
    type Outputs = Outputs;

    async fn read(&self, aws: &Aws) -> Result<Outputs, Error> {
        let caller = aws.caller().await?;
        Ok(Outputs { id: caller.account.clone(), account_id: caller.account, arn: caller.arn, user_id: caller.user })
    }
}
