//! What people bring from Terraform and blocks do not take here: with each, what to do instead.

use std::collections::BTreeMap;

use ha_kind::{Field, Name};

/// An argument or block that some block of Terraform's has. The block is known by another argument, which ours has too.
struct Habit {
    names: &'static [&'static str],
    beside: &'static str,
    instead: &'static str,
}

const PROFILE: &str = "leave it out, and take the role by a profile: `role_arn` and `source_profile` in `~/.aws/config`, and here `profile = …`; a web identity is taken from AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE";
const FILES: &str = "leave it out: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files";
const NOT_SKIPPED: &str = "leave it out: nothing is asked that it would skip";
const SYSTEM: &str = "leave it out: the authorities are trusted that this machine trusts, and TLS is always checked";

const HABITS: &[Habit] = &[
    // The backend `s3`.
    Habit {
        names: &["dynamodb_table", "dynamodb_endpoint"],
        beside: "use_lockfile",
        instead: "leave it out: the lock lies in the bucket beside the state, as `KEY.lock`; the table can go once nobody uses Terraform there",
    },
    Habit {
        names: &[
            "assume_role_duration_seconds",
            "assume_role_policy",
            "assume_role_policy_arns",
            "assume_role_tags",
            "assume_role_transitive_tag_keys",
            "external_id",
            "role_arn",
            "session_name",
        ],
        beside: "use_lockfile",
        instead: PROFILE,
    },
    Habit {
        names: &["acl"],
        beside: "use_lockfile",
        instead: "leave it out: what is written belongs to the bucket's owner, and who may read it says the bucket's policy",
    },
    Habit {
        names: &["sse_customer_key"],
        beside: "use_lockfile",
        instead: "leave it out: the state is sealed before it leaves this machine; which key that takes says the block `encryption`",
    },
    Habit { names: &["force_path_style"], beside: "use_lockfile", instead: "write `use_path_style = …`" },
    Habit {
        names: &["iam_endpoint", "sts_endpoint", "sts_region"],
        beside: "use_lockfile",
        instead: "leave it out: only the bucket's service is called",
    },
    Habit {
        names: &["allowed_account_ids", "forbidden_account_ids"],
        beside: "use_lockfile",
        instead: "leave it out here: `provider \"aws\"` takes it, for all that is changed",
    },
    // The backend `postgres`, Terraform's `pg`, takes what that takes. The backend `local`.
    Habit {
        names: &["workspace_dir"],
        beside: "path",
        instead: "leave it out: the states of environments lie in `env/NAME` beside `path`",
    },
    // Whatever is reached at AWS.
    Habit { names: &["assume_role", "assume_role_with_web_identity"], beside: "secret_key", instead: PROFILE },
    Habit {
        names: &["shared_config_files", "shared_credentials_file", "shared_credentials_files"],
        beside: "secret_key",
        instead: FILES,
    },
    Habit {
        names: &[
            "skip_credentials_validation",
            "skip_metadata_api_check",
            "skip_region_validation",
            "skip_requesting_account_id",
            "skip_s3_checksum",
            "skip_get_ec2_platforms",
            "use_legacy_workflow",
        ],
        beside: "secret_key",
        instead: NOT_SKIPPED,
    },
    Habit { names: &["custom_ca_bundle", "insecure"], beside: "secret_key", instead: SYSTEM },
    Habit {
        names: &["http_proxy", "https_proxy", "no_proxy"],
        beside: "secret_key",
        instead: "leave it out: AWS is called directly; a proxy cannot be named yet",
    },
    Habit {
        names: &["retry_mode"],
        beside: "max_retries",
        instead: "leave it out: `max_retries` says how often a call is tried, with growing pauses",
    },
    Habit {
        names: &["ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode"],
        beside: "secret_key",
        instead: "leave it out: AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE say so",
    },
    Habit {
        names: &["use_fips_endpoint", "use_dualstack_endpoint"],
        beside: "secret_key",
        instead: "leave it out: AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT say so",
    },
    Habit { names: &["s3_force_path_style"], beside: "s3_use_path_style", instead: "write `s3_use_path_style = …`" },
    Habit {
        names: &["ignore_tags"],
        beside: "default_tags",
        instead: "leave it out: `lifecycle { ignore_changes = [tags[\"KEY\"]] }` leaves a tag alone that others set",
    },
    Habit {
        names: &["s3_us_east_1_regional_endpoint", "token_bucket_rate_limiter_capacity"],
        beside: "default_tags",
        instead: "leave it out",
    },
    // Objects in S3.
    Habit {
        names: &["etag", "source_hash"],
        beside: "content_base64",
        instead: "leave it out: what is there is compared with the content by its digest",
    },
    Habit {
        names: &["source"],
        beside: "content_base64",
        instead: "write `content = file(\"…\")`, or `content_base64 = filebase64(\"…\")` where it is no text",
    },
    Habit {
        names: &["acl"],
        beside: "content_base64",
        instead: "leave it out: what is written belongs to the bucket's owner, and who may read it says the bucket's policy",
    },
];

/// What to do about something that a block with these fields does not take.
pub(super) fn instead(name: &str, fields: &BTreeMap<Name, Field>) -> Option<&'static str> {
    let is_meant = |it: &&Habit| it.names.contains(&name) && fields.contains_key(it.beside);
    HABITS.iter().find(is_meant).map(|it| it.instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_says_what_to_do() {
        for Habit { names, instead, beside } in HABITS {
            assert!(!names.is_empty() && !beside.is_empty());
            assert!(instead.starts_with("leave it out") || instead.starts_with("write `"), "{names:?}: {instead}");
        }
    }
}
