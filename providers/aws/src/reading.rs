//! How kinds look at what they made.

use std::future::Future;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{Error, RecordedResource, Resource, ResourceReading};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::AwsClients;

/// How many calls about single things are under way at once.
pub(crate) const AT_ONCE: usize = 8;
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// A kind whose service is asked for one at a time.
pub(crate) trait CachedReading: Resource<Provider = AwsClients> {
    /// Looks at one.
    fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> impl Future<Output = Result<ResourceReading<Self>, Error>> + Send;
}

/// A kind whose service can be asked for many at once.
pub(crate) trait ListableResource: Resource<Provider = AwsClients> {
    /// How many fit one call.
    const AT_ONCE: usize;

    /// Looks at as many as fit one call; answers in the order asked.
    fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> impl Future<Output = Result<Vec<ResourceReading<Self>>, Error>> + Send;
}

/// Looks at each by itself, some at a time.
pub(crate) async fn each<R: CachedReading>(
    aws: &AwsClients,
    known: &[RecordedResource<R>],
) -> Result<Vec<ResourceReading<R>>, Error> {
    let readings = looked_at(aws, known.iter().collect()).await?;
    let gone = gone(&readings);
    if gone.is_empty() {
        return Ok(readings);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let again = looked_at(aws, gone.iter().map(|at| &known[*at]).collect()).await?;
    Ok(amended(readings, &gone, again))
}

/// Looks at many with few calls.
pub(crate) async fn listed<R: ListableResource>(
    aws: &AwsClients,
    known: &[RecordedResource<R>],
) -> Result<Vec<ResourceReading<R>>, Error> {
    let readings = in_pages(aws, known.iter().collect()).await?;
    let gone = gone(&readings);
    if gone.is_empty() {
        return Ok(readings);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let again = in_pages(aws, gone.iter().map(|at| &known[*at]).collect()).await?;
    Ok(amended(readings, &gone, again))
}

/// What an earlier try made, looked for by what it left. Not seen at once, it is looked for once
/// more: what is made again because AWS had forgotten it for a moment would be there twice.
pub(crate) async fn twice<T, F>(mut look: impl FnMut() -> F) -> Result<Option<T>, Error>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    if let Some(found) = look().await? {
        return Ok(Some(found));
    }
    tokio::time::sleep(SECOND_LOOK).await;
    look().await
}

/// What is there of a value inside a block, in so far as the configuration speaks of it: what it
/// leaves to the service is no difference.
pub(crate) fn where_configured<T, U>(recorded: Option<&U>, there: Option<T>) -> Option<T> {
    recorded.and(there)
}

/// A block as it is there, without the fields that the configured one leaves to the service.
pub(crate) fn as_configured<T: Serialize + DeserializeOwned>(
    recorded: Option<&T>,
    there: Option<T>,
) -> Option<T> {
    let (Some(recorded), Some(there)) = (recorded, &there) else { return there };
    let json =
        |it: &T| serde_json::to_value(it).expect("a block's fields have names that are strings");
    let narrowed = narrowed(&json(recorded), json(there));
    Some(
        serde_json::from_value(narrowed)
            .expect("fields of blocks that a configuration may leave out are options"),
    )
}

fn narrowed(recorded: &Json, there: Json) -> Json {
    match (recorded, there) {
        (Json::Object(recorded), Json::Object(there)) => {
            let spoken_of = there.into_iter().filter_map(|(name, it)| {
                let recorded = recorded.get(&name).filter(|it| !it.is_null())?;
                let it = narrowed(recorded, it);
                Some((name, it))
            });
            Json::Object(spoken_of.collect())
        }
        (Json::Array(recorded), Json::Array(there)) if recorded.len() == there.len() => {
            recorded.iter().zip(there).map(|(recorded, it)| narrowed(recorded, it)).collect()
        }
        (_, there) => there,
    }
}

async fn looked_at<R: CachedReading>(
    aws: &AwsClients,
    known: Vec<&RecordedResource<R>>,
) -> Result<Vec<ResourceReading<R>>, Error> {
    let looks: Vec<_> = known.into_iter().map(|it| R::look(aws, it)).collect();
    stream::iter(looks).buffered(AT_ONCE).try_collect().await
}

async fn in_pages<R: ListableResource>(
    aws: &AwsClients,
    known: Vec<&RecordedResource<R>>,
) -> Result<Vec<ResourceReading<R>>, Error> {
    let pages: Vec<_> = known.chunks(R::AT_ONCE).map(|it| R::list(aws, it)).collect();
    let pages: Vec<Vec<ResourceReading<R>>> =
        stream::iter(pages).buffered(AT_ONCE).try_collect().await?;
    Ok(pages.into_iter().flatten().collect())
}

/// What seems gone is looked at once more before it counts as gone: AWS forgets for a moment what
/// it has just been told.
fn gone<R: Resource>(readings: &[ResourceReading<R>]) -> Vec<usize> {
    (0..readings.len()).filter(|at| matches!(readings[*at], ResourceReading::Gone)).collect()
}

fn amended<R: Resource>(
    mut readings: Vec<ResourceReading<R>>,
    gone: &[usize],
    again: Vec<ResourceReading<R>>,
) -> Vec<ResourceReading<R>> {
    for (at, reading) in gone.iter().zip(again) {
        readings[*at] = reading;
    }
    readings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_block_leaves_to_the_service_is_no_difference() {
        let configured = json!({"tokens": "required", "hops": null, "disks": [{"size": 5}]});
        let there = json!({"tokens": "optional", "hops": 1, "state": "applied", "disks": [{"size": 5, "type": "gp2"}]});
        let seen = as_configured(Some(&configured), Some(there));
        assert_eq!(seen, Some(json!({"tokens": "optional", "disks": [{"size": 5}]})));
    }

    #[test]
    fn what_comes_or_goes_shows() {
        let (one, two) =
            (json!([{"size": 5}]), json!([{"size": 5, "type": "gp2"}, {"size": 6, "type": "gp2"}]));
        assert_eq!(as_configured(Some(&one), Some(two.clone())), Some(two.clone()));
        assert_eq!(as_configured(None, Some(two.clone())), Some(two));
        assert_eq!(as_configured(Some(&one), None), None);
    }
}
