//! Objects of which nothing is recorded, looked for in the buckets that they would be in.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{
    CallOutcome, DiscoveryTarget, Error, ExistingResource, OwnedResource, OwnershipMark,
    Resource as _,
};

use super::{ADDRESS, S3Object, STATE, head};
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::{AwsClients, reading};

/// More objects in one bucket than these are not looked at one by one.
const MOST: usize = 10_000;

/// What bears our trace in the buckets where something is sought whose key is not known: one that
/// holds a checksum of a content that was lost.
pub(super) async fn marked(
    aws: &AwsClients,
    sought: &[DiscoveryTarget],
) -> Result<Vec<OwnedResource>, Error> {
    let unnamed = sought.iter().filter(|it| S3Object::import_id(&it.arguments).is_none());
    let buckets: BTreeSet<&str> = unnamed.filter_map(|it| it.text("bucket")).collect();
    let mut marked = Vec::new();
    for bucket in buckets {
        let looks: Vec<_> =
            keys(aws, bucket).await?.into_iter().map(|key| look(aws, bucket, key)).collect();
        let looked: Vec<Option<OwnedResource>> =
            stream::iter(looks).buffered(reading::AT_ONCE).try_collect().await?;
        marked.extend(looked.into_iter().flatten());
    }
    Ok(marked)
}

async fn keys(aws: &AwsClients, bucket: &str) -> Result<Vec<String>, Error> {
    let what = format!("look through the bucket `{bucket}` for what `ha` put there");
    let mut keys = Vec::new();
    let mut pages = aws.s3.list_objects_v2().bucket(bucket).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Err(error) if error::is_missing(&error) => return Ok(Vec::new()),
            other => other.attempting(&what)?,
        };
        keys.extend(page.contents().iter().filter_map(|it| it.key().map(str::to_owned)));
        if keys.len() > MOST {
            let cause = format!("it holds more than {MOST} objects");
            return Err(Error::new(what, cause)
                .help("import those that the configuration asks for by hand, with `ha import ADDRESS BUCKET/KEY`")
                .outcome(CallOutcome::Refused));
        }
    }
    Ok(keys)
}

async fn look(aws: &AwsClients, bucket: &str, key: String) -> Result<Option<OwnedResource>, Error> {
    let Some(head) = head(aws, bucket, &key).await? else { return Ok(None) };
    let said = |name: &str| head.metadata().and_then(|it| it.get(name)).cloned();
    let trace = said(ADDRESS).map(|address| OwnershipMark { address, state: said(STATE) });
    Ok(trace.map(|trace| OwnedResource {
        known: ExistingResource::by(&key).argument("bucket", bucket).argument("key", key),
        trace,
    }))
}
