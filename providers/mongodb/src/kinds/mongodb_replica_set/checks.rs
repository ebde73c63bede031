//! What is wrong with a set's arguments.

use ha_kind::{Path, Problem};
use serde::Deserialize;

use super::MemberOf;
use crate::authority::Authority;
use crate::names::{only_local, split_endpoint};

#[derive(Deserialize)]
pub(super) struct Membered {
    pub(super) members: Vec<MemberOf>,
}

impl Membered {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let members = Path::attribute("members");
        let mut problems = Vec::new();
        let mut wrong = |path: &Path, message: String| problems.push(Problem { path: path.clone(), message });
        let voters = self.members.iter().filter(|it| it.votes != Some(0)).count();
        if voters % 2 == 0 {
            wrong(&members, format!("a replica set needs an odd number of voting members; got {voters}"));
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
            if self.members[..index].iter().any(|it| it.host == member.host) {
                wrong(&path.name("host"), format!("`{}` is named twice", member.host));
            }
            if member.votes.is_some_and(|it| it > 1) {
                wrong(&path.name("votes"), "a member has one vote or none".into());
            }
            if member.priority.is_some_and(|it| !(0.0..=1000.0).contains(&it)) {
                wrong(&path.name("priority"), "a priority lies between 0 and 1000".into());
            }
            let electable = member.priority != Some(0.0);
            if electable && (member.votes == Some(0) || member.hidden == Some(true)) {
                wrong(&path.name("priority"), "a member that is hidden or has no vote must have priority 0".into());
            }
        }
        problems
    }
}

#[derive(Deserialize)]
pub(super) struct Authorised {
    authority: Authority,
}

impl Authorised {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let problem = |message: &str| Problem { path: Path::attribute("authority"), message: message.to_owned() };
        self.authority.problem().map(problem).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(host: &str) -> MemberOf {
        MemberOf { host: host.into(), machine: Some("process".into()), priority: None, votes: None, hidden: None }
    }

    #[test]
    fn loopback_members_need_processes() {
        let here = Membered { members: vec![member("127.0.0.11:1"), member("127.0.0.12:1"), member("127.0.0.13:1")] };
        assert_eq!(here.problems(), []);
        let mut elsewhere = here;
        elsewhere.members[2].machine = None;
        assert_eq!(elsewhere.problems().len(), 3);
        assert!(elsewhere.problems()[0].message.contains("mongodb_host.NAME.member"));
    }

    #[test]
    fn a_set_that_cannot_work_is_refused() {
        let two = Membered { members: vec![member("127.0.0.11:1"), member("127.0.0.11:1")] };
        let messages: Vec<String> = two.problems().into_iter().map(|it| it.message).collect();
        assert!(messages[0].contains("odd number of voting members; got 2"));
        assert!(messages[1].contains("named twice"));
        let odd = Membered { members: vec![MemberOf { votes: Some(1), hidden: Some(true), ..member("a:1") }] };
        assert_eq!(odd.problems().len(), 1);
    }
}
