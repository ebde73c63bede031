//! The data source of the caller's identity.

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;

/// The account and user of the provider's credentials.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CallerIdentity {}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CallerIdentityOutputs {
    /// Id of the account.
    id: String,
    /// Id of the account.
    account_id: String,
    /// ARN of the user or role.
    arn: String,
    /// Unique id of the user or role.
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
