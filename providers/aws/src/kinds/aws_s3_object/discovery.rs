//! Discovery of objects without a record, in the buckets that the configuration names for them.

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

/// The most objects of one bucket whose metadata are read.
const MOST: usize = 10_000;

/// The owned objects in those buckets where a target's key is unknown, because it depends on a
/// value that was lost with the state. A target with a known key is found by its id.
pub(super) async fn list_owned(
    aws: &AwsClients,
    targets: &[DiscoveryTarget],
) -> Result<Vec<OwnedResource>, Error> {
    let unnamed = targets.iter().filter(|it| S3Object::import_id(&it.arguments).is_none());
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
    let what = format!("search the bucket `{bucket}` for objects of `ha`");
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
