//! The options of a member: what may be said, how mongod names it, and what it is when no one says
//! it.

use std::collections::BTreeMap;

use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::whole;
use crate::member::number;

/// One member.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MemberBlock {
    /// `host:port`, under which clients and the other members reach it.
    pub(crate) host: String,
    /// How its machine is reached, as `mongodb_host.member` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// How willing it is to become primary; 1 when left out, and 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<f64>,
    /// Its votes, 0 or 1; 1 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) votes: Option<u32>,
    /// Whether clients do not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<bool>,
    /// Marks that read preferences and write concerns refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// How many seconds it stays behind the others on purpose; 0 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secondary_delay_secs: Option<u32>,
    /// Whether it builds the indexes that the others have; true when left out. A change takes the
    /// member out of the set and adds it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) build_indexes: Option<bool>,
    /// Whether it votes and holds no data. A change takes the member out of the set and adds it
    /// again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arbiter_only: Option<bool>,
}

/// The delay's name, and its name before 5.0.
const DELAY: [&str; 2] = ["secondaryDelaySecs", "slaveDelay"];

/// All options of a member, said or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemberOptions {
    pub(crate) priority: f64,
    pub(crate) votes: u32,
    pub(crate) hidden: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) delay: u32,
    pub(crate) build_indexes: bool,
    pub(crate) arbiter: bool,
}

impl MemberOptions {
    /// Those of a member in a set's configuration.
    pub(crate) fn from_document(member: &Document) -> Self {
        let arbiter = member.get_bool("arbiterOnly").unwrap_or(false);
        let count = |name: &str| whole(member, name).and_then(|it| u32::try_from(it).ok());
        let tags = member.get_document("tags").cloned().unwrap_or_default();
        let text = |(name, it): (String, mongodb::bson::Bson)| {
            (name, it.as_str().map_or_else(|| it.to_string(), str::to_owned))
        };
        Self {
            priority: number(member, "priority").unwrap_or_else(|| usual_priority(arbiter)),
            votes: count("votes").unwrap_or(1),
            hidden: member.get_bool("hidden").unwrap_or(false),
            tags: tags.into_iter().map(text).collect(),
            delay: DELAY.iter().find_map(|it| count(it)).unwrap_or(0),
            build_indexes: member.get_bool("buildIndexes").unwrap_or(true),
            arbiter,
        }
    }

    /// Whether a member with these can become one with those only by leaving the set and coming
    /// back.
    pub(crate) fn must_come_anew(&self, wanted: &Self) -> bool {
        (self.build_indexes, self.arbiter) != (wanted.build_indexes, wanted.arbiter)
    }

    /// Puts them into a member of a configuration. mongod takes the delay under the name that its
    /// release has for it.
    pub(crate) fn put_into(&self, member: &mut Document, delay_name: &str) {
        let tags: Document = self.tags.iter().map(|(name, it)| (name.clone(), it.into())).collect();
        member.insert("priority", self.priority);
        member.insert("votes", i32::from(self.votes > 0));
        member.insert("hidden", self.hidden);
        member.insert("tags", tags);
        member.insert("buildIndexes", self.build_indexes);
        member.insert("arbiterOnly", self.arbiter);
        member.insert(delay_name, i64::from(self.delay));
    }
}

fn usual_priority(arbiter: bool) -> f64 {
    if arbiter { 0.0 } else { 1.0 }
}

impl MemberBlock {
    /// All its options, as mongod has them by itself where no one says them.
    pub(crate) fn options(&self) -> MemberOptions {
        let arbiter = self.arbiter_only.unwrap_or(false);
        MemberOptions {
            priority: self.priority.unwrap_or_else(|| usual_priority(arbiter)),
            votes: self.votes.unwrap_or(1),
            hidden: self.hidden.unwrap_or(false),
            tags: self.tags.clone(),
            delay: self.secondary_delay_secs.unwrap_or(0),
            build_indexes: self.build_indexes.unwrap_or(true),
            arbiter,
        }
    }

    /// A member as the server wants it written.
    pub(crate) fn written(&self, id: i32, delay_name: &str) -> Document {
        let mut member = doc! { "_id": id, "host": &self.host };
        self.options().put_into(&mut member, delay_name);
        member
    }

    /// The member as a set has it. What was left out and is as it is by itself stays left out.
    pub(super) fn as_configured(&self, member: &Document) -> Self {
        let is = MemberOptions::from_document(member);
        #[expect(clippy::float_cmp, reason = "both were written, neither was computed")]
        let unusual_priority = is.priority != usual_priority(is.arbiter);
        Self {
            host: self.host.clone(),
            machine: self.machine.clone(),
            priority: (self.priority.is_some() || unusual_priority).then_some(is.priority),
            votes: (self.votes.is_some() || is.votes != 1).then_some(is.votes),
            hidden: (self.hidden.is_some() || is.hidden).then_some(is.hidden),
            tags: is.tags,
            secondary_delay_secs: (self.secondary_delay_secs.is_some() || is.delay != 0)
                .then_some(is.delay),
            build_indexes: (self.build_indexes.is_some() || !is.build_indexes)
                .then_some(is.build_indexes),
            arbiter_only: (self.arbiter_only.is_some() || is.arbiter).then_some(is.arbiter),
        }
    }
}

/// The name that a release has for the delay.
pub(crate) fn delay_name(has_new_names: bool) -> &'static str {
    DELAY[usize::from(!has_new_names)]
}

/// The name that a set has for the delay, as its members are written.
pub(crate) fn delay_name_in(members: &[Document]) -> &'static str {
    let has = |name: &str| members.iter().any(|it| it.contains_key(name));
    delay_name(has(DELAY[0]) || !has(DELAY[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unusual() -> MemberBlock {
        MemberBlock {
            host: "a:1".into(),
            machine: Some("process".into()),
            priority: Some(0.0),
            votes: Some(0),
            hidden: Some(true),
            tags: [("dc".into(), "east".into())].into(),
            secondary_delay_secs: Some(60),
            build_indexes: Some(false),
            arbiter_only: None,
        }
    }

    #[test]
    fn each_option_is_read_back_as_it_was_written_and_seen_where_nobody_said_it() {
        let silent = MemberBlock {
            host: "a:1".into(),
            machine: Some("process".into()),
            ..MemberBlock::default()
        };
        for delay in DELAY {
            assert_eq!(silent.as_configured(&unusual().written(0, delay)), unusual());
            assert_eq!(silent.as_configured(&silent.written(0, delay)), silent);
            let usual = silent.written(0, delay);
            for (name, value) in unusual()
                .written(0, delay)
                .into_iter()
                .filter(|(it, _)| !["_id", "host", "arbiterOnly"].contains(&&**it))
            {
                let mut one = usual.clone();
                one.insert(&name, value);
                assert_ne!(silent.as_configured(&one), silent, "{name}");
                assert_ne!(MemberOptions::from_document(&one), silent.options(), "{name}");
            }
        }
    }

    #[test]
    fn an_arbiter_has_no_priority_by_itself() {
        let arbiter =
            MemberBlock { host: "a:1".into(), arbiter_only: Some(true), ..MemberBlock::default() };
        assert_eq!(arbiter.as_configured(&arbiter.written(0, "slaveDelay")), arbiter);
        assert!(arbiter.options().must_come_anew(
            &MemberBlock { host: "a:1".into(), ..MemberBlock::default() }.options()
        ));
    }

    #[test]
    fn what_was_said_and_is_usual_stays_said() {
        let said = MemberBlock {
            host: "a:1".into(),
            priority: Some(1.0),
            votes: Some(1),
            ..MemberBlock::default()
        };
        assert_eq!(
            said.as_configured(&doc! { "host": "a:1", "priority": 1.0, "votes": 1_i64 }),
            said
        );
    }

    #[test]
    fn the_delay_has_the_name_that_the_set_has_for_it() {
        assert_eq!(delay_name_in(&[doc! { "slaveDelay": 0_i64 }]), "slaveDelay");
        assert_eq!(delay_name_in(&[doc! { "secondaryDelaySecs": 0_i64 }]), "secondaryDelaySecs");
        assert_eq!(delay_name_in(&[]), "secondaryDelaySecs");
    }
}
