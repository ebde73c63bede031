//! What is wrong with a set's arguments.

use ha_provider::ArgumentProblem;
use ha_value::Path;
use serde::Deserialize;

use super::{MemberBlock, MemberOptions, ReplicaSetSettings};
use crate::authority::CertificateAuthority;
use crate::mongod::OTHERS_WOULD_NOT_KNOW_IT;
use crate::names::{only_local, plain_endpoint, split_endpoint};
use crate::release::{ROTATES, ReleaseSeries};

#[derive(Deserialize)]
pub(super) struct MemberArguments {
    pub(super) members: Vec<MemberBlock>,
}

impl MemberArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let members = Path::attribute("members");
        let mut problems = Vec::new();
        let mut wrong = |path: &Path, message: String| {
            problems.push(ArgumentProblem { path: path.clone(), message })
        };
        let voters = self.members.iter().filter(|it| it.votes != Some(0)).count();
        if voters % 2 == 0 {
            wrong(
                &members,
                format!("a replica set needs an odd number of voting members; got {voters}"),
            );
        }
        if voters > 7 {
            wrong(&members, format!("a replica set has at most 7 voting members; got {voters}"));
        }
        let here = self.members.iter().all(|it| it.machine.as_deref() == Some("process"));
        for (index, member) in self.members.iter().enumerate() {
            let path = members.index(index);
            let (host, _) = split_endpoint(&member.host);
            if let Some(reason) = only_local(host).filter(|_| !here) {
                wrong(
                    &path.name("host"),
                    format!(
                        "`{host}` will do only where every member's machine is `process {{}}`: {reason}; take the members from \
                         `mongodb_host.NAME.member`, which say what their machines are"
                    ),
                );
            }
            if self.members[..index]
                .iter()
                .any(|it| plain_endpoint(&it.host) == plain_endpoint(&member.host))
            {
                wrong(&path.name("host"), format!("`{}` is named twice", member.host));
            }
            if member.votes.is_some_and(|it| it > 1) {
                wrong(&path.name("votes"), "a member has one vote or none".into());
            }
            if member.priority.is_some_and(|it| !(0.0..=1000.0).contains(&it)) {
                wrong(&path.name("priority"), "a priority lies between 0 and 1000".into());
            }
            for (name, message) in of_options(&member.options()) {
                wrong(&path.name(name), message.into());
            }
        }
        if !self.members.is_empty() && self.members.iter().all(|it| it.options().priority == 0.0) {
            wrong(&members, "no member may become primary: every `priority` is 0".into());
        }
        problems
    }
}

/// What is wrong with a member's options taken together.
fn of_options(it: &MemberOptions) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    if it.priority > 0.0 && (it.votes == 0 || it.hidden) {
        wrong.push(("priority", "a member that is hidden or has no vote must have priority 0"));
    }
    if it.priority > 0.0 && (it.delay > 0 || !it.build_indexes) {
        wrong.push(("priority", "a member that is delayed or builds no indexes must have priority 0: clients would read old data from it, or wait for it"));
    }
    if it.arbiter
        && (it.priority > 0.0 || it.votes == 0 || it.hidden || it.delay > 0 || !it.build_indexes)
    {
        wrong.push((
            "arbiter_only",
            "an arbiter holds no data: it votes, and has no priority and no other options",
        ));
    }
    if it.delay > LONGEST_DELAY {
        wrong.push(("secondary_delay_secs", "a delay is 366 days at most"));
    }
    wrong
}

const LONGEST_DELAY: u32 = 366 * 24 * 60 * 60;

#[derive(Deserialize)]
pub(super) struct SettingsArguments {
    settings: ReplicaSetSettings,
}

impl SettingsArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let problem = |(name, message)| ArgumentProblem {
            path: Path::attribute("settings").name(name),
            message,
        };
        self.settings.problems().into_iter().map(problem).collect()
    }
}

#[derive(Deserialize)]
pub(super) struct AuthorityArguments {
    authority: CertificateAuthority,
}

impl AuthorityArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let problem = |message: &str| ArgumentProblem {
            path: Path::attribute("authority"),
            message: message.to_owned(),
        };
        self.authority.problem().map(problem).into_iter().collect()
    }
}

/// Whom the members know by now, and what the oldest of them runs.
#[derive(Deserialize)]
pub(super) struct KnownMembers {
    pub(super) authority: CertificateAuthority,
    pub(super) hosts: Vec<String>,
    version: String,
}

impl KnownMembers {
    /// Whether the members would know each other by these names while not all have them yet.
    pub(super) fn keeps(&self, wanted: &AuthorityArguments) -> bool {
        let rotates = ReleaseSeries::from_version(&self.version).is_ok_and(|it| it >= ROTATES);
        rotates || self.authority.membership() == wanted.authority.membership()
    }
}

/// What is said of other names for members that would not know each other by them.
pub(super) fn other_names() -> ArgumentProblem {
    ArgumentProblem {
        path: Path::attribute("authority"),
        message: OTHERS_WOULD_NOT_KNOW_IT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(host: &str) -> MemberBlock {
        MemberBlock { host: host.into(), machine: Some("process".into()), ..MemberBlock::default() }
    }

    #[test]
    fn loopback_members_need_processes() {
        let here = MemberArguments {
            members: vec![member("127.0.0.11:1"), member("127.0.0.12:1"), member("127.0.0.13:1")],
        };
        assert_eq!(here.problems(), []);
        let mut elsewhere = here;
        elsewhere.members[2].machine = None;
        assert_eq!(elsewhere.problems().len(), 3);
        assert!(elsewhere.problems()[0].message.contains("mongodb_host.NAME.member"));
    }

    #[test]
    fn a_set_that_cannot_work_is_refused() {
        let two = MemberArguments { members: vec![member("127.0.0.11:1"), member("127.0.0.11:1")] };
        let messages: Vec<String> = two.problems().into_iter().map(|it| it.message).collect();
        assert!(messages[0].contains("odd number of voting members; got 2"));
        assert!(messages[1].contains("named twice"));
        let odd = MemberArguments {
            members: vec![MemberBlock { votes: Some(1), hidden: Some(true), ..member("a:1") }],
        };
        assert_eq!(odd.problems().len(), 1);
    }
}
