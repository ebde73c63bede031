//! Reading recorded objects.

use std::future::Future;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{Error, RecordedResource, Resource, ResourceReading};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::AwsClients;

/// Number of concurrent calls that read one object each.
pub(crate) const AT_ONCE: usize = 8;
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// A resource type whose service describes one object per call.
pub(crate) trait CachedReading: Resource<Provider = AwsClients> {
    /// Reads one object.
    fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> impl Future<Output = Result<ResourceReading<Self>, Error>> + Send;
}

/// A resource type whose service describes many objects per call.
pub(crate) trait ListableResource: Resource<Provider = AwsClients> {
    /// Maximum number of objects in one call.
    const AT_ONCE: usize;

    /// Reads at most `AT_ONCE` objects; the results are in the order of `recorded`.
    fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> impl Future<Output = Result<Vec<ResourceReading<Self>>, Error>> + Send;
}

/// Reads objects one by one, some concurrently.
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

/// Reads many objects with few calls.
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

/// Looks for the object that an earlier try created. One that is not found is looked for once more:
/// AWS may not list a new object for a moment, and creating it again would leave two.
pub(crate) async fn look_twice<T, F>(mut look: impl FnMut() -> F) -> Result<Option<T>, Error>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    if let Some(found) = look().await? {
        return Ok(Some(found));
    }
    tokio::time::sleep(SECOND_LOOK).await;
    look().await
}

/// A value inside a block, where the configuration sets it: a value that is left to the service is
/// no difference.
pub(crate) fn where_configured<T, U>(recorded: Option<&U>, there: Option<T>) -> Option<T> {
    recorded.and(there)
}

/// A block as read, without the fields that the recorded block leaves to the service.
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
            // Fields that the record does not have are left to the service, at any depth of a
            // block.
            let spoken_of = there.into_iter().filter_map(|(name, it)| {
                let recorded = recorded.get(&name).filter(|it| !it.is_null())?;
                let it = narrowed(recorded, it);
                Some((name, it))
            });
            Json::Object(spoken_of.collect())
        }
        // Lists of different lengths cannot be matched element by element; they are a difference in
        // any case.
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

/// The places of the objects that were not found. They are read once more before they count as
/// deleted: AWS may not list an object for a moment after a change.
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
    fn fields_left_to_the_service_are_no_difference() {
        let configured = json!({"tokens": "required", "hops": null, "disks": [{"size": 5}]});
        let there = json!({"tokens": "optional", "hops": 1, "state": "applied", "disks": [{"size": 5, "type": "gp2"}]});
        let seen = as_configured(Some(&configured), Some(there));
        assert_eq!(seen, Some(json!({"tokens": "optional", "disks": [{"size": 5}]})));
    }

    #[test]
    fn added_and_removed_elements_show() {
        let (one, two) =
            (json!([{"size": 5}]), json!([{"size": 5, "type": "gp2"}, {"size": 6, "type": "gp2"}]));
        assert_eq!(as_configured(Some(&one), Some(two.clone())), Some(two.clone()));
        assert_eq!(as_configured(None, Some(two.clone())), Some(two));
        assert_eq!(as_configured(Some(&one), None), None);
    }
}
