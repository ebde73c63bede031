//! Whom AWS takes us for.

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;

/// The account and user that the credentials are of.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CallerIdentity {}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CallerIdentityOutputs {
    /// The account's number.
    id: String,
    /// The account's number.
    account_id: String,
    /// Amazon's name for the user or role.
    arn: String,
    /// What tells the user or role from others.
    user_id: String,
}

impl DataSource for CallerIdentity {
    const KIND: &'static str = "aws_caller_identity";
    type Provider = AwsClients;
    type Outputs = CallerIdentityOutputs;

    async fn read(&self, aws: &AwsClients) -> Result<CallerIdentityOutputs, Error> {
        let caller = aws.caller().await?;
        Ok(CallerIdentityOutputs {
            id: caller.account.clone(),
            account_id: caller.account,
            arn: caller.arn,
            user_id: caller.user,
        })
    }
}
