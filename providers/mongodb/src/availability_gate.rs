//! Whether one member may be stopped now.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use ha_provider::{Attempt, CallOutcome, Error};
use mongodb::bson::{Document, doc};

use crate::authority::ClientAccess;
use crate::error::{cause, failed};
use crate::member::{MemberClient, number};
use crate::replica_set_status::{
    CAUGHT_UP, MemberStatus, ReplicaSetStatus, configuration, members_of, status,
};

/// How long a set that is missing members may take to become whole before the stop is given up.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until the set can lose the member `host`, and takes the primary's office from it where it
/// has that.
pub(crate) async fn pass(
    member: &MemberClient,
    host: &str,
    access: &ClientAccess,
    attempt: &Attempt,
) -> Result<(), Error> {
    let attempted = format!("take {host} out of its replica set for a restart");
    let since = Instant::now();
    loop {
        let configuration =
            configuration(member).await.map_err(|it| failed(&attempted, host, &it))?;
        let heard = status(member)
            .await
            .map_err(|it| failed(&attempted, host, &it))?
            .with_delays(&configuration);
        let status = seen(heard, host, access).await;
        match verdict(host, &votes(&configuration), &status) {
            StopVerdict::Stop => return Ok(()),
            StopVerdict::StepDown => step_down(member, host, attempt).await?,
            StopVerdict::Wait(_) if attempt.is_cancelled() => {
                return Err(Error::new(attempted, "stopped on request; nothing was changed")
                    .outcome(CallOutcome::Interrupted));
            }
            StopVerdict::Wait(reason) if since.elapsed() > LIMIT => {
                return Err(Error::new(attempted, format!("{reason}; mongod on {host} was left running"))
                    .help("bring the other members back, wait until they are SECONDARY, then apply again: it goes on from here")
                    .outcome(CallOutcome::Refused));
            }
            StopVerdict::Wait(reason) => {
                attempt.progress(&format!("not stopping mongod on {host} yet: {reason}"))
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What a member has heard of the others is some seconds old; this asks them.
async fn seen(heard: ReplicaSetStatus, host: &str, access: &ClientAccess) -> ReplicaSetStatus {
    let asked = heard.0.into_iter().map(async |it| {
        if it.host == host || !it.serves() {
            return it;
        }
        let message = match MemberClient::new(&it.host, access) {
            Ok(other) => {
                let answer = other.hello().await;
                other.close().await;
                match answer {
                    Ok(hello) if hello.serves() => return it,
                    Ok(_) => "it does not serve now".to_owned(),
                    Err(error) => cause(&error),
                }
            }
            Err(error) => cause(&error),
        };
        MemberStatus { healthy: false, message, ..it }
    });
    ReplicaSetStatus(join_all(asked).await)
}

#[derive(Debug, PartialEq, Eq)]
enum StopVerdict {
    /// The others have a majority, or the set has none to lose.
    Stop,
    /// As `Stop`, but it is the primary.
    StepDown,
    /// Not yet, for this reason.
    Wait(String),
}

/// The votes of each member.
fn votes(configuration: &Document) -> BTreeMap<String, u32> {
    let vote = |it: &Document| {
        let votes = number(it, "votes").is_none_or(|it| it > 0.0);
        (it.get_str("host").unwrap_or_default().to_owned(), u32::from(votes))
    };
    members_of(configuration).into_iter().map(vote).collect()
}

fn verdict(host: &str, votes: &BTreeMap<String, u32>, status: &ReplicaSetStatus) -> StopVerdict {
    let needed = votes.values().sum::<u32>() / 2 + 1;
    let count = |all: &mut dyn Iterator<Item = &MemberStatus>| -> u32 {
        all.filter(|it| it.serves()).filter_map(|it| votes.get(&it.host)).sum()
    };
    let now = count(&mut status.0.iter());
    let without = count(&mut status.0.iter().filter(|it| it.host != host));
    let voters = votes.values().sum::<u32>();
    // A set of one or two has no spare whatever one does, and one without a majority has nothing
    // left to lose.
    if voters <= 2 || now < needed {
        return StopVerdict::Stop;
    }
    let away: Vec<String> = status
        .0
        .iter()
        .filter(|it| it.host != host && !it.serves())
        .map(|it| it.described())
        .collect();
    if without < needed {
        return StopVerdict::Wait(format!(
            "{without} of {voters} votes would be left and {needed} are needed, because {}",
            away.join("; ")
        ));
    }
    if status.primary().is_none() {
        return StopVerdict::Wait("an election is under way".to_owned());
    }
    let caught_up = |it: &&MemberStatus| status.lag(it).is_none_or(|lag| lag < CAUGHT_UP);
    let following = count(&mut status.0.iter().filter(|it| it.host != host).filter(caught_up));
    if following < needed {
        return StopVerdict::Wait(format!(
            "{following} of {voters} votes are caught up without it and {needed} are needed"
        ));
    }
    match status.primary().is_some_and(|it| it.host == host) {
        true => StopVerdict::StepDown,
        false => StopVerdict::Stop,
    }
}

async fn step_down(member: &MemberClient, host: &str, attempt: &Attempt) -> Result<(), Error> {
    attempt.progress(&format!("{host} is the primary; handing over to another member"));
    match member.run(doc! { "replSetStepDown": 60, "secondaryCatchUpPeriodSecs": 10 }).await {
        Ok(_) => Ok(()),
        // It may have stepped down and closed the connection; the next look tells.
        Err(error) if crate::member::is_passing(&error) => Ok(()),
        Err(error) => Err(failed(format!("step {host} down as primary"), host, &error)
            .help("no other member caught up in time; look at their lag, then apply again")
            .outcome(CallOutcome::Refused)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(states: &[(&str, &str)]) -> ReplicaSetStatus {
        let standing = |(host, state): &(&str, &str)| MemberStatus {
            host: (*host).into(),
            state: (*state).into(),
            healthy: *state != "DOWN",
            optime: 60_000,
            message: String::new(),
            delay: Duration::ZERO,
        };
        ReplicaSetStatus(states.iter().map(standing).collect())
    }

    fn three() -> BTreeMap<String, u32> {
        ["a", "b", "c"].map(|it| (it.to_owned(), 1)).into()
    }

    #[test]
    fn a_whole_set_can_spare_any_member_and_the_primary_hands_over_first() {
        let whole = status(&[("a", "PRIMARY"), ("b", "SECONDARY"), ("c", "SECONDARY")]);
        assert_eq!(verdict("b", &three(), &whole), StopVerdict::Stop);
        assert_eq!(verdict("a", &three(), &whole), StopVerdict::StepDown);
    }

    #[test]
    fn the_majority_is_never_given_away() {
        let missing = status(&[("a", "PRIMARY"), ("b", "SECONDARY"), ("c", "DOWN")]);
        assert!(
            matches!(verdict("b", &three(), &missing), StopVerdict::Wait(reason) if reason.contains("1 of 3 votes"))
        );
        assert_eq!(verdict("c", &three(), &missing), StopVerdict::Stop);
        let silent = BTreeMap::from([
            ("a".to_owned(), 1),
            ("b".to_owned(), 1),
            ("c".to_owned(), 1),
            ("d".to_owned(), 0),
        ]);
        let voiceless =
            status(&[("a", "PRIMARY"), ("b", "SECONDARY"), ("c", "DOWN"), ("d", "SECONDARY")]);
        assert!(matches!(verdict("b", &silent, &voiceless), StopVerdict::Wait(_)));
    }

    #[test]
    fn an_election_is_waited_for() {
        let electing = status(&[("a", "SECONDARY"), ("b", "SECONDARY"), ("c", "SECONDARY")]);
        assert!(matches!(verdict("a", &three(), &electing), StopVerdict::Wait(_)));
    }

    #[test]
    fn a_set_without_a_majority_has_nothing_to_lose() {
        let lost = status(&[("a", "SECONDARY"), ("b", "DOWN"), ("c", "DOWN")]);
        assert_eq!(verdict("a", &three(), &lost), StopVerdict::Stop);
    }
}
